/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cam.c - CAM, version 2019-01-16: who is this account, and roles as far as tools make them.
 *
 * Roles are kept and told, objects of kind "cam-role" with the policies that were attached to them.
 * Policies are names: what the keys of a function may do does not depend on them
 * (docs/compat/roles.md).
 *
 * An account here is any text, an AppId a number: one whose name is a number is its own AppId, the others
 * share one. It ends the names of buckets ("<name>-<AppId>"), which belong to their account anyway.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "dialect/scf/api/vendor/vendor.h"
#include "fn/fn.h"

enum {
    APPID = 1250000000,
    APPID_MOST = 2147483647,
    RP = 20,
    RP_MOST = 200,
    ROLE_NAME = 128,
    DOCUMENT_MAX = 64 << 10,
    NAME_TEXT = 64,
    ID_TEXT = 24,
};
#define OWNER_UIN "100000000001"
#define KIND      S("cam-role")

/* Those that the tools look for, by the ids they have in the cloud. */
static const struct policy {
    int64_t id;
    const char *name, *description;
} policies[] = {
        {1, "AdministratorAccess", "everything"},
        {28341895, "QcloudAccessForScfRole", "what SCF does for its users"},
};

static uint64_t appid_of(struct str account)
{
    uint64_t n;

    return str_u64(account, 1, APPID_MOST, &n) == 0 ? n : APPID;
}

static void get_user_app_id(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct scf_answer a;

    if (!p)
        return;
    scf_begin(&a, SCF_ANSWER_MAX);
    jw_kstrz(&a.w, "Uin", OWNER_UIN);
    jw_kstrz(&a.w, "OwnerUin", OWNER_UIN);
    jw_kint(&a.w, "AppId", (int64_t)appid_of(scf_account(c)));
    scf_send(c, &a);
}

/* ---- pages ---- */

struct page {
    struct jw *w;
    int64_t skip, room, total;
};

/* From page 1, rp each. False: it has replied. */
static bool read_page(struct call *c, const struct cJSON *p, struct page *ret)
{
    int64_t rp = scf_number(p, "Rp", RP), page = scf_number(p, "Page", 1);

    if (rp < 1 || rp > RP_MOST || page < 1 || page > INT32_MAX) {
        scf_fail(c, "InvalidParameter.ParamError", "Rp is 1 to 200, and Page at least 1.");
        return false;
    }
    *ret = (struct page){.skip = (page - 1) * rp, .room = rp};
    return true;
}

static bool is_on(struct page *p)
{
    p->total++;
    if (p->skip > 0) {
        p->skip--;
        return false;
    }
    return p->room-- > 0;
}

static void put_policy(struct jw *w, const struct policy *policy)
{
    jw_obj(w);
    jw_kint(w, "PolicyId", policy->id);
    jw_kstrz(w, "PolicyName", policy->name);
    jw_kstrz(w, "Description", policy->description);
    jw_kint(w, "Type", 2); /* of the cloud, not of a user */
    jw_kint(w, "CreateMode", 2);
    jw_kint(w, "Attachments", 0);
    jw_kstrz(w, "ServiceType", "cooperator");
    jw_obj_end(w);
}

static void list_policies(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct str keyword = p ? scf_text(p, "Keyword") : STR_NONE,
               scope = p ? scf_text(p, "Scope") : STR_NONE;
    struct scf_answer a;
    struct page page;

    if (!p || !read_page(c, p, &page))
        return;
    scf_begin(&a, SCF_ANSWER_MAX);
    jw_key(&a.w, "List");
    jw_arr(&a.w);
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (!str_eq(scope, S("Local")) && str_find(str_of(policies[i].name), keyword) >= 0 &&
            is_on(&page))
            put_policy(&a.w, &policies[i]);
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalNum", page.total);
    jw_key(&a.w, "ServiceTypeList");
    jw_raw(&a.w, S("[]"));
    scf_send(c, &a);
}

/* ---- roles ---- */

static void id_of(const struct call *c, struct str name, char out[SHA256_HEX])
{
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, 1024);
    buf_addf(&text, "%.*s/%.*s", STR_ARG(scf_account(c)), STR_ARG(name));
    sha256_hex(buf_str(&text), out);
}

/* "4611686018427387904" and up, as the cloud's are. */
static void role_id(const struct resource *r, char out[ID_TEXT])
{
    uint8_t digest[SHA256_LEN];
    uint64_t n = 0;

    sha256(str_of(r->id), digest);
    for (int i = 0; i < 8; i++)
        n = n << 8 | digest[i];
    (void)snprintf(out, ID_TEXT, "%" PRIu64, (n >> 2) + (UINT64_C(1) << 62));
}

static bool is_role_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char l = str_lower(s.p[i]);

        if ((l < 'a' || l > 'z') && (l < '0' || l > '9') && (l == '\0' || !strchr("_+=,.@-", l)))
            return false;
    }
    return s.n > 0 && s.n <= ROLE_NAME;
}

struct search {
    struct str id;
    const struct resource *found;
};

static bool has_id(void *user, const struct resource *r)
{
    struct search *s = user;
    char id[ID_TEXT];

    role_id(r, id);
    if (str_eq(str_of(id), s->id))
        s->found = r;
    return s->found == NULL;
}

/* By name, or by id. NULL: it has replied. */
static const struct resource *role_of(struct call *c, struct str name, struct str id)
{
    struct resource_filter filter = {
            .kind = KIND, .dialect = DIALECT_SCF, .account = scf_account(c)};
    struct search s = {.id = id};
    char key[SHA256_HEX];

    if (name.n > 0) {
        id_of(c, name, key);
        s.found = catalog_resource(c->api->catalog, KIND, str_of(key));
    } else if (id.n > 0) {
        catalog_each_resource(c->api->catalog, &filter, has_id, &s);
    }
    if (!s.found)
        scf_fail(c, "InvalidParameter.RoleNotExist", "role not exist");
    return s.found;
}

static void put_role(struct jw *w, const struct resource *r)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    char id[ID_TEXT], time[CLOCK_TEXT];

    role_id(r, id);
    jw_obj(w);
    jw_kstrz(w, "RoleId", id);
    jw_kstrz(w, "RoleName", r->name);
    jw_kstr(w, "PolicyDocument", scf_text(body, "PolicyDocument"));
    jw_kstr(w, "Description", scf_text(body, "Description"));
    jw_kstrz(w, "AddTime", clock_sql(r->created_ms, time));
    jw_kstrz(w, "UpdateTime", clock_sql(r->modified_ms, time));
    jw_kint(w, "ConsoleLogin", 0);
    jw_kstrz(w, "RoleType", "user");
    jw_kint(w, "SessionDuration", 0);
    jw_obj_end(w);
}

static void on_created(void *user, int r, const struct resource *res)
{
    struct call *c = user;
    struct scf_answer a;
    char id[ID_TEXT];

    if (r == -EEXIST) {
        scf_fail(c, "InvalidParameter.RoleNameInUse", "role name in use");
    } else if (r == -EDQUOT) {
        scf_fail(c, "InvalidParameter.RoleFull", "there are too many roles");
    } else if (r < 0) {
        call_fail(c, 500, "InternalError.SystemError", "the role could not be kept");
    } else {
        role_id(res, id);
        scf_begin(&a, SCF_ANSWER_MAX);
        jw_kstrz(&a.w, "RoleId", id);
        scf_send(c, &a);
    }
}

static bool check_role(struct call *c, struct str name, struct str document)
{
    if (!is_role_name(name)) {
        scf_fail(c, "InvalidParameter.RoleNameError",
                 "RoleName has 1 to 128 letters, digits or _+=,.@-");
        return false;
    }
    if (document.n > DOCUMENT_MAX || !json_valid(document, NULL)) {
        scf_fail(c, "InvalidParameter.PrincipalError", "PolicyDocument is not JSON.");
        return false;
    }
    return true;
}

static void create_role(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    cleanup_with(json_freep) struct cJSON *body = cJSON_CreateObject();
    cleanup_with(buf_done) struct buf text;
    struct resource *draft;
    char id[SHA256_HEX];

    buf_init(&text, 2ul * DOCUMENT_MAX);
    if (!p || !check_role(c, scf_text(p, "RoleName"), scf_text(p, "PolicyDocument")))
        return;
    id_of(c, scf_text(p, "RoleName"), id);
    cJSON_AddStringToObject(body, "PolicyDocument", scf_text(p, "PolicyDocument").p);
    cJSON_AddStringToObject(body, "Description",
                            scf_text(p, "Description").p ? scf_text(p, "Description").p : "");
    cJSON_AddArrayToObject(body, "Policies");
    json_print(body, &text);
    draft = resource_new(KIND, str_of(id));
    draft->dialect = DIALECT_SCF;
    fn_set(&draft->account, scf_account(c));
    fn_set(&draft->name, scf_text(p, "RoleName"));
    fn_set(&draft->body, buf_str(&text));
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    catalog_create_resource(c->api->catalog, draft, on_created, c);
}

static void get_role(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct resource *r =
            p ? role_of(c, scf_text(p, "RoleName"), scf_text(p, "RoleId")) : NULL;
    struct scf_answer a;

    if (!r)
        return;
    scf_begin(&a, SCF_ANSWER_MAX);
    jw_key(&a.w, "RoleInfo");
    put_role(&a.w, r);
    scf_send(c, &a);
}

static bool list_role(void *user, const struct resource *r)
{
    struct page *page = user;

    if (is_on(page))
        put_role(page->w, r);
    return true;
}

static void describe_role_list(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct resource_filter filter = {
            .kind = KIND, .dialect = DIALECT_SCF, .account = scf_account(c)};
    struct scf_answer a;
    struct page page;

    if (!p || !read_page(c, p, &page))
        return;
    scf_begin(&a, SCF_ANSWER_MAX);
    page.w = &a.w;
    jw_key(&a.w, "List");
    jw_arr(&a.w);
    catalog_each_resource(c->api->catalog, &filter, list_role, &page);
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalNum", page.total);
    scf_send(c, &a);
}

static void on_written(void *user, int r, const struct resource *res)
{
    (void)res;
    if (r == -ESTALE || r == -ENOENT)
        scf_fail(user, "InvalidParameter.RoleNotExist", "the role has just changed; try again");
    else if (r < 0)
        call_fail(user, 500, "InternalError.SystemError", "the role could not be kept");
    else
        scf_ok(user);
}

static void delete_role(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct resource *r =
            p ? role_of(c, scf_text(p, "RoleName"), scf_text(p, "RoleId")) : NULL;

    if (r)
        catalog_delete_resource(c->api->catalog, KIND, str_of(r->id), on_written, c);
}

/* ---- what is attached to them ---- */

static const struct policy *policy_of(struct call *c, const struct cJSON *p)
{
    int64_t id = scf_number(p, "PolicyId", 0);
    struct str name = scf_text(p, "PolicyName");

    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (policies[i].id == id || str_eq(str_of(policies[i].name), name))
            return &policies[i];
    scf_fail(c, "InvalidParameter.PolicyIdNotExist", "policy not exist");
    return NULL;
}

static int index_of(const struct cJSON *list, int64_t id)
{
    const struct cJSON *one;
    int i = 0;

    cJSON_ArrayForEach(one, list)
    {
        if (cJSON_IsNumber(one) && (int64_t)one->valuedouble == id)
            return i;
        i++;
    }
    return -1;
}

static void change_policies(struct call *c, const struct cJSON *p, const char *name, const char *id,
                            bool attach)
{
    const struct resource *r = role_of(c, scf_text(p, name), scf_text(p, id));
    const struct policy *policy = r ? policy_of(c, p) : NULL;
    cleanup_with(json_freep) struct cJSON *body = policy ? json_parse(str_of(r->body), NULL) : NULL;
    struct cJSON *list = cJSON_GetObjectItemCaseSensitive(body, "Policies");
    cleanup_with(buf_done) struct buf text;
    struct resource *draft;

    buf_init(&text, 2ul * DOCUMENT_MAX);
    if (!policy)
        return;
    if (attach && index_of(list, policy->id) < 0)
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)policy->id));
    else if (!attach && index_of(list, policy->id) >= 0)
        cJSON_DeleteItemFromArray(list, index_of(list, policy->id));
    json_print(body, &text);
    draft = resource_copy(r);
    fn_set(&draft->body, buf_str(&text));
    draft->modified_ms = clock_wall_ms();
    catalog_update_resource(c->api->catalog, draft, on_written, c);
}

static void attach_role_policy(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);

    if (p)
        change_policies(c, p, "AttachRoleName", "AttachRoleId", true);
}

static void detach_role_policy(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);

    if (p)
        change_policies(c, p, "DetachRoleName", "DetachRoleId", false);
}

static void list_attached(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct resource *r =
            p ? role_of(c, scf_text(p, "RoleName"), scf_text(p, "RoleId")) : NULL;
    cleanup_with(json_freep) struct cJSON *body = r ? json_parse(str_of(r->body), NULL) : NULL;
    struct scf_answer a;
    struct page page;

    if (!r || !read_page(c, p, &page))
        return;
    scf_begin(&a, SCF_ANSWER_MAX);
    jw_key(&a.w, "List");
    jw_arr(&a.w);
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (index_of(json_get(body, "Policies"), policies[i].id) >= 0 && is_on(&page))
            put_policy(&a.w, &policies[i]);
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalNum", page.total);
    scf_send(c, &a);
}

/* ---- the table ---- */

#define AT       .route = {"POST", "/"}, .body_max = SCF_BODY_SMALL
#define NO_RULES "kept and told; policies are not evaluated (docs/compat/roles.md)"

static const struct api_op ops[] = {
        {AT, .name = "GetUserAppId", .handle = get_user_app_id, .scope = KEY_READ,
         .role = API_ROLE_ACCOUNT, .model = ""},
        {AT, .name = "ListPolicies", .handle = list_policies, .scope = KEY_READ,
         .model = "Rp:i Page:i Scope Keyword", .partly = "the two policies that tools look for"},
        {AT, .name = "CreateRole", .handle = create_role, .scope = KEY_DEPLOY,
         .model = "RoleName! PolicyDocument! Description ConsoleLogin:i SessionDuration:i",
         .partly = NO_RULES},
        {AT, .name = "GetRole", .handle = get_role, .scope = KEY_READ, .model = "RoleId RoleName"},
        {AT, .name = "DescribeRoleList", .handle = describe_role_list, .scope = KEY_READ,
         .model = "Page!:i Rp!:i"},
        {AT, .name = "DeleteRole", .handle = delete_role, .scope = KEY_DEPLOY,
         .model = "RoleId RoleName"},
        {AT, .name = "AttachRolePolicy", .handle = attach_role_policy, .scope = KEY_DEPLOY,
         .model = "PolicyId:i AttachRoleId AttachRoleName PolicyName", .partly = NO_RULES},
        {AT, .name = "DetachRolePolicy", .handle = detach_role_policy, .scope = KEY_DEPLOY,
         .model = "PolicyId:i DetachRoleId DetachRoleName PolicyName", .partly = NO_RULES},
        {AT, .name = "ListAttachedRolePolicies", .handle = list_attached, .scope = KEY_READ,
         .model = "Page!:i Rp!:i RoleId RoleName PolicyType Keyword"},
};

const struct scf_service cam_service = {
        .name = "cam", .version = "2019-01-16", .ops = ops, .nops = ARRAY_LEN(ops)};

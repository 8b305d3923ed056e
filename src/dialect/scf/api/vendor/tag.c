/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tag.c - TAG, version 2018-08-13, as far as tools ask it about functions: their tags are real, and
 * ListFunctions filters by them. Other resources have none here.
 *
 * A resource is six parts with colons, "qcs::scf:<region>:uin/<uin>:lam/<FunctionId>".
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/scf/api/tags.h"
#include "dialect/scf/api/vendor/vendor.h"
#include "fn/fn.h"

enum { IDS_MAX = 50, LIMIT = 15, LIMIT_MAX = 1000 };

static const struct scf_tag_names tag_names = {"TagKey", "TagValue"};

/* The function a resource names. NULL: it has replied. */
static const struct fn *function_of(struct call *c, struct str resource)
{
    struct str qcs = str_cut(&resource, ':'), project = str_cut(&resource, ':'),
               service = str_cut(&resource, ':'), region = str_cut(&resource, ':'),
               owner = str_cut(&resource, ':'), id = resource;
    const struct fn *f;
    struct fn_key key;

    (void)project;
    (void)owner;
    if (!str_eq(qcs, S("qcs")) || !str_eq(service, S("scf")) || !str_starts(id, S("lam/"))) {
        scf_fail(c, "InvalidParameterValue.ResourceDescriptionError",
                 "The resource is not qcs::scf:<region>:uin/<uin>:lam/<FunctionId>.");
        return NULL;
    }
    f = scf_function_by_id(c->api->catalog, scf_account(c), region, str_from(id, 4));
    if (!f) {
        scf_fail(c, "InvalidParameterValue.ResourceIdInvalid",
                 "There is no function with this id.");
        return NULL;
    }
    key = fn_key_of(f);
    return call_permit(c, &key) ? f : NULL;
}

static void on_changed(void *user, int r, const char *code, const struct err *e)
{
    if (r < 0)
        scf_fail(user, code, "%s", e->msg);
    else
        scf_ok(user);
}

static void modify(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct fn *f = p ? function_of(c, scf_text(p, "Resource")) : NULL;
    struct fn_key key;

    if (!f)
        return;
    key = fn_key_of(f);
    scf_tags_change(c->api->catalog, &key, &tag_names, json_get(p, "ReplaceTags"),
                    json_get(p, "DeleteTags"), on_changed, c);
}

/* ---- DescribeResourceTagsByResourceIds ---- */

struct page {
    struct jw *w;
    struct str id;
    int64_t skip, room, total;
};

static bool put_tag(void *user, struct str key, struct str value)
{
    struct page *p = user;

    p->total++;
    if (p->skip > 0) {
        p->skip--;
    } else if (p->room > 0) {
        p->room--;
        jw_obj(p->w);
        jw_kstr(p->w, "TagKey", key);
        jw_kstr(p->w, "TagValue", value);
        jw_kstr(p->w, "ResourceId", p->id);
        jw_kint(p->w, "TagKeyMd5", 0);
        jw_kint(p->w, "TagValueMd5", 0);
        jw_kstrz(p->w, "ServiceType", "scf");
        jw_obj_end(p->w);
    }
    return true;
}

static bool check_service(struct call *c, const struct cJSON *p)
{
    if (!str_eq(scf_text(p, "ServiceType"), S("scf"))) {
        scf_fail(c, "InvalidParameterValue.ServiceTypeInvalid", "Only scf has resources here.");
        return false;
    }
    if (!str_eq(scf_text(p, "ResourcePrefix"), S("lam"))) {
        scf_fail(c, "InvalidParameterValue.ResourcePrefixInvalid",
                 "Functions have the prefix lam.");
        return false;
    }
    if (cJSON_GetArraySize(json_get(p, "ResourceIds")) > IDS_MAX) {
        scf_fail(c, "InvalidParameterValue.ResourceIdInvalid", "At most 50 resources at once.");
        return false;
    }
    return true;
}

static bool read_page(struct call *c, const struct cJSON *p, int64_t *offset, int64_t *limit)
{
    *offset = scf_number(p, "Offset", 0);
    *limit = scf_number(p, "Limit", LIMIT);
    if (*offset < 0 || *limit < 1 || *limit > LIMIT_MAX || *offset % *limit != 0) {
        scf_fail(c, "InvalidParameterValue.OffsetInvalid",
                 "Limit is 1 to 1000, and Offset a multiple of it.");
        return false;
    }
    return true;
}

static void describe_by_ids(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct cJSON *id;
    int64_t offset, limit;
    struct scf_answer a;
    struct page page;

    if (!p || !check_service(c, p) || !read_page(c, p, &offset, &limit))
        return;
    scf_begin(&a, SCF_ANSWER_MAX);
    page = (struct page){.w = &a.w, .skip = offset, .room = limit};
    jw_key(&a.w, "Tags");
    jw_arr(&a.w);
    cJSON_ArrayForEach(id, json_get(p, "ResourceIds"))
    {
        const struct fn *f;

        page.id = str_of(id->valuestring);
        f = scf_function_by_id(c->api->catalog, scf_account(c), scf_text(p, "ResourceRegion"),
                               page.id);
        if (f)
            scf_tags_each(c->api->catalog, f, put_tag, &page);
    }
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalCount", page.total);
    jw_kint(&a.w, "Offset", offset);
    jw_kint(&a.w, "Limit", limit);
    scf_send(c, &a);
}

/* ---- the table ---- */

static const struct scf_object objects[] = {
        {"Tag", "TagKey! TagValue!"},
        {"TagKey", "TagKey!"},
};

#define AT .route = {"POST", "/"}

static const struct api_op ops[] = {
        {AT, .name = "DescribeResourceTagsByResourceIds", .handle = describe_by_ids,
         .scope = KEY_READ, .body_max = SCF_BODY_SMALL,
         .model = "ServiceType! ResourcePrefix! ResourceIds!:[s] ResourceRegion! Offset:i Limit:i"},
        {AT, .name = "ModifyResourceTags", .handle = modify, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL, .model = "Resource! ReplaceTags:[Tag] DeleteTags:[TagKey]"},
};

const struct scf_service tag_service = {
        .name = "tag",
        .version = "2018-08-13",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .objects = objects,
        .nobjects = ARRAY_LEN(objects),
};

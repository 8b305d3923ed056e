/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias.c - CreateAlias, UpdateAlias, GetAlias, ListAliases, DeleteAlias.
 *
 * Every function has an alias $DEFAULT, which is not stored until somebody changes it, and points at
 * $LATEST until then. A RoutingConfig names one further version, by weight (0 to 1) or by rules on
 * the RoutingKey of a call.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "catalog/versions.h"
#include "dialect/scf/api/function.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/names.h"
#include "dialect/scf/api/object.h"
#include "dialect/scf/api/page.h"
#include "dialect/scf/api/parse.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/alias.h"
#include "fn/fn.h"

#define DEFAULT "$DEFAULT"

enum { ALIASES_LIMIT = 1000 };

static struct str stored_version(struct str v)
{
    return qualifier_is_latest(v) ? S("latest") : v;
}

static struct str shown_version(const char *v)
{
    return qualifier_is_latest(str_of(v)) ? S("$LATEST") : str_of(v);
}

/* ---- RoutingConfig ---- */

static int bad_routing(struct scf_error *x, const char *what)
{
    return scf_refuse_as(x, "InvalidParameterValue.RoutingConfig", "%s", what);
}

static bool is_version(const struct call *c, const struct fn_key *key, struct str v)
{
    return catalog_version(c->api->catalog, key, stored_version(v)) != NULL;
}

static int add_weight(const struct call *c, const struct fn_key *key, const struct cJSON *v,
                      struct alias *draft, struct scf_error *x)
{
    const struct cJSON *weight = json_get(v, "Weight");
    struct str version = scf_text(v, "Version");

    if (!is_version(c, key, version))
        return scf_refuse_as(x, "ResourceNotFound.FunctionVersion", "There is no version '%.*s'.",
                             (int)(version.n < 64 ? version.n : 64), version.p);
    if (weight->valuedouble < 0 || weight->valuedouble > 1)
        return scf_refuse_as(x, "InvalidParameterValue.AdditionalVersionWeights",
                             "Weight is 0 to 1.");
    alias_add_other(draft, stored_version(version),
                    (uint32_t)(weight->valuedouble * ALIAS_WHOLE + 0.5), false);
    return 0;
}

/* Key "invoke.headers.User": the member User of the RoutingKey. */
static int add_match(const struct call *c, const struct fn_key *key, const struct cJSON *v,
                     struct alias *draft, struct scf_error *x)
{
    struct str version = scf_text(v, "Version"), name = scf_text(v, "Key");
    struct str method = scf_text(v, "Method");
    struct alias_other *other = draft->nothers ? &draft->others[draft->nothers - 1] : NULL;

    if (!is_version(c, key, version))
        return scf_refuse_as(x, "ResourceNotFound.FunctionVersion", "There is no version '%.*s'.",
                             (int)(version.n < 64 ? version.n : 64), version.p);
    if (!str_eq(method, S("range")) && !str_eq(method, S("exact")))
        return bad_routing(x, "Method is range or exact.");
    if (str_starts(name, S("invoke.headers.")))
        name = str_from(name, 15);
    if (!name.n)
        return bad_routing(x, "Key is one like invoke.headers.User.");
    if (other && !str_eq(str_of(other->version), stored_version(version)))
        return bad_routing(x, "One further version can be named.");
    if (!other || other->nrules == 0) /* a weight is for those whom no rule means */
        alias_add_other(draft, stored_version(version), 0, true);
    alias_add_rule(draft, ALIAS_ROUTING_KEY, name,
                   str_eq(method, S("range")) ? ALIAS_RANGE : ALIAS_EQUAL,
                   scf_text(v, "Expression"));
    return 0;
}

static int keep_routing(const struct cJSON *config, struct alias *draft, struct scf_error *x)
{
    cleanup_with(buf_done) struct buf text;
    struct jw w;

    buf_init(&text, ALIAS_EXTRA);
    jw_init(&w, &text);
    jw_obj(&w);
    scf_put_kept(&w, config, "AdditionalVersionWeights", "[]");
    scf_put_kept(&w, config, "AddtionVersionMatchs", "[]");
    jw_obj_end(&w);
    if (!buf_ok(&text))
        return bad_routing(x, "RoutingConfig is too long.");
    fn_set(&draft->extra, buf_str(&text));
    return 0;
}

static int read_routing(const struct call *c, const struct fn_key *key, const struct cJSON *p,
                        struct alias *draft, struct scf_error *x)
{
    const struct cJSON *config = json_get(p, "RoutingConfig"), *v;
    const struct cJSON *weights = json_get(config, "AdditionalVersionWeights");
    const struct cJSON *matches = json_get(config, "AddtionVersionMatchs");

    if (cJSON_GetArraySize(weights) > 1)
        return bad_routing(x, "One further version can be named.");
    if (cJSON_GetArraySize(matches) > ALIAS_RULES)
        return bad_routing(x, "There are too many rules.");
    cJSON_ArrayForEach(v, weights)
    {
        if (add_weight(c, key, v, draft, x) < 0)
            return -EINVAL;
    }
    cJSON_ArrayForEach(v, matches)
    {
        if (add_match(c, key, v, draft, x) < 0)
            return -EINVAL;
    }
    return keep_routing(config, draft, x);
}

/* ---- changes ---- */

static void on_alias(void *user, int r, const struct alias *a)
{
    struct call *c = user;

    (void)a;
    if (r < 0)
        scf_fail_write(c, r, "alias");
    else
        scf_ok(c);
}

/* Everything that an action says; NULL: it has replied. */
static struct alias *read_draft(struct call *c, const struct cJSON *p, const struct fn_key *key,
                                const struct alias *before)
{
    struct alias *draft = alias_new(key, scf_text(p, "Name"));
    struct str version = scf_text(p, "FunctionVersion");
    struct scf_error x = {0};
    int r = 0;

    draft->created_ms = before ? before->created_ms : clock_wall_ms();
    draft->modified_ms = clock_wall_ms();
    draft->revision = before ? before->revision : 0;
    if (!is_version(c, key, version))
        r = scf_refuse_as(&x, "ResourceNotFound.FunctionVersion", "There is no version '%.*s'.",
                          (int)(version.n < 64 ? version.n : 64), version.p);
    if (r == 0 && scf_characters(scf_text(p, "Description")) > SCF_DESCRIPTION_MAX)
        r = scf_refuse_as(&x, "InvalidParameterValue.Description",
                          "Description has more than %d characters.", SCF_DESCRIPTION_MAX);
    if (r == 0)
        r = read_routing(c, key, p, draft, &x);
    if (r < 0) {
        alias_unref(draft);
        scf_fail(c, x.code, "%s", x.e.msg);
        return NULL;
    }
    fn_set(&draft->version, stored_version(version));
    fn_set(&draft->description, scf_text(p, "Description").p ? scf_text(p, "Description") : S(""));
    return draft;
}

void scf_create_alias(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct alias *draft;
    struct fn_key key;

    if (!p || !scf_function(c, p, &key))
        return;
    if (str_eq(scf_text(p, "Name"), S(DEFAULT))) {
        scf_fail_write(c, -EEXIST, "alias");
        return;
    }
    if (!scf_is_alias(scf_text(p, "Name"))) {
        scf_fail(c, "InvalidParameterValue.Alias",
                 "Name has 1 to 64 letters, digits, '-' or '_', a letter first.");
        return;
    }
    draft = read_draft(c, p, &key, NULL);
    if (draft) /* -> on_alias */
        catalog_create_alias(c->api->catalog, draft, on_alias, c);
}

/* $DEFAULT is there also while it is not stored. False: it has replied. */
static bool find(struct call *c, const struct cJSON *p, struct fn_key *key,
                 const struct alias **ret, const struct fn **ret_fn)
{
    *ret_fn = scf_function(c, p, key);
    if (!*ret_fn)
        return false;
    *ret = catalog_alias(c->api->catalog, key, scf_text(p, "Name"));
    if (*ret || str_eq(scf_text(p, "Name"), S(DEFAULT)))
        return true;
    scf_fail_write(c, -ENOENT, "alias");
    return false;
}

void scf_update_alias(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct alias *before;
    const struct fn *f;
    struct alias *draft;
    struct fn_key key;

    if (!p || !find(c, p, &key, &before, &f))
        return;
    draft = read_draft(c, p, &key, before);
    if (draft && before) /* -> on_alias */
        catalog_update_alias(c->api->catalog, draft, on_alias, c);
    else if (draft)
        catalog_create_alias(c->api->catalog, draft, on_alias, c);
}

void scf_delete_alias(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct alias *before;
    const struct fn *f;
    struct fn_key key;

    if (!p || !find(c, p, &key, &before, &f))
        return;
    if (str_eq(scf_text(p, "Name"), S(DEFAULT)))
        scf_fail(c, "FailedOperation.DeleteAlias", "The alias " DEFAULT " cannot be deleted.");
    else /* -> on_alias */
        catalog_delete_alias(c->api->catalog, &key, scf_text(p, "Name"), on_alias, c);
}

/* ---- as they are ---- */

static void put_members(struct jw *w, const struct alias *a, const struct fn *f)
{
    char text[CLOCK_TEXT];

    jw_kstrz(w, "Name", a ? a->name : DEFAULT);
    jw_kstr(w, "FunctionVersion", shown_version(a ? a->version : "latest"));
    jw_kstrz(w, "Description", a ? a->description : "");
    jw_key(w, "RoutingConfig");
    jw_raw(w, a && a->extra[0] && strcmp(a->extra, "{}") != 0
                      ? str_of(a->extra)
                      : S("{\"AdditionalVersionWeights\":[],\"AddtionVersionMatchs\":[]}"));
    jw_kstrz(w, "AddTime", scf_time(a ? a->created_ms : f->created_ms, text));
    jw_kstrz(w, "ModTime", scf_time(a ? a->modified_ms : f->created_ms, text));
}

void scf_get_alias(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct alias *a;
    const struct fn *f;
    struct scf_answer answer;
    struct fn_key key;

    if (!p || !find(c, p, &key, &a, &f))
        return;
    scf_begin(&answer, SCF_BODY_SMALL);
    put_members(&answer.w, a, f);
    scf_send(c, &answer);
}

struct listing {
    const struct fn *f;
    struct str version; /* that it points at, or empty */
    struct scf_page page;
    struct jw *w;
    int64_t total;
};

static void list_alias(struct listing *l, const struct alias *a)
{
    if (l->version.n && !str_eq(stored_version(l->version), a ? str_of(a->version) : S("latest")))
        return;
    l->total++;
    if (!scf_page_has(&l->page))
        return;
    jw_obj(l->w);
    put_members(l->w, a, l->f);
    jw_obj_end(l->w);
}

static bool list_one(void *user, const struct alias *a)
{
    list_alias(user, a);
    return true;
}

/* Here, and nowhere else, Offset and Limit are texts. */
static bool read_page(struct call *c, const struct cJSON *p, struct scf_page *ret)
{
    struct str offset = scf_text(p, "Offset"), limit = scf_text(p, "Limit");

    *ret = (struct scf_page){.limit = SCF_PAGE_DEFAULT};
    if (offset.n && str_i64(offset, 0, INT32_MAX, &ret->offset) < 0) {
        scf_fail(c, "InvalidParameterValue.Offset", "Offset is not negative.");
        return false;
    }
    if (limit.n && str_i64(limit, 0, ALIASES_LIMIT, &ret->limit) < 0) {
        scf_fail(c, "InvalidParameterValue.Limit", "Limit is 0 to %d.", ALIASES_LIMIT);
        return false;
    }
    return true;
}

void scf_list_aliases(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct listing l = {0};
    struct scf_answer a;
    struct fn_key key;

    if (!p || !read_page(c, p, &l.page))
        return;
    l.f = scf_function(c, p, &key);
    if (!l.f)
        return;
    l.version = scf_text(p, "FunctionVersion");
    scf_begin(&a, SCF_ANSWER_MAX);
    l.w = &a.w;
    jw_key(&a.w, "Aliases");
    jw_arr(&a.w);
    if (!catalog_alias(c->api->catalog, &key, S(DEFAULT)))
        list_alias(&l, NULL);
    catalog_each_alias(c->api->catalog, &key, list_one, &l);
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalCount", l.total);
    scf_send(c, &a);
}

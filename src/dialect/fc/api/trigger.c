/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.c - CreateTrigger, ListTriggers, GetTrigger, UpdateTrigger, DeleteTrigger, for triggers of
 * type http. The other types come with their sources and are refused by name until then.
 *
 *   triggerConfig {"authType":"anonymous|function","methods":["GET",...],"disableURLInternet":bool}
 *
 * is our {"auth","methods","public"} and back, so that a trigger made elsewhere (evoke.yaml) reads the
 * same here. In the later API versions triggerConfig is the same as JSON text: both are taken. A
 * partial one in an update changes what it names.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/triggers.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/parse.h"
#include "fn/fn.h"
#include "fn/trigger.h"
#include "gateway/model/binding.h"

enum { WRITE_MAGIC = 0x46435452, LIST_DEFAULT = 20, LIST_MAX = 100, NAME = 2 };

static const char *const later[] = {"oss",        "timer",       "log", "mns_topic", "tablestore",
                                    "cdn_events", "eventbridge", "rds", "datahub"};

static bool is_http(const struct trigger *t)
{
    return str_eq(str_of(t->source), S("http"));
}

/* ---- as the cloud shows them ---- */

static void put_config(struct jw *w, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *config = json_parse(str_of(t->config), NULL);
    const struct cJSON *methods = config ? json_get(config, "methods") : NULL;
    struct str auth = S("anonymous");
    bool public = true;

    (void)json_str(config, "auth", false, &auth, NULL);
    (void)json_bool(config, "public", false, &public, NULL);
    jw_obj(w);
    jw_kstr(w, "authType", auth);
    jw_key(w, "methods");
    jw_arr(w);
    for (const struct cJSON *m = methods ? methods->child : NULL; m; m = m->next)
        jw_str(w, str_of(m->valuestring));
    jw_arr_end(w);
    jw_kbool(w, "disableURLInternet", !public);
    jw_obj_end(w);
}

static void put_url(struct jw *w, const char *key, const struct call *c, const struct trigger *t)
{
    cleanup_with(buf_done) struct buf url;

    buf_init(&url, 2048);
    buf_addf(&url, "http://%.*s/2016-08-15/proxy/%s", STR_ARG(c->req->host), t->space);
    if (!str_ieq(str_of(t->qualifier), S("latest")))
        buf_addf(&url, ".%s", t->qualifier);
    buf_addf(&url, "/%s/", t->function);
    jw_kstr(w, key, buf_str(&url));
}

static void put_time(struct jw *w, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT];

    jw_kstrz(w, key, clock_iso(ms, text));
}

static void put_trigger(struct jw *w, const struct call *c, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(t->extra), NULL);
    struct str description = S(""), role = S("");

    (void)json_str(extra, "description", false, &description, NULL);
    (void)json_str(extra, "invocationRole", false, &role, NULL);
    jw_obj(w);
    jw_kstrz(w, "triggerName", t->name);
    jw_kstrz(w, "triggerId", t->id);
    jw_kstrz(w, "triggerType", "http");
    jw_kstr(w, "description", description);
    jw_key(w, "sourceArn");
    jw_null(w);
    jw_kstr(w, "invocationRole", role);
    jw_kstrz(w, "qualifier", str_ieq(str_of(t->qualifier), S("latest")) ? "LATEST" : t->qualifier);
    jw_key(w, "triggerConfig");
    put_config(w, t);
    put_url(w, "urlInternet", c, t);
    put_url(w, "urlIntranet", c, t);
    put_time(w, "createdTime", t->created_ms);
    put_time(w, "lastModifiedTime", t->modified_ms);
    jw_obj_end(w);
}

static const char *etag_of(const struct trigger *t, char room[FC_ETAG_TEXT])
{
    char text[UUID_TEXT + 24], hex[SHA256_HEX];

    (void)snprintf(text, sizeof(text), "%s@%llu", t->id, (unsigned long long)t->revision);
    sha256_hex(str_of(text), hex);
    (void)snprintf(room, FC_ETAG_TEXT, "%.32s", hex);
    return room;
}

static void reply_trigger(struct call *c, const struct trigger *t)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;
    struct jw w;

    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    put_trigger(&w, c, t);
    fc_reply_object(c, etag_of(t, etag), &body);
}

/* ---- the function's, by name ---- */

struct by_name {
    struct str name; /* empty: any */
    const struct trigger *found;
};

static bool is_it(void *user, const struct trigger *t)
{
    struct by_name *want = user;

    if (!is_http(t) || (want->name.n > 0 && !str_eq(want->name, str_of(t->name))))
        return true;
    want->found = t;
    return false;
}

static const struct trigger *find(const struct call *c, const struct fn_key *key, struct str name)
{
    struct by_name want = {.name = name};

    catalog_each_trigger(c->api->catalog, key, is_it, &want);
    return want.found;
}

/* NULL: it has replied. */
static const struct trigger *trigger_of(struct call *c)
{
    struct str name = c->captures[NAME];
    const struct trigger *t;
    struct fn_key key;

    if (!fc_function(c, c->captures[0], c->captures[1], &key))
        return NULL;
    t = find(c, &key, name);
    if (!t)
        call_fail(c, 404, "TriggerNotFound",
                  "trigger '%.*s' does not exist in service '%.*s' and function '%.*s'",
                  STR_ARG(name), STR_ARG(key.space), STR_ARG(key.name));
    return t;
}

const char *fc_http_trigger(struct call *c, const struct fn_key *key)
{
    const struct trigger *t = find(c, key, STR_NONE);

    return t ? t->name : NULL;
}

/* ---- what was written ---- */

static void on_written(void *user, int r, const struct trigger *t)
{
    struct call *c = user; /* checked by call_...() */

    switch (r) {
    case 0:
        if (t)
            reply_trigger(c, t);
        else
            call_reply(c, 204, STR_NONE, STR_NONE);
        break;
    case -EEXIST:
        call_fail(c, 409, "TriggerAlreadyExists", "a trigger of this name exists");
        break;
    case -ENOENT:
        call_fail(c, 404, "TriggerNotFound", "the trigger, or its function, does not exist");
        break;
    case -EDQUOT:
        call_fail(c, 400, "LimitExceededError", "the function has as many triggers as it may");
        break;
    case -ESTALE:
        call_fail(c, 409, "ConcurrentUpdateError",
                  "the trigger is being changed by another request");
        break;
    default:
        call_fail(c, 500, "InternalServerError",
                  "an internal error has occurred. Please retry. (%s)", strerror(-r));
        break;
    }
}

/* ---- requests ---- */

/* The object itself, or the tree of its text in *ret_tree (owned by the caller). NULL: it is neither,
 * and e says so; or absent, and e is untouched. */
static const struct cJSON *config_in(const struct cJSON *body, struct cJSON **ret_tree,
                                     struct err *e)
{
    const struct cJSON *config = json_geti(body, "triggerConfig");

    if (!config || cJSON_IsNull(config))
        return NULL;
    if (cJSON_IsString(config)) {
        *ret_tree = json_parse(str_of(config->valuestring), e);
        config = *ret_tree;
    }
    if (cJSON_IsObject(config))
        return config;
    (void)err_set(e, ERR_CALLER, -EINVAL, "triggerConfig must be a JSON object");
    return NULL;
}

static void put_methods(struct jw *w, const struct cJSON *methods)
{
    jw_key(w, "methods");
    jw_arr(w);
    for (const struct cJSON *m = methods->child; m; m = m->next)
        jw_str(w, cJSON_IsString(m) ? str_of(m->valuestring) : S(""));
    jw_arr_end(w);
}

/* What is named is taken, what is not stays as `before` has it. */
static int write_config(const struct cJSON *config, const char *before, char **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *old = before ? json_parse(str_of(before), NULL) : NULL;
    cleanup_with(buf_done) struct buf out = {0};
    const struct cJSON *methods = json_geti(config, "methods");
    struct str auth = STR_NONE;
    bool disabled = false, public = true;
    struct jw w;

    (void)json_str(old, "auth", false, &auth, NULL);
    (void)json_bool(old, "public", false, &public, NULL);
    disabled = !public;
    if (json_str(config, "authType", true, &auth, e) < 0 ||
        json_bool(config, "disableURLInternet", true, &disabled, e) < 0)
        return -EINVAL;
    if (!methods || cJSON_IsNull(methods))
        methods = old ? json_get(old, "methods") : NULL;
    if (!auth.p || !methods || !cJSON_IsArray(methods))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "invalid HTTP trigger config: authType and methods must be set");
    buf_init(&out, TRIGGER_CONFIG);
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kstr(&w, "auth", auth);
    put_methods(&w, methods);
    jw_kbool(&w, "public", !disabled);
    jw_obj_end(&w);
    if (!buf_ok(&out))
        return err_set(e, ERR_CALLER, -EINVAL, "invalid HTTP trigger config: it is too long");
    if (binding_check_http(buf_str(&out), e) < 0)
        return err_wrap(e, -EINVAL, "invalid HTTP trigger config");
    fn_set(ret, buf_str(&out));
    return 0;
}

static int write_extra(const struct cJSON *body, char **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *old = json_parse(str_of(*ret ? *ret : "{}"), NULL);
    cleanup_with(buf_done) struct buf out = {0};
    struct str description = S(""), role = S("");
    struct jw w;

    (void)json_str(old, "description", false, &description, NULL);
    (void)json_str(old, "invocationRole", false, &role, NULL);
    if (json_str(body, "description", true, &description, e) < 0 ||
        json_str(body, "invocationRole", true, &role, e) < 0)
        return -EINVAL;
    if (description.n > FC_DESCRIPTION_MAX)
        return err_set(e, ERR_CALLER, -EINVAL, "description must have at most %d bytes",
                       FC_DESCRIPTION_MAX);
    buf_init(&out, TRIGGER_CONFIG);
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kstr(&w, "description", description);
    jw_kstr(&w, "invocationRole", role);
    jw_obj_end(&w);
    if (!buf_ok(&out))
        return err_set(e, ERR_CALLER, -EINVAL, "invocationRole is too long");
    fn_set(ret, buf_str(&out));
    return 0;
}

/* There is no other yet. */
static int check_qualifier(const struct cJSON *body, struct err *e)
{
    struct str qualifier = STR_NONE;

    if (json_str(body, "qualifier", true, &qualifier, e) < 0)
        return -EINVAL;
    if (qualifier.n > 0 && !str_eq(qualifier, S("LATEST")))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "qualifier '%.*s' does not exist: this version of evoke has LATEST only",
                       STR_ARG(qualifier));
    return 0;
}

static int check_type(const struct cJSON *body, struct err *e)
{
    struct str type = STR_NONE;

    if (json_str(body, "triggerType", true, &type, e) < 0)
        return -EINVAL;
    if (str_eq(type, S("http")))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(later); i++)
        if (str_eq(type, str_of(later[i])))
            return err_set(e, ERR_CALLER, -EINVAL,
                           "triggers of type '%s' are not supported by this version of evoke",
                           later[i]);
    return err_set(e, ERR_CALLER, -EINVAL, "triggerType must be http");
}

static int fill(const struct cJSON *body, struct trigger *draft, bool is_new, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    const struct cJSON *config = config_in(body, &tree, e);
    int r = 0;

    if (!config && e->code == 0 && is_new)
        r = err_set(e, ERR_CALLER, -EINVAL, "triggerConfig must be set");
    else if (!config && e->code < 0)
        r = e->code;
    if (r == 0 && config)
        r = write_config(config, is_new ? NULL : draft->config, &draft->config, e);
    if (r == 0)
        r = check_qualifier(body, e);
    if (r == 0)
        r = write_extra(body, &draft->extra, e);
    return r;
}

void fc_trigger_create(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct trigger *draft;
    const char *other;
    struct fn_key key;
    struct str name;
    struct err e = {0};

    if (!fc_function(c, c->captures[0], c->captures[1], &key))
        return;
    body = fc_body(c);
    if (!body)
        return;
    if (fc_parse_name_of(body, "triggerName", &name, &e) < 0 || check_type(body, &e) < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    draft = trigger_new(&key, S("http"));
    fn_set(&draft->name, name);
    draft->enabled = true;
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    if (fill(body, draft, true, &e) < 0) {
        trigger_unref(draft);
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    other = fc_http_trigger(c, &key);
    if (other && !str_eq(str_of(other), name)) {
        trigger_unref(draft);
        call_fail(c, 400, "InvalidArgument",
                  "function '%.*s' has an HTTP trigger '%s' already, and may have one",
                  STR_ARG(key.name), other);
        return;
    }
    catalog_create_trigger(c->api->catalog, draft, on_written, c); /* -> on_written */
}

void fc_trigger_get(struct call *c)
{
    const struct trigger *t = trigger_of(c);

    if (t)
        reply_trigger(c, t);
}

void fc_trigger_update(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct trigger *t = trigger_of(c);
    char etag[FC_ETAG_TEXT];
    struct trigger *draft;
    struct err e = {0};

    if (!t || !fc_if_match(c, etag_of(t, etag)))
        return;
    body = fc_body(c);
    if (!body)
        return;
    draft = trigger_copy(t);
    draft->modified_ms = clock_wall_ms();
    if (fill(body, draft, false, &e) < 0) {
        trigger_unref(draft);
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    catalog_update_trigger(c->api->catalog, draft, on_written, c); /* -> on_written */
}

void fc_trigger_delete(struct call *c)
{
    const struct trigger *t = trigger_of(c);
    char etag[FC_ETAG_TEXT];

    if (t && fc_if_match(c, etag_of(t, etag)))
        catalog_delete_trigger(c->api->catalog, str_of(t->id), on_written, c); /* -> on_written */
}

/* ---- the list: a function has one at most, so there are no pages ---- */

struct listing {
    struct jw w;
    const struct call *call;
    struct str prefix, from;
};

static bool list_one(void *user, const struct trigger *t)
{
    struct listing *l = user;
    struct str name = str_of(t->name);

    if (is_http(t) && str_starts(name, l->prefix) && (!l->from.n || str_cmp(name, l->from) >= 0))
        put_trigger(&l->w, l->call, t);
    return true;
}

void fc_trigger_list(struct call *c)
{
    struct listing l = {
            .call = c, .prefix = call_query(c, S("prefix")), .from = call_query(c, S("startKey"))};
    struct str limit = call_query(c, S("limit"));
    struct fn_key key;
    struct buf body;
    uint64_t n;

    if (!fc_function(c, c->captures[0], c->captures[1], &key))
        return;
    if (limit.n && str_u64(limit, 1, LIST_MAX, &n) < 0) {
        call_fail(c, 400, "InvalidArgument", "limit must be between 1 and %d", LIST_MAX);
        return;
    }
    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_key(&l.w, "triggers");
    jw_arr(&l.w);
    catalog_each_trigger(c->api->catalog, &key, list_one, &l);
    jw_arr_end(&l.w);
    jw_kstrz(&l.w, "nextToken", "");
    jw_obj_end(&l.w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.c - CreateTrigger, ListTriggers, GetTrigger, UpdateTrigger, DeleteTrigger. What may stand in
 * one is trigger_conf.c's, what may stand beside one trigger_clash.c's.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/triggers.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/api/trigger.h"
#include "dialect/fc/api/trigger_fields.h"
#include "dialect/fc/api/version.h"
#include "fn/fn.h"
#include "fn/trigger.h"

enum { NAME = 2, TRIGGERS_BYTES = 4 * TRIGGER_CONFIG };

static bool is_http(const struct trigger *t)
{
    return str_eq(str_of(t->source), S("http"));
}

static const char *qualifier_of(const struct trigger *t)
{
    return qualifier_is_latest(str_of(t->qualifier)) ? "LATEST" : t->qualifier;
}

/* ---- as the cloud shows them ---- */

static void put_url(struct jw *w, const char *key, const struct call *c, const struct trigger *t)
{
    cleanup_with(buf_done) struct buf url;

    buf_init(&url, 2048);
    buf_addf(&url, "http://%.*s/2016-08-15/proxy/%s", STR_ARG(c->req->host), t->space);
    if (!qualifier_is_latest(str_of(t->qualifier)))
        buf_addf(&url, ".%s", t->qualifier);
    buf_addf(&url, "/%s/", t->function);
    jw_kstr(w, key, buf_str(&url));
}

static void put_time(struct jw *w, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT];

    jw_kstrz(w, key, clock_iso(ms, text));
}

static void put_target(struct jw *w, const struct trigger *t)
{
    cleanup_with(buf_done) struct buf arn;

    buf_init(&arn, 2048);
    buf_addf(&arn, "acs:fc:%s:%s:services/%s.%s/functions/%s", t->region, t->account, t->space,
             qualifier_of(t), t->function);
    jw_kstr(w, "targetArn", buf_str(&arn));
}

/* Of the types that have one; null for the others. */
static void put_source(struct jw *w, const struct trigger *t)
{
    cleanup_free char *arn = fc_trigger_text(t, "sourceArn");

    jw_key(w, "sourceArn");
    if (arn[0])
        jw_str(w, str_of(arn));
    else
        jw_null(w);
}

static void put_trigger(struct jw *w, const struct call *c, const struct trigger *t)
{
    cleanup_free char *description = fc_trigger_text(t, "description");
    cleanup_free char *role = fc_trigger_text(t, "invocationRole");

    jw_obj(w);
    jw_kstrz(w, "triggerName", t->name);
    jw_kstrz(w, "triggerId", t->id);
    jw_kstrz(w, "triggerType", t->source);
    jw_kstrz(w, "description", description);
    put_source(w, t);
    put_target(w, t);
    jw_kstrz(w, "invocationRole", role);
    jw_kstrz(w, "qualifier", qualifier_of(t));
    jw_key(w, "triggerConfig");
    fc_trigger_put_config(w, t);
    if (is_http(t) && c->req) { /* else nobody reads it */
        put_url(w, "urlInternet", c, t);
        put_url(w, "urlIntranet", c, t);
    }
    put_time(w, "createdTime", t->created_ms);
    put_time(w, "lastModifiedTime", t->modified_ms);
    jw_obj_end(w);
}

static void reply_trigger(struct call *c, const struct trigger *t)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;
    struct jw w;

    buf_init(&body, TRIGGERS_BYTES);
    jw_init(&w, &body);
    put_trigger(&w, c, t);
    fc_reply_object(c, fc_trigger_etag(t, etag), &body);
}

/* ---- the function's, by name ---- */

struct by_name {
    struct str name; /* p NULL: its HTTP trigger for... */
    struct str qualifier;
    const struct trigger *found;
};

static bool is_it(void *user, const struct trigger *t)
{
    struct by_name *want = user;
    bool it = want->name.p ? str_eq(want->name, str_of(t->name))
                           : is_http(t) && (!want->qualifier.p ||
                                            str_ieq(want->qualifier, str_of(qualifier_of(t))));

    if (it)
        want->found = t;
    return !it;
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

    if (!fc_latest(c, c->captures[0], c->captures[1], &key))
        return NULL;
    t = find(c, &key, name);
    if (!t)
        call_fail(c, 404, "TriggerNotFound",
                  "trigger '%.*s' does not exist in service '%.*s' and function '%.*s'",
                  STR_ARG(name), STR_ARG(key.space), STR_ARG(key.name));
    return t;
}

const char *fc_http_trigger(struct call *c, const struct fn_key *key, struct str qualifier)
{
    struct by_name want = {.qualifier = qualifier};

    catalog_each_trigger(c->api->catalog, key, is_it, &want);
    return want.found ? want.found->name : NULL;
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

/* Is there such a version or alias of the service? false: it has replied. */
static bool take_qualifier(struct call *c, const struct cJSON *body, const struct fn_key *key,
                           struct trigger *draft)
{
    struct str qualifier = STR_NONE;
    struct fn_key space = *key;
    struct err e = {0};
    uint64_t number;

    space.name = STR_NONE;
    if (json_str(body, "qualifier", true, &qualifier, &e) < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return false;
    }
    if (qualifier.n == 0)
        return true;
    if (qualifier_is_latest(qualifier)) {
        fn_set(&draft->qualifier, S("latest"));
        return true;
    }
    if (fc_version_exists(c->api->catalog, &space, qualifier) ||
        catalog_alias(c->api->catalog, &space, qualifier)) {
        fn_set(&draft->qualifier, qualifier);
        return true;
    }
    if (str_u64(qualifier, 0, UINT64_MAX, &number) != -EINVAL)
        call_fail(c, 404, "VersionNotFound", "version '%.*s' of service '%.*s' does not exist",
                  STR_ARG(qualifier), STR_ARG(key->space));
    else
        call_fail(c, 404, "AliasNotFound", "alias '%.*s' of service '%.*s' does not exist",
                  (int)(qualifier.n < 128 ? qualifier.n : 128), qualifier.p, STR_ARG(key->space));
    return false;
}

/* false: it has replied. */
static bool fill(struct call *c, const struct cJSON *body, const struct fn_key *key,
                 struct trigger *draft, bool is_new)
{
    struct err e = {0};

    if (fc_trigger_fill(body, draft, is_new, &e) < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return false;
    }
    if (!take_qualifier(c, body, key, draft))
        return false;
    if (fc_trigger_clash(c->api->catalog, draft, true, &e) < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return false;
    }
    return true;
}

void fc_trigger_create(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct trigger *draft;
    struct fn_key key;
    struct str name;
    struct err e = {0};

    if (!fc_latest(c, c->captures[0], c->captures[1], &key))
        return;
    body = fc_body(c);
    if (!body)
        return;
    if (fc_parse_name_of(body, "triggerName", &name, &e) < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    draft = trigger_new(&key, S(""));
    fn_set(&draft->name, name);
    draft->enabled = true;
    draft->created_ms = draft->modified_ms = clock_store_ms();
    if (fill(c, body, &key, draft, true))
        catalog_create_trigger(c->api->catalog, draft, on_written, c); /* -> on_written */
    else
        trigger_unref(draft);
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
    struct fn_key key;

    if (!t || !fc_if_match(c, fc_trigger_etag(t, etag)))
        return;
    body = fc_body(c);
    if (!body)
        return;
    draft = trigger_copy(t);
    draft->modified_ms = clock_store_ms();
    key = trigger_key(draft);
    if (fill(c, body, &key, draft, false))
        catalog_update_trigger(c->api->catalog, draft, on_written, c); /* -> on_written */
    else
        trigger_unref(draft);
}

void fc_trigger_delete(struct call *c)
{
    const struct trigger *t = trigger_of(c);
    char etag[FC_ETAG_TEXT];

    if (t && fc_if_match(c, fc_trigger_etag(t, etag)))
        catalog_delete_trigger(c->api->catalog, str_of(t->id), on_written, c); /* -> on_written */
}

/* ---- the list, by name ---- */

static int by_name(const void *a, const void *b)
{
    const struct trigger *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

struct listing {
    const struct trigger *at[TRIGGERS_PER_FUNCTION];
    size_t n;
};

static bool collect(void *user, const struct trigger *t)
{
    struct listing *l = user;

    if (fc_trigger_type(str_of(t->source)))
        l->at[l->n++] = t;
    return l->n < ARRAY_LEN(l->at);
}

void fc_trigger_list(struct call *c)
{
    struct listing l = {.n = 0};
    struct fc_page page;
    struct fn_key key;

    if (!fc_latest(c, c->captures[0], c->captures[1], &key) || !fc_page_open(c, &page, "triggers"))
        return;
    catalog_each_trigger(c->api->catalog, &key, collect, &l);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    qsort(l.at, l.n, sizeof(l.at[0]), by_name);
    for (size_t i = 0; i < l.n && !fc_page_full(&page); i++)
        if (fc_page_has(&page, str_of(l.at[i]->name)))
            put_trigger(&page.w, c, l.at[i]);
    fc_page_reply(c, &page);
}

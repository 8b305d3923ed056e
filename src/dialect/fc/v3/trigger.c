/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.c - CreateTrigger, ListTriggers, GetTrigger, UpdateTrigger, DeleteTrigger.
 *
 * The rules are those of 2016-08-15 (fc/api/trigger_conf.c), but that a function may have an HTTP trigger
 * and others; triggerConfig is a text of JSON in every answer.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/triggers.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/api/trigger.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"
#include "fn/trigger.h"

enum { TRIGGER_BYTES = 8 * TRIGGER_CONFIG };

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

static void put_http(struct jw *w, const struct call *c, const struct trigger *t)
{
    if (strcmp(t->source, "http") != 0 || !c->req)
        return;
    jw_key(w, "httpTrigger");
    jw_obj(w);
    put_url(w, "urlInternet", c, t);
    put_url(w, "urlIntranet", c, t);
    jw_obj_end(w);
}

static void put_config(struct jw *w, const struct trigger *t)
{
    cleanup_with(buf_done) struct buf text;
    struct jw inner;

    buf_init(&text, TRIGGER_BYTES);
    jw_init(&inner, &text);
    fc_trigger_put_config(&inner, t);
    jw_kstr(w, "triggerConfig", buf_str(&text));
}

static void put_text(struct jw *w, const char *key, const struct trigger *t)
{
    cleanup_free char *text = fc_trigger_text(t, key);

    jw_kstrz(w, key, text);
}

static void put_target(struct jw *w, const struct trigger *t)
{
    cleanup_with(buf_done) struct buf arn;
    bool own = strcmp(t->space, "default") == 0;

    buf_init(&arn, 1024);
    buf_addf(&arn, "acs:fc:%s:%s:functions/%s%s%s/%s", t->region, t->account, own ? "" : t->space,
             own ? "" : "$", t->function, qualifier_of(t));
    jw_kstr(w, "targetArn", buf_str(&arn));
}

static void put_trigger(struct jw *w, const struct call *c, const struct trigger *t)
{
    char text[CLOCK_TEXT];

    jw_obj(w);
    jw_kstrz(w, "triggerName", t->name);
    jw_kstrz(w, "triggerId", t->id);
    jw_kstrz(w, "triggerType", t->source);
    put_text(w, "description", t);
    put_text(w, "sourceArn", t);
    put_text(w, "invocationRole", t);
    put_target(w, t);
    jw_kstrz(w, "qualifier", qualifier_of(t));
    put_config(w, t);
    put_http(w, c, t);
    jw_kstrz(w, "status", "");
    jw_kstrz(w, "createdTime", clock_iso(t->created_ms, text));
    jw_kstrz(w, "lastModifiedTime", clock_iso(t->modified_ms, text));
    jw_obj_end(w);
}

static void reply_trigger(struct call *c, const struct trigger *t)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;
    struct jw w;

    buf_init(&body, TRIGGER_BYTES);
    jw_init(&w, &body);
    put_trigger(&w, c, t);
    fc_reply_object(c, fc_trigger_etag(t, etag), &body);
}

static void on_written(void *user, int r, const struct trigger *t)
{
    struct call *c = user; /* checked by call_...() */

    if (r < 0)
        fc3_error_write(c, r, "trigger", "");
    else if (t)
        reply_trigger(c, t);
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

/* ---- the function's, by name ---- */

struct by_name {
    struct str name;
    const struct trigger *found;
};

static bool is_it(void *user, const struct trigger *t)
{
    struct by_name *want = user;

    if (str_eq(want->name, str_of(t->name)))
        want->found = t;
    return !want->found;
}

/* NULL: it has replied. */
static const struct trigger *trigger_of(struct call *c, struct fn_key *ret)
{
    struct by_name want = {.name = c->captures[1]};

    if (!fc3_latest(c, ret))
        return NULL;
    catalog_each_trigger(c->api->catalog, ret, is_it, &want);
    if (!want.found)
        call_fail(c, 404, "TriggerNotFound", "trigger '%.*s' of function '%.*s' does not exist",
                  (int)(want.name.n < 128 ? want.name.n : 128), want.name.p,
                  STR_ARG(c->captures[0]));
    return want.found;
}

/* ---- requests ---- */

/* False: it has replied, and the draft is gone. */
static bool fill(struct call *c, const struct cJSON *body, const struct fn_key *key,
                 struct trigger *draft, bool is_new)
{
    struct str qualifier = STR_NONE;
    struct err e = {0};

    if (fc_trigger_fill(body, draft, is_new, &e) < 0 ||
        json_str(body, "qualifier", true, &qualifier, &e) < 0) {
        fc3_fail_invalid(c, &e);
    } else if (fc3_check_qualifier(c, key, qualifier)) {
        if (qualifier.n)
            fn_set(&draft->qualifier, qualifier_is_latest(qualifier) ? S("latest") : qualifier);
        if (fc_trigger_clash(c->api->catalog, draft, false, &e) == 0)
            return true;
        fc3_fail_invalid(c, &e);
    }
    trigger_unref(draft);
    return false;
}

void fc3_trigger_create(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct str name = STR_NONE;
    struct trigger *draft;
    struct err e = {0};
    struct fn_key key;

    if (!fc3_latest(c, &key))
        return;
    body = fc_body(c);
    if (!body)
        return;
    if (fc_parse_name_of(body, "triggerName", &name, &e) < 0) {
        fc3_fail_invalid(c, &e);
        return;
    }
    draft = trigger_new(&key, S(""));
    fn_set(&draft->name, name);
    draft->enabled = true;
    draft->created_ms = draft->modified_ms = clock_store_ms();
    if (fill(c, body, &key, draft, true))
        catalog_create_trigger(c->api->catalog, draft, on_written, c); /* -> on_written */
}

void fc3_trigger_get(struct call *c)
{
    struct fn_key key;
    const struct trigger *t = trigger_of(c, &key);

    if (t)
        reply_trigger(c, t);
}

void fc3_trigger_update(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    char etag[FC_ETAG_TEXT];
    struct fn_key key;
    const struct trigger *t = trigger_of(c, &key);
    struct trigger *draft;

    if (!t || !fc_if_match(c, fc_trigger_etag(t, etag)))
        return;
    body = fc_body(c);
    if (!body)
        return;
    draft = trigger_copy(t);
    draft->modified_ms = clock_store_ms();
    if (fill(c, body, &key, draft, false))
        catalog_update_trigger(c->api->catalog, draft, on_written, c); /* -> on_written */
}

void fc3_trigger_delete(struct call *c)
{
    char etag[FC_ETAG_TEXT];
    struct fn_key key;
    const struct trigger *t = trigger_of(c, &key);

    if (t && fc_if_match(c, fc_trigger_etag(t, etag))) /* -> on_written */
        catalog_delete_trigger(c->api->catalog, str_of(t->id), on_written, c);
}

/* ---- the list, by name ---- */

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

static int by_name(const void *a, const void *b)
{
    const struct trigger *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

void fc3_trigger_list(struct call *c)
{
    struct listing l = {.n = 0};
    struct fc_page page;
    struct fn_key key;

    if (!fc3_latest(c, &key) || !fc_page_open(c, &page, "triggers"))
        return;
    catalog_each_trigger(c->api->catalog, &key, collect, &l);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    qsort(l.at, l.n, sizeof(l.at[0]), by_name);
    for (size_t i = 0; i < l.n && !fc_page_full(&page); i++)
        if (fc_page_has(&page, str_of(l.at[i]->name)))
            put_trigger(&page.w, c, l.at[i]);
    fc_page_reply(c, &page);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.c - CreateTrigger, UpdateTrigger, UpdateTriggerStatus, DeleteTrigger, ListTriggers.
 *
 * A trigger is known by function, name and type. `Enable` comes in as OPEN or CLOSE and goes out as 1 or
 * 0; of apigw it is not looked at, as in the cloud: the vendor's plugin sends CLOSE for APIs that are
 * to answer.
 */
#include "dialect/scf/api/trigger.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "catalog/triggers.h"
#include "catalog/versions.h"
#include "dialect/scf/api/function.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/names.h"
#include "dialect/scf/api/object.h"
#include "dialect/scf/api/page.h"
#include "dialect/scf/api/parse.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/fn.h"
#include "http/server.h"
#include "source/source.h"

enum { TRIGGERS_LIMIT = 100, KEY_TEXT = 200 };

static const char *const enables[] = {"OPEN", "CLOSE", NULL};

static struct str shown_qualifier(const struct trigger *t)
{
    return qualifier_is_latest(str_of(t->qualifier)) ? S("$LATEST") : str_of(t->qualifier);
}

void scf_put_trigger(struct jw *w, const struct call *c, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(t->extra), NULL);
    cleanup_with(buf_done) struct buf id;
    bool apigw = strcmp(t->source, "apigw") == 0;
    char text[CLOCK_TEXT];

    buf_init(&id, 1024);
    buf_addf(&id, "qcs::scf:%s:uin/%s:function/%s/%s", t->region, t->account, t->function, t->name);
    jw_obj(w);
    jw_kstrz(w, "TriggerName", t->name);
    jw_kstr(w, "Type", scf_trigger_type(str_of(t->source)));
    scf_trigger_put_desc(w, c->api->catalog, c->req ? c->req->host : STR_NONE, t);
    jw_kint(w, "Enable", t->enabled || apigw);
    jw_kstr(w, "Qualifier", shown_qualifier(t));
    jw_kstr(w, "CustomArgument", scf_text(extra, "CustomArgument"));
    jw_kstr(w, "Description", scf_text(extra, "Description"));
    jw_kstrz(w, "AvailableStatus", "Available");
    jw_kstrz(w, "BindStatus", "on");
    jw_kstrz(w, "TriggerAttribute", "single");
    jw_kstr(w, "ResourceId", buf_str(&id));
    jw_kstrz(w, "AddTime", scf_time(t->created_ms, text));
    jw_kstrz(w, "ModTime", scf_time(t->modified_ms, text));
    jw_obj_end(w);
}

struct putting {
    struct jw *w;
    const struct call *call;
    struct str qualifier;
};

static bool put_one(void *user, const struct trigger *t)
{
    struct putting *p = user;

    if (!p->qualifier.n || qualifier_is_latest(p->qualifier) ||
        str_eq(p->qualifier, str_of(t->qualifier)))
        scf_put_trigger(p->w, p->call, t);
    return true;
}

void scf_put_triggers(struct jw *w, const struct call *c, const struct fn_key *key,
                      struct str qualifier)
{
    struct putting p = {w, c, qualifier};

    jw_arr(w);
    catalog_each_trigger(c->api->catalog, key, put_one, &p);
    jw_arr_end(w);
}

/* ---- which one ---- */

struct search {
    struct str name, source;
    const struct trigger *found;
};

static bool is_it(void *user, const struct trigger *t)
{
    struct search *s = user;

    if (str_eq(s->name, str_of(t->name)) && str_eq(s->source, str_of(t->source)))
        s->found = t;
    return s->found == NULL;
}

/* The source of Type; empty: it has replied. */
static struct str read_source(struct call *c, const struct cJSON *p)
{
    struct str type = scf_text(p, "Type"), source = scf_trigger_source(type);

    if (!source.n)
        scf_fail(c, "InvalidParameterValue.Type", "There is no trigger of the type '%.*s'.",
                 (int)(type.n < 32 ? type.n : 32), type.p);
    return source;
}

/* NULL: it has replied. */
static const struct trigger *find(struct call *c, const struct cJSON *p)
{
    struct search s = {.name = scf_text(p, "TriggerName")};
    struct fn_key key;

    if (!scf_function(c, p, &key))
        return NULL;
    s.source = read_source(c, p);
    if (!s.source.n)
        return NULL;
    catalog_each_trigger(c->api->catalog, &key, is_it, &s);
    if (!s.found)
        scf_fail_write(c, -ENOENT, "trigger");
    return s.found;
}

/* The version or alias that it calls. False: it has replied. */
static bool read_qualifier(struct call *c, const struct cJSON *p, const struct fn_key *key,
                           struct trigger *draft)
{
    struct str q = scf_text(p, "Qualifier");

    if (!q.p)
        return true;
    if (!scf_qualified(c, key, q))
        return false;
    fn_set(&draft->qualifier, qualifier_is_latest(q) ? S("latest") : q);
    return true;
}

static void on_trigger(void *user, int r, const struct trigger *t)
{
    struct call *c = user;

    (void)t;
    if (r < 0)
        scf_fail_write(c, r, "trigger");
    else
        scf_ok(c);
}

static void on_created(void *user, int r, const struct trigger *t)
{
    struct call *c = user;
    struct scf_answer a;

    if (r < 0) {
        scf_fail_write(c, r, "trigger");
        return;
    }
    scf_begin(&a, SCF_BODY_SMALL);
    jw_key(&a.w, "TriggerInfo");
    scf_put_trigger(&a.w, c, t);
    scf_send(c, &a);
}

/* ---- changes ---- */

void scf_create_trigger(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct scf_error x = {0};
    struct trigger *draft;
    struct str source, name;
    struct fn_key key;

    if (!p || !scf_function(c, p, &key))
        return;
    source = read_source(c, p);
    name = scf_text(p, "TriggerName");
    if (!source.n || !scf_one_of(c, p, "Enable", "InvalidParameterValue.Enable", enables))
        return;
    if (!name.n || name.n >= TRIGGER_NAME ||
        (str_eq(source, S("timer")) && !scf_is_trigger(name))) {
        scf_fail(c, "InvalidParameterValue.TriggerName",
                 "TriggerName has 1 to 100 letters, digits, '-' or '_', a letter first.");
        return;
    }
    draft = trigger_new(&key, source);
    fn_set(&draft->name, name);
    draft->enabled = !str_eq(scf_text(p, "Enable"), S("CLOSE")) || str_eq(source, S("apigw"));
    draft->created_ms = draft->modified_ms = clock_store_ms();
    if (!read_qualifier(c, p, &key, draft)) {
        trigger_unref(draft);
        return;
    }
    if (scf_trigger_fill(c->api->catalog, p, draft, &x) < 0) {
        trigger_unref(draft);
        scf_fail(c, x.code, "%s", x.e.msg);
        return;
    }
    catalog_create_trigger(c->api->catalog, draft, on_created, c); /* -> on_created */
}

/* all: TriggerDesc and words too, not only whether it is open. */
static void update(struct call *c, bool all)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct trigger *t = p ? find(c, p) : NULL;
    struct scf_error x = {0};
    struct trigger *draft;
    struct fn_key key;

    if (!t || !scf_one_of(c, p, "Enable", "InvalidParameterValue.Enable", enables))
        return;
    key = trigger_key(t);
    draft = trigger_copy(t);
    draft->modified_ms = clock_store_ms();
    if (scf_text(p, "Enable").n && strcmp(t->source, "apigw") != 0)
        draft->enabled = str_eq(scf_text(p, "Enable"), S("OPEN"));
    if (all && !read_qualifier(c, p, &key, draft)) {
        trigger_unref(draft);
        return;
    }
    if (all && scf_trigger_fill(c->api->catalog, p, draft, &x) < 0) {
        trigger_unref(draft);
        scf_fail(c, x.code, "%s", x.e.msg);
        return;
    }
    catalog_update_trigger(c->api->catalog, draft, on_trigger, c); /* -> on_trigger */
}

void scf_update_trigger(struct call *c)
{
    update(c, true);
}

void scf_update_trigger_status(struct call *c)
{
    update(c, false);
}

void scf_delete_trigger(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct trigger *t = p ? find(c, p) : NULL;

    if (t) /* -> on_trigger */
        catalog_delete_trigger(c->api->catalog, str_of(t->id), on_trigger, c);
}

/* ---- ListTriggers ---- */

struct listing {
    const struct cJSON *filters;
    bool by_added;
    struct scf_rows rows;
};

static bool passes(const struct trigger *t, const struct cJSON *filter)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(t->extra), NULL);
    struct str name = scf_text(filter, "Name"), v;
    const struct cJSON *value;

    if (str_eq(name, S("Qualifier")))
        v = shown_qualifier(t);
    else if (str_eq(name, S("TriggerName")))
        v = str_of(t->name);
    else
        v = scf_text(extra, "Description");
    cJSON_ArrayForEach(value, json_get(filter, "Values"))
    {
        if (str_eq(v, str_of(value->valuestring)))
            return true;
    }
    return false;
}

static bool list_one(void *user, const struct trigger *t)
{
    struct listing *l = user;
    const struct cJSON *filter;
    char key[KEY_TEXT];

    cJSON_ArrayForEach(filter, l->filters)
    {
        if (!passes(t, filter))
            return true;
    }
    (void)snprintf(key, sizeof(key), "%020lld %s",
                   (long long)(l->by_added ? t->created_ms : t->modified_ms), t->name);
    scf_rows_add(&l->rows, key, t);
    return true;
}

static bool check_filters(struct call *c, const struct cJSON *filters)
{
    const struct cJSON *f;

    cJSON_ArrayForEach(f, filters)
    {
        struct str name = scf_text(f, "Name");

        if (!str_eq(name, S("Qualifier")) && !str_eq(name, S("TriggerName")) &&
            !str_eq(name, S("Description"))) {
            scf_fail(c, "InvalidParameterValue.Filters",
                     "Filters are by Qualifier, TriggerName and Description.");
            return false;
        }
    }
    return true;
}

void scf_list_triggers(struct call *c)
{
    static const char *const orders[] = {"add_time", "mod_time", NULL};
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct listing l = {0};
    struct scf_page page;
    struct scf_answer a;
    struct fn_key key;

    if (!p || !scf_page_read(c, p, TRIGGERS_LIMIT, &page) ||
        !scf_one_of(c, p, "OrderBy", "InvalidParameterValue.OrderBy", orders) ||
        !check_filters(c, json_get(p, "Filters")) || !scf_function(c, p, &key))
        return;
    l.filters = json_get(p, "Filters");
    l.by_added = str_eq(scf_text(p, "OrderBy"), S("add_time"));
    catalog_each_trigger(c->api->catalog, &key, list_one, &l);
    scf_rows_sort(&l.rows, page.descending || !scf_text(p, "Order").n);

    scf_begin(&a, SCF_ANSWER_MAX);
    jw_key(&a.w, "Triggers");
    jw_arr(&a.w);
    for (size_t i = 0; i < l.rows.n; i++)
        if (scf_page_has(&page))
            scf_put_trigger(&a.w, c, l.rows.list[i].what);
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalCount", (int64_t)l.rows.n);
    scf_rows_done(&l.rows);
    scf_send(c, &a);
}

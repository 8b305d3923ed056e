/* SPDX-License-Identifier: Apache-2.0 */
/*
 * triggers.c - what binds a source to a function: list, put, delete.
 *
 * A trigger has a name, which is its function's business, and an id, which everything else knows it
 * by: its events and its place in the source hang on that, so a put of a name that is there changes
 * the trigger and keeps its id. A put that changes nothing writes nothing.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/handlers.h"
#include "admin/query.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/triggers.h"
#include "fn/fn.h"
#include "gateway/gateway.h"
#include "gateway/plane/address.h"
#include "source/source.h"
#include "source/timer.h"

enum { TRIGGERS_MAX = 64 << 20, PATH_MAX_BYTES = 64 << 10, KEY_TEXT = 64 };

/* ---- as this API shows them ---- */

/* Where one that is HTTP is called. */
static void put_address(struct jw *w, struct call *c, const struct trigger *t)
{
    struct gw_address a;

    if (!c->api->gateway ||
        gw_address_of(c->api->catalog, gateway_domain(c->api->gateway), t, &a) < 0)
        return;
    jw_key(w, "address");
    jw_obj(w);
    jw_kstr(w, "method", buf_str(&a.method));
    jw_kstr(w, "host", buf_str(&a.host));
    jw_kstr(w, "path", buf_str(&a.path));
    jw_kstr(w, "by_path", buf_str(&a.by_path));
    jw_obj_end(w);
    gw_address_done(&a);
}

/* Whose route it is, where another one was first. */
static void put_rival(struct jw *w, struct call *c, const struct trigger *t)
{
    cleanup_with(buf_done) struct buf owner = {0};
    char key[KEY_TEXT];

    buf_init(&owner, PATH_MAX_BYTES);
    (void)snprintf(key, sizeof(key), "t/%s", t->id);
    if (c->api->gateway && gateway_rival(c->api->gateway, str_of(key), &owner) == -EEXIST)
        jw_kstr(w, "shadowed_by", buf_str(&owner));
}

static void put_trigger(struct jw *w, struct call *c, const struct trigger *t)
{
    cleanup_with(buf_done) struct buf path;
    struct fn_key key = trigger_key(t);
    int64_t next_ms = c->api->timers ? timers_next(c->api->timers, str_of(t->id)) : -1;

    buf_init(&path, PATH_MAX_BYTES);
    fn_key_path(&key, &path);
    jw_obj(w);
    jw_kstrz(w, "id", t->id);
    jw_kstrz(w, "name", t->name);
    jw_kstr(w, "function", buf_str(&path));
    jw_kstrz(w, "qualifier", t->qualifier);
    jw_kstrz(w, "source", t->source);
    jw_kbool(w, "enabled", t->enabled);
    if (t->concurrency > 0)
        jw_kint(w, "concurrency", t->concurrency);
    jw_key(w, "config");
    jw_raw(w, str_of(t->config));
    if (next_ms >= 0)
        jw_kint(w, "next_ms", next_ms);
    if (!source_of(str_of(t->source)))
        jw_kbool(w, "waits_for_source", true);
    put_address(w, c, t);
    put_rival(w, c, t);
    jw_kint(w, "created_ms", t->created_ms);
    jw_kint(w, "modified_ms", t->modified_ms);
    jw_obj_end(w);
}

static void reply_trigger(struct call *c, int status, const struct trigger *t)
{
    struct buf body;
    struct jw w;

    buf_init(&body, 4ul * TRIGGER_CONFIG);
    jw_init(&w, &body);
    put_trigger(&w, c, t);
    call_reply_buf(c, status, S("application/json"), &body);
}

struct listing {
    struct jw w;
    struct call *call;
};

static bool add_trigger(void *user, const struct trigger *t)
{
    struct listing *l = user;

    if (call_sees(l->call, (int)t->dialect, str_of(t->account)))
        put_trigger(&l->w, l->call, t);
    return true;
}

void admin_triggers(struct call *c)
{
    cleanup_with(buf_done) struct buf path;
    struct listing l = {.call = c};
    const struct fn *f = NULL;
    struct fn_key key;
    struct buf body;

    buf_init(&path, ADMIN_PATH_TEXT);
    if (!admin_query_function(c, &path) || !admin_permit_path(c, buf_str(&path)))
        return;
    if (path.n > 0) {
        f = catalog_find_path(c->api->catalog, buf_str(&path));
        if (!f) {
            call_fail(c, 404, NULL, "there is no function %.*s", STR_ARG(buf_str(&path)));
            return;
        }
        key = fn_key_of(f);
    }
    buf_init(&body, TRIGGERS_MAX);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_key(&l.w, "triggers");
    jw_arr(&l.w);
    catalog_each_trigger(c->api->catalog, f ? &key : NULL, add_trigger, &l);
    jw_arr_end(&l.w);
    jw_obj_end(&l.w);
    if (buf_ok(&body)) {
        call_reply_buf(c, 200, S("application/json"), &body);
        return;
    }
    buf_done(&body);
    call_fail(c, 413, NULL, "the list is longer than %d MiB, name a function", TRIGGERS_MAX >> 20);
}

/* ---- which one ---- */

struct search {
    struct str name;
    const struct trigger *found;
};

static bool is_it(void *user, const struct trigger *t)
{
    struct search *s = user;

    if (str_eq(str_of(t->name), s->name))
        s->found = t;
    return !s->found;
}

/* By the name in the path; NULL: there is none (yet). */
static const struct trigger *find_trigger(struct call *c, const struct fn_key *key)
{
    struct search s = {.name = c->captures[5]};

    catalog_each_trigger(c->api->catalog, key, is_it, &s);
    return s.found;
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char ch = str_lower(name.p[i]);
        bool letter = ch >= 'a' && ch <= 'z';

        if (!letter && (i == 0 || !((ch >= '0' && ch <= '9') || ch == '_' || ch == '-')))
            return false;
    }
    return name.n > 0 && name.n <= TRIGGER_NAME;
}

static void fail_trigger(struct call *c, int r)
{
    if (r == -EDQUOT)
        call_fail(c, 403, NULL, "a function has at most %d triggers", TRIGGERS_PER_FUNCTION);
    else if (r == -ESTALE || r == -EEXIST)
        call_fail(c, 409, NULL, "somebody else changed the trigger at the same time, try again");
    else
        admin_fail_write(c, r);
}

/* ---- put ---- */

/* Sources of one cloud only. */
static const struct {
    const char *source;
    enum dialect dialect;
} of_clouds[] = {{"apig", DIALECT_FUNCTIONGRAPH}, {"apigw", DIALECT_SCF}, {"http", DIALECT_FC}};

static int check_source(struct str source, enum dialect dialect, struct err *e)
{
    if (!source_of(source))
        return err_set(e, ERR_CALLER, -EINVAL, "source must be timer, apig, apigw or http");
    for (size_t i = 0; i < ARRAY_LEN(of_clouds); i++)
        if (str_eq(source, str_of(of_clouds[i].source)) && of_clouds[i].dialect != dialect)
            return err_set(e, ERR_CALLER, -EINVAL, "source %s is for functions of %s, not of %s",
                           of_clouds[i].source, dialect_names[of_clouds[i].dialect],
                           dialect_names[dialect]);
    return 0;
}

/* How a schedule is meant where the config does not say: the function's cloud has one cron. */
static const char *const syntaxes[DIALECTS] = {
        [DIALECT_FUNCTIONGRAPH] = "fg-cron",
        [DIALECT_FC] = "fc",
        [DIALECT_SCF] = "scf",
};

static int parse_config(struct cJSON *config, struct str source, enum dialect dialect,
                        struct buf *out, struct err *e)
{
    int r;

    if (!cJSON_IsObject(config))
        return err_set(e, ERR_CALLER, -EINVAL, "config must be an object");
    if (str_eq(source, S("timer")) && !json_get(config, "syntax"))
        cJSON_AddStringToObject(config, "syntax", syntaxes[dialect]);
    json_print(config, out);
    if (!buf_ok(out))
        return err_set(e, ERR_CALLER, -EINVAL, "config has more than %d bytes", TRIGGER_CONFIG);
    r = source_check(source, buf_str(out), e);
    return r < 0 ? err_wrap(e, r, "config") : 0;
}

static int check_keys(const struct cJSON *body, struct err *e)
{
    static const char *const known[] = {"source", "enabled", "concurrency", "config"};
    const struct cJSON *stranger;

    if (!cJSON_IsObject(body))
        return err_set(e, ERR_CALLER, -EINVAL, "the body must be a JSON object");
    stranger = json_stranger(body, known, ARRAY_LEN(known));
    if (stranger)
        return err_set(e, ERR_CALLER, -EINVAL, "unknown key '%.64s'", stranger->string);
    return 0;
}

/* Into the draft, whose function is set. */
static int parse_trigger(struct cJSON *body, struct trigger *t, struct err *e)
{
    cleanup_with(buf_done) struct buf config;
    struct str source = STR_NONE;
    int64_t concurrency = t->concurrency;
    int r = check_keys(body, e);

    buf_init(&config, TRIGGER_CONFIG);
    t->enabled = true;
    if (r < 0 || (r = json_str(body, "source", false, &source, e)) < 0 ||
        (r = json_bool(body, "enabled", false, &t->enabled, e)) < 0 ||
        (r = json_int(body, "concurrency", false, 0, TRIGGER_CONCURRENCY, &concurrency, e)) < 0)
        return r;
    t->concurrency = (uint32_t)concurrency;
    r = check_source(source, t->dialect, e);
    if (r < 0)
        return r;
    r = parse_config(cJSON_GetObjectItemCaseSensitive(body, "config"), source, t->dialect, &config,
                     e);
    if (r < 0)
        return r;
    fn_set(&t->source, source);
    free(t->config);
    t->config = buf_take(&config);
    return 0;
}

static bool says_the_same(const struct trigger *a, const struct trigger *b)
{
    return a->enabled == b->enabled && a->concurrency == b->concurrency &&
           str_eq(str_of(a->config), str_of(b->config)) &&
           str_eq(str_of(a->source), str_of(b->source));
}

static void on_created(void *user, int r, const struct trigger *t)
{
    if (r < 0)
        fail_trigger(user, r);
    else
        reply_trigger(user, 201, t);
}

static void on_updated(void *user, int r, const struct trigger *t)
{
    if (r < 0)
        fail_trigger(user, r);
    else
        reply_trigger(user, 200, t);
}

static bool is_dry_run(struct call *c)
{
    return str_eq(call_query(c, S("dry_run")), S("true"));
}

/* The draft is taken. */
static void write_trigger(struct call *c, struct trigger *draft, const struct trigger *before)
{
    draft->modified_ms = clock_store_ms(); /* timers count from it */
    if (is_dry_run(c)) {                   /* it would do: nothing is written */
        call_note(c, "dry_run");
        reply_trigger(c, before ? 200 : 201, draft);
        trigger_unref(draft);
    } else if (before && says_the_same(before, draft)) {
        trigger_unref(draft);
        call_header(c, "X-Evoke-Unchanged", S("true"));
        reply_trigger(c, 200, before);
    } else if (before) {
        catalog_update_trigger(c->api->catalog, draft, on_updated, c); /* -> on_updated */
    } else {
        draft->created_ms = draft->modified_ms;
        catalog_create_trigger(c->api->catalog, draft, on_created, c); /* -> on_created */
    }
}

void admin_trigger_put(struct call *c)
{
    struct err e = {0};
    cleanup_with(json_freep) struct cJSON *body = call_json(c, &e);
    const struct trigger *before;
    struct trigger *draft;
    struct fn_key key;

    /* What is only checked may be of a function that will be made. */
    if (is_dry_run(c) ? !admin_key(c, &key) : !admin_function(c, &key))
        return;
    if (!is_name(c->captures[5])) {
        call_fail(c, 400, NULL,
                  "a trigger's name has 1 to %d of A-Za-z0-9_- and begins with a letter",
                  TRIGGER_NAME);
        return;
    }
    if (!body) {
        call_fail(c, 400, NULL, "body: %s", e.msg);
        return;
    }
    before = find_trigger(c, &key);
    draft = before ? trigger_copy(before) : trigger_new(&key, S("timer"));
    if (!before)
        fn_set(&draft->name, c->captures[5]);
    if (parse_trigger(body, draft, &e) < 0) {
        trigger_unref(draft);
        call_fail(c, 400, NULL, "%s", e.msg);
        return;
    }
    write_trigger(c, draft, before);
}

/* ---- delete ---- */

static void on_deleted(void *user, int r, const struct trigger *t)
{
    (void)t;
    if (r < 0)
        fail_trigger(user, r);
    else
        call_reply(user, 204, STR_NONE, STR_NONE);
}

void admin_trigger_delete(struct call *c)
{
    const struct trigger *t;
    struct fn_key key;

    if (!admin_function(c, &key))
        return;
    t = find_trigger(c, &key);
    if (!t) {
        call_fail(c, 404, NULL, "function '%.*s' has no trigger '%.*s'", STR_ARG(key.name),
                  (int)(c->captures[5].n < 128 ? c->captures[5].n : 128), c->captures[5].p);
        return;
    }
    catalog_delete_trigger(c->api->catalog, str_of(t->id), on_deleted, c); /* -> on_deleted */
}

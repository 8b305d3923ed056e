/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async_config.c - how a function's asynchronous events are delivered: GET, PUT, DELETE
 * async-invoke-config and the list of them.
 *
 * A PUT says all of it: what it leaves out has the cloud's default again. In the cloud each version
 * has a configuration of its own; here there is one version, so the list has one entry at most.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "dialect/functiongraph/api/fg.h"
#include "dialect/shape.h"

enum {
    AGE_MAX_S = 86400,
    RETRIES_MAX = 3,
    ANSWER_MAX = 64 << 10,
    LIST_DEFAULT = 10,
    LIST_MAX = 100,
};

static void put_config(struct jw *w, struct call *c, const struct fn *f)
{
    const struct fn_async *a = f->async;
    char text[CLOCK_TEXT];

    jw_obj(w);
    fg_put_urn(w, "func_urn", f);
    jw_kint(w, "max_async_event_age_in_seconds", a->max_age_s);
    jw_kint(w, "max_async_retry_attempts", a->max_retries);
    jw_key(w, "destination_config");
    jw_obj(w);
    jw_key(w, "on_success");
    fg_put_destination(w, c, &a->on_success);
    jw_key(w, "on_failure");
    fg_put_destination(w, c, &a->on_failure);
    jw_obj_end(w);
    jw_kstrz(w, "created_time", clock_iso(a->created_ms, text));
    jw_kstrz(w, "last_modified", clock_sql(a->modified_ms, text));
    jw_kbool(w, "enable_async_status_log", a->status_log);
    jw_obj_end(w);
}

static void reply_config(struct call *c, const struct fn *f)
{
    struct buf body;
    struct jw w;

    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    put_config(&w, c, f);
    fg_reply_json(c, 200, &body);
}

static void fail_none(struct call *c)
{
    call_fail(c, 404, "FSS.0404", "Not found the async invoke config of the function");
}

void fg_show_async_config(struct call *c)
{
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);

    if (!f)
        return;
    if (f->async)
        reply_config(c, f);
    else
        fail_none(c);
}

/* ---- change ---- */

static int read_number(const struct cJSON *body, const char *key, int64_t min, int64_t max,
                       uint32_t *ret, struct fg_error *x)
{
    int64_t v = *ret;

    if (json_int(body, key, false, min, max, &v, &x->e) < 0)
        return -EINVAL;
    *ret = (uint32_t)v;
    return 0;
}

static int read_destinations(struct call *c, const struct cJSON *body, const struct fg_urn *own,
                             struct fn_async *a, struct fg_error *x)
{
    const struct cJSON *both = json_get(body, "destination_config"), *success, *failure;

    if (!both)
        return 0;
    success = json_get(both, "on_success");
    failure = json_get(both, "on_failure");
    if (!cJSON_IsObject(both) || (success && !cJSON_IsObject(success)) ||
        (failure && !cJSON_IsObject(failure)))
        return fg_refuse(x, 400, "FSS.0400",
                         "destination_config, on_success and on_failure are objects");
    if (success && fg_parse_destination(c, success, own, &a->on_success, x) < 0)
        return -EINVAL;
    return failure ? fg_parse_destination(c, failure, own, &a->on_failure, x) : 0;
}

static int read_config(struct call *c, const struct cJSON *body, const struct fg_urn *own,
                       struct fn_async *a, struct fg_error *x)
{
    const struct shape_retry *def = shape_of(DIALECT_FUNCTIONGRAPH)->retry;

    a->max_age_s = def->age_s;
    a->max_retries = def->retries;
    x->status = 400;
    x->code = "FSS.0400";
    if (read_number(body, "max_async_event_age_in_seconds", 1, AGE_MAX_S, &a->max_age_s, x) < 0 ||
        read_number(body, "max_async_retry_attempts", 0, RETRIES_MAX, &a->max_retries, x) < 0 ||
        json_bool(body, "enable_async_status_log", false, &a->status_log, &x->e) < 0)
        return -EINVAL;
    return read_destinations(c, body, own, a, x);
}

static void on_updated(void *user, int r, const struct fn *f)
{
    struct call *c = user;

    if (r < 0)
        fg_fail_catalog(c, r);
    else
        reply_config(c, f);
}

void fg_update_async_config(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fg_error x = {0};
    struct fn *draft = fg_draft(c, &body);
    struct fn_async *a;
    struct fg_urn own;

    if (!draft)
        return;
    own = (struct fg_urn){.region = str_of(draft->region),
                          .project = str_of(draft->account),
                          .package = str_of(draft->space),
                          .name = str_of(draft->name)};
    a = xnew(struct fn_async);
    a->modified_ms = draft->modified_ms;
    a->created_ms = draft->async ? draft->async->created_ms : a->modified_ms;
    fn_async_free(draft->async);
    draft->async = a;
    if (read_config(c, body, &own, a, &x) < 0) {
        fn_unref(draft);
        fg_fail(c, &x);
        return;
    }
    catalog_update(c->api->catalog, draft, on_updated, c); /* -> on_updated */
}

void fg_delete_async_config(struct call *c)
{
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);
    struct fn *draft;

    if (!f)
        return;
    if (!f->async) {
        fail_none(c);
        return;
    }
    draft = fn_copy(f);
    draft->async = fn_async_free(draft->async);
    draft->modified_ms = clock_wall_ms();
    catalog_update(c->api->catalog, draft, fg_on_deleted, c); /* -> fg_on_deleted */
}

/* ---- list ---- */

void fg_list_async_configs(struct call *c)
{
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);
    uint64_t marker = 0, limit = LIST_DEFAULT, count, shown;
    struct buf body;
    struct jw w;

    if (!f || !fg_query_u64(c, S("marker"), &marker) || !fg_query_u64(c, S("limit"), &limit))
        return;
    if (limit == 0 || limit > LIST_MAX)
        limit = LIST_MAX;
    count = f->async ? 1 : 0;
    shown = marker < count ? count - marker : 0;
    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "async_invoke_configs");
    jw_arr(&w);
    if (shown)
        put_config(&w, c, f);
    jw_arr_end(&w);
    jw_kint(&w, "count", (int64_t)count);
    jw_kint(&w, "next_marker", (int64_t)(marker + shown));
    jw_key(&w, "page_info");
    jw_obj(&w);
    jw_kint(&w, "next_marker", (int64_t)(marker + shown));
    jw_kint(&w, "previous_marker", (int64_t)(marker > limit ? marker - limit : 0));
    jw_kint(&w, "current_count", (int64_t)shown);
    jw_obj_end(&w);
    jw_obj_end(&w);
    fg_reply_json(c, 200, &body);
}

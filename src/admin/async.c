/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async.c - rules for asynchronous events in a deploy request: how old an event may get, how often
 * it is tried, and where its end is told.
 *
 * A destination is {"kind":"function","to":"dialect/account/region/space/name"} or
 * {"kind":"http","to":"https://..."}. The function need not be there yet: of two that tell each
 * other one has to be first.
 */
#include "admin/async.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "admin/query.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/shape.h"
#include "fn/async.h"
#include "fn/fn.h"

/* The clouds' own limits. Sources: docs/compat/functiongraph-api.md, fc-api.md; SCF: UpdateFunctionEventInvokeConfig. */
static const struct {
    int64_t age_min_s, age_max_s, retries_max;
} limits[DIALECTS] = {
        [DIALECT_FUNCTIONGRAPH] = {1, 86400, 3},
        [DIALECT_FC] = {1, 2592000, 8},
        [DIALECT_SCF] = {60, 21600, 2},
};

static int parse_target(const char *key, const struct cJSON *value, struct fn_destination *d,
                        struct err *e)
{
    struct str kind = STR_NONE, to = STR_NONE;
    cleanup_with(buf_done) struct buf path;

    buf_init(&path, ADMIN_PATH_TEXT);
    if (!cJSON_IsObject(value) || json_str(value, "kind", false, &kind, e) < 0 ||
        json_str(value, "to", false, &to, e) < 0 || cJSON_GetArraySize(value) != 2)
        return err_set(e, ERR_CALLER, -EINVAL, "async.%s must be {\"kind\", \"to\"}", key);
    if (to.n == 0 || to.n > FN_TARGET_TO)
        return err_set(e, ERR_CALLER, -EINVAL, "async.%s.to must have 1 to %d bytes", key,
                       FN_TARGET_TO);
    if (str_eq(kind, S("http"))) {
        if (!fn_target_is_url(to))
            return err_set(e, ERR_CALLER, -EINVAL, "async.%s.to must be an http or https URL", key);
        d->kind = FN_TARGET_HTTP;
        d->to = str_dup(to);
        return 0;
    }
    if (!str_eq(kind, S("function")))
        return err_set(e, ERR_CALLER, -EINVAL, "async.%s.kind must be function or http", key);
    if (admin_query_path(to, &path, e) < 0 || path.n > FN_TARGET_TO)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "async.%s.to must be a whole key, dialect/account/region/space/name", key);
    d->kind = FN_TARGET_FUNCTION;
    d->to = buf_take(&path);
    return 0;
}

static int parse_targets(const struct cJSON *value, struct fn_async *a, struct err *e)
{
    const struct cJSON *success = json_get(value, "on_success");
    const struct cJSON *failure = json_get(value, "on_failure");
    int r = success ? parse_target("on_success", success, &a->on_success, e) : 0;

    if (r == 0 && failure)
        r = parse_target("on_failure", failure, &a->on_failure, e);
    return r;
}

static int parse_numbers(const struct cJSON *value, struct fn_async *a, enum dialect dialect,
                         struct err *e)
{
    const struct shape_ops *shape = shape_of(dialect);
    int64_t age_s = 3600, retries = 1;

    if (shape && shape->retry) {
        age_s = shape->retry->age_s;
        retries = shape->retry->retries;
    }
    if (json_int(value, "max_age_s", false, limits[dialect].age_min_s, limits[dialect].age_max_s,
                 &age_s, e) < 0 ||
        json_int(value, "max_retries", false, 0, limits[dialect].retries_max, &retries, e) < 0)
        return err_wrap(e, -EINVAL, "async");
    a->max_age_s = (uint32_t)age_s;
    a->max_retries = (uint32_t)retries;
    return 0;
}

static int check_keys(const struct cJSON *value, struct err *e)
{
    static const char *const known[] = {"max_age_s", "max_retries", "on_success", "on_failure"};
    const struct cJSON *stranger;

    if (!cJSON_IsObject(value))
        return err_set(e, ERR_CALLER, -EINVAL, "async must be an object");
    stranger = json_stranger(value, known, ARRAY_LEN(known));
    if (stranger)
        return err_set(e, ERR_CALLER, -EINVAL, "unknown key 'async.%.64s'", stranger->string);
    return 0;
}

static bool same_target(const struct fn_destination *a, const struct fn_destination *b)
{
    return a->kind == b->kind && str_eq(str_of(a->to), str_of(b->to));
}

static bool says_the_same(const struct fn_async *a, const struct fn_async *b)
{
    return a && a->max_age_s == b->max_age_s && a->max_retries == b->max_retries &&
           same_target(&a->on_success, &b->on_success) &&
           same_target(&a->on_failure, &b->on_failure);
}

int admin_parse_async(const struct cJSON *value, struct fn *f, struct err *e)
{
    struct fn_async *a;
    int r;

    if (!value) {
        f->async = fn_async_free(f->async);
        return 0;
    }
    r = check_keys(value, e);
    if (r < 0)
        return r;
    a = xnew(struct fn_async);
    r = parse_numbers(value, a, f->dialect, e);
    if (r == 0)
        r = parse_targets(value, a, e);
    if (r < 0 || says_the_same(f->async, a)) {
        fn_async_free(a);
        return r;
    }
    a->modified_ms = clock_wall_ms();
    a->created_ms = f->async ? f->async->created_ms : a->modified_ms;
    a->status_log = f->async && f->async->status_log;
    fn_async_free(f->async);
    f->async = a;
    return 0;
}

static bool may_name(const struct call *c, const struct fn_destination *d)
{
    return d->kind != FN_TARGET_FUNCTION ||
           admin_sees_path(c->by.account, c->by.dialect, str_of(d->to));
}

bool admin_permit_async(struct call *c, const struct fn *f)
{
    if (!f->async || (may_name(c, &f->async->on_success) && may_name(c, &f->async->on_failure)))
        return true;
    call_fail(c, 403, NULL,
              "key '%s' acts for account '%s' only: a destination is a function of it", c->by.name,
              c->by.account);
    return false;
}

static void put_target(struct jw *w, const char *key, const struct fn_destination *d)
{
    jw_key(w, key);
    if (d->kind == FN_TARGET_NONE) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_kstrz(w, "kind", fn_target_names[d->kind]);
    jw_kstrz(w, "to", d->to);
    jw_obj_end(w);
}

void admin_put_async(struct jw *w, const struct fn *f)
{
    const struct fn_async *a = f->async;

    jw_key(w, "async");
    if (!a) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_kint(w, "max_age_s", a->max_age_s);
    jw_kint(w, "max_retries", a->max_retries);
    put_target(w, "on_success", &a->on_success);
    put_target(w, "on_failure", &a->on_failure);
    jw_obj_end(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async.c - a function's rules for asynchronous events, and their stored form:
 *
 * {"max_age_s":3600,"max_retries":1,"created_ms":..,"modified_ms":..,"status_log":false,
 *  "on_success":null,"on_failure":{"kind":"function","to":"functiongraph/p/r/default/n","extra":"{..}"}}
 *
 * It is a value inside the function's record, so what decoding lets pass and encoding would not have
 * written is noticed there (field_check_same).
 */
#include "fn/async.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/field.h"

const char *const fn_target_names[FN_TARGETS] = {
        [FN_TARGET_NONE] = "none",
        [FN_TARGET_FUNCTION] = "function",
        [FN_TARGET_HTTP] = "http",
};

bool fn_target_is_url(struct str url)
{
    struct str rest = str_starts(url, S("https://"))  ? str_from(url, 8)
                      : str_starts(url, S("http://")) ? str_from(url, 7)
                                                      : STR_NONE;
    size_t host = 0, end = 0;

    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] == '\x7f') /* bytes above ASCII are negative: no URL */
            return false;
    for (; end < rest.n && !str_has(S("/?#"), rest.p[end]); end++)
        if (rest.p[end] == '@')
            host = end + 1;
    return host < end && rest.p[host] != ':' && url.n <= FN_TARGET_TO;
}

#define AT(type_, member)                                                                          \
    {                                                                                              \
        .key = #member, .type = FIELD_##type_, .at = offsetof(struct fn_async, member)             \
    }

static const struct field fields[] = {
        AT(U32, max_age_s),   AT(U32, max_retries), AT(I64, created_ms),
        AT(I64, modified_ms), AT(BOOL, status_log),
};

static void destination_copy(struct fn_destination *to, const struct fn_destination *from)
{
    to->kind = from->kind;
    to->to = xstrdup(from->to);
    to->extra = xstrdup(from->extra);
}

struct fn_async *fn_async_copy(const struct fn_async *a)
{
    struct fn_async *to;

    if (!a)
        return NULL;
    to = xnew(struct fn_async);
    *to = *a; /* numbers; the texts are replaced below */
    destination_copy(&to->on_success, &a->on_success);
    destination_copy(&to->on_failure, &a->on_failure);
    return to;
}

struct fn_async *fn_async_free(struct fn_async *a)
{
    if (!a)
        return NULL;
    free(a->on_success.to);
    free(a->on_success.extra);
    free(a->on_failure.to);
    free(a->on_failure.extra);
    free(a);
    return NULL;
}

static void destination_encode(const char *key, const struct fn_destination *d, struct jw *w)
{
    jw_key(w, key);
    if (d->kind == FN_TARGET_NONE) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_kstrz(w, "kind", fn_target_names[d->kind]);
    jw_kstrz(w, "to", d->to);
    jw_key(w, "extra");
    if (d->extra)
        jw_str(w, str_of(d->extra));
    else
        jw_null(w);
    jw_obj_end(w);
}

void fn_async_encode(const struct fn_async *a, struct jw *w)
{
    if (!a) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    fields_write(fields, ARRAY_LEN(fields), a, w);
    destination_encode("on_success", &a->on_success, w);
    destination_encode("on_failure", &a->on_failure, w);
    jw_obj_end(w);
}

static int target_of(struct str name, enum fn_target *ret, struct err *e)
{
    for (int i = FN_TARGET_NONE + 1; i < FN_TARGETS; i++)
        if (str_eq(name, str_of(fn_target_names[i]))) {
            *ret = (enum fn_target)i;
            return 0;
        }
    return err_set(e, ERR_HOST, -EINVAL, "'kind' names no destination");
}

static int destination_decode(const struct cJSON *json, const char *key, struct fn_destination *d,
                              struct err *e)
{
    const struct cJSON *from = json_get(json, key);
    struct str kind = S(""), to = S(""), extra = STR_NONE;
    int r;

    if (!from)
        return 0;
    if (json_str(from, "kind", false, &kind, e) < 0 || json_str(from, "to", false, &to, e) < 0 ||
        json_str(from, "extra", false, &extra, e) < 0)
        return -EINVAL;
    r = target_of(kind, &d->kind, e);
    if (r < 0)
        return r;
    if (to.n == 0 || to.n > FN_TARGET_TO)
        return err_set(e, ERR_HOST, -EINVAL, "'to' has not 1 to %d bytes", FN_TARGET_TO);
    d->to = str_dup(to);
    if (!extra.p)
        return 0;
    d->extra = str_dup(extra);
    return field_check_object("extra", d->extra, e);
}

int fn_async_decode(const struct cJSON *json, struct fn_async **ret, struct err *e)
{
    struct fn_async *a;
    int r;

    if (!json || cJSON_IsNull(json)) {
        *ret = NULL;
        return 0;
    }
    if (!cJSON_IsObject(json))
        return err_set(e, ERR_HOST, -EINVAL, "'async' is not an object");
    a = xnew(struct fn_async);
    r = fields_read(fields, ARRAY_LEN(fields), json, a, e);
    if (r == 0)
        r = destination_decode(json, "on_success", &a->on_success, e);
    if (r == 0)
        r = destination_decode(json, "on_failure", &a->on_failure, e);
    if (r < 0) {
        fn_async_free(a);
        return r;
    }
    *ret = a;
    return 0;
}

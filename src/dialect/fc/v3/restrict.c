/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restrict.c - DisableFunctionInvocation, EnableFunctionInvocation. The restriction is a setting of the
 * function, `invocationRestriction`, and so its versions are not asked: only LATEST has one.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

#define MEMBER "invocationRestriction"

enum { REASON_MAX = 1024 };

void fc3_extra_set(struct fn *draft, const char *member, struct cJSON *value)
{
    struct cJSON *extra = json_parse(str_of(draft->extra), NULL);
    struct buf text;

    if (!extra)
        extra = cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(extra, member);
    if (value)
        (void)cJSON_AddItemToObject(extra, member, value);
    buf_init(&text, 2ul * FC_EXTRA_MAX);
    json_print(extra, &text);
    json_free(extra);
    if (buf_ok(&text))
        fn_set(&draft->extra, buf_str(&text));
    buf_done(&text);
}

bool fc3_may_run(struct call *c, const struct fn *f)
{
    struct fn_key key = fn_key_of(f);
    const struct fn *latest = catalog_find(c->api->catalog, &key);

    /* Each warm call asks: a look at the text, which only we write, in place of a tree. */
    if (!latest || !strstr(latest->extra, "\"" MEMBER "\":{\"disable\":true"))
        return true;
    call_fail(c, 403, "FunctionInvocationDisabled", "the invocation of function '%s' is disabled",
              f->name);
    return false;
}

static void on_written(void *user, int r, const struct fn *f)
{
    struct call *c = user; /* checked by call_...() */

    (void)f;
    if (r < 0)
        fc3_error_write(c, r, "function", "");
    else
        call_reply(c, 200, S("application/json"), S("{\"success\":true}"));
}

static struct cJSON *restriction(bool disable, struct str reason)
{
    struct cJSON *value = cJSON_CreateObject();
    char *text = str_dup(reason), time[CLOCK_TEXT];

    (void)cJSON_AddBoolToObject(value, "disable", disable);
    (void)cJSON_AddStringToObject(value, "reason", text);
    (void)cJSON_AddStringToObject(value, "lastModifiedTime", clock_iso(clock_wall_ms(), time));
    free(text);
    return value;
}

/* False: it has replied. What is named is in the body or, as the SDK sends it, in the query. */
static bool read_reason(struct call *c, struct cJSON **body, struct str *reason)
{
    struct err e = {0};
    bool abort = false;

    *reason = call_query(c, S("reason"));
    if (c->req->body.n > 0) {
        *body = fc_body(c);
        if (!*body)
            return false;
        if (json_str(*body, "reason", true, reason, &e) < 0 ||
            json_bool(*body, "abortOngoingRequest", true, &abort, &e) < 0) {
            fc3_fail_invalid(c, &e);
            return false;
        }
    }
    if (abort) {
        call_fail(c, 400, "InvalidArgument",
                  "abortOngoingRequest is not supported here: what runs comes to its end");
        return false;
    }
    if (reason->n <= REASON_MAX)
        return true;
    call_fail(c, 400, "InvalidArgument", "reason must have at most %d bytes", REASON_MAX);
    return false;
}

void fc3_invocation_disable(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct str reason = STR_NONE;
    struct fn_key key;
    const struct fn *f = fc3_latest(c, &key);
    struct fn *draft;

    if (!f || !read_reason(c, &body, &reason))
        return;
    draft = fn_copy(f);
    fc3_extra_set(draft, MEMBER, restriction(true, reason));
    catalog_update(c->api->catalog, draft, on_written, c); /* -> on_written */
}

void fc3_invocation_enable(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc3_latest(c, &key);
    struct fn *draft;

    if (!f)
        return;
    draft = fn_copy(f);
    fc3_extra_set(draft, MEMBER, NULL);
    catalog_update(c->api->catalog, draft, on_written, c); /* -> on_written */
}

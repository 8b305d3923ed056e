/* SPDX-License-Identifier: Apache-2.0 */
/*
 * house.c - the few paths that belong to no cloud: is it alive, is it ready, which version is it?
 *
 * No signature: a load balancer asks them, and they tell nothing about functions or their owners.
 * /healthz is for whoever would restart a dead process, so it answers 200 as long as this loop
 * turns; /readyz is for whoever sends traffic, and says why it should go elsewhere
 * (observe/health.h).
 */
#include "api/internal.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/obj.h"
#include "observe/health.h"

enum { READY_BYTES = 16 << 10, VERSION_BYTES = 4096 };

static void healthz(struct call *c)
{
    call_reply(c, 200, S("text/plain"), S("ok\n"));
}

static void readyz(struct call *c)
{
    const struct health *h = c->api->health;
    struct health_fault fault;
    struct buf body;
    struct jw w;

    buf_init(&body, READY_BYTES);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kbool(&w, "ready", health_ready(h));
    jw_key(&w, "reasons");
    jw_arr(&w);
    for (size_t i = 0; health_fault(h, i, &fault); i++) {
        jw_obj(&w);
        jw_kstrz(&w, "component", fault.component);
        jw_kstrz(&w, "reason", fault.reason);
        jw_kint(&w, "since_ms", fault.since_ms);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
    call_reply_buf(c, health_ready(h) ? 200 : 503, S("application/json"), &body);
}

static void version(struct call *c)
{
    struct buf body;
    struct jw w;

    buf_init(&body, VERSION_BYTES);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstrz(&w, "name", "evoke");
    jw_kstrz(&w, "version", EVOKE_VERSION);
    if (c->api->commit && *c->api->commit)
        jw_kstrz(&w, "commit", c->api->commit);
    jw_key(&w, "apis");
    api_prefixes(c->req, &w);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

static const char *reason(int status)
{
    return status == 404                    ? "not_found"
           : status == 405                  ? "method_not_allowed"
           : status == 413                  ? "too_large"
           : status >= 400 && status <= 499 ? "bad_request"
                                            : "unavailable";
}

static const char *error(struct http_request *r, const char *request_id, int status,
                         const char *code, const char *message, struct buf *out)
{
    struct jw w;

    (void)r;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "error", code ? code : reason(status));
    jw_kstrz(&w, "message", message);
    jw_kstrz(&w, "request_id", request_id);
    jw_obj_end(&w);
    return "application/json";
}

static const struct api_op ops[] = {
        {.route = {"GET", "/healthz"}, .name = "Health", .handle = healthz},
        {.route = {"GET", "/readyz"}, .name = "Readiness", .handle = readyz},
        {.route = {"GET", "/version"}, .name = "Version", .handle = version},
};

const struct api_set house_set = {
        .name = "house",
        .prefix = "/",
        .any_host = true, /* it tells nothing about anybody: a load balancer may use any name */
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .error = error,
};

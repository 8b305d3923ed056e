/* SPDX-License-Identifier: Apache-2.0 */
/* house.c - the few paths that belong to no cloud: is it alive, is it ready, which version is it?
 * No signature: a load balancer asks them, and they tell nothing. */
#include "api/internal.h"

#include "base/json.h"
#include "base/obj.h"

static void healthz(struct call *c)
{
    call_reply(c, 200, S("text/plain"), S("ok\n"));
}

/* We listen only after the catalog is loaded, so whoever gets an answer gets this one. */
static void readyz(struct call *c)
{
    call_reply(c, 200, S("text/plain"), S("ready\n"));
}

static void version(struct call *c)
{
    call_reply(c, 200, S("application/json"),
               S("{\"name\":\"evoke\",\"version\":\"" EVOKE_VERSION "\"}"));
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
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .error = error,
};

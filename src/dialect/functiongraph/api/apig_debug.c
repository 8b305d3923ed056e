/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_debug.c - call an API from the control plane: DEVELOPER as it is edited, CONSUMER as it is
 * published in a stage. The request goes through every step a caller's would, and the answer shows
 * both as they would have been on the wire.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"
#include "gateway/gateway.h"
#include "gateway/probe.h"

#define DEBUG_MAGIC 0x41504442

enum {
    BODY_MAX = 2 << 20, /* either way */
    PATH_LIMIT = 1024,
    HOST_MAX = 512,
    REPORT_MAX = 3 << 20,
    OUT_MAX = 24 << 20, /* two of them, escaped */
};

struct debug {
    uint32_t magic;
    struct call *c;
    struct cJSON *said; /* owned: the request's body, which the probe borrows from */
    struct gw_probe probe;
    struct buf target; /* while it is gathered */
    uint64_t began_ns;
};

static struct debug *debug_free(struct debug *d)
{
    json_free(d->said);
    gw_probe_done(&d->probe);
    buf_done(&d->target);
    d->magic = 0;
    free(d);
    return NULL;
}

/* ---- the request ---- */

/* {"name":["value",...]}: one after another. False: it has replied. */
static bool each_value(struct debug *d, const char *field,
                       bool (*fn)(struct debug *d, struct str name, struct str value))
{
    const struct cJSON *all = json_get(d->said, field), *list, *v;

    cJSON_ArrayForEach(list, all)
    {
        cJSON_ArrayForEach(v, list)
        {
            if (cJSON_IsString(v) && list->string[0] != '\0' &&
                fn(d, str_of(list->string), str_of(v->valuestring)))
                continue;
            apig_fail_parameter(d->c, field, "it is not names with lists of texts, %d at most",
                                PROBE_HEADERS);
            return false;
        }
    }
    return true;
}

static bool take_header(struct debug *d, struct str name, struct str value)
{
    return gw_probe_header(&d->probe, name, value);
}

static bool take_query(struct debug *d, struct str name, struct str value)
{
    buf_addc(&d->target, str_has(buf_str(&d->target), '?') ? '&' : '?');
    uri_encode(name, "", &d->target);
    buf_addc(&d->target, '=');
    uri_encode(value, "", &d->target);
    return true;
}

static bool set_target(struct debug *d)
{
    struct str path = apig_text(d->said, "path");

    buf_adds(&d->target, path);
    if (path.n > PATH_LIMIT || str_has(path, '?') ||
        !gw_probe_target(&d->probe, buf_str(&d->target))) {
        apig_fail_parameter(d->c, "path", "it is not a path of 1 to %d characters", PATH_LIMIT);
        return false;
    }
    if (!each_value(d, "query", take_query))
        return false;
    if (buf_ok(&d->target) && gw_probe_target(&d->probe, buf_str(&d->target)))
        return true;
    apig_fail_parameter(d->c, "query", "it is too large");
    return false;
}

static bool set_method(struct debug *d)
{
    struct str method = apig_text(d->said, "method");

    if (gw_probe_method(&d->probe, method))
        return true;
    apig_fail_parameter(d->c, "method", "'%.*s' is no method", STR_ARG(method));
    return false;
}

static bool set_host(struct debug *d, const struct resource *api)
{
    struct str domain = apig_text(d->said, "domain");
    cleanup_with(buf_done) struct buf own;

    buf_init(&own, HOST_MAX);
    buf_addf(&own, "%s.%s", api->parent, gateway_domain(d->c->api->gateway));
    if (gw_probe_host(&d->probe, domain.n > 0 ? domain : buf_str(&own)))
        return true;
    apig_fail_parameter(d->c, "domain", "it is no domain");
    return false;
}

/* False: it has replied. */
static bool read_request(struct debug *d, const struct resource *api, bool consumer)
{
    struct http_request *r = &d->probe.request;
    struct str stage = apig_text(d->said, "stage");

    r->body = apig_text(d->said, "body");
    if (r->body.n > BODY_MAX) {
        apig_fail_parameter(d->c, "body", "it is larger than %d bytes", BODY_MAX);
        return false;
    }
    if (!set_method(d) || !set_target(d) || !set_host(d, api) ||
        !each_value(d, "header", take_header))
        return false;
    if (consumer && stage.n > 0 && !gw_probe_header(&d->probe, S("X-Stage"), stage)) {
        apig_fail_parameter(d->c, "header", "there are more than %d", PROBE_HEADERS);
        return false;
    }
    return true;
}

/* ---- the answer ---- */

static void print_request(const struct debug *d, struct buf *out)
{
    const struct http_request *r = &d->probe.request;

    buf_addf(out, "%.*s %.*s HTTP/1.1\r\n", STR_ARG(r->method), STR_ARG(r->target));
    for (uint32_t i = 0; i < r->nheaders; i++)
        buf_addf(out, "%.*s: %.*s\r\n", STR_ARG(r->headers[i].name), STR_ARG(r->headers[i].value));
    buf_addz(out, "\r\n");
    buf_adds(out, r->body);
}

static void print_answer(int status, struct str type, struct shape_list headers,
                         const struct buf *body, struct buf *out)
{
    size_t n = body->n < BODY_MAX ? body->n : BODY_MAX;

    buf_addf(out, "HTTP/1.1 %d\r\n", status);
    if (type.n > 0)
        buf_addf(out, "Content-Type: %.*s\r\n", STR_ARG(type));
    for (size_t i = 0; i < headers.n; i++)
        buf_addf(out, "%.*s: %.*s\r\n", STR_ARG(headers.at[i].name), STR_ARG(headers.at[i].value));
    buf_addz(out, "\r\n");
    buf_add(out, body->p, n);
    if (n < body->n)
        buf_addz(out, "[TRUNCATED]");
}

static void on_reply(void *user, int status, struct str type, struct shape_list headers,
                     struct buf *body)
{
    struct debug *d = OBJ(user, struct debug, DEBUG_MAGIC);
    struct call *c = d->c;
    uint64_t took_ms = (clock_mono_ns() - d->began_ns) / 1000000;
    struct buf out, part;
    struct jw w;

    buf_init(&out, OUT_MAX);
    buf_init(&part, REPORT_MAX);
    jw_init(&w, &out);
    jw_obj(&w);
    print_request(d, &part);
    jw_kstr(&w, "request", buf_str(&part));
    buf_reset(&part);
    print_answer(status, type, headers, body, &part);
    jw_kstr(&w, "response", buf_str(&part));
    jw_kint(&w, "latency", (int64_t)took_ms);
    jw_kstrz(&w, "log", "");
    jw_obj_end(&w);
    buf_done(&part);
    buf_done(body);
    debug_free(d);
    if (buf_ok(&out)) {
        call_reply_buf(c, 200, S("application/json"), &out);
        return;
    }
    buf_done(&out);
    apig_fail(c, APIG_SYSTEM, "the answer is too large");
}

static const struct gw_sink sink = {.reply = on_reply};

/* True: *ret says which of the two. */
static bool mode_of(struct call *c, const struct cJSON *body, bool *ret)
{
    struct str mode = apig_text(body, "mode");

    *ret = str_eq(mode, S("CONSUMER"));
    if (*ret || str_eq(mode, S("DEVELOPER")))
        return true;
    apig_fail_parameter(c, "mode", "it is neither DEVELOPER nor CONSUMER");
    return false;
}

void apig_debug_api(struct call *c)
{
    const struct resource *api;
    struct cJSON *body;
    struct debug *d;
    bool consumer;

    if (!apig_enter(c) || !(api = apig_find(c, &apig_apis, apig_path(c, 0))) ||
        !(body = apig_body(c)))
        return;
    d = xnew(struct debug);
    d->magic = DEBUG_MAGIC;
    d->c = c;
    d->said = body;
    d->began_ns = clock_mono_ns();
    gw_probe_init(&d->probe);
    buf_init(&d->target, PROBE_TARGET);
    if (!mode_of(c, body, &consumer) || !read_request(d, api, consumer)) {
        debug_free(d);
        return;
    }
    if (consumer)
        gateway_call(c->api->gateway, &d->probe.request, &sink, d); /* -> on_reply */
    else
        gateway_debug(c->api->gateway, str_of(api->id), &d->probe.request, &sink, d);
}

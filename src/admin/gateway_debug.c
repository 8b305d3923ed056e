/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_debug.c - call an API as its callers would: as it is edited, or as a stage has it. Every
 * step is gone through, authentication too, so what a caller must bring the request must say.
 *
 * The answer is told, not passed on: 200 says that there was one. Its body is text, or base64 where it
 * is none, so that nothing a function says is ever a page of ours.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "admin/gateway.h"
#include "admin/handlers.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "gateway/gateway.h"
#include "gateway/plane/kinds.h"
#include "gateway/plane/objects.h"
#include "gateway/probe.h"

enum { DEBUG_MAGIC = 0x47444247, BODY_MAX = 32 << 20, ANSWER_MAX = 64 << 20, HOST_MAX = 512 };

struct debug {
    uint32_t magic;
    struct call *c;
    struct cJSON *said; /* owned: the probe borrows from it */
    struct gw_probe probe;
    struct buf body;   /* where it came as base64 */
    struct buf target; /* with the stage in front, where a cloud has it there */
    struct buf told;   /* members of the answer that came before the rest */
    uint64_t began_ns;
};

static struct debug *debug_free(struct debug *d)
{
    json_free(d->said);
    gw_probe_done(&d->probe);
    buf_done(&d->body);
    buf_done(&d->target);
    buf_done(&d->told);
    d->magic = 0;
    free(d);
    return NULL;
}

/* ---- the request ---- */

static int take_headers(struct debug *d, struct err *e)
{
    const struct cJSON *list = json_get(d->said, "headers"), *one;

    if (list && !cJSON_IsArray(list))
        return err_set(e, ERR_CALLER, -EINVAL, "headers must be a list");
    cJSON_ArrayForEach(one, list)
    {
        struct str name = STR_NONE, value = STR_NONE;

        if (json_str(one, "name", false, &name, NULL) < 0 ||
            json_str(one, "value", false, &value, NULL) < 0 ||
            !gw_probe_header(&d->probe, name, value.p ? value : S("")))
            return err_set(e, ERR_CALLER, -EINVAL,
                           "headers must have 'name' and 'value' as HTTP allows them, and be at "
                           "most %d",
                           PROBE_HEADERS - 2);
    }
    return 0;
}

/* The stage is said where this cloud's callers say it. */
static int take_stage(struct debug *d, const struct resource *api, struct str stage,
                      struct str target, struct err *e)
{
    bool fits = true;

    if (stage.n > 0 && api->dialect == DIALECT_SCF)
        buf_addf(&d->target, "/%.*s", STR_ARG(stage));
    else if (stage.n > 0)
        fits = gw_probe_header(&d->probe,
                               api->dialect == DIALECT_FC ? S("X-Ca-Stage") : S("X-Stage"), stage);
    buf_adds(&d->target, target);
    if (!buf_ok(&d->target) || !gw_probe_target(&d->probe, buf_str(&d->target)))
        return err_set(e, ERR_CALLER, -EINVAL, "target must be an encoded path with '/' in front");
    if (!fits)
        return err_set(e, ERR_CALLER, -EINVAL, "stage is no name");
    return 0;
}

static int take_body(struct debug *d, struct err *e)
{
    struct str text = S(""), base64 = STR_NONE;
    int r = json_str(d->said, "body", false, &text, e);

    if (r >= 0)
        r = json_str(d->said, "body_base64", false, &base64, e);
    if (r < 0)
        return r;
    if (base64.p && base64_decode(base64, &d->body) < 0)
        return err_set(e, ERR_CALLER, -EINVAL, "body_base64 is no base64");
    d->probe.request.body = base64.p ? buf_str(&d->body) : text;
    return 0;
}

static int read_request(struct debug *d, const struct resource *api, struct str *ret_stage,
                        struct err *e)
{
    static const char *const known[] = {"method", "target", "headers",
                                        "body",   "stage",  "body_base64"};
    const struct cJSON *stranger =
            cJSON_IsObject(d->said) ? json_stranger(d->said, known, ARRAY_LEN(known)) : NULL;
    struct str method = S("GET"), target = S("/"), stage = S("");
    cleanup_with(buf_done) struct buf host;
    int r;

    buf_init(&host, HOST_MAX);
    buf_addf(&host, "%s.%s", api->parent, gateway_domain(d->c->api->gateway));
    if (!cJSON_IsObject(d->said))
        return err_set(e, ERR_CALLER, -EINVAL, "the body must be an object");
    if (stranger)
        return err_set(e, ERR_CALLER, -EINVAL, "unknown key '%.64s'", stranger->string);
    if ((r = json_str(d->said, "method", false, &method, e)) < 0 ||
        (r = json_str(d->said, "target", false, &target, e)) < 0 ||
        (r = json_str(d->said, "stage", false, &stage, e)) < 0)
        return r;
    if (!gw_probe_method(&d->probe, method))
        return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is no method",
                       (int)(method.n < 16 ? method.n : 16), method.p);
    (void)gw_probe_host(&d->probe, buf_str(&host));
    *ret_stage = stage;
    r = take_stage(d, api, stage, target, e);
    if (r >= 0)
        r = take_headers(d, e);
    return r < 0 ? r : take_body(d, e);
}

/* ---- the answer ---- */

static void add_ms(struct jw *w, const char *key, uint64_t ns)
{
    jw_key(w, key);
    jw_fix(w, (ns + 500) / 1000, 3);
}

static void on_told(void *user, const struct gw_told *t)
{
    struct debug *d = OBJ(user, struct debug, DEBUG_MAGIC);
    struct jw w;

    jw_init(&w, &d->told);
    jw_obj(&w);
    jw_kstrz(&w, "request_id", t->request_id);
    jw_kstrz(&w, "fault", t->fault);
    add_ms(&w, "ms", clock_mono_ns() - d->began_ns);
    add_ms(&w, "backend_ms", t->backend_ns);
    add_ms(&w, "authorizer_ms", t->authorizer_ns);
    jw_kbool(&w, "authorizer_cached", t->authorizer_cached);
    jw_obj_end(&w);
}

static void add_header(struct jw *w, struct str name, struct str value)
{
    jw_obj(w);
    jw_kstr(w, "name", name);
    jw_kstr(w, "value", value);
    jw_obj_end(w);
}

static void add_body(struct jw *w, struct str body)
{
    cleanup_with(buf_done) struct buf base64;

    buf_init(&base64, 2ul * ANSWER_MAX);
    if (str_utf8(body) && !str_has(body, '\0')) {
        jw_kstr(w, "body", body);
        return;
    }
    base64_encode(body, &base64);
    jw_kstr(w, "body_base64", buf_str(&base64));
}

static void on_reply(void *user, int status, struct str type, struct shape_list headers,
                     struct buf *body)
{
    struct debug *d = OBJ(user, struct debug, DEBUG_MAGIC);
    struct call *c = d->c;
    struct buf out;
    struct jw w;

    buf_init(&out, 2ul * ANSWER_MAX);
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kint(&w, "status", status);
    jw_key(&w, "headers");
    jw_arr(&w);
    if (type.n > 0)
        add_header(&w, S("Content-Type"), type);
    for (size_t i = 0; i < headers.n; i++)
        add_header(&w, headers.at[i].name, headers.at[i].value);
    jw_arr_end(&w);
    add_body(&w, buf_str(body));
    jw_key(&w, "call");
    jw_raw(&w, d->told.n > 0 ? buf_str(&d->told) : S("{}"));
    jw_obj_end(&w);
    buf_done(body);
    debug_free(d);
    if (buf_ok(&out)) {
        call_reply_buf(c, 200, S("application/json"), &out);
        return;
    }
    buf_done(&out);
    call_fail(c, 413, NULL, "the answer is larger than %d MiB", ANSWER_MAX >> 20);
}

static const struct gw_sink sink = {.told = on_told, .reply = on_reply};

void admin_gateway_debug(struct call *c)
{
    const struct resource *api;
    struct str stage = STR_NONE;
    struct err e = {0};
    struct debug *d;

    c->captures[1] = c->captures[0]; /* the path names the id only */
    api = gate_object(c, gw_kind_of(S("api")));
    if (!api)
        return;
    d = xnew(struct debug);
    d->magic = DEBUG_MAGIC;
    d->c = c;
    d->began_ns = clock_mono_ns();
    gw_probe_init(&d->probe);
    buf_init(&d->body, BODY_MAX);
    buf_init(&d->target, PROBE_TARGET);
    buf_init(&d->told, 1024);
    d->said = call_json(c, &e);
    if (!d->said || read_request(d, api, &stage, &e) < 0) {
        call_fail(c, 400, NULL, "%s", e.msg);
        debug_free(d);
        return;
    }
    if (stage.n > 0)
        gateway_call(c->api->gateway, &d->probe.request, &sink, d); /* -> on_reply */
    else
        gateway_debug(c->api->gateway, str_of(api->id), &d->probe.request, &sink, d);
}

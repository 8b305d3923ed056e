/* SPDX-License-Identifier: Apache-2.0 */
/* shape.c - which dialects are built in, one line each, and what their documents share. */
#include "dialect/shape.h"

#include <stddef.h>
#include <stdio.h>

#include "base/json.h"

#include "dialect/fc/fc.h"
#include "dialect/functiongraph/functiongraph.h"
#include "dialect/scf/scf.h"
#include "fn/fn.h"
#include "launcher/proto.h"

static const struct shape_ops *const shapes[DIALECTS] = {
        [DIALECT_FUNCTIONGRAPH] = &functiongraph_shape,
        [DIALECT_FC] = &fc_shape,
        [DIALECT_SCF] = &scf_shape,
};

const struct shape_ops *shape_of(enum dialect dialect)
{
    if ((unsigned int)dialect >= DIALECTS)
        return NULL;
    return shapes[dialect];
}

static void put_handler(struct jw *w, const char *key, const char *handler)
{
    jw_key(w, key);
    if (handler)
        jw_str(w, str_of(handler));
    else
        jw_null(w);
}

static bool starts_with(const char *runtime, const char *family)
{
    struct str head = {runtime, strlen(family)};

    return strlen(runtime) >= head.n && str_ieq(head, str_of(family));
}

void shape_search(struct jw *w, const struct fn *f, const char *python, const char *node)
{
    const char *directory = starts_with(f->runtime, "python") ? python
                            : starts_with(f->runtime, "node") ? node
                                                              : NULL;

    if (f->nlayers == 0 || !directory)
        return;
    jw_key(w, "search");
    jw_arr(w);
    jw_str(w, str_of(directory));
    jw_arr_end(w);
}

static void put_keys(struct jw *w, const struct shape_keys *keys)
{
    if (!keys)
        return;
    jw_key(w, "credentials");
    jw_obj(w);
    jw_kstrz(w, "access_key", keys->access_key);
    jw_kstrz(w, "secret_key", keys->secret_key);
    jw_kstrz(w, "security_token", keys->security_token);
    jw_obj_end(w);
}

void shape_assign_head(struct jw *w, const struct fn *f, const char *instance_id,
                       const char *code_root, const char *cwd, const struct shape_keys *keys)
{
    jw_kstrz(w, "dialect", dialect_names[f->dialect]);
    jw_kstrz(w, "instance_id", instance_id);
    jw_kstrz(w, "runtime", f->runtime);
    jw_kstrz(w, "code_root", code_root);
    jw_kstrz(w, "cwd", cwd);
    jw_kstrz(w, "handler", f->handler);
    put_handler(w, "initializer", f->initializer);
    put_handler(w, "pre_stop", f->pre_stop);
    put_handler(w, "pre_freeze", f->pre_freeze);
    jw_kint(w, "concurrency", f->instance_concurrency);
    put_keys(w, keys);
}

/* A hook has a time of its own. */
static uint32_t timeout_of(const struct run *run)
{
    if (!run->hook)
        return run->fn->timeout_ms;
    return str_eq(str_of(run->hook), S("pre_stop")) ? run->fn->pre_stop_timeout_ms
                                                    : run->fn->pre_freeze_timeout_ms;
}

/* Where the function finds the cloud's API: a listener on its own loopback (sandbox/net.h). */
void shape_endpoint(struct jw *w, const struct fn *f)
{
    char url[64];

    if (f->network == FN_NETWORK_NONE || fn_var(f, "EVOKE_ENDPOINT"))
        return;
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", ENDPOINT_PORT);
    jw_kstrz(w, "EVOKE_ENDPOINT", url);
}

static void put_pairs(struct jw *w, const char *key, struct shape_list list)
{
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; i < list.n; i++) {
        jw_arr(w);
        jw_str(w, list.at[i].name);
        jw_str(w, list.at[i].value);
        jw_arr_end(w);
    }
    jw_arr_end(w);
}

/* The request that an HTTP handler answers; its body comes as DATA. */
static void put_http(struct jw *w, const struct shape_http *h)
{
    jw_key(w, "http");
    jw_obj(w);
    jw_kstr(w, "method", h->method);
    jw_kstr(w, "path", h->path);
    jw_kstr(w, "uri", h->target);
    jw_kstr(w, "client_ip", h->source_ip);
    put_pairs(w, "headers", h->headers);
    put_pairs(w, "queries", h->query);
    jw_obj_end(w);
}

void shape_open(const struct run *run, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "request_id", run->request_id);
    jw_kint(&w, "timeout_ms", timeout_of(run));
    if (run->hook)
        jw_kstrz(&w, "hook", run->hook);
    if (run->traceparent)
        jw_kstrz(&w, "traceparent", run->traceparent);
    if (run->tracestate)
        jw_kstrz(&w, "tracestate", run->tracestate);
    put_keys(&w, run->keys);
    if (run->http)
        put_http(&w, run->http);
    jw_obj_end(&w);
}

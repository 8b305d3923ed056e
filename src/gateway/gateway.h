/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway.h - requests from the world to functions: which API, may it, with what, and back. It is
 * one more application of the HTTP server, beside the APIs; the public listener serves nothing else.
 */
#ifndef EVOKE_GATEWAY_GATEWAY_H
#define EVOKE_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "dialect/shape.h"
#include "http/server.h"

struct catalog;
struct delivery;
struct gateway; /* opaque */
struct invoker;
struct keys;
struct loop;
struct tracer;

struct gateway_conf {
    const char *domain;     /* groups are at "<id>.<domain>". default "apigw.localhost" */
    const char *region;     /* what IAM-signed requests name. default "local-1" */
    const char *access_log; /* a file; "-": standard error; "": none. default "" */
};

struct gateway_env { /* all borrowed */
    struct loop *loop;
    struct catalog *catalog;
    struct invoker *invoker;
    struct delivery *delivery;
    struct keys *keys;
    struct tracer *tracer; /* NULL: nobody traces */
};

/* Takes the catalog's watch of resources and joins that of triggers (compile.c). */
struct gateway *gateway_new(const struct gateway_env *env, const struct gateway_conf *conf);
/* Behind the HTTP servers that serve it. Open calls end: 503, where somebody waits for a sink. */
struct gateway *gateway_free(struct gateway *g);

/* Is this request the gateway's by its host: a group's, or a custom domain? */
bool gateway_named(const struct gateway *g, const struct http_request *r);
/* By its path: "/apigw/<group>/", "/2016-08-15/proxy/"? */
bool gateway_has_path(struct str path);
/* Is this the name (lower case, no port) of a custom domain, or one under the gateway's own domain,
 * whether there is such a group or not? */
bool gateway_knows_host(const struct gateway *g, struct str host);
/* Groups are at "<id>.<this>". */
const char *gateway_domain(const struct gateway *g);
/* Is the route of a trigger ("t/<id>") or of a release ("r/<id>") in force? 0: it is. -EEXIST: of two
 * that want the same group, stage, method and path it came second; whose the route is goes to out:
 * "trigger web of functiongraph/..." or "API pay of group shop". -ENOENT: it has none: it is disabled,
 * or what it names is not there; or it is FC's. */
int gateway_rival(const struct gateway *g, struct str key, struct buf *out);
/* user of a request: the gateway. What is neither named nor has such a path is answered 404 in
 * FunctionGraph's words. */
extern const struct http_ops gateway_http_ops;
/* The same for those that came from the world: what its owner keeps from there is refused. */
extern const struct http_ops gateway_public_ops;
/* ... and for those of functions, from their endpoint: an authorizer whose caller has gone ends. */
extern const struct http_ops gateway_inside_ops;

/* What the access log has of a call as well. Borrowed. */
struct gw_told {
    const char *request_id;
    const char *fault; /* what the gateway itself said no to; "": nothing */
    uint64_t backend_ns, authorizer_ns;
    bool authorizer_cached;
};

/* Where an answer goes that did not come over HTTP (a control plane's debug call, tests). */
struct gw_sink {
    void (*told)(void *user, const struct gw_told *t); /* right before reply; NULL: who asks? */
    /* Exactly once, with start..end instead for a streamed one; user is the caller's. */
    void (*reply)(void *user, int status, struct str type, struct shape_list headers,
                  struct buf *body /* taken */);
    /* length -1: unknown. more: bytes are copied; false: enough for now, `room` comes. NULL: such
     * an answer is collected and replied. */
    void (*start)(void *user, int status, struct str type, struct shape_list headers,
                  int64_t length);
    bool (*more)(void *user, struct str bytes);
    void (*end)(void *user, bool whole);
};
/* r is borrowed until the sink has its answer, which tells how long things took. The sink may be told
 * before this returns. */
void gateway_call(struct gateway *g, const struct http_request *r, const struct gw_sink *sink,
                  void *user);
/* The same for one API as it is edited, published or not; r's host does not matter. */
void gateway_debug(struct gateway *g, struct str api_id, const struct http_request *r,
                   const struct gw_sink *sink, void *user);

struct gateway_stats {
    uint64_t calls, answers[6]; /* [2]: 200 to 299 */
    uint64_t faults[32];        /* by enum gw_fault */
    uint64_t authorizer_calls, authorizer_cached, open, apis;
    uint64_t log_dropped; /* lines of the access log */
};
void gateway_stats(const struct gateway *g, struct gateway_stats *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - the gateway itself, for the files of this room. What a file keeps beyond one call has
 * a struct of its own, made and freed in gateway.c. */
#ifndef EVOKE_GATEWAY_INTERNAL_H
#define EVOKE_GATEWAY_INTERNAL_H

#include "base/list.h"
#include "gateway/call.h"
#include "gateway/gateway.h"

struct access_log;
struct compiler;
struct fetcher;
struct gw_guard;

enum { GATEWAY_MAGIC = 0x47415445 };

struct gateway {
    uint32_t magic;
    struct gateway_env env;
    char *domain, *region;     /* owned */
    struct gw_table *table;    /* owned */
    struct compiler *compiler; /* compile.c */
    struct fc_routes *fc;      /* fc.h */
    struct access_log *access; /* access.c; NULL: none */
    struct gw_guard *guard;    /* guard.h */
    struct fetcher *fetcher;   /* fetch.h; NULL: no memory for it */
    struct list calls;         /* open ones */
    struct list spare;         /* calls that have ended, ready to be used again */
    uint32_t nspare;
    struct gateway_stats stats;
};

/* ---- call.c ---- */

struct gw_call *gw_call_new(struct gateway *g, const struct http_request *r,
                            const struct gw_sink *sink, void *user);
/* Go through the steps; head_only: those that need no body, and no further. False: it has ended, or
 * will without us. */
bool gw_call_head(struct gw_call *c);
void gw_call_body(struct gw_call *c);
/* The client has gone, or the gateway goes (last): the step that waits lets go. */
void gw_call_gone(struct gw_call *c, bool last);
void gw_spares_free(struct gateway *g);
/* What every answer carries (request id; by path: Content-Security-Policy), and these. */
struct shape_list gw_with_common(struct gw_call *c, struct shape_list headers);

/* Lower case and without port, in room; empty: not a name that could be ours. */
enum { GW_HOST = 256 };
struct str gw_host_of(struct str host, char room[GW_HOST]);

#endif

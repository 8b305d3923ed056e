/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp.h - runs as OpenTelemetry spans, sent to a collector: OTLP/HTTP, JSON encoding.
 * https://opentelemetry.io/docs/specs/otlp/
 *
 * otlp_watch goes to invoker_watch(). A thread of its own sends; the loop only puts what ended into a
 * ring, without a lock or a system call. docs/tracing.md
 */
#ifndef EVOKE_OBSERVE_TRACE_OTLP_H
#define EVOKE_OBSERVE_TRACE_OTLP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "observe/run.h"

struct err;
struct otlp; /* opaque */
struct span_run;

struct otlp_conf {
    const char *endpoint; /* http:// or https://, without /v1/traces */
    const char *headers;  /* "name=value,name=value", percent-encoded values; or NULL */
    const char *service;  /* service.name */
    uint32_t flush_ms;    /* how long the end may take */
};

enum {
    OTLP_RING = 4096, /* runs that wait to be sent; what comes then is dropped, and counted */
    OTLP_BATCH = 512, /* runs in one request */
    OTLP_EVERY_MS = 1000,
    OTLP_TRIES = 6, /* of one batch */
    OTLP_BODY = 16 << 20,
};

/* -EINVAL with a sentence: the endpoint is no URL, a header is none. */
int otlp_check(const char *endpoint, const char *headers, struct err *e);
int otlp_new(const struct otlp_conf *conf, struct otlp **ret, struct err *e);
/* Sends what waits, at most flush_ms; then gives up on it. */
struct otlp *otlp_free(struct otlp *o);

extern const struct run_watch otlp_watch; /* user: the struct otlp */

struct otlp_stats {
    uint64_t sent, dropped, failed; /* runs: taken by the collector, never sent; failed requests */
};
void otlp_stats(struct otlp *o, struct otlp_stats *ret);

/* ---- otlp_span.c: a run as spans ---- */

/* A copy of what is told of a run, owned. */
struct span_run *span_run_new(const struct run_facts *f);
struct span_run *span_run_free(struct span_run *r);
/* The whole request. */
void otlp_body(struct span_run *const *runs, uint32_t n, const char *service, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - what functions and platform did, in figures: for GET /metrics, `evoke top`, `evoke why`
 * and the history of minutes. Counting a run costs no system call and, once its function is known, no
 * allocation. For the loop's thread.
 */
#ifndef EVOKE_OBSERVE_METRICS_METRICS_H
#define EVOKE_OBSERVE_METRICS_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "fn/key.h"
#include "fn/outcome.h"
#include "observe/metrics/platform.h"
#include "observe/metrics/span.h"

struct history;
struct loop;
struct metrics; /* opaque */
struct run_watch;

struct metrics_conf {
    uint32_t functions; /* with figures of their own; the others are summed. default 1000 */
    uint32_t render_ms; /* between two renderings at least; scrapes between share. default 1000 */
    uint32_t tick_ms;   /* the loop's own lag is measured so often. default 5000 */
};
void metrics_conf_default(struct metrics_conf *conf);

/* What a function takes now. */
struct metrics_use {
    uint32_t instances, busy, waiting;
    uint64_t memory_bytes;
};

/* Asynchronous events of one function and source, by where they are. */
struct metrics_events {
    struct str function, source, trigger; /* trigger: its name; source: its id, "invoked" */
    uint64_t accepted, passed;
    uint64_t waiting, running, done, dead, expired, cancelled, purged;
};

/* What is asked of others; all of it may be NULL. */
struct metrics_source {
    /* Before a rendering, for figures that take a while: done(arg) once, now or in a later turn. */
    void (*gather)(void *user, void (*done)(void *arg), void *arg);
    void (*events)(void *user, void (*each)(void *to, const struct metrics_events *row), void *to);
    bool (*alive)(void *user, const struct fn_key *key); /* it was not deleted */
    void (*use)(void *user, struct str path, struct metrics_use *ret);
    void (*platform)(void *user, struct platform *ret);
};

struct metrics *metrics_new(struct loop *l, const struct metrics_conf *conf,
                            const struct metrics_source *source, void *user);
struct metrics *metrics_free(struct metrics *m); /* not while a scrape is under way */
/* Minutes are handed over here; borrowed; NULL: nobody. */
void metrics_keep_history(struct metrics *m, struct history *h);

extern const struct run_watch metrics_watch; /* user: the metrics */

/* Stands for every function beyond metrics_conf.functions. */
#define METRICS_OTHER "_other"

/* ---- GET /metrics ---- */

/* The text, in this turn or a later one, rendered on a worker thread at most once in render_ms:
 * whoever asks in between gets the same. body is valid during the call. */
void metrics_scrape(struct metrics *m, void (*done)(void *user, struct str body), void *user);
uint64_t metrics_renders(const struct metrics *m);
/* The content type of it: the text format of Prometheus. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
/* docs/metrics.md, from the table. */
void metrics_document(struct buf *out);

/* ---- the last minute, and the last failures ---- */

enum { METRICS_RECENT_S = 60, METRICS_FAILURES = 16 };

/* Each function that did something in the last window_s (1 to METRICS_RECENT_S) seconds, in steps of
 * five; ret_covered_ms: how long that is. id: as in the history. */
void metrics_recent(struct metrics *m, uint32_t window_s, uint64_t *ret_covered_ms,
                    void (*each)(void *user, struct str path, const struct span *s), void *user);

/* The same for the minute that is not over; ret_minute: Unix time / 60. */
void metrics_open_minute(struct metrics *m, int64_t *ret_minute,
                         void (*each)(void *user, struct str path, const struct span *s),
                         void *user);

/* Every function that has figures of its own, and METRICS_OTHER. */
void metrics_each(const struct metrics *m, void (*each)(void *user, struct str path), void *user);

struct metrics_failure {
    int64_t wall_ms;
    const char *request_id, *message; /* valid until the next turn */
    enum outcome outcome;
    bool refused; /* never ran */
    bool limited; /* by a limit */
};
struct metrics_past { /* of one function since it was first run under this daemon */
    uint64_t runs, errors, timeouts, throttled;
    int64_t last_ok_ms, last_ms; /* Unix time; 0: never */
    uint64_t memory_peak_bytes;
    uint32_t nfailures;
    struct metrics_failure failures[METRICS_FAILURES]; /* newest first */
};
/* All zero for a function that never ran, or has no figures of its own. */
void metrics_past(const struct metrics *m, struct str path, struct metrics_past *ret);

#endif

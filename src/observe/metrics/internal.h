/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - the metrics from inside, for metrics.c, scrape.c, table.c and text.c. */
#ifndef EVOKE_OBSERVE_METRICS_INTERNAL_H
#define EVOKE_OBSERVE_METRICS_INTERNAL_H

#include "base/list.h"
#include "observe/metrics/metrics.h"
#include "observe/run.h"

enum {
    METRICS_MAGIC = 0x4d455452,
    HIST_BOUNDS = 16, /* at most */
    CELLS = 13,       /* METRICS_RECENT_S and the one that is open */
    CELL_S = 5,
    SERIES_MAX = 32, /* of a function: version and trigger */
};

enum hist_kind { HIST_INVOKE, HIST_INIT, HIST_MEMORY, HIST_CPU, HIST_NET, HISTS };

/* A histogram: its bounds, and how its base unit is made of the one it counts in. */
struct hist_shape {
    uint32_t n;
    uint64_t bounds[HIST_BOUNDS]; /* ns or bytes, inclusive */
};
extern const struct hist_shape hist_shapes[HISTS];

struct hist {
    uint64_t n[HIST_BOUNDS + 1]; /* not summed up; the last: above all bounds */
    uint64_t sum, count;
};

/* Of one function, version and trigger: what the nine metrics of OpenTelemetry need. */
struct series {
    struct list node;
    char version[32];
    enum run_trigger trigger;
    uint64_t ok, errors, timeouts, cold, throttled, billed_ms;
    struct hist hists[HISTS];
};

struct cell {
    uint64_t slot; /* CLOCK_MONOTONIC / CELL_S */
    struct span span;
};

/* While it is in use; gone a minute later. */
struct recent {
    struct cell cells[CELLS];
    struct span minute; /* not yet handed over */
};

struct note { /* owned texts */
    int64_t wall_ms;
    char *request_id, *message;
    enum outcome outcome;
    bool refused, limited;
};

struct notes {
    uint32_t n, next;
    struct note notes[METRICS_FAILURES];
};

struct metered {       /* a function */
    struct str path;   /* owned */
    struct fn_key key; /* owned texts; name NULL: METRICS_OTHER */
    struct {
        const struct fn *fn;
        uint64_t revision;
    } alias; /* the record it was last seen as: not a reference, an address to compare */
    struct list series;
    uint32_t nseries;
    struct recent *recent; /* owned; NULL: not in use */
    struct notes *notes;   /* owned; NULL: it never failed */
    uint64_t last_slot;
    uint64_t runs, errors, timeouts, throttled, memory_peak_bytes;
    int64_t last_ok_ms, last_ms;
};

struct render;

struct metrics {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    struct metrics_conf conf;
    const struct metrics_source *source; /* borrowed */
    void *source_user;
    struct history *history; /* borrowed; or NULL */
    struct map *functions;   /* struct metered by path */
    struct map *aliases;     /* the same, by metered.alias */
    struct metered *other;   /* owned; NULL until there are too many */
    struct loop_timer *tick;
    uint64_t tick_due_ns, lag_ns, lag_max_ns,
            lag_before_ns; /* max: of this minute, the one before */
    int64_t minute;        /* Unix time / 60 of what is counted now */

    /* scrape.c */
    struct buf body; /* the last rendering */
    uint64_t rendered_ns, renders;
    struct render *render; /* under way */
    struct list waiting;
};

/* Every function and METRICS_OTHER, one after the other: *cursor 0 at first; NULL at the end. */
struct metered *metered_next(const struct metrics *m, size_t *cursor);

/* ---- text.c ---- */

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* A copy of all that is told, so that a worker thread can write it down. */
struct snapshot_function {
    struct str path;
    struct metrics_use use;
    bool used;                   /* use is known */
    const struct series *series; /* nseries of them, links void */
    uint32_t nseries;
};
struct snapshot { /* a few pieces of memory, however many functions: the loop waits for the copy */
    struct platform platform;
    struct snapshot_function *functions; /* owned */
    struct series *series;               /* owned */
    char *paths;                         /* owned */
    size_t n;
    struct metrics_events *events; /* owned; their texts are in event_texts */
    size_t nevents;
    struct buf event_texts;
    uint64_t renders;
};
void metrics_write(const struct snapshot *s, struct buf *out);
void metrics_put_label(struct buf *out, struct str value); /* escaped */

/* ---- scrape.c ---- */

void scrape_done(struct metrics *m); /* the end of it all */

#endif

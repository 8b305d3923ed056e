/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - what every function did in every minute of the last 30 days.
 *
 * One file per day (UTC) in a directory of its own, appended to once a minute on a worker thread; what
 * was written survives the end of the daemon however it comes, so kill -9 costs the open minute. Only
 * functions that did something, or had an instance, take place: some 50 bytes each. The oldest days go
 * when they are over the age or the bytes. history_file.h has the format.
 */
#ifndef EVOKE_OBSERVE_METRICS_HISTORY_H
#define EVOKE_OBSERVE_METRICS_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "observe/metrics/span.h"

struct err;
struct history; /* opaque */
struct loop;

struct history_conf {
    uint32_t days;      /* default 30 */
    uint64_t max_bytes; /* in all. default 256 MiB */
};
void history_conf_default(struct history_conf *conf);

/* dir is made if need be. What is damaged in its files, or torn at their end, is left out. */
int history_open(struct loop *l, const char *dir, const struct history_conf *conf,
                 struct history **ret, struct err *e);
/* Waits for what is being written and read. */
struct history *history_free(struct history *h);

/* The figures of a minute, function by function, then its end: it is written. Minutes are Unix time
 * / 60. */
void history_add(struct history *h, struct str path, const struct span *s);
void history_close_minute(struct history *h, int64_t minute);

struct history_point {
    int64_t minute; /* Unix time / 60, where the step begins */
    uint64_t runs, errors, timeouts, throttled, cold, sum_ns, max_ns, p50_ns, p99_ns;
    uint64_t min_ns; /* of the sketch: off by 7 % at most; 0: nothing ran */
    uint64_t instances, memory_bytes;
};
/* The minute that is not over, which only its keeper knows. */
struct history_open {
    int64_t minute;
    const struct span *span; /* copied */
};
/* What to tell; copied. From minute `from` to before `to`, in steps of so many minutes. */
struct history_ask {
    struct str path;     /* empty: the sum of all functions, or */
    const uint64_t *ids; /* of these (history_id()), if there is a list, be it empty */
    size_t nids;
    int64_t from, to;
    uint32_t step;
    struct history_open open; /* its span NULL: nothing is open */
};
/*
 * One point for each step in which something happened, oldest first. Reads on a worker thread; done
 * comes from the loop, with points that are valid during the call. -EINVAL: an empty range; -E2BIG:
 * more than HISTORY_POINTS steps.
 */
enum { HISTORY_POINTS = 31 * 24 * 60 };
typedef void history_fn(void *user, const struct history_point *points, size_t n);
int history_query(struct history *h, const struct history_ask *ask, history_fn *done, void *user);

/* What a function is called in the history. */
uint64_t history_id(struct str path);
/* Closed minutes of the last hour, from memory: each function's, minute by minute. */
void history_recent(const struct history *h, int64_t from, int64_t to,
                    void (*each)(void *user, uint64_t id, const struct span *s), void *user);

struct history_stats {
    uint64_t bytes;      /* on disk */
    uint64_t lost_bytes; /* damaged, left out */
    uint64_t errors;     /* minutes that could not be written */
};
void history_stats(const struct history *h, struct history_stats *ret);

#endif

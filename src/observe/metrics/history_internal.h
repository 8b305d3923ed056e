/* SPDX-License-Identifier: Apache-2.0 */
/* history_internal.h - the history from inside, for history.c and history_query.c. */
#ifndef EVOKE_OBSERVE_METRICS_HISTORY_INTERNAL_H
#define EVOKE_OBSERVE_METRICS_HISTORY_INTERNAL_H

#include "base/buf.h"
#include "base/list.h"
#include "observe/metrics/history.h"

enum { HISTORY_DAY_MINUTES = 24 * 60 };

struct history_minute {
    struct list node;
    int64_t minute;
    struct buf bytes;
};

struct history_write {            /* one frame on its way to its file */
    struct history_minute *frame; /* owned */
    int dir;                      /* borrowed */
    int64_t oldest_day;           /* what is older goes */
    uint64_t max_bytes;
    uint64_t day_bytes, bytes; /* afterwards: of the day's file, of all */
    int r;
};

struct history {
    uint32_t magic;    /* history.c */
    struct loop *loop; /* borrowed */
    struct history_conf conf;
    int dir; /* owned */
    struct buf rows;
    uint32_t nrows;
    struct span sum;
    struct list pending, recent; /* history_minute.node; of pending the first is being written */
    uint32_t npending, nrecent;
    struct history_write write;
    bool writing, settled; /* settled: no worker is at it */
    int64_t day[2]; /* files written to under this daemon: the last one, and the one before */
    uint64_t day_bytes[2];
    uint32_t queries;
    struct history_stats stats;
};

/* history.c: a question came, or was answered. */
void history_settle(struct history *h);

struct history_day_file {
    int64_t day;
    uint64_t bytes;
};
/* history.c: oldest first; the array is the caller's to free. For workers. */
size_t history_days(int dir, struct history_day_file **ret);

#endif

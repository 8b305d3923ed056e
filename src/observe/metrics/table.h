/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - one metric: what it is called, where its figure stands and in which unit it is counted. */
#ifndef EVOKE_OBSERVE_METRICS_TABLE_H
#define EVOKE_OBSERVE_METRICS_TABLE_H

#include <stddef.h>

#include "observe/metrics/internal.h"

enum unit { ONE, NS, US, MS, BYTES }; /* what is counted in; seconds are told */

enum whose {
    PLATFORM, /* of struct platform */
    REPLIES,  /* of struct platform, by api and class of status */
    FAULTS,   /* of struct platform, by name of the fault */
    WORKERS,  /* of struct platform_worker, by its name */
    SERIES,   /* of struct series: function, version, trigger */
    FUNCTION, /* of struct metrics_use: function */
    EVENTS,   /* of struct metrics_events: function, source, trigger */
    SNAPSHOT, /* of struct snapshot */
    BUILD,    /* what this program is */
};

struct metric {
    const char *name;
    enum metric_type type;
    enum unit unit;
    enum whose whose;
    size_t offset;
    enum hist_kind hist;       /* METRIC_HISTOGRAM */
    const char *label, *value; /* PLATFORM: told apart by it; NULL: the only sample */
    const char *help;          /* of the family's first row */
};

extern const struct metric metrics_table[];
extern const size_t metrics_rows;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* rig.h - a stand-in for delivery and its queue, with faults, and a clock in the test's hands. */
#ifndef EVOKE_TESTS_SOURCE_RIG_H
#define EVOKE_TESTS_SOURCE_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/delivery.h"

enum { RIG_EVENTS = 4096, RIG_CURSORS = 2048, RIG_TEXT = 96 };

enum rig_fault {
    RIG_NONE,
    RIG_REFUSED,      /* answer, not applied */
    RIG_LOST_REQUEST, /* -EINPROGRESS, was not applied */
    RIG_LOST_ANSWER,  /* -EINPROGRESS, was applied */
    RIG_NEVER,        /* delivery_put() itself refuses with `answer` */
};

struct rig_event {
    char id[RIG_TEXT], dedup[RIG_TEXT], payload[RIG_TEXT], qualifier[RIG_TEXT];
};

/* What survives a restart of the daemon is here; the test keeps it. */
struct delivery {
    struct queue queue; /* cursors only */
    struct loop *loop;
    struct rig_event events[RIG_EVENTS];
    size_t n;
    struct {
        char name[RIG_TEXT], value[RIG_TEXT];
    } cursors[RIG_CURSORS];
    size_t ncursors;
    enum rig_fault fault;
    int answer;
    unsigned times;        /* how many puts the fault hits */
    unsigned cursor_times; /* how many reads of a cursor are -EAGAIN */
    unsigned puts, under_way;
    bool held; /* nothing is completed until this is false again */
};

void rig_init(struct delivery *d, struct loop *l);
const char *rig_cursor(const struct delivery *d, const char *name); /* or "" */

extern int64_t rig_now_ms; /* what clock_store_ms() shows */

#endif

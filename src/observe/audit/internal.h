/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the trail's files share; for no other room. */
#ifndef EVOKE_OBSERVE_AUDIT_INTERNAL_H
#define EVOKE_OBSERVE_AUDIT_INTERNAL_H

#include "base/list.h"
#include "observe/audit/audit.h"
#include "observe/audit/file.h"

struct loop_timer;

struct audit {
    uint32_t magic;
    struct loop *loop;
    struct health *health; /* borrowed */
    struct audit_conf conf;
    int dir; /* owned */

    struct audit_segment *segments; /* owned, AUDIT_SEGMENTS of them */
    uint32_t nsegments;
    uint64_t bytes;   /* of all segments */
    uint64_t durable; /* the last sequence number on disk; 0: none */

    /* what waits for the next batch */
    uint64_t next; /* sequence number */
    struct buf pending;
    uint64_t pending_first;
    int64_t pending_first_ms;
    uint32_t pending_n;
    struct list writers; /* struct waiter: told when pending is on disk */

    struct audit_batch *batch;  /* owned; under way on a worker thread */
    struct audit_writer writer; /* the batch's while there is one */
    struct loop_timer *retry;
    bool failing;
    bool telling; /* on_turn() will be called */
    bool shut, closing, quiet;

    struct list asked; /* struct question: parked until something is written, or time is over */
    uint32_t nasked, nreading; /* parked or being read; being read */

    uint64_t records, failures, lost;
    /* A stranger who knocks without end must not push out what others did. */
    uint64_t strangers_until_ns; /* when all AUDIT_STRANGERS are allowed again */
    uint64_t strangers_untold;
    uint64_t lost_untold; /* a record tells of them as soon as one can be written */
};

/* query.c: the trail grew, or is about to close. */
void audit_wake(struct audit *a);
void audit_stop_asking(struct audit *a);
/* audit.c: has everything ended that audit_close() waits for? */
void audit_settle(struct audit *a);

#endif

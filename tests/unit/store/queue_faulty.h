/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_faulty.h - a queue store behind a bad line: calls are late, come twice, are lost before or
 * after they were applied, find the store busy, or find their lease gone. With which of these, and
 * how often, is the test's affair; which call it hits comes from a seed.
 *
 * The order of calls is kept, as queue.h promises: what is late holds up what was asked after it.
 */
#ifndef EVOKE_TESTS_QUEUE_FAULTY_H
#define EVOKE_TESTS_QUEUE_FAULTY_H

#include <stdint.h>

struct loop;
struct queue;

enum queue_fault {
    FAULT_LATE,        /* a few ms */
    FAULT_TWICE,       /* applied twice; the second answer comes */
    FAULT_NOT_APPLIED, /* -EINPROGRESS, and it did not happen */
    FAULT_APPLIED,     /* -EINPROGRESS, and it did */
    FAULT_BUSY,        /* -EAGAIN */
    FAULT_NO_LEASE,    /* somebody else won the lease just before */
    QUEUE_FAULTS,
};

/* percent: how often each fault hits. inner: taken, closed with it. Reads are only ever late. */
struct queue *queue_faulty_new(struct loop *l, struct queue *inner,
                               const uint32_t percent[QUEUE_FAULTS], unsigned seed);
/* How often each has hit. */
const uint64_t *queue_faulty_hits(const struct queue *q);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* kv_faulty.h - a store in front of a store that answers late, not at all, or keeps its answer to
 * itself. */
#ifndef EVOKE_TESTS_KV_FAULTY_H
#define EVOKE_TESTS_KV_FAULTY_H

#include "store/kv.h"

enum fault {
    FAULT_NONE,
    FAULT_AGAIN,        /* -EAGAIN, not applied */
    FAULT_LOST_REQUEST, /* -EINPROGRESS, was not applied */
    FAULT_LOST_ANSWER,  /* -EINPROGRESS, was applied */
    FAULT_IO,           /* -EIO */
};

struct kv_faulty {
    struct kv kv;
    struct kv *real;   /* borrowed */
    struct loop *loop; /* borrowed */
    enum fault txn_fault, read_fault;
    unsigned txn_times, read_times; /* how many calls the fault hits */
    unsigned txn_after;             /* so many go well before it does */
    unsigned delay_turns;           /* of the loop, for every txn */
    unsigned txns;                  /* calls so far */
};

void kv_faulty_init(struct kv_faulty *f, struct loop *l, struct kv *real);

#endif

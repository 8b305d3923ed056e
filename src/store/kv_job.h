/* SPDX-License-Identifier: Apache-2.0 */
/* kv_job.h - what the backends of kv.h share: a request's own copy with its result, and the way
 * back to the caller's loop. Not for other rooms. */
#ifndef EVOKE_STORE_KV_JOB_H
#define EVOKE_STORE_KV_JOB_H

#include "base/list.h"
#include "store/kv.h"

enum kv_job_kind { KV_JOB_GET, KV_JOB_LIST, KV_JOB_TXN };

struct kv_job {
    struct list node;
    enum kv_job_kind kind;
    void *user;
    union {
        kv_get_fn *get;
        kv_list_fn *list;
        kv_txn_fn *txn;
    } fn;

    struct str key;   /* get: the key; list: the prefix */
    struct str after; /* list */
    uint32_t limit;
    struct kv_txn request; /* of a txn; everything it points to is part of this job */

    int r;
    uint64_t rev;
    struct kv_item *items; /* owned, each with bytes of its own behind key.p */
    uint32_t nitems;
    bool more;
};

/* Copies of what the caller handed in. A job that breaks a limit of kv.h is born with r = -E2BIG,
 * carries no copy, and goes straight to its completion. */
struct kv_job *kv_job_get(struct str key, kv_get_fn *fn, void *user);
struct kv_job *kv_job_list(struct str prefix, struct str after, uint32_t limit, kv_list_fn *fn,
                           void *user);
struct kv_job *kv_job_txn(const struct kv_txn *txn, kv_txn_fn *fn, void *user);
struct kv_job *kv_job_free(struct kv_job *job);

void kv_job_add(struct kv_job *job, struct str key, struct str value, uint64_t rev); /* copies */
void kv_job_fail(struct kv_job *job, int r); /* drops what was added */
void kv_job_complete(struct kv_job *job);    /* calls the completion, then frees the job */
/* The first key a listing may return, as [key, more bytes): see kv_list(). Into at least KV_KEY + 1
 * bytes. */
struct str kv_job_first(const struct kv_job *job, char *room);

struct kv_outbox; /* opaque: finished jobs on their way to the loop */

struct kv_outbox *kv_outbox_new(struct loop *l);
/* Any thread. Takes every job of the list; one message to the loop for all that wait together. */
void kv_outbox_push(struct kv_outbox *box, struct list *jobs);
/* Loop thread. Completes what is still there, in order, before it returns; NULL is fine. */
struct kv_outbox *kv_outbox_free(struct kv_outbox *box);

#endif

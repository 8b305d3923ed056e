/* SPDX-License-Identifier: Apache-2.0 */
/* kv_job.h - what the backends of kv.h share: a request's own copy with its result. Not for other
 * rooms. */
#ifndef EVOKE_STORE_KV_JOB_H
#define EVOKE_STORE_KV_JOB_H

#include "store/desk.h"
#include "store/kv.h"

struct kv_past;

enum kv_job_kind { KV_JOB_GET, KV_JOB_LIST, KV_JOB_TXN, KV_JOB_BACKUP };

struct kv_job {
    struct work work; /* its r is the result */
    enum kv_job_kind kind;
    void *user;
    union {
        kv_get_fn *get;
        kv_list_fn *list;
        kv_txn_fn *txn;
        kv_backup_fn *backup;
    } fn;
    uint64_t born_ns;

    struct str key;        /* get; of a backup the path */
    struct kv_range range; /* list */
    struct kv_txn request; /* txn. Everything these point to is part of this job */

    uint64_t rev;          /* list: of the store; txn: its own, 0 when it changed nothing */
    struct kv_past *past;  /* owned: what the txn touched; NULL when it changed nothing */
    struct kv_item *items; /* owned, each with bytes of its own behind key.p */
    uint32_t nitems;
    bool more;
};

/* Copies of what the caller handed in. A job that breaks a limit of kv.h is born with r = -E2BIG,
 * carries no copy, and goes straight to its completion. */
struct kv_job *kv_job_get(struct str key, uint64_t deadline_ns, kv_get_fn *fn, void *user);
struct kv_job *kv_job_list(const struct kv_range *range, kv_list_fn *fn, void *user);
struct kv_job *kv_job_txn(const struct kv_txn *txn, kv_txn_fn *fn, void *user);
struct kv_job *kv_job_backup(struct str path, kv_backup_fn *fn, void *user);
struct kv_job *kv_job_free(struct kv_job *job);

void kv_job_add(struct kv_job *job, struct str key, struct str value, uint64_t rev); /* copies */
void kv_job_fail(struct kv_job *job, int r); /* drops what was added */
void kv_job_complete(struct kv_job *job);    /* calls the completion, then frees the job */
/* The first key a listing may return, as [key, more bytes): see kv_list(). Into at least KV_KEY + 1
 * bytes. */
struct str kv_job_first(const struct kv_job *job, char *room);

/*
 * The compares of a txn are decided: set r, and return the operations to apply. If there is
 * something to commit (also a txn of no operations that held), it takes the next number of *rev;
 * if not, job->rev is 0.
 */
const struct kv_op *kv_job_decide(struct kv_job *job, bool held, uint64_t *rev, uint32_t *ret_n);

#endif

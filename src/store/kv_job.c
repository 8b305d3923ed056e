/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv_job.c - a request to a store, from the call to its completion.
 *
 * A job owns a copy of everything the caller passed, because the caller's views end with the call
 * and the work happens later, often on another thread. It is in exactly one list at a time: a
 * backend's queue, then the outbox.
 *
 * The outbox is the way home. The worker pushes what it finished and posts one message to the loop;
 * further pushes ride on that message until it arrives. The outbox lives until its owner has freed
 * it *and* the last message has arrived, so a store can be closed at any moment, also by a
 * completion, and no message ever finds freed memory.
 */
#include "store/kv_job.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "loop/loop.h"

static struct kv_job *job_new(enum kv_job_kind kind, void *user)
{
    struct kv_job *job = xnew(struct kv_job);

    list_init(&job->node);
    job->kind = kind;
    job->user = user;
    return job;
}

struct kv_job *kv_job_get(struct str key, kv_get_fn *fn, void *user)
{
    struct kv_job *job = job_new(KV_JOB_GET, user);

    job->fn.get = fn;
    if (key.n > KV_KEY)
        job->r = -E2BIG;
    else
        job->key = (struct str){str_dup(key), key.n};
    return job;
}

struct kv_job *kv_job_list(struct str prefix, struct str after, uint32_t limit, kv_list_fn *fn,
                           void *user)
{
    struct kv_job *job = job_new(KV_JOB_LIST, user);

    assert(limit >= 1 && limit <= KV_LIST);
    job->fn.list = fn;
    job->limit = limit;
    if (prefix.n > KV_KEY || after.n > KV_KEY) {
        job->r = -E2BIG;
        return job;
    }
    job->key = (struct str){str_dup(prefix), prefix.n};
    job->after = (struct str){str_dup(after), after.n};
    return job;
}

static bool fits(const struct kv_txn *txn)
{
    if (txn->ncompares > KV_OPS || txn->nops > KV_OPS)
        return false;
    for (uint32_t i = 0; i < txn->ncompares; i++)
        if (txn->compares[i].key.n > KV_KEY)
            return false;
    for (uint32_t i = 0; i < txn->nops; i++)
        if (txn->ops[i].key.n > KV_KEY || (!txn->ops[i].del && txn->ops[i].value.n > KV_VALUE))
            return false;
    return true;
}

struct kv_job *kv_job_txn(const struct kv_txn *txn, kv_txn_fn *fn, void *user)
{
    struct kv_job *job = job_new(KV_JOB_TXN, user);
    struct kv_compare *compares;
    struct kv_op *ops;

    job->fn.txn = fn;
    if (!fits(txn)) {
        job->r = -E2BIG;
        return job;
    }

    compares = xcalloc(txn->ncompares + 1, sizeof(*compares));
    for (uint32_t i = 0; i < txn->ncompares; i++) {
        compares[i] = txn->compares[i];
        compares[i].key.p = str_dup(compares[i].key);
    }
    ops = xcalloc(txn->nops + 1, sizeof(*ops));
    for (uint32_t i = 0; i < txn->nops; i++) {
        ops[i] = txn->ops[i];
        ops[i].key.p = str_dup(ops[i].key);
        ops[i].value = ops[i].del ? STR_NONE : (struct str){str_dup(ops[i].value), ops[i].value.n};
    }
    job->request = (struct kv_txn){compares, txn->ncompares, ops, txn->nops};
    return job;
}

static void drop_items(struct kv_job *job)
{
    for (uint32_t i = 0; i < job->nitems; i++)
        free((char *)job->items[i].key.p);
    free(job->items);
    job->items = NULL;
    job->nitems = 0;
    job->more = false;
}

struct kv_job *kv_job_free(struct kv_job *job)
{
    if (!job)
        return NULL;
    list_remove(&job->node);
    drop_items(job);
    for (uint32_t i = 0; i < job->request.ncompares; i++)
        free((char *)job->request.compares[i].key.p);
    for (uint32_t i = 0; i < job->request.nops; i++) {
        free((char *)job->request.ops[i].key.p);
        free((char *)job->request.ops[i].value.p);
    }
    free((struct kv_compare *)job->request.compares);
    free((struct kv_op *)job->request.ops);
    free((char *)job->key.p);
    free((char *)job->after.p);
    free(job);
    return NULL;
}

void kv_job_add(struct kv_job *job, struct str key, struct str value, uint64_t rev)
{
    char *bytes = xcalloc(1, key.n + value.n + 1);

    if (key.n > 0)
        memcpy(bytes, key.p, key.n);
    if (value.n > 0)
        memcpy(bytes + key.n, value.p, value.n);
    if ((job->nitems & (job->nitems - 1)) == 0) /* 0, 1, 2, 4, ...: full, so double it */
        job->items = xrealloc(job->items, job->nitems > 0 ? 2 * (size_t)job->nitems : 1,
                              sizeof(*job->items));
    job->items[job->nitems++] =
            (struct kv_item){.key = {bytes, key.n}, .value = {bytes + key.n, value.n}, .rev = rev};
}

void kv_job_fail(struct kv_job *job, int r)
{
    drop_items(job);
    job->r = r;
    job->rev = 0;
}

void kv_job_complete(struct kv_job *job)
{
    switch (job->kind) {
    case KV_JOB_GET:
        job->fn.get(job->user, job->r, job->nitems > 0 ? job->items : NULL);
        break;
    case KV_JOB_LIST:
        job->fn.list(job->user, job->r, job->items, job->nitems, job->more);
        break;
    case KV_JOB_TXN:
        job->fn.txn(job->user, job->r, job->rev);
        break;
    }
    kv_job_free(job);
}

struct str kv_job_first(const struct kv_job *job, char *room)
{
    if (job->after.n == 0 || str_cmp(job->after, job->key) < 0)
        return job->key;
    memcpy(room, job->after.p, job->after.n);
    room[job->after.n] = 0; /* nothing sorts between k and k + "\0" */
    return (struct str){room, job->after.n + 1};
}

enum { OUTBOX_MAGIC = 0x6b76626f };

struct kv_outbox {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    pthread_mutex_t lock;
    struct list done; /* under lock: finished, not yet on the loop's side */
    bool posted;      /* under lock: a message that will take `done` is under way */
    uint32_t refs;    /* under lock: the owner, and each message under way */
    struct list here; /* loop thread only: taken over, completions in progress */
};

struct kv_outbox *kv_outbox_new(struct loop *l)
{
    struct kv_outbox *box = xnew(struct kv_outbox);

    box->magic = OUTBOX_MAGIC;
    box->loop = l;
    box->refs = 1;
    list_init(&box->done);
    list_init(&box->here);
    pthread_mutex_init(&box->lock, NULL);
    return box;
}

static void box_unref(struct kv_outbox *box)
{
    bool last;

    pthread_mutex_lock(&box->lock);
    last = --box->refs == 0;
    pthread_mutex_unlock(&box->lock);
    if (!last)
        return;
    assert(list_empty(&box->done) && list_empty(&box->here));
    pthread_mutex_destroy(&box->lock);
    box->magic = 0;
    free(box);
}

static void deliver(struct kv_outbox *box)
{
    struct list *n;

    pthread_mutex_lock(&box->lock);
    while ((n = list_pop_front(&box->done)))
        list_push_back(&box->here, n);
    box->posted = false;
    pthread_mutex_unlock(&box->lock);

    while ((n = list_pop_front(&box->here)))
        kv_job_complete(container_of(n, struct kv_job, node));
}

static void on_post(void *user)
{
    struct kv_outbox *box = OBJ(user, struct kv_outbox, OUTBOX_MAGIC);

    deliver(box);
    box_unref(box);
}

void kv_outbox_push(struct kv_outbox *box, struct list *jobs)
{
    struct list *n;
    bool post = false;

    pthread_mutex_lock(&box->lock);
    while ((n = list_pop_front(jobs)))
        list_push_back(&box->done, n);
    if (!box->posted && !list_empty(&box->done)) {
        post = box->posted = true;
        box->refs++;
    }
    pthread_mutex_unlock(&box->lock);
    if (post)
        loop_post(box->loop, on_post, box);
}

struct kv_outbox *kv_outbox_free(struct kv_outbox *box)
{
    if (!box)
        return NULL;
    deliver(box);
    box_unref(box);
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv_job.c - a request to a store, from the call to its completion.
 *
 * A job owns a copy of everything the caller passed, because the caller's views end with the call
 * and the work happens later, often on another thread. It is in exactly one list at a time: a
 * backend's queue, then the outbox (kv_outbox.c), which is the way home.
 */
#include "store/kv_job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/kv_history.h"

static struct kv_job *job_new(enum kv_job_kind kind, uint64_t deadline_ns, void *user)
{
    struct kv_job *job = xnew(struct kv_job);

    list_init(&job->work.node);
    job->kind = kind;
    job->work.deadline_ns = deadline_ns;
    job->born_ns = clock_mono_ns();
    job->user = user;
    return job;
}

static struct str copy(struct str s)
{
    return (struct str){str_dup(s), s.n};
}

struct kv_job *kv_job_get(struct str key, uint64_t deadline_ns, kv_get_fn *fn, void *user)
{
    struct kv_job *job = job_new(KV_JOB_GET, deadline_ns, user);

    job->fn.get = fn;
    if (key.n > KV_KEY)
        job->work.r = -E2BIG;
    else
        job->key = copy(key);
    return job;
}

struct kv_job *kv_job_backup(struct str path, kv_backup_fn *fn, void *user)
{
    struct kv_job *job = job_new(KV_JOB_BACKUP, 0, user);

    job->fn.backup = fn;
    job->key = copy(path);
    return job;
}

struct kv_job *kv_job_list(const struct kv_range *range, kv_list_fn *fn, void *user)
{
    struct kv_job *job = job_new(KV_JOB_LIST, range->deadline_ns, user);

    assert(range->limit >= 1 && range->limit <= KV_LIST);
    job->fn.list = fn;
    if (range->prefix.n > KV_KEY || range->after.n > KV_KEY) {
        job->work.r = -E2BIG;
        return job;
    }
    job->range = *range;
    job->range.prefix = copy(range->prefix);
    job->range.after = copy(range->after);
    return job;
}

static bool ops_fit(const struct kv_op *ops, uint32_t n)
{
    if (n > KV_OPS)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (ops[i].key.n > KV_KEY || (!ops[i].del && ops[i].value.n > KV_VALUE))
            return false;
    return true;
}

static bool fits(const struct kv_txn *txn)
{
    if (txn->ncompares > KV_OPS)
        return false;
    for (uint32_t i = 0; i < txn->ncompares; i++)
        if (txn->compares[i].key.n > KV_KEY)
            return false;
    return ops_fit(txn->ops, txn->nops) && ops_fit(txn->else_ops, txn->nelse_ops);
}

static const struct kv_op *copy_ops(const struct kv_op *from, uint32_t n)
{
    struct kv_op *ops = n > 0 ? xcalloc(n, sizeof(*ops)) : NULL;

    for (uint32_t i = 0; i < n; i++)
        ops[i] = (struct kv_op){.del = from[i].del,
                                .key = copy(from[i].key),
                                .value = from[i].del ? STR_NONE : copy(from[i].value)};
    return ops;
}

static const struct kv_compare *copy_compares(const struct kv_compare *from, uint32_t n)
{
    struct kv_compare *compares = n > 0 ? xcalloc(n, sizeof(*compares)) : NULL;

    for (uint32_t i = 0; i < n; i++)
        compares[i] = (struct kv_compare){copy(from[i].key), from[i].rev};
    return compares;
}

struct kv_job *kv_job_txn(const struct kv_txn *txn, kv_txn_fn *fn, void *user)
{
    struct kv_job *job = job_new(KV_JOB_TXN, txn->deadline_ns, user);

    job->fn.txn = fn;
    if (!fits(txn)) {
        job->work.r = -E2BIG;
        return job;
    }
    job->request = *txn;
    job->request.compares = copy_compares(txn->compares, txn->ncompares);
    job->request.ops = copy_ops(txn->ops, txn->nops);
    job->request.else_ops = copy_ops(txn->else_ops, txn->nelse_ops);
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

static void free_ops(const struct kv_op *ops, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        free((char *)ops[i].key.p);
        free((char *)ops[i].value.p);
    }
    free((struct kv_op *)ops);
}

struct kv_job *kv_job_free(struct kv_job *job)
{
    const struct kv_txn *t;

    if (!job)
        return NULL;
    list_remove(&job->work.node);
    drop_items(job);
    t = &job->request;
    for (uint32_t i = 0; i < t->ncompares; i++)
        free((char *)t->compares[i].key.p);
    free((struct kv_compare *)t->compares);
    free_ops(t->ops, t->nops);
    free_ops(t->else_ops, t->nelse_ops);
    free((char *)job->key.p);
    free((char *)job->range.prefix.p);
    free((char *)job->range.after.p);
    free(job->past);
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
    free(job->past);
    job->past = NULL;
    job->work.r = r;
    job->rev = 0;
}

void kv_job_complete(struct kv_job *job)
{
    switch (job->kind) {
    case KV_JOB_GET:
        job->fn.get(job->user, job->work.r, job->nitems > 0 ? job->items : NULL);
        break;
    case KV_JOB_LIST:
        job->fn.list(job->user, job->work.r,
                     &(struct kv_page){job->items, job->nitems, job->more, job->rev});
        break;
    case KV_JOB_TXN:
        job->fn.txn(job->user, job->work.r, job->rev);
        break;
    case KV_JOB_BACKUP:
        job->fn.backup(job->user, job->work.r);
        break;
    }
    kv_job_free(job);
}

struct str kv_job_first(const struct kv_job *job, char *room)
{
    const struct kv_range *range = &job->range;

    if (range->after.n == 0 || str_cmp(range->after, range->prefix) < 0)
        return range->prefix;
    memcpy(room, range->after.p, range->after.n);
    room[range->after.n] = 0; /* nothing sorts between k and k + "\0" */
    return (struct str){room, range->after.n + 1};
}

const struct kv_op *kv_job_decide(struct kv_job *job, bool held, uint64_t *rev, uint32_t *ret_n)
{
    const struct kv_txn *t = &job->request;
    const struct kv_op *ops = held ? t->ops : t->else_ops;
    uint32_t n = held ? t->nops : t->nelse_ops;

    kv_job_fail(job, held ? 0 : -ESTALE); /* forgets an earlier try */
    if (held || n > 0) {
        job->rev = ++*rev;
        job->past = kv_past_new(ops, n);
    }
    *ret_n = n;
    return ops;
}

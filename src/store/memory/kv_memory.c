/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv_memory.c - the store without a disk: for tests, and the second opinion of the contract suite.
 *
 * One sorted array. A request is carried out when it is made and its result waits in the outbox,
 * so results are in order and nobody is called back from inside a call. Nothing ever waits for its
 * turn, so only a deadline that has passed before the call is too early. Nothing here is fast for
 * many keys, and nothing needs to be.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/obj.h"
#include "store/kv_job.h"
#include "store/kv_outbox.h"

enum { MEMORY_MAGIC = 0x6b766d65 };

struct memory {
    struct kv kv; /* first: see kv.h */
    uint32_t magic;
    struct kv_outbox *outbox;
    struct kv_item *items; /* owned, by key; key and value owned */
    size_t n;
    uint64_t rev;
    bool closing;
};

static struct memory *of(struct kv *kv)
{
    return OBJ((void *)kv, struct memory, MEMORY_MAGIC);
}

/* Index of the first item whose key is not before `key`. */
static size_t place(const struct memory *m, struct str key)
{
    size_t lo = 0, hi = m->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (str_cmp(m->items[mid].key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct kv_item *find(const struct memory *m, struct str key)
{
    size_t i = place(m, key);

    return i < m->n && str_eq(m->items[i].key, key) ? &m->items[i] : NULL;
}

static void put(struct memory *m, struct str key, struct str value)
{
    size_t i = place(m, key);

    if (i < m->n && str_eq(m->items[i].key, key)) {
        free((char *)m->items[i].value.p);
    } else {
        m->items = xrealloc(m->items, m->n + 1, sizeof(*m->items));
        memmove(m->items + i + 1, m->items + i, (m->n - i) * sizeof(*m->items));
        m->items[i].key = (struct str){str_dup(key), key.n};
        m->n++;
    }
    m->items[i].value = (struct str){str_dup(value), value.n};
    m->items[i].rev = m->rev;
}

static void del(struct memory *m, struct str key)
{
    struct kv_item *it = find(m, key);
    size_t i;

    if (!it)
        return;
    free((char *)it->key.p);
    free((char *)it->value.p);
    i = (size_t)(it - m->items);
    memmove(it, it + 1, (m->n - i - 1) * sizeof(*it));
    m->n--;
}

static void run_get(struct memory *m, struct kv_job *job)
{
    const struct kv_item *it = find(m, job->key);

    if (it)
        kv_job_add(job, it->key, it->value, it->rev);
}

static void run_list(struct memory *m, struct kv_job *job)
{
    char room[KV_KEY + 1];

    job->rev = m->rev;
    for (size_t i = place(m, kv_job_first(job, room)); i < m->n; i++) {
        const struct kv_item *it = &m->items[i];

        if (!str_starts(it->key, job->range.prefix))
            return;
        if (job->nitems == job->range.limit) {
            job->more = true;
            return;
        }
        kv_job_add(job, it->key, it->value, it->rev);
    }
}

static bool holds(const struct memory *m, const struct kv_txn *t)
{
    for (uint32_t i = 0; i < t->ncompares; i++) {
        const struct kv_item *it = find(m, t->compares[i].key);

        if ((it ? it->rev : 0) != t->compares[i].rev)
            return false;
    }
    return true;
}

static void run_txn(struct memory *m, struct kv_job *job)
{
    uint32_t n;
    const struct kv_op *ops = kv_job_decide(job, holds(m, &job->request), &m->rev, &n);

    for (uint32_t i = 0; i < n; i++) {
        if (ops[i].del)
            del(m, ops[i].key);
        else
            put(m, ops[i].key, ops[i].value);
    }
}

static void submit(struct memory *m, struct kv_job *job)
{
    struct list one;

    if (m->closing)
        job->work.r = -EIO;
    else if (job->work.r == 0 && work_late(&job->work, clock_mono_ns()))
        job->work.r = -EAGAIN;
    if (job->work.r == 0) {
        switch (job->kind) {
        case KV_JOB_GET:
            run_get(m, job);
            break;
        case KV_JOB_LIST:
            run_list(m, job);
            break;
        case KV_JOB_TXN:
            run_txn(m, job);
            break;
        case KV_JOB_BACKUP:
            job->work.r = -ENOTSUP;
            break;
        }
    }
    list_init(&one);
    list_push_back(&one, &job->work.node);
    kv_outbox_push(m->outbox, &one);
}

static void memory_get(struct kv *kv, struct str key, uint64_t deadline_ns, kv_get_fn *fn,
                       void *user)
{
    submit(of(kv), kv_job_get(key, deadline_ns, fn, user));
}

static void memory_list(struct kv *kv, const struct kv_range *range, kv_list_fn *fn, void *user)
{
    submit(of(kv), kv_job_list(range, fn, user));
}

static void memory_txn(struct kv *kv, const struct kv_txn *txn, kv_txn_fn *fn, void *user)
{
    submit(of(kv), kv_job_txn(txn, fn, user));
}

static struct kv_watch *memory_watch(struct kv *kv, struct str prefix, uint64_t from_rev,
                                     kv_watch_fn *fn, void *user)
{
    return kv_outbox_watch(of(kv)->outbox, prefix, from_rev, fn, user);
}

static void memory_backup(struct kv *kv, struct str path, kv_backup_fn *fn, void *user)
{
    submit(of(kv), kv_job_backup(path, fn, user));
}

static void memory_close(struct kv *kv)
{
    struct memory *m = of(kv);

    m->closing = true;
    m->outbox = kv_outbox_free(m->outbox);
    for (size_t i = 0; i < m->n; i++) {
        free((char *)m->items[i].key.p);
        free((char *)m->items[i].value.p);
    }
    free(m->items);
    m->magic = 0;
    free(m);
}

static const struct kv_ops memory_ops = {
        .get = memory_get,
        .list = memory_list,
        .txn = memory_txn,
        .watch = memory_watch,
        .close = memory_close,
        .backup = memory_backup,
};

struct kv *kv_memory_new(struct loop *l)
{
    struct memory *m = xnew(struct memory);
    struct kv_history history;

    kv_history_init(&history, 0);
    m->kv.ops = &memory_ops;
    m->magic = MEMORY_MAGIC;
    m->outbox = kv_outbox_new(l, &history, &m->kv.stats);
    return &m->kv;
}

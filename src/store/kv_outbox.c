/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv_outbox.c - the way home: completions, and changes for who watches.
 *
 * The worker pushes what it finished and posts one message to the loop; further pushes ride on that
 * message until it arrives. The outbox lives until its owner has freed it *and* the last message
 * has arrived, so a store can be closed at any moment, also by a completion, and no message ever
 * finds freed memory.
 *
 * The history of changes lives on the loop's side and grows here, job by job. As jobs arrive in the
 * order in which they were carried out, it knows at each listing exactly what that listing saw:
 * "has the prefix changed since?" is answered without asking the disk.
 *
 * A watch is a place in that history. It is `behind` while there is something it has not seen;
 * each message moves the watches a bounded number of steps and then yields to the loop.
 *
 *   kv_watch() --> BEHIND --step--> seen all: WATCHES --a txn arrives--> BEHIND
 *                    |
 *                    +--> past forgotten, store closed: last call, in no list any more
 *
 * What always holds:
 *   (1) history ends with the revision of the last txn that was delivered.
 *   (2) a watch is back in a list before its fn is called, and not looked at after: fn may free it.
 *   (3) nothing is dropped from history while a fn may hold views into it.
 */
#include "store/kv_outbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "store/kv_job.h"

enum { OUTBOX_MAGIC = 0x6b76626f, WATCH_MAGIC = 0x6b767761 };

/* Per message: how many watches are moved, and how far one of them looks for its next txn. */
enum { STEPS = 256, LOOKS = 256 };

struct kv_outbox {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    pthread_mutex_t lock;
    struct list done; /* under lock: finished, not yet on the loop's side */
    bool posted;      /* under lock: a message that will take `done` is under way */
    uint32_t refs;    /* under lock: the owner, and each message under way */

    /* The loop thread's. */
    struct list here; /* taken over, completions in progress */
    struct kv_history history;
    struct kv_stats *stats; /* borrowed; NULL once the store is gone, which late refusals outlive */
    struct list watches, behind;
    bool closed;
};

struct kv_watch {
    uint32_t magic;
    struct list node;  /* alone after the last call */
    struct str prefix; /* owned */
    uint64_t next;     /* the first revision not seen */
    int end;           /* what the last call will say; 0 while open */
    kv_watch_fn *fn;
    void *user;
};

struct kv_outbox *kv_outbox_new(struct loop *l, struct kv_history *history, struct kv_stats *stats)
{
    struct kv_outbox *box = xnew(struct kv_outbox);

    box->magic = OUTBOX_MAGIC;
    box->loop = l;
    box->stats = stats;
    box->refs = 1;
    box->history = *history;
    *history = (struct kv_history){0};
    list_init(&box->done);
    list_init(&box->here);
    list_init(&box->watches);
    list_init(&box->behind);
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
    assert(list_empty(&box->watches) && list_empty(&box->behind));
    kv_history_done(&box->history);
    pthread_mutex_destroy(&box->lock);
    box->magic = 0;
    free(box);
}

static void take_over(struct list *to, struct list *from)
{
    struct list *n;

    while ((n = list_pop_front(from)))
        list_push_back(to, n);
}

/* What a job means for those who look back; before its completion is called. */
static void settle(struct kv_outbox *box, struct kv_job *job)
{
    struct kv_history *h = &box->history;

    if (job->past) {
        kv_history_add(h, TAKE_PTR(job->past));
        assert(kv_history_rev(h) == job->rev);
        take_over(&box->behind, &box->watches);
    } else if (job->kind == KV_JOB_LIST && job->work.r == 0) {
        assert(kv_history_rev(h) == job->rev);
        if (job->range.at_rev > 0 && kv_history_touched(h, job->range.prefix, job->range.at_rev))
            kv_job_fail(job, -ESTALE);
    }
}

static void count(struct kv_stats *stats, const struct kv_job *job)
{
    stats->reads += job->kind != KV_JOB_TXN;
    stats->writes += job->kind == KV_JOB_TXN;
    stats->errors += job->work.r < 0 && job->work.r != -ESTALE;
    stats->ns += clock_mono_ns() - job->born_ns;
}

static void deliver(struct kv_outbox *box)
{
    struct list *n;

    pthread_mutex_lock(&box->lock);
    take_over(&box->here, &box->done);
    box->posted = false;
    pthread_mutex_unlock(&box->lock);

    while ((n = list_pop_front(&box->here))) {
        struct kv_job *job = container_of(n, struct kv_job, work.node);

        settle(box, job);
        if (box->stats)
            count(box->stats, job);
        kv_job_complete(job);
    }
}

/* On to the next txn it wants to know of, or the last call. w was taken out of its list. */
static void step(struct kv_outbox *box, struct kv_watch *w)
{
    const struct kv_history *h = &box->history;
    struct kv_change changes[KV_OPS];
    uint32_t n = 0;

    assert(w->magic == WATCH_MAGIC);
    if (w->end == 0 && w->next < h->first)
        w->end = -ESTALE;
    if (w->end < 0) {
        w->fn(w->user, w->end, 0, NULL, 0);
        return;
    }

    for (int i = 0; i < LOOKS && n == 0 && w->next <= kv_history_rev(h); i++)
        n = kv_past_keys(kv_history_at(h, w->next++), w->prefix, changes);
    list_push_back(w->next > kv_history_rev(h) ? &box->watches : &box->behind, &w->node);
    if (n > 0)
        w->fn(w->user, 0, w->next - 1, changes, n);
}

static void on_post(void *user);

static void post(struct kv_outbox *box, struct list *jobs)
{
    bool needed = false;

    pthread_mutex_lock(&box->lock);
    if (jobs)
        take_over(&box->done, jobs);
    if (!box->posted) {
        needed = box->posted = true;
        box->refs++;
    }
    pthread_mutex_unlock(&box->lock);
    if (needed)
        loop_post(box->loop, on_post, box);
}

static void move_watches(struct kv_outbox *box)
{
    struct list *n;

    for (int i = 0; i < STEPS && (n = list_pop_front(&box->behind)); i++)
        step(box, container_of(n, struct kv_watch, node));
    if (!list_empty(&box->behind))
        post(box, NULL);
}

static void on_post(void *user)
{
    struct kv_outbox *box = OBJ(user, struct kv_outbox, OUTBOX_MAGIC);

    deliver(box);
    kv_history_trim(&box->history);
    move_watches(box);
    box_unref(box);
}

void kv_outbox_push(struct kv_outbox *box, struct list *jobs)
{
    if (!list_empty(jobs))
        post(box, jobs);
}

struct kv_watch *kv_outbox_watch(struct kv_outbox *box, struct str prefix, uint64_t from_rev,
                                 kv_watch_fn *fn, void *user)
{
    struct kv_watch *w = xnew(struct kv_watch);

    w->magic = WATCH_MAGIC;
    w->fn = fn;
    w->user = user;
    w->next = from_rev + 1;
    if (box->closed)
        w->end = -EIO;
    else if (prefix.n > KV_KEY)
        w->end = -E2BIG;
    else if (!kv_history_reaches(&box->history, from_rev))
        w->end = -ESTALE;
    else
        w->prefix = (struct str){str_dup(prefix), prefix.n};
    list_init(&w->node);
    list_push_back(&box->behind, &w->node);
    post(box, NULL);
    return w;
}

struct kv_watch *kv_watch_free(struct kv_watch *w)
{
    if (!w)
        return NULL;
    assert(w->magic == WATCH_MAGIC);
    list_remove(&w->node);
    free((char *)w->prefix.p);
    w->magic = 0;
    free(w);
    return NULL;
}

struct kv_outbox *kv_outbox_free(struct kv_outbox *box)
{
    struct list ending, *n;

    if (!box)
        return NULL;
    box->closed = true;
    deliver(box);

    list_init(&ending); /* whoever watches again from his last call is answered by a message */
    take_over(&ending, &box->watches);
    take_over(&ending, &box->behind);
    while ((n = list_pop_front(&ending))) {
        struct kv_watch *w = container_of(n, struct kv_watch, node);

        if (w->end == 0)
            w->end = -EIO;
        step(box, w);
    }
    box->stats = NULL;
    box_unref(box);
    return NULL;
}

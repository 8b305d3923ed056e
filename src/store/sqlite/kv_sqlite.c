/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv_sqlite.c - the store on disk: one thread that owns the file, and a queue in front of it.
 *
 * The loop never waits for the disk. A call copies its request into the queue; the thread takes all
 * that is there, puts every txn into one commit (db.c), answers the reads from the committed state,
 * and hands the whole batch to the outbox, which wakes the loop once. While it is in fsync the next
 * batch gathers, so the busier the store, the larger the groups: no timer, no tuning.
 *
 * A disk may hang for minutes. So deadlines are looked at from both ends: the thread refuses what
 * it takes too late, and an alarm on the loop answers what is late while the thread cannot.
 *
 * A backup is made a piece at a time between the batches, so that nobody waits for all of it.
 *
 * What always holds:
 *   (1) db belongs to the thread from its start until it is joined; nobody else touches it.
 *   (2) a job is in `queue`, in the thread's hands, or in the outbox; never in two of them.
 *   (3) a txn is told as done only after its commit has been synced.
 *   (4) a read sees every txn that was handed in before it.
 *
 * Read next: db.c, then kv_outbox.c for the way back.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "store/kv_job.h"
#include "store/kv_outbox.h"
#include "store/sqlite/db.h"

enum { SQLITE_MAGIC = 0x6b767371 };

struct disk {
    struct kv kv; /* first: see kv.h */
    uint32_t magic;
    struct kv_outbox *outbox;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list queue; /* under lock */
    bool closing;      /* under lock */

    struct loop_timer *alarm; /* the loop's: at the earliest deadline of what waits, or earlier */
    uint64_t alarm_ns;        /* 0: not running */

    struct db db;            /* the thread's, and so are these: */
    struct db_copy *copy;    /* owned; the backup under way */
    struct kv_job *copy_job; /* ... and who asked for it */
};

static struct disk *of(struct kv *kv)
{
    return OBJ((void *)kv, struct disk, SQLITE_MAGIC);
}

/* Wait for work, unless there is some of our own. False when there is none and never will be. */
static bool take_all(struct disk *d, struct list *ret)
{
    struct list *n;

    pthread_mutex_lock(&d->lock);
    while (list_empty(&d->queue) && !d->closing && !d->copy)
        pthread_cond_wait(&d->wake, &d->lock);
    while ((n = list_pop_front(&d->queue)))
        list_push_back(ret, n);
    pthread_mutex_unlock(&d->lock);
    return !list_empty(ret) || d->copy;
}

static void end_backup(struct disk *d, struct kv_job *job, int r)
{
    struct list one;

    job->r = r;
    list_init(&one);
    list_push_back(&one, &job->node);
    kv_outbox_push(d->outbox, &one);
}

static void begin_backup(struct disk *d, struct kv_job *job)
{
    int r = d->copy ? -EAGAIN : db_copy_new(d->db.conn, job->key.p, false, &d->copy);

    if (r < 0)
        end_backup(d, job, r);
    else
        d->copy_job = job;
}

static void go_on_with_backup(struct disk *d)
{
    int r = db_copy_step(d->copy);

    if (r > 0)
        return; /* there is more */
    d->copy = db_copy_free(d->copy);
    end_backup(d, d->copy_job, r);
}

static void run_all(struct disk *d, struct list *jobs)
{
    struct list txns, rest, *n;
    uint64_t now_ns = clock_mono_ns();

    list_init(&txns);
    list_init(&rest);
    while ((n = list_pop_front(jobs))) {
        struct kv_job *job = container_of(n, struct kv_job, node);

        if (job->r == 0 && kv_job_late(job, now_ns))
            job->r = -EAGAIN;
        list_push_back(job->kind == KV_JOB_TXN && job->r == 0 ? &txns : &rest, n);
    }

    db_txns(&d->db, &txns);
    kv_outbox_push(d->outbox, &txns);

    list_each (it, &rest) {
        struct kv_job *job = container_of(it, struct kv_job, node);

        if (job->r == 0 && job->kind == KV_JOB_BACKUP) {
            list_remove(it);
            begin_backup(d, job);
        } else if (job->r == 0) {
            db_read(&d->db, job);
        }
    }
    kv_outbox_push(d->outbox, &rest);
}

static void *thread_main(void *user)
{
    struct disk *d = OBJ(user, struct disk, SQLITE_MAGIC);
    struct list jobs;

    list_init(&jobs);
    while (take_all(d, &jobs)) {
        run_all(d, &jobs);
        if (d->copy)
            go_on_with_backup(d);
    }
    return NULL;
}

static void set_alarm(struct disk *d, uint64_t deadline_ns)
{
    uint64_t now_ns = clock_mono_ns();

    if (deadline_ns == 0 || (d->alarm_ns > 0 && d->alarm_ns <= deadline_ns))
        return;
    d->alarm_ns = deadline_ns;
    loop_timer_start(d->alarm, deadline_ns > now_ns ? (deadline_ns - now_ns) / 1000000 + 1 : 0);
}

/* What is late and still waits is answered now. What was taken meanwhile is the thread's. */
static void on_alarm(void *user)
{
    struct disk *d = OBJ(user, struct disk, SQLITE_MAGIC);
    uint64_t now_ns = clock_mono_ns(), next_ns = 0;
    struct list late;

    list_init(&late);
    pthread_mutex_lock(&d->lock);
    list_each (it, &d->queue) {
        struct kv_job *job = container_of(it, struct kv_job, node);

        if (kv_job_late(job, now_ns)) {
            list_remove(it);
            list_push_back(&late, it);
            job->r = job->r < 0 ? job->r : -EAGAIN;
        } else if (job->deadline_ns > 0 && (next_ns == 0 || job->deadline_ns < next_ns)) {
            next_ns = job->deadline_ns;
        }
    }
    pthread_mutex_unlock(&d->lock);

    kv_outbox_push(d->outbox, &late);
    d->alarm_ns = 0;
    set_alarm(d, next_ns);
}

static void submit(struct disk *d, struct kv_job *job)
{
    uint64_t deadline_ns = job->deadline_ns; /* the thread may be done with it before we look */
    struct list late;
    bool closing;

    list_init(&late);
    pthread_mutex_lock(&d->lock);
    closing = d->closing;
    list_push_back(closing ? &late : &d->queue, &job->node);
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);

    if (closing) { /* from a completion that close() is giving out */
        job->r = -EIO;
        kv_outbox_push(d->outbox, &late);
    } else if (deadline_ns > 0) {
        set_alarm(d, deadline_ns);
    }
}

static void disk_get(struct kv *kv, struct str key, uint64_t deadline_ns, kv_get_fn *fn, void *user)
{
    submit(of(kv), kv_job_get(key, deadline_ns, fn, user));
}

static void disk_list(struct kv *kv, const struct kv_range *range, kv_list_fn *fn, void *user)
{
    submit(of(kv), kv_job_list(range, fn, user));
}

static void disk_txn(struct kv *kv, const struct kv_txn *txn, kv_txn_fn *fn, void *user)
{
    submit(of(kv), kv_job_txn(txn, fn, user));
}

static void disk_backup(struct kv *kv, struct str path, kv_backup_fn *fn, void *user)
{
    submit(of(kv), kv_job_backup(path, fn, user));
}

static struct kv_watch *disk_watch(struct kv *kv, struct str prefix, uint64_t from_rev,
                                   kv_watch_fn *fn, void *user)
{
    return kv_outbox_watch(of(kv)->outbox, prefix, from_rev, fn, user);
}

/* Without thread, alarm and outbox. */
static void release(struct disk *d)
{
    db_close(&d->db);
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    d->magic = 0;
    free(d);
}

static void disk_close(struct kv *kv)
{
    struct disk *d = of(kv);

    pthread_mutex_lock(&d->lock);
    d->closing = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);

    loop_timer_free(d->alarm);
    d->outbox = kv_outbox_free(d->outbox);
    release(d);
}

static const struct kv_ops disk_ops = {
        .get = disk_get,
        .list = disk_list,
        .txn = disk_txn,
        .watch = disk_watch,
        .close = disk_close,
        .backup = disk_backup,
};

/* Signals are the loop's business: the thread is born with all of them blocked. */
static int start_thread(struct disk *d)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&d->thread, NULL, thread_main, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

int kv_sqlite_open(struct loop *l, const char *path, struct kv **ret, struct err *e)
{
    struct disk *d = xnew(struct disk);
    struct kv_history history;
    int r;

    d->kv.ops = &disk_ops;
    d->magic = SQLITE_MAGIC;
    list_init(&d->queue);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->wake, NULL);
    r = db_open(&d->db, path, &history, e);
    if (r < 0) {
        release(d);
        return r;
    }

    d->outbox = kv_outbox_new(l, &history, &d->kv.stats);
    d->alarm = loop_timer_new(l, on_alarm, d);
    r = start_thread(d);
    if (r < 0) {
        loop_timer_free(d->alarm);
        kv_outbox_free(d->outbox);
        release(d);
        return err_set(e, ERR_HOST, r, "store '%s': start its thread: %s", path, strerror(-r));
    }

    *ret = &d->kv;
    return 0;
}

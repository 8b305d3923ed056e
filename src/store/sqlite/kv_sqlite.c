/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv_sqlite.c - the store on disk: a desk (desk.c) whose thread owns the file.
 *
 * The loop never waits for the disk. A call copies its request and leaves it at the desk; the thread
 * takes all that is there, puts every txn into one commit (db.c), answers the reads from the
 * committed state, and hands the whole batch to the outbox, which wakes the loop once. While it is
 * in fsync the next batch gathers, so the busier the store, the larger the groups: no timer, no
 * tuning.
 *
 * A backup is made a piece at a time between the batches, so that nobody waits for all of it.
 *
 * What always holds:
 *   (1) db belongs to the thread from its start until it is joined; nobody else touches it.
 *   (2) a job is at the desk, in the thread's hands, or in the outbox; never in two of them.
 *   (3) a txn is told as done only after its commit has been synced.
 *   (4) a read sees every txn that was handed in before it.
 *
 * Read next: db.c, then kv_outbox.c for the way back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/obj.h"
#include "store/kv_job.h"
#include "store/kv_outbox.h"
#include "store/sqlite/db.h"

enum { SQLITE_MAGIC = 0x6b767371 };

struct disk {
    struct kv kv; /* first: see kv.h */
    uint32_t magic;
    struct kv_outbox *outbox;
    struct desk *desk; /* owned */

    struct db db;            /* the thread's, and so are these: */
    struct db_copy *copy;    /* owned; the backup under way */
    struct kv_job *copy_job; /* ... and who asked for it */
};

static struct disk *of(struct kv *kv)
{
    return OBJ((void *)kv, struct disk, SQLITE_MAGIC);
}

static void end_backup(struct disk *d, struct kv_job *job, int r)
{
    struct list one;

    job->work.r = r;
    list_init(&one);
    list_push_back(&one, &job->work.node);
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

    list_init(&txns);
    list_init(&rest);
    while ((n = list_pop_front(jobs))) {
        struct kv_job *job = container_of(n, struct kv_job, work.node);

        list_push_back(job->kind == KV_JOB_TXN && job->work.r == 0 ? &txns : &rest, n);
    }

    db_txns(&d->db, &txns);
    kv_outbox_push(d->outbox, &txns);

    list_each (it, &rest) {
        struct kv_job *job = container_of(it, struct kv_job, work.node);

        if (job->work.r == 0 && job->kind == KV_JOB_BACKUP) {
            list_remove(it);
            begin_backup(d, job);
        } else if (job->work.r == 0) {
            db_read(&d->db, job);
        }
    }
    kv_outbox_push(d->outbox, &rest);
}

static bool carry_out(void *user, struct list *works)
{
    struct disk *d = OBJ(user, struct disk, SQLITE_MAGIC);

    run_all(d, works);
    if (d->copy)
        go_on_with_backup(d);
    return d->copy != NULL;
}

/* What never came to the thread: it was late, or the store is closing. */
static void refused(void *user, struct work *w)
{
    struct disk *d = user;
    struct list one;

    if (!d || !d->outbox) { /* the outbox goes first */
        kv_job_complete(container_of(w, struct kv_job, work));
        return;
    }
    list_init(&one);
    list_push_back(&one, &w->node);
    kv_outbox_push(d->outbox, &one);
}

static const struct desk_ops desk_ops = {carry_out, refused};

static void submit(struct disk *d, struct kv_job *job)
{
    desk_submit(d->desk, &job->work);
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

/* Without outbox and desk. */
static void release(struct disk *d)
{
    db_close(&d->db);
    d->magic = 0;
    free(d);
}

static void disk_close(struct kv *kv)
{
    struct disk *d = of(kv);

    desk_stop(d->desk);
    d->outbox =
            kv_outbox_free(d->outbox); /* its completions may call once more: the desk is there */
    desk_free(d->desk);
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

int kv_sqlite_open(struct loop *l, const char *path, struct kv **ret, struct err *e)
{
    struct disk *d = xnew(struct disk);
    struct kv_history history;
    int r;

    d->kv.ops = &disk_ops;
    d->magic = SQLITE_MAGIC;
    r = db_open(&d->db, path, &history, e);
    if (r < 0) {
        release(d);
        return r;
    }

    d->outbox = kv_outbox_new(l, &history, &d->kv.stats);
    d->desk = desk_new(l, &desk_ops, d);
    r = desk_start(d->desk);
    if (r < 0) {
        kv_outbox_free(d->outbox);
        desk_free(d->desk);
        release(d);
        return err_set(e, ERR_HOST, r, "store '%s': start its thread: %s", path, strerror(-r));
    }

    *ret = &d->kv;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_sqlite.c - the queue on disk: calls become jobs for a desk (desk.c), whose thread owns the
 * file and carries out all that has gathered in one commit (queue_group.c).
 *
 * A backup is made a piece at a time between the groups, and so is a walk over many events, so that
 * nobody waits for all of it.
 *
 * What always holds:
 *   (1) db belongs to the desk's thread from its start to its end; nobody else touches it.
 *   (2) a call is told as done only after its commit has been synced.
 *   (3) a call sees all that was asked before it.
 *
 * Read next: queue_group.c, then queue_db.h for what is in the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "store/queue_job.h"
#include "store/sqlite/db.h"
#include "store/sqlite/queue_db.h"

enum { SQLITE_MAGIC = 0x71737164, OPENING_MAGIC = 0x71737170 };

struct sqlite_queue {
    struct queue queue; /* first: see queue.h */
    uint32_t magic;
    struct desk *desk; /* owned */

    struct qdb db;          /* the thread's, and so are these: */
    struct list walks;      /* jobs that go on in the next group */
    struct db_copy *copy;   /* owned; the backup under way */
    struct q_job *copy_job; /* ... and who asked for it */
    bool reading;           /* the guard has not read all of the file yet */
};

static struct sqlite_queue *of(struct queue *q)
{
    return OBJ((void *)q, struct sqlite_queue, SQLITE_MAGIC);
}

static void send_home(struct sqlite_queue *s, struct q_job *job)
{
    struct list one;

    list_init(&one);
    list_push_back(&one, &job->work.node);
    desk_done(s->desk, &one);
}

static void begin_backup(struct sqlite_queue *s, struct q_job *job)
{
    cleanup_free char *path = str_dup(job->asked.name);
    int r;

    if (s->db.broken)
        r = -EIO;
    else
        r = s->copy ? -EAGAIN : db_copy_new(s->db.conn, path, true, &s->copy);
    if (r == 0) {
        s->copy_job = job;
        return;
    }
    job->work.r = r;
    send_home(s, job);
}

static void go_on_with_backup(struct sqlite_queue *s)
{
    int r = db_copy_step(s->copy);

    if (r > 0)
        return; /* there is more */
    s->copy = db_copy_free(s->copy);
    s->copy_job->work.r = r;
    send_home(s, s->copy_job);
}

/* Out of a group: what is done, and what goes on with the next one. */
static void sort(struct sqlite_queue *s, struct list *group)
{
    list_each (it, group) {
        struct q_job *job = container_of(it, struct q_job, work.node);

        job->totals = s->db.totals;
        job->carried_out = true;
        if (job->work.r < 0 || !job->walking)
            continue;
        list_remove(it);
        list_push_back(&s->walks, it);
    }
}

static bool carry_out(void *user, struct list *works)
{
    struct sqlite_queue *s = OBJ(user, struct sqlite_queue, SQLITE_MAGIC);
    bool idle = list_empty(works) && list_empty(&s->walks) && !s->copy;
    struct list group, refused, backups, *n;

    list_init(&group);
    list_init(&refused);
    list_init(&backups);
    while ((n = list_pop_front(&s->walks)))
        list_push_back(&group, n);
    while ((n = list_pop_front(works))) {
        struct q_job *job = container_of(n, struct q_job, work.node);

        if (job->work.r < 0)
            list_push_back(&refused, n);
        else
            list_push_back(job->kind == Q_JOB_BACKUP ? &backups : &group, n);
    }
    qdb_group(&s->db, &group);
    sort(s, &group);
    desk_done(s->desk, &group);
    desk_done(s->desk, &refused);
    while ((n = list_pop_front(&backups)))
        begin_backup(s, container_of(n, struct q_job, work.node));
    if (s->copy)
        go_on_with_backup(s);
    qdb_tidy(&s->db);
    s->reading = idle ? qdb_idle(&s->db) : s->reading;
    return s->copy || !list_empty(&s->walks) || (s->reading && !desk_closing(s->desk));
}

static void complete(void *user, struct work *w)
{
    struct q_job *job = container_of(w, struct q_job, work);
    struct sqlite_queue *s = user;

    if (s) {
        uint64_t errors = s->queue.stats.errors + (w->r < 0 && w->r != -ESTALE);

        if (job->carried_out)
            s->queue.stats = job->totals;
        s->queue.stats.errors = errors;
    }
    q_job_complete(job);
}

static const struct desk_ops desk_ops = {carry_out, complete};

static void ask(struct queue *q, struct q_job *job)
{
    desk_submit(of(q)->desk, &job->work);
}

static void sq_put(struct queue *q, const struct q_put *put, q_put_fn *fn, void *user)
{
    struct q_job *job = q_job_new(Q_JOB_PUT, &(struct q_asked){.put = *put}, user);

    job->fn.put = fn;
    ask(q, job);
}

static void sq_lease(struct queue *q, const struct q_lease *lease, q_events_fn *fn, void *user)
{
    struct q_job *job = q_job_new(Q_JOB_LEASE, &(struct q_asked){.lease = *lease}, user);

    job->fn.events = fn;
    ask(q, job);
}

static void ask_items(struct queue *q, enum q_job_kind kind, const struct q_asked *asked,
                      q_items_fn *fn, void *user)
{
    struct q_job *job = q_job_new(kind, asked, user);

    job->fn.items = fn;
    ask(q, job);
}

static void sq_extend(struct queue *q, uint64_t token, const struct q_item *items, uint32_t n,
                      uint32_t visible_ms, q_items_fn *fn, void *user)
{
    struct q_asked asked = {.token = token, .items = items, .n = n, .ms = visible_ms};

    ask_items(q, Q_JOB_EXTEND, &asked, fn, user);
}

static void sq_again(struct queue *q, uint64_t token, const struct q_again *items, uint32_t n,
                     q_items_fn *fn, void *user)
{
    ask_items(q, Q_JOB_AGAIN, &(struct q_asked){.token = token, .agains = items, .n = n}, fn, user);
}

static void sq_finish(struct queue *q, uint64_t token, const struct q_end *items, uint32_t n,
                      q_items_fn *fn, void *user)
{
    ask_items(q, Q_JOB_FINISH, &(struct q_asked){.token = token, .ends = items, .n = n}, fn, user);
}

static void ask_count(struct queue *q, enum q_job_kind kind, const struct q_asked *asked,
                      q_count_fn *fn, void *user)
{
    struct q_job *job = q_job_new(kind, asked, user);

    job->fn.count = fn;
    ask(q, job);
}

static void sq_cancel(struct queue *q, struct str id, struct str note, q_count_fn *fn, void *user)
{
    ask_count(q, Q_JOB_CANCEL, &(struct q_asked){.name = id, .note = note}, fn, user);
}

static void sq_redrive(struct queue *q, const struct q_filter *which, int64_t expires_ms,
                       q_count_fn *fn, void *user)
{
    ask_count(q, Q_JOB_REDRIVE, &(struct q_asked){.filter = *which, .at_ms = expires_ms}, fn, user);
}

static void sq_purge(struct queue *q, const struct q_filter *which, q_count_fn *fn, void *user)
{
    ask_count(q, Q_JOB_PURGE, &(struct q_asked){.filter = *which}, fn, user);
}

static void sq_list(struct queue *q, const struct q_filter *which, q_events_fn *fn, void *user)
{
    struct q_job *job = q_job_new(Q_JOB_LIST, &(struct q_asked){.filter = *which}, user);

    job->fn.events = fn;
    ask(q, job);
}

static void sq_counts(struct queue *q, const struct q_filter *which, q_ledger_fn *fn, void *user)
{
    struct q_job *job = q_job_new(Q_JOB_COUNTS, &(struct q_asked){.filter = *which}, user);

    job->fn.ledger = fn;
    ask(q, job);
}

static void sq_ready(struct queue *q, q_ready_fn *fn, void *user)
{
    struct q_job *job = q_job_new(Q_JOB_READY, &(struct q_asked){0}, user);

    job->fn.ready = fn;
    ask(q, job);
}

static void sq_cursor(struct queue *q, struct str name, q_cursor_fn *fn, void *user)
{
    struct q_job *job = q_job_new(Q_JOB_CURSOR, &(struct q_asked){.name = name}, user);

    job->fn.cursor = fn;
    ask(q, job);
}

static void sq_pass(struct queue *q, struct str queue, struct str source, uint64_t n,
                    const struct q_cursor *cursor, q_count_fn *fn, void *user)
{
    struct q_asked asked = {.name = queue, .source = source, .number = n, .cursor = cursor};

    ask_count(q, Q_JOB_PASS, &asked, fn, user);
}

static void sq_trim(struct queue *q, int64_t ended_before_ms, uint64_t keep, uint32_t most,
                    q_count_fn *fn, void *user)
{
    struct q_asked asked = {.at_ms = ended_before_ms, .keep = keep, .number = most};

    ask_count(q, Q_JOB_TRIM, &asked, fn, user);
}

static void ask_lease(struct queue *q, enum q_job_kind kind, const struct q_asked *asked,
                      lease_fn *fn, void *user)
{
    struct q_job *job = q_job_new(kind, asked, user);

    job->fn.lease = fn;
    ask(q, job);
}

static void sq_campaign(struct queue *q, struct str name, uint32_t ttl_ms, lease_fn *fn, void *user)
{
    ask_lease(q, Q_JOB_CAMPAIGN, &(struct q_asked){.name = name, .ms = ttl_ms}, fn, user);
}

static void sq_keep(struct queue *q, struct str name, uint64_t token, uint32_t ttl_ms, lease_fn *fn,
                    void *user)
{
    struct q_asked asked = {.name = name, .token = token, .ms = ttl_ms};

    ask_lease(q, Q_JOB_KEEP, &asked, fn, user);
}

static void sq_revoke(struct queue *q, struct str name, uint64_t token, lease_fn *fn, void *user)
{
    ask_lease(q, Q_JOB_REVOKE, &(struct q_asked){.name = name, .token = token}, fn, user);
}

static void sq_backup(struct queue *q, struct str path, q_backup_fn *fn, void *user)
{
    struct q_job *job = q_job_new(Q_JOB_BACKUP, &(struct q_asked){.name = path}, user);

    job->fn.backup = fn;
    ask(q, job);
}

static void sq_close(struct queue *q)
{
    struct sqlite_queue *s = of(q);

    s->desk = desk_free(s->desk);
    qdb_close(&s->db);
    s->magic = 0;
    free(s);
}

static const struct queue_ops sqlite_ops = {
        .put = sq_put,
        .lease = sq_lease,
        .extend = sq_extend,
        .again = sq_again,
        .finish = sq_finish,
        .cancel = sq_cancel,
        .redrive = sq_redrive,
        .purge = sq_purge,
        .list = sq_list,
        .counts = sq_counts,
        .ready = sq_ready,
        .cursor = sq_cursor,
        .pass = sq_pass,
        .trim = sq_trim,
        .campaign = sq_campaign,
        .keep = sq_keep,
        .revoke = sq_revoke,
        .backup = sq_backup,
        .close = sq_close,
};

static struct sqlite_queue *sqlite_queue_new(void)
{
    struct sqlite_queue *s = xnew(struct sqlite_queue);

    s->queue.ops = &sqlite_ops;
    s->magic = SQLITE_MAGIC;
    list_init(&s->walks);
    s->reading = true;
    return s;
}

/* Its file is open. On failure it is closed. */
static int start(struct sqlite_queue *s, struct loop *l, const char *path, struct err *e)
{
    int r;

    s->desk = desk_new(l, &desk_ops, s);
    r = desk_start(s->desk);
    if (r < 0) {
        sq_close(&s->queue);
        return err_set(e, ERR_HOST, r, "queue '%s': start its thread: %s", path, strerror(-r));
    }
    return 0;
}

int queue_sqlite_open(struct loop *l, const char *path, uint32_t wait_ms, struct queue **ret,
                      struct q_opened *ret_opened, struct err *e)
{
    struct sqlite_queue *s = sqlite_queue_new();
    int r = qdb_open(&s->db, path, wait_ms, ret_opened, e);

    if (r < 0) {
        free(s);
        return r;
    }
    r = start(s, l, path, e);
    if (r == 0)
        *ret = &s->queue;
    return r;
}

/* ---- beside the loop ---- */

struct queue_opening {
    uint32_t magic;
    struct loop *loop;
    char *path;             /* owned */
    struct sqlite_queue *s; /* owned; the thread's until it is done, and so is what follows */
    struct q_opened opened;
    struct err e;
    int r;
    queue_open_fn *fn; /* NULL: forgotten */
    void *user;
};

static void open_beside(void *user)
{
    struct queue_opening *o = OBJ(user, struct queue_opening, OPENING_MAGIC);

    o->r = qdb_open(&o->s->db, o->path, 0, &o->opened, &o->e);
}

static void on_opened(void *user)
{
    struct queue_opening *o = OBJ(user, struct queue_opening, OPENING_MAGIC);

    if (o->r < 0)
        free(o->s);
    else if (o->fn)
        o->r = start(o->s, o->loop, o->path, &o->e);
    else
        sq_close(&o->s->queue);
    if (o->fn)
        o->fn(o->user, o->r, o->r == 0 ? &o->s->queue : NULL, &o->opened, &o->e);
    o->magic = 0;
    free(o->path);
    free(o);
}

struct queue_opening *queue_sqlite_begin(struct loop *l, const char *path, queue_open_fn *fn,
                                         void *user)
{
    struct queue_opening *o = xnew(struct queue_opening);

    o->magic = OPENING_MAGIC;
    o->loop = l;
    o->path = xstrdup(path);
    o->s = sqlite_queue_new();
    o->fn = fn;
    o->user = user;
    loop_work(l, open_beside, on_opened, o); /* -> on_opened */
    return o;
}

void queue_sqlite_forget(struct queue_opening *o)
{
    if (o)
        o->fn = NULL;
}

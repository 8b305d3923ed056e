/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_guard.c - open the queue's file with distrust, and say what is wrong with it.
 *
 * Three witnesses are compared: the file, its log, and the mark (queue_mark.c). Pages of the file
 * have checksums (vfs.c), frames of the log have SQLite's own. A log is read up to the first frame
 * that does not fit; what SQLite takes for its end may be damage in its middle. Only the mark knows.
 *
 *   file behind its mark, log whole up to there    commits are lost: said, and work goes on
 *   ... but the file was further than the log is   the log is left out: said, and work goes on
 *   ... and a checkpoint had begun                 old and new pages are mixed: salvage
 *   a page that does not verify                    salvage
 *   no mark, or a damaged one                      said, and written anew
 *   no file, or an empty one, but a mark           all is lost: said, and a new one is made
 *
 * A power cut is none of these: what was synced is there, and the mark is never ahead of that.
 *
 * Salvage happens beside: "<path>.new" is filled, renamed to "<path>.salvaged", which says that it
 * is complete, then the old file and its log get a second name, the log's first name goes, and the
 * new file takes the old one's place. Whatever dies in between, the next opening goes on from there:
 * records are in one whole file at any time. New stores are made in "<path>.new" too, so that there
 * is no half-made one to be taken for a damaged one.
 *
 * Read next: queue_salvage.c, queue_verify.c.
 */
#include "store/sqlite/queue_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "store/queue.h"
#include "store/sqlite/vfs.h"

struct queue_guard {
    char *path; /* owned, and so are these: */
    char *wal, *fresh, *fresh_wal, *salvaged;
    const struct guard_ops *ops;
    void *user;
    struct queue_mark *mark;
    struct mark_point now;
    uint64_t next_seq;
    struct verify verify;
};

static void say(struct q_opened *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct q_opened *o, const char *fmt, ...)
{
    size_t n = strlen(o->said);
    va_list ap;

    if (n > 0 && n + 2 < sizeof(o->said))
        n += (size_t)snprintf(o->said + n, sizeof(o->said) - n, "; ");
    va_start(ap, fmt);
    (void)vsnprintf(o->said + n, sizeof(o->said) - n, fmt, ap);
    va_end(ap);
}

/* Its size, -1: it is not there. */
static off_t size_of(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 ? st.st_size : -1;
}

static int sync_dir(const char *path, struct err *e)
{
    cleanup_free char *copy = xstrdup(path);
    cleanup_close int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        return err_sys(e, "fsync of its directory");
    return 0;
}

static int forget(const char *path, struct err *e)
{
    return unlink(path) < 0 && errno != ENOENT ? err_sys(e, "remove '%s'", path) : 0;
}

static int put_in_place(const char *from, const char *to, struct err *e)
{
    if (rename(from, to) < 0)
        return err_sys(e, "rename '%s'", from);
    return sync_dir(to, e);
}

/* A name for what is moved aside that nothing has yet. */
static char *aside_name(const struct queue_guard *g)
{
    char when[CLOCK_TEXT];

    clock_iso(clock_wall_ms(), when);
    for (char *p = when; *p; p++)
        if (*p == ':')
            *p = '-';
    for (unsigned i = 1;; i++) {
        cleanup_free char *name = i == 1 ? xasprintf("%s.damaged-%s", g->path, when)
                                         : xasprintf("%s.damaged-%s.%u", g->path, when, i);
        cleanup_free char *log = xasprintf("%s-wal", name);

        if (size_of(name) < 0 && size_of(log) < 0)
            return TAKE_PTR(name);
    }
}

/* Give file and log, those that are there, a second name. */
static int keep_aside(struct queue_guard *g, struct q_opened *o, struct err *e)
{
    cleanup_free char *name = aside_name(g);
    cleanup_free char *log = xasprintf("%s-wal", name);

    if (size_of(g->path) > 0 && link(g->path, name) < 0)
        return err_sys(e, "keep the damaged file as '%s'", name);
    if (size_of(g->wal) > 0 && link(g->wal, log) < 0)
        return err_sys(e, "keep the damaged log as '%s'", log);
    say(o, "it is kept as '%s'", name);
    return sync_dir(g->path, e);
}

/* Closing then brings the log into the file and removes it. */
static void log_may_go(struct queue_guard *g)
{
    (void)sqlite3_db_config(g->ops->conn(g->user), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
}

/* An empty store in "<path>.new". */
static int make_fresh(struct queue_guard *g, struct err *e)
{
    struct mark_point at;
    int fd, r;

    r = forget(g->fresh, e);
    if (r == 0)
        r = forget(g->fresh_wal, e);
    if (r < 0)
        return r;
    fd = open(g->fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, "create '%s'", g->fresh);
    close(fd);
    r = g->ops->open(g->user, g->fresh, &at, e);
    if (r == 0) {
        log_may_go(g); /* into it, all of it */
        g->ops->close(g->user);
    }
    return r;
}

static int create(struct queue_guard *g, struct err *e)
{
    int r = make_fresh(g, e);

    if (r == 0)
        r = forget(g->wal, e); /* of another file: it must not be taken for this one's */
    return r == 0 ? put_in_place(g->fresh, g->path, e) : r;
}

/* The file that was filled takes the place of the damaged one. */
static int swap(struct queue_guard *g, struct q_opened *o, struct err *e)
{
    int r = keep_aside(g, o, e);

    if (r == 0)
        r = forget(g->wal, e);
    return r == 0 ? put_in_place(g->salvaged, g->path, e) : r;
}

static void say_salvaged(const struct salvaged *s, struct q_opened *o)
{
    say(o, "the file was damaged: %" PRIu64 " events were carried over into a new one", s->events);
    if (s->mended > 0)
        say(o, "wrong bits were turned back");
    if (s->lost > 0)
        say(o, "%" PRIu64 " pages are lost", s->lost);
    if (s->live < s->wanted)
        say(o, "of %" PRIu64 " waiting, running or dead events %" PRIu64 " are there", s->wanted,
            s->live);
}

static int salvage(struct queue_guard *g, const struct mark_point *was, struct q_opened *o,
                   struct err *e)
{
    struct salvaged s = {0};
    int r;

    r = make_fresh(g, e);
    if (r == 0)
        r = queue_salvage(g->path, g->fresh, was, &s, e);
    if (r == 0)
        r = put_in_place(g->fresh, g->salvaged, e);
    if (r < 0)
        return err_wrap(e, r, "salvage");
    o->salvaged = s.events;
    say_salvaged(&s, o);
    r = swap(g, o, e);
    return r == 0 ? g->ops->open(g->user, g->path, &g->now, e) : r;
}

/*
 * All commits the mark knows of are in the file itself, so the log has nothing new; but it is read
 * first, and if part of it is damaged, what is left of it is older than the file. True: without it
 * all is there, and open. Else nothing is open, and the log is where it was.
 */
static bool without_log(struct queue_guard *g, const struct mark_point *was, struct q_opened *o)
{
    cleanup_free char *name = NULL, *log = NULL;

    if (was->copying || was->copied != was->commit || size_of(g->wal) <= 0)
        return false;
    name = aside_name(g);
    log = xasprintf("%s-wal", name);
    if (rename(g->wal, log) < 0)
        return false;
    if (g->ops->open(g->user, g->path, &g->now, NULL) == 0) {
        if (g->now.commit == was->commit) {
            say(o, "its log was damaged and is left out, kept as '%s'", log);
            return true;
        }
        g->ops->close(g->user);
    }
    (void)rename(log, g->wal);
    return false;
}

/* The file is there. Opened and compared; what does not fit is salvaged. */
static int open_file(struct queue_guard *g, const struct mark_point *was, struct q_opened *o,
                     struct err *e)
{
    int r = -EBADMSG;

    if (!was->damaged)
        r = g->ops->open(g->user, g->path, &g->now, e);
    if (r == 0 && g->now.commit >= was->commit)
        return 0;
    if (r == 0 && !was->copying && was->copied <= g->now.commit)
        return 0; /* of one commit, if not the last: the log was reset after the copy was made */
    if (r == 0)
        g->ops->close(g->user); /* pages of different commits */
    if (r < 0 && r != -EBADMSG)
        return r;
    if (!was->damaged && without_log(g, was, o))
        return 0;
    return salvage(g, was, o, e);
}

/* Is there a store at all? Makes one if not. */
static int find(struct queue_guard *g, enum mark_state state, const struct mark_point *was,
                struct q_opened *o, struct err *e)
{
    bool known = state != MARK_NONE && (was->commit > 0 || state == MARK_DAMAGED);
    int r;

    if (size_of(g->salvaged) >= 0) { /* complete: only its place was not taken yet */
        say(o, "a salvage that was cut off is finished");
        r = swap(g, o, e);
        if (r < 0)
            return r;
    }
    if (size_of(g->path) > 0)
        return 0;
    if (known || size_of(g->wal) > 0)
        say(o, size_of(g->path) < 0 ? "the file is missing" : "the file is empty");
    if (size_of(g->wal) > 0) {
        r = keep_aside(g, o, e);
        if (r < 0)
            return r;
    }
    o->created = true;
    return create(g, e);
}

static int open_it(struct queue_guard *g, struct q_opened *o, struct err *e)
{
    struct mark_point was;
    enum mark_state state;
    int code, r;

    r = queue_mark_open(g->path, &g->mark, &state, &was, e);
    if (r == 0)
        r = find(g, state, &was, o, e);
    if (r == 0)
        r = o->created ? g->ops->open(g->user, g->path, &g->now, e) : open_file(g, &was, o, e);
    if (r < 0)
        return r;

    if (state == MARK_DAMAGED)
        say(o, "its mark was damaged and is written anew");
    else if (state == MARK_NONE && !o->created)
        say(o, "it has no mark: whether its end is missing cannot be told");
    if (was.commit > g->now.commit) {
        o->lost = was.commit - g->now.commit;
        say(o, "the last %" PRIu64 " commits are lost", o->lost);
    }
    g->next_seq = was.next_seq > g->now.next_seq ? was.next_seq : g->now.next_seq;
    g->now.copied = 0; /* until the next checkpoint nothing is known of it */
    g->now.copying = true;
    r = queue_mark_set(g->mark, &g->now, e);
    /* From here on `copied` says how far. A full disk may have room again for the next one; but what
     * an fsync failed for must not be taken for written by the next one. */
    code = r == 0 ? queue_guard_checkpoint(g) : SQLITE_OK;
    if ((code & 0xff) == SQLITE_IOERR)
        r = err_set(e, ERR_HOST, -EIO, "bring its log into the file: SQLite %d", code);
    if (r < 0)
        g->ops->close(g->user);
    return r;
}

int queue_guard_open(const char *path, const struct guard_ops *ops, void *user,
                     struct queue_guard **ret, struct q_opened *ret_opened, struct err *e)
{
    struct queue_guard *g = xnew(struct queue_guard);
    int r;

    g->path = xstrdup(path);
    g->wal = xasprintf("%s-wal", path);
    g->fresh = xasprintf("%s.new", path);
    g->fresh_wal = xasprintf("%s-wal", g->fresh);
    g->salvaged = xasprintf("%s.salvaged", path);
    g->ops = ops;
    g->user = user;
    *ret_opened = (struct q_opened){0};
    verify_begin(&g->verify);
    r = open_it(g, ret_opened, e);
    if (r < 0) {
        queue_guard_close(g);
        return r == -EBADMSG ? -EIO : r;
    }
    *ret = g;
    return 0;
}

uint64_t queue_guard_next_seq(const struct queue_guard *g)
{
    return g->next_seq;
}

void queue_guard_commit(struct queue_guard *g, uint64_t commit, uint64_t next_seq)
{
    queue_mark_commit(g->mark, commit, next_seq);
}

int queue_guard_checkpoint(struct queue_guard *g)
{
    struct sqlite3 *conn = g->ops->conn(g->user);
    int in_log = 0, copied = -1, code;

    queue_mark_copying(g->mark);
    code = sqlite3_wal_checkpoint_v2(conn, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
    if (code != SQLITE_OK || in_log != copied)
        return code;
    queue_mark_copied(g->mark);
    if (verify_judge(&g->verify, conn) > 0)
        queue_guard_damaged(g);
    return SQLITE_OK;
}

void queue_guard_damaged(struct queue_guard *g)
{
    queue_mark_damaged(g->mark);
}

int queue_guard_step(struct queue_guard *g, bool *ret_more)
{
    *ret_more = verify_step(&g->verify, g->ops->conn(g->user));
    return verify_waits(&g->verify) ? queue_guard_checkpoint(g) : SQLITE_OK;
}

uint64_t queue_guard_found(const struct queue_guard *g)
{
    return g->verify.found;
}

void queue_guard_leave(struct queue_guard *g, bool broken)
{
    if (g && !broken && queue_guard_checkpoint(g) == SQLITE_OK)
        log_may_go(g);
}

struct queue_guard *queue_guard_close(struct queue_guard *g)
{
    if (!g)
        return NULL;
    g->mark = queue_mark_close(g->mark);
    free(g->path);
    free(g->wal);
    free(g->fresh);
    free(g->fresh_wal);
    free(g->salvaged);
    free(g);
    return NULL;
}

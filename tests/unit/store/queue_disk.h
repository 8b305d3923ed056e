/* SPDX-License-Identifier: Apache-2.0 */
/* queue_disk.h - a queue's files, opened when the test says so, copied, and read from end to end. */
#ifndef EVOKE_TESTS_QUEUE_DISK_H
#define EVOKE_TESTS_QUEUE_DISK_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "queue_sync.h"
#include "t.h"
#include "tempdir.h"

enum { DISK_MOST = 64 << 20 };

struct disk {
    struct qs s; /* s.q NULL: closed */
    char *dir, *path;
    struct q_opened opened;
    struct err e;
};

/* In memory: thousands of files are opened. */
static inline struct disk *disk_new(void)
{
    struct disk *d = xnew(struct disk);

    d->dir = tempdir_new_in_memory();
    d->path = xasprintf("%s/queue.db", d->dir);
    d->s.loop = loop_new();
    d->s.t = told_new();
    return d;
}

static inline int disk_open(struct disk *d)
{
    d->e = (struct err){0};
    d->s.q = NULL;
    return queue_sqlite_open(d->s.loop, d->path, 0, &d->s.q, &d->opened, &d->e);
}

static inline void disk_close(struct disk *d)
{
    d->s.q = q_close(d->s.q);
}

/* All files of it. */
static inline void disk_wipe(struct disk *d)
{
    disk_close(d);
    assert_int_equal(io_remove_tree(AT_FDCWD, d->dir), 0);
    assert_int_equal(mkdir(d->dir, 0700), 0);
}

static inline struct disk *disk_free(struct disk *d)
{
    disk_close(d);
    (void)io_remove_tree(AT_FDCWD, d->dir);
    told_free(d->s.t);
    loop_free(d->s.loop);
    free(d->dir);
    free(d->path);
    free(d);
    return NULL;
}

/* A file of a queue: "", "-wal" or ".mark". n SIZE_MAX: it is not there. */
struct image {
    uint8_t *p; /* owned */
    size_t n;
};

static inline struct image image_read(struct disk *d, const char *suffix)
{
    char *name = xasprintf("%s%s", d->path, suffix);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    struct image m = {NULL, SIZE_MAX};
    struct stat st;

    free(name);
    if (fd < 0)
        return m;
    assert_int_equal(fstat(fd, &st), 0);
    m.n = (size_t)st.st_size;
    m.p = xcalloc(1, m.n + 1);
    assert_int_equal(io_read_full(fd, m.p, m.n), m.n);
    close(fd);
    return m;
}

static inline void image_write(struct disk *d, const char *suffix, const struct image *m)
{
    char *name = xasprintf("%s%s", d->path, suffix);
    int fd;

    (void)unlink(name);
    if (m->n != SIZE_MAX) {
        fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(io_write_all(fd, m->p, m->n), 0);
        close(fd);
    }
    free(name);
}

/*
 * Everything in the open store as text, in order; what only holds for an opening (tokens, leases'
 * ends) is left out. 0, or what reading it said.
 */
static inline int disk_dump(struct disk *d, struct buf *out)
{
    struct q_filter f = {.limit = Q_LIST, .payload = true};
    struct told *t = d->s.t;
    int r;

    buf_reset(out);
    do {
        r = list_some(&d->s, &f);
        if (r < 0)
            return r;
        for (uint32_t i = 0; i < t->n; i++) {
            const struct q_event *ev = &t->events[i];

            buf_addf(out, "%llu %.*s %.*s %.*s %.*s %.*s %d %s %u %lld %lld %.*s [%.*s] [",
                     (unsigned long long)ev->seq, STR_ARG(ev->queue), STR_ARG(ev->source),
                     STR_ARG(ev->id), STR_ARG(ev->dedup), STR_ARG(ev->order), ev->priority,
                     q_state_names[ev->state], ev->attempt, (long long)ev->created_ms,
                     (long long)ev->expires_ms, STR_ARG(ev->attributes), STR_ARG(ev->note));
            buf_adds(out, ev->payload);
            buf_addz(out, "]\n");
            f.before = ev->seq;
        }
    } while (t->more);
    r = counts_of(&d->s, &(struct q_filter){0});
    for (uint32_t i = 0; r == 0 && i < t->n; i++) {
        const struct q_ledger *row = &t->rows[i];

        buf_addf(out, "%.*s/%.*s %llu:", STR_ARG(row->queue), STR_ARG(row->source),
                 (unsigned long long)row->accepted);
        for (int st = 0; st < Q_STATES; st++)
            buf_addf(out, " %llu", (unsigned long long)row->counts[st]);
        buf_addf(out, " %llu\n", (unsigned long long)row->passed);
    }
    if (r == 0)
        r = cursor_of(&d->s, "cursor");
    if (r == 0)
        buf_addf(out, "cursor %.*s\n", STR_ARG(t->value));
    assert_true(buf_ok(out));
    return r;
}

/* accepted is the sum of all states, in every row. */
static inline void disk_balances(struct disk *d)
{
    assert_int_equal(counts_of(&d->s, &(struct q_filter){0}), 0);
    for (uint32_t i = 0; i < d->s.t->n; i++) {
        const struct q_ledger *row = &d->s.t->rows[i];
        uint64_t sum = 0;

        for (int st = 0; st < Q_STATES; st++)
            sum += row->counts[st];
        assert_int_equal(sum, row->accepted);
    }
}

#endif

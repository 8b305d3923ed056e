/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.c - one sparse file for all bodies, and ranges in it.
 *
 * Ranges follow one another and are never used twice: a file that has run to its end is left to
 * those who are in it, and closed, like any other, by the last. Bytes go in with pwrite(2) and never through a map, where a full disk would be a SIGBUS;
 * they come out through a map, which costs memory that the kernel may take back at any time.
 */
#include "http/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

#define SPOOL_END (1ull << 40) /* of a file; ext4 allows 16 times as much */

enum { LARGEST_PAGE = 1 << 16 /* of any machine: maps begin at one */ };

struct spool_file {
    uint32_t bodies;
    struct spool *spool; /* whose bodies begin here; NULL: nobody's any more */
    int fd;              /* owned */
    uint64_t next;       /* where the next body begins */
};

static uint64_t in_pages(uint64_t n)
{
    return (n + LARGEST_PAGE - 1) & ~(uint64_t)(LARGEST_PAGE - 1);
}

/* Nobody is in it. */
static void file_free(struct spool_file *f)
{
    if (f->spool)
        f->spool->file = NULL;
    fd_close(f->fd);
    free(f);
}

/* Not every file system makes files without a name; then it has one for a moment. */
static int open_nameless(int dir)
{
    char name[32];
    int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    (void)snprintf(name, sizeof name, ".spool-%d", (int)getpid());
    (void)unlinkat(dir, name, 0);
    fd = openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)unlinkat(dir, name, 0);
    return fd;
}

void spool_init(struct spool *s, int dir)
{
    *s = (struct spool){.dir = dir};
}

void spool_done(struct spool *s)
{
    if (s->file)
        s->file->spool = NULL;
    s->file = NULL;
}

static int begin_file(struct spool *s)
{
    int fd = open_nameless(s->dir);

    if (fd < 0)
        return -errno;
    spool_done(s);
    s->file = xnew(struct spool_file);
    *s->file = (struct spool_file){.spool = s, .fd = fd};
    return 0;
}

int spool_begin(struct spool *s, uint64_t most, struct spooled *ret)
{
    uint64_t room = most <= SPOOL_END ? in_pages(most) : SPOOL_END + 1;
    int r = 0;

    assert(s->dir >= 0 && !ret->file);
    if (room > SPOOL_END)
        return -EFBIG;
    if (!s->file || s->file->next + room > SPOOL_END)
        r = begin_file(s);
    if (r < 0)
        return r;
    assert(s->file);
    s->file->bodies++;
    *ret = (struct spooled){.file = s->file, .at = s->file->next};
    s->file->next += room;
    return 0;
}

int spool_add(struct spooled *b, struct str bytes)
{
    while (bytes.n) {
        ssize_t n = pwrite(b->file->fd, bytes.p, bytes.n, (off_t)(b->at + b->n));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        b->n += (uint64_t)n;
        bytes = str_from(bytes, (size_t)n);
    }
    return 0;
}

int spool_map(struct spooled *b, struct str *ret)
{
    void *p = mmap(NULL, b->n, PROT_READ, MAP_SHARED, b->file->fd, (off_t)b->at);

    if (p == MAP_FAILED)
        return -errno;
    b->map = p;
    *ret = (struct str){p, b->n};
    return 0;
}

void spool_drop(struct spooled *b)
{
    struct spool_file *f = b->file;

    if (!f)
        return;
    if (b->map)
        (void)munmap(b->map, b->n);
    if (--f->bodies == 0)
        file_free(f);
    else if (b->n)
        (void)fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)b->at,
                        (off_t)in_pages(b->n));
    *b = (struct spooled){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hot.c - which functions have something that is not on disk yet, kept where a kill leaves it.
 *
 * A small file mapped shared: to note a function is a store into memory, and what was stored is
 * there for the next daemon however this one ended, as long as the kernel lives. A slot is held
 * while runs are under way or records wait. More functions at once than there are slots, or a path
 * that is longer than one: then the first slot says "others too", and all are told.
 *
 * A disk that takes no file leaves ordinary memory in its place until it does; by then nothing has
 * been written that could be half told.
 */
#include "observe/logs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

enum { OTHERS = 2, HOT_BYTES = LOGS_HOT_SLOTS * sizeof(struct hot_slot) };

static_assert(sizeof(struct hot_slot) == 256, "slots do not cross pages");

/* 0, or negative. */
static int map_file(struct logs *s, struct hot_slot **ret)
{
    static const char zeros[4096];
    cleanup_close int fd = openat(s->dir, "hot", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    off_t size;
    void *p;

    if (fd < 0)
        return -errno;
    /* Written, not only made long: a hole would have to be filled at a moment of the disk's choosing,
     * and a full disk would then be a signal. */
    size = lseek(fd, 0, SEEK_END);
    while (size >= 0 && size < HOT_BYTES) {
        ssize_t n = write(fd, zeros, sizeof(zeros));

        if (n <= 0)
            return n < 0 ? -errno : -ENOSPC;
        size += n;
    }
    p = mmap(NULL, HOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    *ret = p;
    return 0;
}

void logs_hot_open(struct logs *s)
{
    s->hot_next = 1; /* the first is for "others too" */
    s->kept_r = map_file(s, &s->hot);
    s->hot_kept = s->kept_r == 0;
    if (!s->hot_kept)
        s->hot = xcalloc(1, HOT_BYTES);
}

int logs_hot_keep(struct logs *s)
{
    return s->hot_kept || s->hot_file ? 0 : map_file(s, &s->hot_file);
}

void logs_hot_adopt(struct logs *s)
{
    if (!s->hot_file)
        return;
    memcpy(s->hot_file, s->hot, HOT_BYTES);
    logs_hot_close(s);
    s->hot = TAKE_PTR(s->hot_file);
    s->hot_kept = true;
}

void logs_hot_set(struct flog *f)
{
    struct logs *s = f->s;
    size_t n;

    if (f->hot)
        return;
    n = strlen(f->path);
    for (uint32_t i = 0; n < LOGS_HOT_TEXT && i < LOGS_HOT_SLOTS; i++) {
        uint32_t slot = s->hot_next;

        s->hot_next = s->hot_next + 1 < LOGS_HOT_SLOTS ? s->hot_next + 1 : 1;
        if (s->hot[slot].used)
            continue;
        memcpy(s->hot[slot].path, f->path, n + 1);
        s->hot[slot].used = 1;
        f->hot = slot + 1;
        return;
    }
    s->hot[0].used = OTHERS;
}

void logs_hot_clear(struct flog *f)
{
    if (!f->hot || f->runs > 0 || f->pending > 0 || f->lost_why)
        return;
    f->s->hot[f->hot - 1].used = 0;
    f->hot = 0;
}

void logs_hot_close(struct logs *s)
{
    if (s->hot_kept)
        munmap(s->hot, HOT_BYTES);
    else
        free(s->hot);
    s->hot = NULL;
}

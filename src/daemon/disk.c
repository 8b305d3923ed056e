/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.c - a full or read-only data directory, seen before somebody's deployment fails.
 *
 * The working directory is the data directory. A file of a few bytes is written there and removed,
 * because a file system that turned read-only, a quota and a full disk all show in that and in
 * nothing else. On a worker thread: a disk that hangs must not hold the loop.
 *
 * The watch is freed before the loop, and waits for the look under way.
 */
#include "daemon/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "observe/health.h"

enum { DISK_MAGIC = 0x0d150001, EVERY_MS = 5000, PROBE_BYTES = 4096 };

static const char probe[] = "run/probe";

struct disk {
    uint32_t magic;
    struct loop *loop;
    struct health *health;
    struct loop_timer *timer; /* owned */
    bool looking, freed;
    int r; /* of the last look; the worker's while looking */
};

static int try_write(void)
{
    static const char bytes[PROBE_BYTES];
    cleanup_close int fd = open(probe, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    ssize_t n;
    int r = 0;

    if (fd < 0)
        return -errno;
    n = write(fd, bytes, sizeof(bytes));
    if (n < 0)
        r = -errno;
    else if (n < (ssize_t)sizeof(bytes))
        r = -ENOSPC;
    (void)unlink(probe);
    return r;
}

static void look(void *user)
{
    struct disk *d = user;

    d->r = try_write();
}

static void bury(struct disk *d)
{
    d->magic = 0;
    free(d);
}

static void on_looked(void *user)
{
    struct disk *d = OBJ(user, struct disk, DISK_MAGIC);
    char reason[HEALTH_REASON];

    d->looking = false;
    if (d->freed) {
        bury(d);
        return;
    }
    snprintf(reason, sizeof(reason), "the data directory cannot be written: %s", strerror(-d->r));
    health_set(d->health, "disk", d->r < 0 ? reason : NULL);
    loop_timer_start(d->timer, EVERY_MS);
}

static void on_timer(void *user)
{
    struct disk *d = OBJ(user, struct disk, DISK_MAGIC);

    log_flush(false); /* of a flood that is over, though nobody logs any more */
    d->looking = true;
    loop_work(d->loop, look, on_looked, d);
}

struct disk *disk_watch(struct loop *l, struct health *h)
{
    struct disk *d = xnew(struct disk);

    d->magic = DISK_MAGIC;
    d->loop = l;
    d->health = h;
    d->timer = loop_timer_new(l, on_timer, d);
    loop_timer_start(d->timer, EVERY_MS);
    return d;
}

struct disk *disk_free(struct disk *d)
{
    if (!d)
        return NULL;
    d->timer = loop_timer_free(d->timer);
    d->freed = true;
    if (!d->looking)
        bury(d);
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_shift.c - the clock that events and timers live by, and how a test moves it.
 *
 * Real time unless clock_follow() was called. Then a page shared with the test says which moment it
 * showed when, and how fast it goes since: the test jumps or scales it under the running process. The
 * page has two slots: its writer fills the one not in use and then counts on, so that no reader waits
 * for a writer that was stopped halfway. The pointer is set once, before anybody reads it.
 */
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"

enum {
    NS_IN_S = 1000000000,
    SCALE_MOST = 1000000000, /* in thousandths: a million times as fast */
    LOOK_MS = 20,            /* a jump is seen so soon */
};

#define YEAR_10000_MS 253402300800000

struct slot {
    int64_t anchor_mono_ns;  /* then ... */
    int64_t anchor_store_ms; /* ... it showed this */
    int64_t scale_milli;     /* 1000: as fast as real time; 0: it stands */
};

/* As tests/lib/clock.py writes it, in the order of bytes of this machine. */
struct clock_file {
    char magic[8];
    uint64_t sequence; /* slot[sequence % 2] holds */
    struct slot slot[2];
};

static const char magic[8] = {'e', 'v', 'o', 'k', 'e', 'c', 'l', 'k'};

static const struct clock_file *shift; /* NULL: real time */

static struct slot current(const struct clock_file *f)
{
    uint64_t before, after;
    struct slot s;

    do {
        before = __atomic_load_n(&f->sequence, __ATOMIC_ACQUIRE);
        s = *(const volatile struct slot *)&f->slot[before % 2];
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        after = __atomic_load_n(&f->sequence, __ATOMIC_RELAXED);
    } while (before != after);
    return s;
}

/* Whole seconds and the rest apart: no product overflows within centuries. */
static int64_t shown(const struct slot *s)
{
    int64_t ns = (int64_t)clock_mono_ns() - s->anchor_mono_ns;

    return s->anchor_store_ms + ns / NS_IN_S * s->scale_milli +
           ns % NS_IN_S * s->scale_milli / NS_IN_S;
}

int64_t clock_store_ms(void)
{
    struct slot s;

    if (!shift)
        return clock_wall_ms();
    s = current(shift);
    return shown(&s);
}

uint64_t clock_store_wait_ms(int64_t at_ms)
{
    int64_t left_ms, look_ms = CLOCK_LOOK_MS;

    if (!shift) {
        left_ms = at_ms - clock_wall_ms();
    } else {
        struct slot s = current(shift);

        look_ms = LOOK_MS;
        left_ms = at_ms - shown(&s);
        /* Rounded up: it is not looked at a moment too early. */
        if (left_ms > 0 && s.scale_milli > 0 && left_ms < look_ms * s.scale_milli)
            left_ms = (left_ms * 1000 + s.scale_milli - 1) / s.scale_milli;
        else if (left_ms > 0)
            left_ms = look_ms;
    }
    if (left_ms <= 0)
        return 0;
    return (uint64_t)(left_ms < look_ms ? left_ms : look_ms);
}

static bool is_slot(const struct slot *s)
{
    return s->anchor_mono_ns >= 0 && s->anchor_store_ms >= 0 &&
           s->anchor_store_ms < YEAR_10000_MS && s->scale_milli >= 0 &&
           s->scale_milli <= SCALE_MOST;
}

int clock_follow(const char *path, struct err *e)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    const struct clock_file *f;
    struct slot now;
    struct stat st;

    if (fd < 0)
        return err_sys(e, "open test clock '%s'", path);
    if (fstat(fd, &st) < 0)
        return err_sys(e, "look at test clock '%s'", path);
    if (!S_ISREG(st.st_mode) || st.st_size != sizeof(*f))
        return err_set(e, ERR_CALLER, -EINVAL, "test clock '%s' is no file of %zu bytes", path,
                       sizeof(*f));
    f = mmap(NULL, sizeof(*f), PROT_READ, MAP_SHARED, fd, 0);
    if (f == MAP_FAILED)
        return err_sys(e, "map test clock '%s'", path);
    now = current(f);
    if (memcmp(f->magic, magic, sizeof(magic)) != 0 || !is_slot(&now)) {
        (void)munmap((void *)f, sizeof(*f));
        return err_set(e, ERR_CALLER, -EINVAL,
                       "test clock '%s' is malformed: its first bytes, moment or scale", path);
    }
    clock_unfollow();
    shift = f;
    return 0;
}

void clock_unfollow(void)
{
    if (shift)
        (void)munmap((void *)shift, sizeof(*shift));
    shift = NULL;
}

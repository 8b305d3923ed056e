/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pressure.c - whoever feeds the store hears when it should feed it less.
 *
 * Above half of the buffer it is full, below a quarter there is room again. That is said only while
 * the disk moves: when it refuses, or has not finished a batch for STUCK_S, functions go on at their
 * own speed and what does not fit is dropped and told, since they must not wait for a disk that may
 * never come back.
 */
#include "observe/logs/internal.h"

#include "loop/loop.h"

enum { FULL_DIVISOR = 2, ROOM_DIVISOR = 4, STUCK_S = 5 };

static bool moves(const struct logs *s)
{
    return !s->failing &&
           (!s->flying || loop_now_ns(s->loop) < s->flushed_ns + STUCK_S * 1000000000ull);
}

void logs_feel(struct logs *s)
{
    size_t mark = s->conf.buffer_bytes / (s->pressed ? ROOM_DIVISOR : FULL_DIVISOR);
    bool full = logs_waiting(s) > mark && moves(s);

    if (full == s->pressed)
        return;
    s->pressed = full;
    s->stats.pressed += full;
    if (s->on_pressure)
        s->on_pressure(s->pressure_user, full);
}

void logs_on_pressure(struct logs *s, void (*fn)(void *user, bool full), void *user)
{
    s->on_pressure = fn;
    s->pressure_user = user;
}

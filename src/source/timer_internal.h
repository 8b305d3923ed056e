/* SPDX-License-Identifier: Apache-2.0 */
/* timer_internal.h - the source "timer" from inside, for timer.c and timer_put.c. */
#ifndef EVOKE_SOURCE_TIMER_INTERNAL_H
#define EVOKE_SOURCE_TIMER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/list.h"
#include "source/due.h"
#include "source/timer.h"
#include "source/timer_conf.h"

enum { TIMERS_MAGIC = 0x74696d73, TIMER_MAGIC = 0x74696d72, PAUSE_FIRST_MS = 100, DECIMAL = 24 };

enum state { READING, IDLE, PUTTING, PAUSED, DROPPING };

struct timers {
    uint32_t magic;
    struct loop *loop; /* borrowed, like the next two */
    struct catalog *catalog;
    struct delivery *delivery;
    struct map *by_id; /* trigger id to struct timer, owned */
    struct due_heap heap;
    struct loop_timer *tick;  /* look at the clock */
    struct list paused;       /* PAUSED */
    struct list dropping;     /* DROPPING: no longer in by_id */
    struct loop_timer *retry; /* what is paused is tried again */
    uint64_t pause_ms;
    struct timers_stats stats;
};

struct timer {
    uint32_t magic;
    struct timers *all;            /* borrowed; NULL: nobody waits for this call any more */
    const struct trigger *trigger; /* shared */
    struct timer_conf conf;        /* schedule NULL: it cannot be read */
    enum state state;
    struct due due; /* in the heap when IDLE and something is due */
    struct list node;
    char cursor[DECIMAL]; /* as it stands in the store; "" none */
    int64_t base_ms, looked_ms;
    int64_t event_ms;      /* the due time of the event that is put */
    char event[UUID_TEXT]; /* its id, so that a repetition is the same event */
    uint32_t made_up;      /* missed ones handed over since the last that was not */
    bool deleted;          /* the trigger is gone */
};

/* ---- timer.c ---- */

void timer_settle(struct timer *tm); /* its next due time goes into the heap, if it has one */
/* To the log: what was due in this time, Unix ms, is not handed over. */
void timer_say_left_out(const struct timer *tm, int64_t from_ms, int64_t to_ms, const char *why);

/* ---- timer_put.c ---- */

void timer_fire(struct timer *tm, int64_t due_ms); /* out of the heap: its event is on the way */
void timer_read_cursor(struct timer *tm);          /* then it settles */
void timer_on_retry(void *user);                   /* user: all; of the loop's timer */
void timer_drop(struct timer *tm); /* its trigger is gone: the cursor, then itself */
void timer_free(struct timer *tm);

#endif

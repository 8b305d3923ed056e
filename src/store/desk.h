/* SPDX-License-Identifier: Apache-2.0 */
/* desk.h - blocking work behind an asynchronous interface: a queue in front of one thread, and the
 * way home to the loop. Not for other rooms. */
#ifndef EVOKE_STORE_DESK_H
#define EVOKE_STORE_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct desk; /* opaque */
struct loop;

/* First member of whatever is handed in. In one list at a time: who has the list has the work. */
struct work {
    struct list node;
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
    int r;                /* negative before it was begun: it goes home as it is */
};

/* Whether a wait until its deadline is over. */
static inline bool work_late(const struct work *w, uint64_t now_ns)
{
    return w->deadline_ns > 0 && w->deadline_ns <= now_ns;
}

struct desk_ops {
    /*
     * The desk's thread: carry out all that has gathered, in order, and hand it to desk_done(), or
     * to a way home of its own. Work whose r is negative is late: it goes home as it is.
     * True: there is something left to do beside it, call again soon, maybe with an empty list.
     */
    bool (*carry_out)(void *user, struct list *works);
    /* The loop's thread: complete it, and free it. user is NULL once the desk was freed. */
    void (*complete)(void *user, struct work *w);
};

struct desk *desk_new(struct loop *l, const struct desk_ops *ops, void *user);
int desk_start(struct desk *d); /* the thread; -errno */
/* Loop thread. Taken. What is late before its turn completes with -EAGAIN. */
void desk_submit(struct desk *d, struct work *w);
/* Any thread. Takes all of the list; one message to the loop for all that wait together. */
void desk_done(struct desk *d, struct list *works);
/* Loop thread. Carries out what was handed in and ends the thread; what comes later is answered
 * -EIO. */
void desk_stop(struct desk *d);
bool desk_closing(struct desk *d); /* any thread: leave what nobody asked for */
/* Loop thread, also from a completion. Stops it, and completes what is still to be completed, in
 * order, before it returns. */
struct desk *desk_free(struct desk *d);

#endif

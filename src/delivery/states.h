/* SPDX-License-Identifier: Apache-2.0 */
/* states.h - what follows what in the life of a delivery: pure, one table. */
#ifndef EVOKE_DELIVERY_STATES_H
#define EVOKE_DELIVERY_STATES_H

#include <stdbool.h>

#include "store/queue.h"

/* What happened to a leased event. */
enum what {
    RAN_OK,
    RAN_FAILED,    /* the function's own doing: error, timeout, exit, memory, initializer */
    RAN_KILLED,    /* its process was killed from outside */
    RAN_UNABLE,    /* the host could not run it */
    RAN_NOT_NOW,   /* a limit, a launcher that is away, starts that fail: it was not tried */
    RAN_REFUSED,   /* it never can: too large, an endpoint that says no */
    RAN_STOPPED,   /* we are ending */
    RAN_CANCELLED, /* somebody asked for it */
    RAN_GONE,      /* there is no such function (any more) */
    RAN_LATE,      /* older than its age limit before this try began */
    WHATS,
};

/* What is left for another try. */
enum left {
    LEFT_TRIES,
    LEFT_NO_TRIES,
    LEFT_NO_TIME, /* the next one would come after its age limit */
    LEFTS,
};

enum next {
    NEXT_DONE,
    NEXT_RETRY,
    NEXT_RELEASE, /* as if it had not been leased */
    NEXT_DEAD,
    NEXT_EXPIRED,
    NEXT_CANCELLED,
    NEXTS,
};

enum told { TOLD_NOBODY, TOLD_SUCCESS, TOLD_FAILURE };

struct step {
    enum next next;
    const char *reason; /* "": the try says it */
};
const struct step *states_step(enum what what, enum left left);
bool states_counted(enum what what); /* it was a try, and the event tells of it */

struct next_row {
    bool ends;
    enum q_state state; /* ends: in which */
    enum told told;     /* ends: which destination hears of it */
};
const struct next_row *states_next(enum next next);

#endif

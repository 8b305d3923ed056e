/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states.c - what follows what; the engine only interprets these tables.
 *
 *   leased -> what happened x what is left -> DONE | again (retry, release) | DEAD | EXPIRED | CANCELLED
 *
 * A function that failed is tried again as its rules say (retry.c decides what is left). One that was
 * killed from outside, with its launcher or by an operator, has not failed: it is tried again for as long
 * as its age allows. One that cannot be run now is not tried at all: its event waits, uncounted.
 */
#include "delivery/states.h"

#include <assert.h>

static const char used_up[] = "its tries are used up";
static const char too_old[] = "its next try would come after its age limit";

/* clang-format off */
#define ALWAYS(n, why) {{n, why}, {n, why}, {n, why}}

static const struct step steps[WHATS][LEFTS] = {
    [RAN_OK]        = ALWAYS(NEXT_DONE, ""),
    [RAN_FAILED]    = {[LEFT_TRIES]    = {NEXT_RETRY, "it failed and is tried again"},
                       [LEFT_NO_TRIES] = {NEXT_DEAD, used_up},
                       [LEFT_NO_TIME]  = {NEXT_EXPIRED, too_old}},
    [RAN_KILLED]    = {[LEFT_TRIES]    = {NEXT_RETRY, "its process was killed: it is tried again"},
                       [LEFT_NO_TRIES] = {NEXT_RETRY, "its process was killed: it is tried again"},
                       [LEFT_NO_TIME]  = {NEXT_EXPIRED, too_old}},
    [RAN_UNABLE]    = {[LEFT_TRIES]    = {NEXT_RETRY, "it could not be run and is tried again"},
                       [LEFT_NO_TRIES] = {NEXT_DEAD, used_up},
                       [LEFT_NO_TIME]  = {NEXT_EXPIRED, too_old}},
    [RAN_NOT_NOW]   = ALWAYS(NEXT_RELEASE, ""),
    [RAN_REFUSED]   = ALWAYS(NEXT_DEAD, "it can never be taken"),
    [RAN_STOPPED]   = ALWAYS(NEXT_RELEASE, ""),
    [RAN_CANCELLED] = ALWAYS(NEXT_CANCELLED, "it was cancelled while it ran"),
    [RAN_GONE]      = ALWAYS(NEXT_DEAD, "its function does not exist (any more), or not that version of it"),
    [RAN_LATE]      = ALWAYS(NEXT_EXPIRED, "it reached its age limit"),
};

static const bool counted[WHATS] = {
    [RAN_OK] = true, [RAN_FAILED] = true, [RAN_KILLED] = true, [RAN_UNABLE] = true,
    [RAN_REFUSED] = true, [RAN_CANCELLED] = true,
};

static const struct next_row rows[NEXTS] = {
    [NEXT_DONE]      = {true, Q_DONE, TOLD_SUCCESS},
    [NEXT_RETRY]     = {false, Q_WAITING, TOLD_NOBODY},
    [NEXT_RELEASE]   = {false, Q_WAITING, TOLD_NOBODY},
    [NEXT_DEAD]      = {true, Q_DEAD, TOLD_FAILURE},
    [NEXT_EXPIRED]   = {true, Q_EXPIRED, TOLD_FAILURE},
    [NEXT_CANCELLED] = {true, Q_CANCELLED, TOLD_NOBODY},
};
/* clang-format on */

const struct step *states_step(enum what what, enum left left)
{
    assert(what < WHATS && left < LEFTS && steps[what][left].reason);
    return &steps[what][left];
}

bool states_counted(enum what what)
{
    return counted[what];
}

const struct next_row *states_next(enum next next)
{
    return &rows[next];
}

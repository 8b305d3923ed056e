/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.h - how an invocation ended: the words that engine, clouds and observers share. */
#ifndef EVOKE_FN_OUTCOME_H
#define EVOKE_FN_OUTCOME_H

#include "base/str.h"

/* Everything but OK, ERROR and CANCELLED also ended the instance. */
enum outcome {
    OUTCOME_OK,
    OUTCOME_ERROR,      /* the function reported or raised an error; body is its error result */
    OUTCOME_TIMEOUT,    /* ran into fn->timeout_ms */
    OUTCOME_EXITED,     /* the process ended before it answered */
    OUTCOME_MEMORY,     /* the memory limit ended it */
    OUTCOME_TOO_LARGE,  /* the answer is over the dialect's limit */
    OUTCOME_PROTOCOL,   /* the worker broke the frame protocol */
    OUTCOME_INIT_ERROR, /* code did not load or the initializer raised; body is its error result */
    OUTCOME_INIT_TIMEOUT,
    OUTCOME_INIT_EXITED, /* the process ended while loading or initialising */
    OUTCOME_CANCELLED,   /* never ran: refused by a limit or the host, or given up */
    OUTCOMES,
};

/* What one filters and counts by; several outcomes each. */
enum outcome_class {
    OUTCOME_CLASS_OK,
    OUTCOME_CLASS_ERROR,
    OUTCOME_CLASS_TIMEOUT,
    OUTCOME_CLASSES,
};

extern const char *const outcome_names[OUTCOMES];              /* "ok", "init_error", ... */
extern const char *const outcome_class_names[OUTCOME_CLASSES]; /* "ok", "error", "timeout" */
enum outcome_class outcome_class(enum outcome o);
/* 0, or -EINVAL. */
int outcome_class_of(struct str name, enum outcome_class *ret);

#endif

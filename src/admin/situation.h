/* SPDX-License-Identifier: Apache-2.0 */
/*
 * situation.h - how a function is, in one sentence, and what to do next.
 *
 * Judged from what is known of it: its record, what its instances do and how its last starts went
 * (pool/state.h), what its runs left behind (observe/metrics/metrics.h).
 */
#ifndef EVOKE_ADMIN_SITUATION_H
#define EVOKE_ADMIN_SITUATION_H

#include <stdbool.h>
#include <stdint.h>

#include "observe/metrics/metrics.h"
#include "pool/state.h"

struct fn;

enum { SITUATION_MESSAGE = 300, VERDICT_TEXT = 768 };

struct situation {
    /* the caller's to fill */
    const struct fn *fn; /* borrowed */
    const char *ready;   /* borrowed; admin_object_state() */
    bool launcher;
    int64_t now_ms;
    struct pool_state pool;
    struct metrics_past past;
    /* by situation_look() */
    const struct pool_start *start;        /* the last one; or NULL */
    const struct metrics_failure *failure; /* the last one; or NULL */
    uint32_t memory, timeouts;             /* of the last failures, lately */
    char message[SITUATION_MESSAGE];       /* of that start or failure, on one line */
};

struct verdict {
    const char *code;
    char sentence[VERDICT_TEXT], next[VERDICT_TEXT];
};

/* What happened before the last deployment is told in the lists, and no longer judged. */
void situation_look(struct situation *v);
void situation_judge(const struct situation *v, struct verdict *ret);
/* A message on one line, without a full stop: it stands inside a sentence. Of a function's own error
 * result, its sentence. text may be NULL. */
void situation_message(const char *text, char out[SITUATION_MESSAGE]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task.h - stateful asynchronous invocations (2016-08-15), asynchronous tasks (2023-03-30): the same thing
 * under two names. Each is an event of the delivery; the id that a client chose is the event's dedup id,
 * and its own id is derived from it, so that it is found again.
 */
#ifndef EVOKE_DIALECT_FC_API_TASK_H
#define EVOKE_DIALECT_FC_API_TASK_H

#include <stdbool.h>

#include "base/str.h"

struct call;
struct fn;
struct jw;

enum { FC_TASK_ID = 128, FC_TASK_DELAY_MAX_S = 3600 };

/* How a version of the API says it. */
struct fc_task_words {
    const char *id_header;            /* of the request: the id that a client chooses */
    const char *id, *payload, *error; /* fields of the object */
    const char *plural;               /* of the list */
    const char *missing, *exists;     /* error codes */
    const char *id_prefix;            /* query parameter */
    int stopped;                      /* status of a stop */
    /* What names the function, into the open object. */
    void (*put_function)(struct jw *w, const struct fn *f);
};

/* An asynchronous call: 202 as soon as the event is on disk. Headers: the id, X-Fc-Async-Delay. */
void fc_task_start(struct call *c, const struct fn *f, struct str qualifier,
                   const struct fc_task_words *words);
void fc_task_list(struct call *c, const struct fn *f, const struct fc_task_words *words);
void fc_task_get(struct call *c, const struct fn *f, struct str id,
                 const struct fc_task_words *words);
void fc_task_stop(struct call *c, const struct fn *f, struct str id,
                  const struct fc_task_words *words);

#endif

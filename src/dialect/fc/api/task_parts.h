/* SPDX-License-Identifier: Apache-2.0 */
/* task_parts.h - what task.c and task_list.c share. */
#ifndef EVOKE_DIALECT_FC_API_TASK_PARTS_H
#define EVOKE_DIALECT_FC_API_TASK_PARTS_H

#include <stdbool.h>

#include "base/str.h"

struct call;
struct err;
struct fc_task_words;
struct fn;
struct jw;
struct q_event;

enum { TASK_PATH = 4096 };

void task_put(struct jw *w, const struct fn *f, const struct fc_task_words *words,
              const struct q_event *ev, bool payload);
const char *task_status(const struct q_event *ev);
bool task_is_status(struct str s);
/* "LATEST" of an event for the function itself, for which it says "latest" or nothing. */
struct str task_qualifier(struct str qualifier);
/* What the event store said. */
void task_fail(struct call *c, int r, const struct err *e);
/* False: it has replied, no event can be looked at now. */
bool task_served(struct call *c);

#endif

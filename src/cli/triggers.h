/* SPDX-License-Identifier: Apache-2.0 */
/* triggers.h - what stands around a function: its triggers, and the asynchronous events it has. */
#ifndef EVOKE_CLI_TRIGGERS_H
#define EVOKE_CLI_TRIGGERS_H

#include "base/str.h"
#include "cli/command.h"
#include "cli/view.h"

struct cJSON;
struct client;
struct err;

/* Of a function (its full key), or of all (empty). An array, owned. */
int triggers_get(struct client *c, struct str function, struct cJSON **ret, struct err *e);
void triggers_print(enum output_format format, const struct cJSON *triggers);

/* {"ledger": [...], "triggers": [...]} into obj as "events" and "triggers", as far as the daemon
 * tells: an older one knows of neither, and that is no failure. */
void triggers_add(struct client *c, struct str function, struct cJSON *obj);
/* What triggers_add() found, as sections; nothing where there is nothing. */
void triggers_view(const struct view *v, const struct cJSON *obj, struct str function);

#endif

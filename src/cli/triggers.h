/* SPDX-License-Identifier: Apache-2.0 */
/* triggers.h - what stands around a function: its triggers, and the asynchronous events it has. */
#ifndef EVOKE_CLI_TRIGGERS_H
#define EVOKE_CLI_TRIGGERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/view.h"

struct cJSON;
struct client;
struct err;

/* Of a function (its full key), or of all (empty). An array, owned. */
int triggers_get(struct client *c, struct str function, struct cJSON **ret, struct err *e);
void triggers_print(enum output_format format, const struct cJSON *triggers);

/* "/evoke/v1/functions/.../triggers/NAME" */
void triggers_path(struct str function_path, const char *name, struct buf *out);
struct trigger_put {
    struct str source;
    struct cJSON *config; /* borrowed */
    bool enabled;
    int64_t concurrency; /* < 0: as it is */
};
/* The status, or negative. */
int triggers_put(struct client *c, struct str path, const struct trigger_put *put,
                 struct cJSON **ret, struct err *e);
/* `NAME FUNCTION [--disabled]`: made of what `make` says, and told. make: source, concurrency, and
 * config's members. Returns the exit code. */
typedef int triggers_make_fn(const struct args *args, struct str dialect, struct trigger_put *ret,
                             struct err *e);
int triggers_create(const struct common *common, const struct args *args, triggers_make_fn *make);
/* "created tick of hello", with when or where. */
void triggers_tell(struct client *c, enum output_format format, const char *done,
                   const struct cJSON *trigger);
/* All that there is to say of one. */
void triggers_show(struct client *c, enum output_format format, const struct cJSON *trigger);

/* {"ledger": [...], "triggers": [...]} into obj as "events" and "triggers", as far as the daemon
 * tells: an older one knows of neither, and that is no failure. */
void triggers_add(struct client *c, struct str function, struct cJSON *obj);
/* What triggers_add() found, as sections; nothing where there is nothing. */
void triggers_view(const struct view *v, const struct cJSON *obj, struct str function);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * triggers.h - the triggers of the catalog's functions: a table in memory, written through like the
 * functions themselves. Store layout: "trigger/<key path of the function>/<id>".
 *
 * A trigger is created only while its function exists (compared in the same transaction), and goes
 * with it: catalog_delete() removes the function and its triggers in one transaction.
 */
#ifndef EVOKE_CATALOG_TRIGGERS_H
#define EVOKE_CATALOG_TRIGGERS_H

#include "catalog/catalog.h"
#include "fn/trigger.h"

/* Borrowed until the next turn of the loop. NULL when unknown. */
const struct trigger *catalog_trigger(const struct catalog *c, struct str id);
/* Of one function, or of all (key NULL), in order of creation. fn returns false to stop. */
void catalog_each_trigger(const struct catalog *c, const struct fn_key *key,
                          bool (*fn)(void *user, const struct trigger *t), void *user);

/* r: 0; -ENOENT: no such function, or trigger (update); -EEXIST: the function has one of this name
 * (unless it is ""); -EDQUOT: TRIGGERS_PER_FUNCTION; -ESTALE; or the store's. t: the record now in force, NULL on failure and after delete; borrowed. */
typedef void catalog_trigger_fn(void *user, int r, const struct trigger *t);
void catalog_create_trigger(struct catalog *c, struct trigger *draft, catalog_trigger_fn *fn,
                            void *user); /* draft taken */
void catalog_update_trigger(struct catalog *c, struct trigger *draft, catalog_trigger_fn *fn,
                            void *user); /* taken; its revision is the expected one */
void catalog_delete_trigger(struct catalog *c, struct str id, catalog_trigger_fn *fn, void *user);

/* Called after each committed change, and by catalog_watch_triggers() itself for each that is there:
 * before and after; NULL for "was not" and "is no more". Watchers are told in the order they came. */
enum { CATALOG_TRIGGER_WATCHERS = 4 };
typedef void catalog_trigger_change_fn(void *user, const struct trigger *before,
                                       const struct trigger *after);
void catalog_watch_triggers(struct catalog *c, catalog_trigger_change_fn *fn, void *user);
void catalog_unwatch_triggers(struct catalog *c, const void *user); /* not from a watcher */

#endif

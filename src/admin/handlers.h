/* SPDX-License-Identifier: Apache-2.0 */
/* handlers.h - what the files of this room share. */
#ifndef EVOKE_ADMIN_HANDLERS_H
#define EVOKE_ADMIN_HANDLERS_H

#include <stdbool.h>

#include "base/str.h"

struct call;
struct err;
struct fn;
struct fn_key;

/* admin.c */
/* The key a path names; false: it has replied. Its texts live as long as the request. */
bool admin_key(struct call *c, struct fn_key *ret);
/* The function a path names, borrowed; NULL: it has replied. */
const struct fn *admin_function(struct call *c, struct fn_key *ret_key);
/* A failed write, in our words. */
void admin_fail_write(struct call *c, int r);

/* invoke.c: the function could not even be asked to start */
void admin_fail_start(struct call *c, int r, const struct fn *f, const struct err *e);

/* invoke_async.c: takes the call */
void admin_invoke_async(struct call *c, const struct fn *f, struct str qualifier);

/* operations */
void admin_list(struct call *c);
void admin_get(struct call *c);
void admin_delete(struct call *c);
void admin_deploy(struct call *c);
void admin_invoke(struct call *c);
void admin_probe(struct call *c);
void admin_status(struct call *c);
void admin_state(struct call *c);
void admin_top(struct call *c);
void admin_history(struct call *c);
void admin_logs(struct call *c);
void admin_backup_make(struct call *c);
void admin_backup_read(struct call *c);
void admin_backup_forget(struct call *c);
void admin_audit(struct call *c);
void admin_events(struct call *c);
void admin_event(struct call *c);
void admin_event_cancel(struct call *c);
void admin_event_replay(struct call *c);
void admin_events_redrive(struct call *c);
void admin_events_purge(struct call *c);
void admin_ledger(struct call *c);
void admin_triggers(struct call *c);
void admin_trigger_put(struct call *c);
void admin_trigger_delete(struct call *c);
void admin_versions(struct call *c);
void admin_version_publish(struct call *c);
void admin_version_delete(struct call *c);
void admin_alias_put(struct call *c);
void admin_alias_delete(struct call *c);
void admin_gateway_list(struct call *c);
void admin_gateway_get(struct call *c);
void admin_gateway_create(struct call *c);
void admin_gateway_put(struct call *c);
void admin_gateway_delete(struct call *c);
void admin_gateway_publish(struct call *c);
void admin_gateway_offline(struct call *c);
void admin_gateway_switch(struct call *c);
void admin_gateway_debug(struct call *c);
void admin_keys_list(struct call *c);
void admin_keys_add(struct call *c);
void admin_keys_rotate(struct call *c);
void admin_keys_remove(struct call *c);

#endif

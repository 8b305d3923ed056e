/* SPDX-License-Identifier: Apache-2.0 */
/* handlers.h - the handlers of SCF's actions (ops.c), by the file they are in. */
#ifndef EVOKE_DIALECT_SCF_HANDLERS_H
#define EVOKE_DIALECT_SCF_HANDLERS_H

struct call;

/* absent.c */
void scf_absent(struct call *c);
/* account.c */
void scf_get_account(struct call *c);
/* alias.c */
void scf_create_alias(struct call *c);
void scf_update_alias(struct call *c);
void scf_get_alias(struct call *c);
void scf_list_aliases(struct call *c);
void scf_delete_alias(struct call *c);
/* async.c */
void scf_get_async_status(struct call *c);
void scf_list_async_events(struct call *c);
void scf_terminate_async_event(struct call *c);
/* concurrency.c */
void scf_put_provisioned(struct call *c);
void scf_get_provisioned(struct call *c);
void scf_delete_provisioned(struct call *c);
void scf_put_reserved(struct call *c);
void scf_get_reserved(struct call *c);
void scf_delete_reserved(struct call *c);
void scf_put_total(struct call *c);
void scf_get_event_config(struct call *c);
void scf_update_event_config(struct call *c);
/* function.c */
void scf_create_function(struct call *c);
void scf_update_function_code(struct call *c);
void scf_update_function_configuration(struct call *c);
void scf_delete_function(struct call *c);
void scf_delete_function_version(struct call *c);
void scf_copy_function(struct call *c);
/* invoke.c */
void scf_invoke(struct call *c);
void scf_invoke_function(struct call *c);
/* logs.c */
void scf_get_function_logs(struct call *c);
void scf_get_request_status(struct call *c);
/* namespace.c */
void scf_create_namespace(struct call *c);
void scf_update_namespace(struct call *c);
void scf_delete_namespace(struct call *c);
void scf_list_namespaces(struct call *c);
/* query.c */
void scf_get_function(struct call *c);
void scf_list_functions(struct call *c);
void scf_get_function_address(struct call *c);
/* trigger.c */
void scf_create_trigger(struct call *c);
void scf_update_trigger(struct call *c);
void scf_update_trigger_status(struct call *c);
void scf_delete_trigger(struct call *c);
void scf_list_triggers(struct call *c);
/* version.c */
void scf_publish_version(struct call *c);
void scf_list_versions(struct call *c);

#endif

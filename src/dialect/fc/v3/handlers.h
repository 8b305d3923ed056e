/* SPDX-License-Identifier: Apache-2.0 */
/* handlers.h - the operations of 3.0. */
#ifndef EVOKE_DIALECT_FC_V3_HANDLERS_H
#define EVOKE_DIALECT_FC_V3_HANDLERS_H

#include <stdbool.h>

#include "base/str.h"

struct call;
struct fn;

/* function.c */
void fc3_function_create(struct call *c);
void fc3_function_get(struct call *c);
void fc3_function_code(struct call *c);
void fc3_function_update(struct call *c);
void fc3_function_list(struct call *c);
void fc3_function_delete(struct call *c);

/* invoke.c */
void fc3_invoke(struct call *c);

/* restrict.c */
/* Is it allowed to run (DisableFunctionInvocation)? False: it has replied. */
bool fc3_may_run(struct call *c, const struct fn *f);
void fc3_invocation_disable(struct call *c);
void fc3_invocation_enable(struct call *c);

/* version.c */
void fc3_version_publish(struct call *c);
void fc3_version_list(struct call *c);
void fc3_version_delete(struct call *c);

/* alias.c */
void fc3_alias_create(struct call *c);
void fc3_alias_get(struct call *c);
void fc3_alias_update(struct call *c);
void fc3_alias_list(struct call *c);
void fc3_alias_delete(struct call *c);

/* trigger.c */
void fc3_trigger_create(struct call *c);
void fc3_trigger_get(struct call *c);
void fc3_trigger_update(struct call *c);
void fc3_trigger_list(struct call *c);
void fc3_trigger_delete(struct call *c);

/* async.c */
void fc3_async_put(struct call *c);
void fc3_async_get(struct call *c);
void fc3_async_delete(struct call *c);
void fc3_async_list(struct call *c);

/* task.c */
void fc3_invoke_async(struct call *c, const struct fn *f, struct str qualifier);
void fc3_task_list(struct call *c);
void fc3_task_get(struct call *c);
void fc3_task_stop(struct call *c);

/* instances.c: what is said about instances */
void fc3_provision_put(struct call *c);
void fc3_provision_get(struct call *c);
void fc3_provision_delete(struct call *c);
void fc3_provision_list(struct call *c);
void fc3_concurrency_put(struct call *c);
void fc3_concurrency_get(struct call *c);
void fc3_concurrency_delete(struct call *c);
void fc3_concurrency_list(struct call *c);
void fc3_scaling_put(struct call *c);
void fc3_scaling_get(struct call *c);
void fc3_scaling_delete(struct call *c);
void fc3_scaling_list(struct call *c);
void fc3_instance_list(struct call *c);

/* tag.c */
void fc3_tag_put(struct call *c);
void fc3_tag_list(struct call *c);
void fc3_tag_remove(struct call *c);

/* other.c */
void fc3_region_list(struct call *c);
void fc3_vpc_bind(struct call *c);
void fc3_vpc_list(struct call *c);
void fc3_vpc_unbind(struct call *c);
void fc3_absent(
        struct call *c); /* what makes no sense here: 400 NotSupported, in its row's words */

#endif

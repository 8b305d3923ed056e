/* SPDX-License-Identifier: Apache-2.0 */
/* stateful.c - List-, Get- and StopStatefulAsyncInvocation: task.c in the words of this version. */
#include "dialect/fc/api/stateful.h"

#include "api/api.h"
#include "base/json.h"
#include "dialect/fc/api/handlers.h"
#include "fn/fn.h"

static void put_function(struct jw *w, const struct fn *f)
{
    jw_kstrz(w, "serviceName", f->space);
    jw_kstrz(w, "functionName", f->name);
}

const struct fc_task_words fc_stateful_words = {
        .id_header = "X-Fc-Stateful-Async-Invocation-Id",
        .id = "invocationId",
        .payload = "invocationPayload",
        .error = "invocationErrorMessage",
        .plural = "invocations",
        .missing = "StatefulAsyncInvocationNotFound",
        .exists = "StatefulAsyncInvocationAlreadyExists",
        .id_prefix = "invocationIdPrefix",
        .stopped = 200,
        .put_function = put_function,
};

void fc_stateful_list(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);

    if (f)
        fc_task_list(c, f, &fc_stateful_words);
}

void fc_stateful_get(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);

    if (f)
        fc_task_get(c, f, c->captures[2], &fc_stateful_words);
}

void fc_stateful_stop(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);

    if (f)
        fc_task_stop(c, f, c->captures[2], &fc_stateful_words);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* task.c - ListAsyncTasks, GetAsyncTask, StopAsyncTask, and how an asynchronous call begins. */
#include "dialect/fc/api/task.h"

#include "api/api.h"
#include "base/json.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

static const struct fc_task_words words = {
        .id_header = "X-Fc-Async-Task-Id",
        .id = "taskId",
        .payload = "taskPayload",
        .error = "taskErrorMessage",
        .plural = "tasks",
        .missing = "AsyncTaskNotFound",
        .exists = "AsyncTaskAlreadyExists",
        .id_prefix = "prefix",
        .stopped = 204,
        .put_function = fc3_put_arn,
};

void fc3_invoke_async(struct call *c, const struct fn *f, struct str qualifier)
{
    fc_task_start(c, f, qualifier, &words);
}

void fc3_task_list(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc3_qualified(c, &key, NULL);

    if (f)
        fc_task_list(c, f, &words);
}

void fc3_task_get(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc3_qualified(c, &key, NULL);

    if (f)
        fc_task_get(c, f, c->captures[1], &words);
}

void fc3_task_stop(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc3_qualified(c, &key, NULL);

    if (f)
        fc_task_stop(c, f, c->captures[1], &words);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* work.c - blocking work on a pool thread, completion on the loop's thread. Work cannot be called
 * back: loop_free() waits for it and still makes the completion. */
#include "loop/internal.h"

#include <stdlib.h>

#include "base/alloc.h"

struct job {
    uv_work_t req;
    loop_fn *work, *done;
    void *user; /* borrowed */
};

static void on_work(uv_work_t *req)
{
    struct job *j = req->data;

    j->work(j->user);
}

static void on_work_done(uv_work_t *req, int status)
{
    struct job *j = req->data;
    loop_fn *done = j->done;
    void *user = j->user;

    (void)status; /* only uv_cancel() makes it fail, and we never cancel */
    free(j);
    done(user);
}

void loop_work(struct loop *l, loop_fn *work, loop_fn *done, void *user)
{
    struct job *j = xnew(struct job);

    j->req.data = j;
    j->work = work;
    j->done = done;
    j->user = user;
    loop_must(uv_queue_work(&l->uv, &j->req, on_work, on_work_done), "start a job");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - what happens to a run, told to whoever watches; see observe/run.h. */
#include <assert.h>

#include "base/clock.h"
#include "base/err.h"
#include "fn/fn.h"
#include "invoke/internal.h"

void invoker_watch(struct invoker *iv, const struct run_watch *w, void *user)
{
    assert(iv->nwatches < RUN_WATCHES);
    iv->watches[iv->nwatches].ops = w;
    iv->watches[iv->nwatches++].user = user;
}

struct run_facts watch_facts(const struct invoke_spec *spec, const char *request_id)
{
    struct run_facts f = {
            .fn = spec->fn,
            .request_id = request_id,
            .instance_id = "",
            .version = spec->fn->version,
            .trigger = spec->trigger,
            .accepted_wall_ms = clock_wall_ms(),
            .received_ns = spec->received_ns,
            .whole_ns = spec->whole_ns,
            .accepted_ns = clock_mono_ns(),
            .event_bytes = spec->owned ? spec->owned->n : spec->payload.n,
    };

    if (spec->trace)
        f.trace = *spec->trace;
    return f;
}

const struct run_facts *watch_refusal(struct run_facts *f, const struct err *e)
{
    f->end_ns = clock_mono_ns();
    f->outcome = OUTCOME_CANCELLED;
    f->refused = true;
    f->limited = e->kind == ERR_LIMIT;
    f->reason = e->msg;
    return f;
}

void watch_refused(const struct invoker *iv, const struct invoke_spec *spec, const struct err *e)
{
    struct run_facts f = watch_facts(spec, spec->request_id ? spec->request_id : "");
    void *watched[RUN_WATCHES];

    watch_begin(iv, &f, watched);
    watch_end(iv, watch_refusal(&f, e), watched);
}

void watch_begin(const struct invoker *iv, const struct run_facts *f, void *watched[RUN_WATCHES])
{
    for (uint32_t i = 0; i < iv->nwatches; i++)
        watched[i] = iv->watches[i].ops->begin ? iv->watches[i].ops->begin(iv->watches[i].user, f)
                                               : NULL;
}

void watch_log(const struct invoker *iv, const struct run_facts *f, void *const *watched,
               struct str text)
{
    for (uint32_t i = 0; text.n > 0 && i < iv->nwatches; i++)
        if (iv->watches[i].ops->log)
            iv->watches[i].ops->log(iv->watches[i].user, watched[i], f, text);
}

void watch_end(const struct invoker *iv, const struct run_facts *f, void *const *watched)
{
    for (uint32_t i = 0; i < iv->nwatches; i++)
        if (iv->watches[i].ops->end)
            iv->watches[i].ops->end(iv->watches[i].user, watched[i], f);
}

void watch_stray(const struct invoker *iv, const struct fn *fn, const char *instance_id,
                 const char *hook, struct str text)
{
    for (uint32_t i = 0; i < iv->nwatches; i++)
        if (iv->watches[i].ops->stray)
            iv->watches[i].ops->stray(iv->watches[i].user, fn, instance_id, hook, text);
}

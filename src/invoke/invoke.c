/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke.c - one run of one function, from an event's bytes to what its caller is told.
 *
 * invoke() checks what can be told at once, then the invocation goes its way:
 *
 *   code directory there? --no--> catalog_ready_layers() -> on_ready
 *           \______________________________________________/
 *                                  |
 *          pool_submit --> on_load*, on_start, on_data*, on_log* --> on_end --> answer
 *
 * What always holds:
 *   (1) on_done is called exactly once, from the loop, and never after invocation_forget().
 *   (2) an invocation lives until its end, whoever has lost interest: the clouds let a run go on
 *       when its caller hangs up.
 *   (3) the code directory is derived from a blob and may be wiped at any time. It is made sure of
 *       before the first run of a package; if a start then misses it, once more, and once only.
 *   (4) the pool tells how a run ended, the shape words it. Nothing here knows a cloud.
 *
 * What the pool tells on that way is heard in hear.c.
 *
 * The answer is held in memory, up to the shape's limit, because its status is known at its end
 * only. Of the log the last tail_bytes are held.
 */
#include "invoke/invoke.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/obj.h"
#include "catalog/layers.h"
#include "fn/fn.h"
#include "invoke/internal.h"
#include "loop/loop.h"
#include "pool/state.h"
#include "runtime/runtime.h"

enum { REQUEST_ID_MAX = 160 };

void invoker_unhold(struct invoker *iv)
{
    if (--iv->live > 0)
        return;
    iv->ready = map_free(iv->ready);
    iv->magic = 0;
    free(iv);
}

static void destroy(struct invocation *in)
{
    struct invoker *iv = in->iv;

    buf_done(&in->payload);
    buf_done(&in->body);
    buf_done(&in->head);
    free(in->http);
    tail_done(&in->tail);
    fn_unref(in->fn);
    free(in->request_id);
    free(in->tracestate);
    free(in->role);
    in->magic = 0;
    free(in);
    invoker_unhold(iv);
}

static void tell_end(struct invocation *in, const struct invoke_result *result)
{
    struct run_facts *f = &in->facts;

    f->end_ns = clock_mono_ns();
    f->outcome = in->run.outcome;
    f->refused = result->refused != NULL;
    f->reason = result->refused ? result->refused->msg : NULL;
    f->cold = in->run.cold;
    f->duration_ns = in->run.duration_ns;
    f->init_ns = in->run.init_ns;
    f->billed_ms = result->billed_ms;
    f->memory_bytes = in->run.memory_bytes;
    f->limited = f->refused && result->refused->kind == ERR_LIMIT;
    f->answer_bytes = result->body.n;
    f->answer = result->body;
    if (!in->load_only)
        watch_end(in->iv, f, in->watched);
}

void invocation_answer(struct invocation *in)
{
    struct invoke_result result = {
            .run = in->run,
            .billed_ms = in->refused.code < 0 ? 0 : in->shape->billed_ms(&in->run),
            .body = buf_str(&in->body),
            .head = in->head.n > 0 && in->run.outcome == OUTCOME_OK ? buf_str(&in->head) : STR_NONE,
            .tail = tail_text(&in->tail),
            .facts = &in->facts,
            .refused = in->refused.code < 0 ? &in->refused : NULL,
            .untried = in->untried_ms > 0,
            .retry_ms = in->untried_ms,
    };

    tell_end(in, &result);
    if (in->on_done)
        in->on_done(in->user, &result);
    destroy(in);
}

void invocation_refuse(struct invocation *in)
{
    assert(in->refused.code < 0);
    in->run.outcome = OUTCOME_CANCELLED;
    buf_reset(&in->body);
    invocation_answer(in);
}

static void on_refuse_turn(void *user)
{
    invocation_refuse(OBJ(user, struct invocation, INVOCATION_MAGIC));
}

/* ---- the way to the pool ---- */

static int submit(struct invocation *in, struct err *e)
{
    int r;

    in->job = (struct job){
            .fn = in->fn,
            .ops = &invoke_job_ops,
            .user = in,
            .payload = buf_str(&in->payload),
            .answer_max = in->shape->answer_max,
            .load_only = in->load_only,
            .http = in->http != NULL,
            .background = in->background,
    };
    r = pool_submit(in->iv->pool, &in->job, e);
    in->submitted = r == 0;
    return r;
}

static void on_ready(void *user, int r, const struct err *e)
{
    struct invocation *in = OBJ(user, struct invocation, INVOCATION_MAGIC);
    struct invoker *iv = in->iv;
    char name[INVOKE_CODE_NAME];

    if (r < 0 || iv->closing || in->cancelled) {
        if (e)
            in->refused = *e;
        if (in->cancelled && r >= 0)
            err_set(&in->refused, ERR_CALLER, -ECANCELED, "cancelled");
        if (in->refused.code >= 0)
            err_set(&in->refused, ERR_HOST, r < 0 ? r : -ESHUTDOWN, "%s",
                    r < 0 ? "the function's code is not available" : "the service is stopping");
        loop_defer(iv->loop, on_refuse_turn, in);
        return;
    }
    map_put(iv->ready, invoke_code_name(in->fn, name), iv);
    if (submit(in, &in->refused) < 0)
        loop_defer(iv->loop, on_refuse_turn, in);
}

void invocation_ready_code(struct invocation *in)
{
    catalog_ready_layers(in->iv->catalog, in->fn, 0, on_ready, in);
}

/* What can be refused before anything is kept. */
static int check(const struct invoke_spec *spec, const struct shape_ops *shape, struct err *e)
{
    const struct fn *fn = spec->fn;
    const struct runtime *rt = runtime_find(fn->dialect, str_of(fn->runtime));
    size_t payload = spec->owned ? spec->owned->n : spec->payload.n;

    if (!shape)
        return err_set(e, ERR_HOST, -ENOEXEC, "dialect '%s' is not built in",
                       dialect_names[fn->dialect]);
    if (!rt)
        return err_set(e, ERR_CALLER, -ENOEXEC, "runtime '%s' is unknown", fn->runtime);
    if (!rt->worker)
        return err_set(e, ERR_CALLER, -ENOEXEC, "runtime '%s' has no worker in this version",
                       fn->runtime);
    if (fn->code.sha[0] == 0)
        return err_set(e, ERR_CALLER, -ENODATA, "function '%s' has no code yet", fn->name);
    if (payload > shape->payload_max)
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the event has %zu bytes, the limit is %llu",
                       payload, (unsigned long long)shape->payload_max);
    return 0;
}

static void take_payload(struct invocation *in, const struct invoke_spec *spec)
{
    if (spec->owned) {
        buf_move(&in->payload, spec->owned);
        return;
    }
    buf_init(&in->payload, in->shape->payload_max);
    buf_adds(&in->payload, spec->payload);
}

/* The function is told that this run is its parent. */
static void carry_trace(struct invocation *in)
{
    struct run_trace *t = &in->facts.trace;

    trace_print(t, in->traceparent);
    in->run.traceparent = in->traceparent;
    if (t->state.n == 0)
        return;
    in->tracestate = str_dup(t->state);
    in->run.tracestate = in->tracestate;
    t->state = str_of(in->tracestate);
}

static struct invocation *invocation_new(struct invoker *iv, const struct invoke_spec *spec,
                                         const struct shape_ops *shape)
{
    struct invocation *in = xnew(struct invocation);
    char id[UUID_TEXT];

    in->magic = INVOCATION_MAGIC;
    in->iv = iv;
    iv->live++;
    in->shape = shape;
    in->fn = fn_ref(spec->fn);
    in->request_id = spec->request_id ? xstrndup(spec->request_id, REQUEST_ID_MAX)
                                      : (uuid4(id), xstrdup(id));
    in->run = (struct run){
            .fn = in->fn,
            .request_id = in->request_id,
            .instance_id = in->instance_id,
            .start_wall_ms = clock_wall_ms(),
    };
    buf_init(&in->body, shape->answer_max + LINES_MAX);
    buf_init(&in->head, HEAD_MAX);
    tail_init(&in->tail, shape->tail_bytes);
    take_payload(in, spec);
    in->facts = watch_facts(spec, in->request_id);
    in->facts.instance_id = in->instance_id;
    if (spec->trace)
        carry_trace(in);
    if (spec->http)
        in->run.http = in->http = invoke_copy_http(spec->http);
    in->load_only = spec->load_only;
    in->background = spec->background;
    if (!in->load_only)
        watch_begin(iv, &in->facts, in->watched);

    in->on_done = spec->on_done;
    in->user = spec->user;
    return in;
}

/* The pool did not take it: as if it had never come, but for those who watch. */
static void take_back(struct invocation *in, const struct invoke_spec *spec, const struct err *e)
{
    if (spec->owned)
        buf_move(spec->owned, &in->payload);
    if (!in->load_only)
        watch_end(in->iv, watch_refusal(&in->facts, e), in->watched);
    destroy(in);
}

int invoke(struct invoker *iv, const struct invoke_spec *spec, struct invocation **ret,
           struct err *e)
{
    const struct shape_ops *shape = shape_of(spec->fn->dialect);
    char name[INVOKE_CODE_NAME];
    struct invocation *in;
    int r;

    assert(iv->magic == INVOKER_MAGIC);
    r = iv->closing ? err_set(e, ERR_HOST, -ESHUTDOWN, "the service is stopping")
                    : check(spec, shape, e);
    if (r < 0) {
        if (!spec->load_only)
            watch_refused(iv, spec, e);
        return r;
    }

    in = invocation_new(iv, spec, shape);
    if (!map_get(iv->ready, invoke_code_name(in->fn, name))) {
        invocation_ready_code(in);
    } else {
        r = submit(in, e);
        if (r < 0) {
            take_back(in, spec, e);
            return r;
        }
    }
    if (ret)
        *ret = in;
    return 0;
}

uint32_t invoker_runs_of(const struct invoker *iv, struct str path)
{
    struct pool_use use;

    pool_use(iv->pool, path, &use);
    return use.running + use.waiting;
}

const char *invocation_id(const struct invocation *in)
{
    return in->request_id;
}

void invocation_forget(struct invocation *in)
{
    assert(in->magic == INVOCATION_MAGIC);
    in->on_done = NULL;
}

void invocation_cancel(struct invocation *in)
{
    assert(in->magic == INVOCATION_MAGIC);
    if (in->cancelled)
        return;
    in->cancelled = true;
    if (in->submitted && !in->iv->closing)
        pool_cancel(in->iv->pool, &in->job);
    /* else its end is on the way, or its code: -> on_ready */
}

struct invoker *invoker_new(struct loop *l, struct catalog *catalog, struct pool *pool)
{
    struct invoker *iv = xnew(struct invoker);

    iv->magic = INVOKER_MAGIC;
    iv->loop = l;
    iv->catalog = catalog;
    iv->pool = pool;
    iv->ready = map_new();
    pool_set_shape(pool, &invoke_pool_shape, iv);
    iv->live = 1; /* its owner; every invocation is one more */
    return iv;
}

void invoker_set_roles(struct invoker *iv, const struct role_root *root)
{
    assert(iv->magic == INVOKER_MAGIC);
    iv->roles = *root;
    iv->has_roles = true;
}

struct invoker *invoker_free(struct invoker *iv)
{
    if (!iv)
        return NULL;
    assert(iv->magic == INVOKER_MAGIC && !iv->closing);
    iv->closing = true;
    invoker_unhold(iv);
    return NULL;
}

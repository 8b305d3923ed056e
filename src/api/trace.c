/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c - an invocation's place in its caller's trace. */
#include "observe/trace/trace.h"

#include "api/api.h"
#include "fn/fn.h"
#include "invoke/invoke.h"

void call_trace(const struct call *c, struct invoke_spec *spec, struct run_trace *room)
{
    struct tracer *t = c->api->tracer;

    spec->received_ns = c->req->received_ns;
    if (!t)
        return;
    tracer_begin(t, http_header(c->req, S("traceparent")), http_header(c->req, S("tracestate")),
                 spec->fn->tracing != NULL, room);
    spec->whole_ns = c->whole_ns;
    spec->trace = room;
}

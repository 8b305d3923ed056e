/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - what is told of every run to those who watch: function logs, metrics, traces. The engine
 * (src/invoke/watch.c) tells, and knows none of them; src/daemon/ introduces them to each other.
 *
 * On the hot path: a watcher does no input or output and no system call in these calls, and
 * allocates at most once per run. Times are CLOCK_MONOTONIC in ns, 0 where that never happened.
 */
#ifndef EVOKE_OBSERVE_RUN_H
#define EVOKE_OBSERVE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "fn/outcome.h"

struct fn;

/* Why a function runs; the values of the attribute faas.trigger where it has one for it. */
enum run_trigger {
    RUN_HTTP, /* an API call, its caller waits: also the gateway later */
    RUN_TIMER,
    RUN_PUBSUB, /* an event of a source */
    RUN_OTHER,  /* asynchronous invocation, and what has no source */
    RUN_TRIGGERS,
};

/* W3C trace context, https://www.w3.org/TR/trace-context/ */
struct run_trace {
    uint8_t trace_id[16], parent_id[8]; /* parent: of the caller; zero: none */
    uint8_t span_id[8];                 /* of this run */
    bool sampled;
    struct str state; /* tracestate of the caller, well-formed; p NULL: none */
};

/* Filled as the run goes on; views valid during the call. */
struct run_facts {
    const struct fn *fn;
    const char *request_id;
    const char *instance_id; /* "" before it has one */
    const char *version;     /* "latest", or a published one */
    enum run_trigger trigger;
    struct run_trace trace;

    int64_t accepted_wall_ms; /* Unix time of accepted_ns */
    uint64_t received_ns;     /* the request's head was complete; 0: not over HTTP */
    uint64_t whole_ns;        /* its body was too; 0: nobody traces */
    uint64_t accepted_ns;     /* signature checked, function found: it waits from here on */
    uint64_t start_ns;        /* its own instance was asked for; 0: it got a warm one */
    uint64_t load_ns;         /* that instance begins to load the code and initialise */
    uint64_t loaded_ns;       /* and has ended it */
    uint64_t run_ns;          /* handed over to the handler */
    uint64_t end_ns;          /* its answer is there */

    /* at the end */
    enum outcome outcome;
    bool refused;       /* CANCELLED: never ran; a limit or the host said no */
    bool limited;       /* refused: by a limit */
    const char *reason; /* refused: the sentence; else NULL */
    bool cold;
    uint64_t duration_ns; /* as billed from: handler entry to end; 0: never ran */
    uint64_t init_ns;     /* it waited for a load; else 0 */
    uint64_t billed_ms;
    uint64_t memory_bytes; /* peak of the instance; 0: unknown */
    uint64_t cpu_ns;       /* CPU time of the worker for this run; 0: unknown */
    uint64_t event_bytes, answer_bytes;
    struct str answer; /* or its error result; as its caller gets it */
};

/* Each may be NULL. For every invocation asked for: begin once, log as text comes, end once. */
struct run_watch {
    /* What it returns comes back as `run` in the other two. */
    void *(*begin)(void *user, const struct run_facts *f);
    /* Bytes the function or the platform wrote, in order; lines may be cut anywhere. */
    void (*log)(void *user, void *run, const struct run_facts *f, struct str text);
    void (*end)(void *user, void *run, const struct run_facts *f);
    /* Said by an instance while none of its runs was there to hear it: a hook's words (hook:
     * "pre_stop", "pre_freeze"; "load": it was only looked at whether it loads), or after an answer
     * (hook NULL). */
    void (*stray)(void *user, const struct fn *fn, const char *instance_id, const char *hook,
                  struct str text);
};

enum { RUN_WATCHES = 4 };

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape.h - the pure half of a dialect: what a function of that cloud sees and what is said about
 * its runs. No input or output, no clock, no process: text in, text out. The engine calls it
 * through this vtable and never knows which cloud it serves.
 */
#ifndef EVOKE_DIALECT_SHAPE_H
#define EVOKE_DIALECT_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "fn/key.h"
#include "fn/outcome.h"

struct cJSON;
struct err;
struct fn;
struct jw;

/* Temporary keys of the function's role. Texts borrowed. */
struct shape_keys {
    const char *access_key, *secret_key, *security_token;
};

/* A request of the gateway, for a function that is to see it. Lists are in the order they came in,
 * with repetitions; a value with p == NULL: there was no '='. All borrowed. */
struct shape_pair {
    struct str name, value;
};
struct shape_list {
    const struct shape_pair *at;
    size_t n;
};
struct shape_http {
    struct str request_id;
    struct str method;     /* "GET" */
    struct str api_method; /* what the API was declared with: "ANY" */
    struct str scheme;     /* "http", "https" */
    struct str host;       /* as sent, with its port */
    struct str path;       /* decoded, without stage */
    struct str raw_path;   /* as sent */
    struct str target;     /* raw path and query, as the function is to see it */
    struct str pattern;    /* of the API: "/test/{path}" */
    struct shape_list headers, query, path_params;
    struct shape_list header_params, query_params; /* those that the API declares */
    struct shape_list variables;                   /* of the stage */
    struct str body;
    bool base64; /* the API wants the body in base64 whatever it is */
    struct str group_id, api_id, stage, source_ip, qualifier;
    struct str secret_id; /* the key it was signed with; empty: nobody has */
    struct str user_data; /* STR_NONE but for authorizers */
    uint32_t timeout_ms;  /* of the API */
    int64_t now_ms;
};

/* What a function answered, as HTTP. */
struct shape_answer {
    int status;
    struct shape_pair *headers; /* owned array; a name may come several times */
    size_t nheaders;
    struct buf body;  /* owned, decoded */
    struct buf texts; /* owned: what those of the headers lie in */
};

/* What is known about one run; the engine fills it, the shape words it. */
struct run {
    const struct fn *fn;
    const char *request_id;
    const char *instance_id;
    int64_t start_wall_ms;
    uint64_t duration_ns;  /* handler entry to end, as the host saw it */
    uint64_t init_ns;      /* this run waited for a cold start: code load and initializer; else 0 */
    bool cold;             /* first run of its instance */
    uint64_t memory_bytes; /* peak of the instance so far; 0 = unknown */
    enum outcome outcome;
    struct str answer;     /* once it has ended: what was answered, or the error result */
    bool handled;          /* OUTCOME_ERROR: told through the language's own channel */
    int exit_code, signal; /* OUTCOME_EXITED, _INIT_EXITED: of the runtime process; exit_code -1 if
                              by signal, or not told */
    const char *hook;      /* NULL: an invocation; else "pre_stop", "pre_freeze" */
    const struct shape_keys *keys;        /* borrowed; NULL: the function has no role */
    const char *traceparent, *tracestate; /* W3C trace context to carry on; NULL: none */
    const struct shape_http *http; /* for an HTTP handler, which reads the body as it came; NULL: an
                                      event */
};

enum log_point {
    LOG_LOAD_START,
    LOG_LOAD_END, /* cold only: around code load and initializer (stream 0 lines in between) */
    LOG_RUN_START,
    LOG_RUN_END,
};

/* How asynchronous events are tried where a function has no rules of its own. */
struct shape_retry {
    uint32_t age_s;    /* older ones expire */
    uint32_t retries;  /* after the first try */
    bool failures;     /* also where the function itself failed; else only where it could not run.
                          A function with rules of its own: always */
    uint32_t first_ms; /* before the first retry; doubles each time ... */
    uint32_t most_ms;  /* ... up to this */
    bool jitter;       /* each wait is between half and all of it */
};

/* A due time of a timer trigger. */
struct shape_timer {
    const char *name;   /* of the trigger */
    const char *time;   /* RFC 3339 with offset */
    int64_t due_ms;     /* the same, Unix time */
    struct str payload; /* the user's own words */
};

/* An event that has ended, for its destination. */
struct shape_told {
    const struct fn *fn;
    struct str request_id, qualifier;
    int64_t now_ms;
    enum outcome outcome; /* of the last try */
    bool expired;         /* too old, before its tries were used up */
    uint32_t attempts;
    struct str payload, answer; /* answer: or the error result; may be empty */
};

struct shape_ops {
    enum dialect dialect;
    uint8_t layout;          /* enum launch_layout of the code mount, as a number */
    uint64_t payload_max;    /* synchronous event bytes */
    uint64_t answer_max;     /* answer bytes */
    uint32_t tail_bytes;     /* log tail handed to a caller that asked for it */
    uint32_t log_line_bytes; /* longer lines are split by the worker */
    const char *key_prefix;  /* of the access keys of roles */

    /* The ASSIGN document (docs/protocol/frames.md): dialect, code root, handler, initializer,
     * environment, and the static half of the context. keys: the role's, for the initializer, or
     * NULL. */
    void (*assign)(const struct fn *f, const char *instance_id, const struct shape_keys *keys,
                   struct buf *out);
    /* The OPEN document: request id, deadline, credentials: the half that changes per run. */
    void (*open)(const struct run *run, struct buf *out);
    /* The platform's own log lines around a run; whole lines, each ended by '\n'. May add nothing.
     */
    void (*log)(const struct run *run, enum log_point point, struct buf *out);
    /* Error result for outcomes whose body the platform has to word (timeout, exit, memory, ...).
     */
    void (*failure)(const struct run *run, struct buf *out);
    uint64_t (*billed_ms)(const struct run *run);
    /* The cloud's share of CPU for the function, in thousandths of one. */
    uint32_t (*cpu_millis)(const struct fn *f);

    /* Asynchronous events. A dialect without them has NULLs and 0. */
    uint64_t async_max; /* bytes of an event */
    const struct shape_retry *retry;
    void (*timer)(const struct shape_timer *t, struct buf *out);
    void (*told)(const struct shape_told *t, struct buf *out); /* what a destination is given */

    /* Behind a gateway: the event of a request, and what the answer says. integrated: SCF's kind of
     * answer. 0, or -EINVAL with a sentence: it is not in the form this cloud's gateway wants. */
    void (*http_event)(const struct shape_http *h, struct buf *out);
    int (*http_answer)(struct str answer, bool integrated, struct shape_answer *ret, struct err *e);

    /* Behind an HTTP trigger: does this function take an event, rather than the request as it came (FC
     * 3.0)? NULL: none does. Then its event, and what its answer says. */
    bool (*trigger_as_event)(const struct fn *f);
    void (*trigger_event)(const struct fn *f, const struct shape_http *h, struct buf *out);
    int (*trigger_answer)(struct str answer, struct shape_answer *ret, struct err *e);
};

void shape_answer_done(struct shape_answer *a);

/* The fields every dialect's ASSIGN document begins with, into an object that is open. */
void shape_assign_head(struct jw *w, const struct fn *f, const char *instance_id,
                       const char *code_root, const char *cwd, const struct shape_keys *keys);
/* "search" of ASSIGN, where modules of layers are found: for a function with layers of a runtime that
 * has such a place. */
void shape_search(struct jw *w, const struct fn *f, const char *python, const char *node);
/* EVOKE_ENDPOINT, into the object of environment variables, for a function that may use it. */
void shape_endpoint(struct jw *w, const struct fn *f);
/* The OPEN document in the form all dialects share so far: their `open`. */
void shape_open(const struct run *run, struct buf *out);

/* Peak memory in parts of a megabyte, rounded: 1000 for thousandths. */
static inline uint64_t shape_memory(const struct run *run, unsigned parts)
{
    return (run->memory_bytes * parts + (1u << 19)) >> 20;
}

/* NULL for a dialect that is not built in. */
const struct shape_ops *shape_of(enum dialect dialect);

#endif

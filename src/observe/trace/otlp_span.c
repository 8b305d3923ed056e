/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_span.c - one run as a tree of spans.
 *
 *   NAME                    received ........................................... end
 *     receive               received -> whole
 *     authorize                         whole -> accepted
 *     queue                                      accepted -> start, load or run
 *     start                                                  start -> load            (cold)
 *     initialise                                                      load -> loaded  (cold)
 *     run                                                             run -> handler's end
 *     answer                                                                 -> end
 *
 * A span is there if both its ends are known. Times come from one monotonic clock, moved to wall
 * time by the pair (accepted_ns, accepted_wall_ms), so that no child lies outside its parent. Ids of
 * children are derived from the root's: they need not be random, only distinct within a trace.
 *
 * Attributes: https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "observe/trace/otlp.h"

enum { TEXTS = 9, REASON_MAX = 256, KIND_INTERNAL = 1, KIND_SERVER = 2, STATUS_ERROR = 2 };

enum text { NAME, ACCOUNT, REGION, SPACE, REQUEST, INSTANCE, VERSION, STATE, REASON };

struct span_run {
    struct run_trace trace;
    enum dialect dialect;
    enum run_trigger trigger;
    enum outcome outcome;
    bool cold;
    uint32_t memory_mb;
    int64_t accepted_wall_ms;
    uint64_t received, whole, accepted, start, load, loaded, run, end, duration;
    uint64_t memory_bytes, event_bytes, answer_bytes;
    uint16_t at[TEXTS + 1];
    char texts[]; /* one after the other */
};

struct span_run *span_run_new(const struct run_facts *f)
{
    const char *reason = f->reason ? f->reason : "";
    struct str texts[TEXTS] = {
            [NAME] = str_of(f->fn->name),      [ACCOUNT] = str_of(f->fn->account),
            [REGION] = str_of(f->fn->region),  [SPACE] = str_of(f->fn->space),
            [REQUEST] = str_of(f->request_id), [INSTANCE] = str_of(f->instance_id),
            [VERSION] = str_of(f->version),    [STATE] = f->trace.state,
            [REASON] = str_of(reason),
    };
    struct span_run *r;
    size_t n = 0;

    for (size_t i = 0; i < TEXTS; i++) {
        if (texts[i].n > 512)
            texts[i].n = 512;
        n += texts[i].n;
    }
    r = xcalloc(1, sizeof(*r) + n);
    r->trace = f->trace;
    r->trace.state = STR_NONE;
    r->dialect = f->fn->dialect;
    r->trigger = f->trigger;
    r->outcome = f->outcome;
    r->cold = f->cold;
    r->memory_mb = f->fn->memory_mb;
    r->accepted_wall_ms = f->accepted_wall_ms;
    r->received = f->received_ns;
    r->whole = f->whole_ns;
    r->accepted = f->accepted_ns;
    r->start = f->start_ns;
    r->load = f->load_ns;
    r->loaded = f->loaded_ns;
    r->run = f->run_ns;
    r->end = f->end_ns;
    r->duration = f->duration_ns;
    r->memory_bytes = f->memory_bytes;
    r->event_bytes = f->event_bytes;
    r->answer_bytes = f->answer_bytes;
    for (size_t i = 0; i < TEXTS; i++) {
        memcpy(r->texts + r->at[i], texts[i].p ? texts[i].p : "", texts[i].n);
        r->at[i + 1] = (uint16_t)(r->at[i] + texts[i].n);
    }
    return r;
}

struct span_run *span_run_free(struct span_run *r)
{
    free(r);
    return NULL;
}

static struct str text_of(const struct span_run *r, enum text which)
{
    return (struct str){r->texts + r->at[which], (size_t)(r->at[which + 1] - r->at[which])};
}

/* ---- OTLP's JSON: ids in hex, 64-bit numbers as text ---- */

static void put_id(struct jw *w, const char *key, const uint8_t *id, size_t n)
{
    char hex[33];

    hex_encode(id, n, hex);
    jw_kstrz(w, key, hex);
}

static void put_number_text(struct jw *w, const char *key, uint64_t v)
{
    char room[U64_TEXT];

    jw_kstr(w, key, str_of_u64(v, room));
}

static void begin_attribute(struct jw *w, const char *key)
{
    jw_obj(w);
    jw_kstrz(w, "key", key);
    jw_key(w, "value");
    jw_obj(w);
}

static void end_attribute(struct jw *w)
{
    jw_obj_end(w);
    jw_obj_end(w);
}

static void put_text(struct jw *w, const char *key, struct str s)
{
    if (s.n == 0)
        return;
    begin_attribute(w, key);
    jw_kstr(w, "stringValue", s);
    end_attribute(w);
}

static void put_int(struct jw *w, const char *key, uint64_t v)
{
    begin_attribute(w, key);
    put_number_text(w, "intValue", v);
    end_attribute(w);
}

static void put_bool(struct jw *w, const char *key, bool v)
{
    begin_attribute(w, key);
    jw_kbool(w, "boolValue", v);
    end_attribute(w);
}

static uint64_t wall_ns(const struct span_run *r, uint64_t mono_ns)
{
    return (uint64_t)r->accepted_wall_ms * 1000000 + mono_ns - r->accepted;
}

static uint64_t root_begin(const struct span_run *r)
{
    return r->received ? r->received : r->accepted;
}

static const char *const triggers[RUN_TRIGGERS] = {
        [RUN_HTTP] = "http", [RUN_TIMER] = "timer", [RUN_PUBSUB] = "pubsub", [RUN_OTHER] = "other"};

static void put_attributes(struct jw *w, const struct span_run *r)
{
    char resource[2600];
    struct str name = text_of(r, NAME), space = text_of(r, SPACE);

    (void)snprintf(resource, sizeof(resource), "%s/%.*s/%.*s/%.*s/%.*s", dialect_names[r->dialect],
                   STR_ARG(text_of(r, ACCOUNT)), STR_ARG(text_of(r, REGION)), STR_ARG(space),
                   STR_ARG(name));
    jw_key(w, "attributes");
    jw_arr(w);
    put_text(w, "faas.trigger", str_of(triggers[r->trigger]));
    put_text(w, "faas.invocation_id", text_of(r, REQUEST));
    put_text(w, "faas.name", name);
    put_text(w, "faas.version", text_of(r, VERSION));
    put_text(w, "faas.instance", text_of(r, INSTANCE));
    put_bool(w, "faas.coldstart", r->cold);
    put_int(w, "faas.max_memory", (uint64_t)r->memory_mb << 20);
    put_text(w, "cloud.account.id", text_of(r, ACCOUNT));
    put_text(w, "cloud.region", text_of(r, REGION));
    put_text(w, "cloud.resource_id", str_of(resource));
    put_text(w, "evoke.dialect", str_of(dialect_names[r->dialect]));
    put_text(w, "evoke.outcome", str_of(outcome_names[r->outcome]));
    put_int(w, "evoke.event_bytes", r->event_bytes);
    put_int(w, "evoke.answer_bytes", r->answer_bytes);
    if (r->memory_bytes)
        put_int(w, "evoke.memory_peak_bytes", r->memory_bytes);
    jw_arr_end(w);
}

static void put_failure(struct jw *w, const struct span_run *r)
{
    struct str reason = text_of(r, REASON);

    if (r->outcome == OUTCOME_OK)
        return;
    if (reason.n == 0)
        reason = str_of(outcome_names[r->outcome]);
    jw_key(w, "events");
    jw_arr(w);
    jw_obj(w);
    put_number_text(w, "timeUnixNano", wall_ns(r, r->end));
    jw_kstrz(w, "name", "exception");
    jw_key(w, "attributes");
    jw_arr(w);
    put_text(w, "exception.type", str_of(outcome_names[r->outcome]));
    put_text(w, "exception.message", reason);
    jw_arr_end(w);
    jw_obj_end(w);
    jw_arr_end(w);
    jw_key(w, "status");
    jw_obj(w);
    jw_kint(w, "code", STATUS_ERROR);
    jw_kstr(w, "message", reason);
    jw_obj_end(w);
}

static bool has_parent(const struct span_run *r)
{
    static const uint8_t none[8];

    return memcmp(r->trace.parent_id, none, sizeof(none)) != 0;
}

static void put_ends(struct jw *w, const struct span_run *r, uint64_t from, uint64_t to)
{
    put_number_text(w, "startTimeUnixNano", wall_ns(r, from));
    put_number_text(w, "endTimeUnixNano", wall_ns(r, to));
}

static void put_root(struct jw *w, const struct span_run *r)
{
    jw_obj(w);
    put_id(w, "traceId", r->trace.trace_id, sizeof(r->trace.trace_id));
    put_id(w, "spanId", r->trace.span_id, sizeof(r->trace.span_id));
    if (has_parent(r))
        put_id(w, "parentSpanId", r->trace.parent_id, sizeof(r->trace.parent_id));
    if (text_of(r, STATE).n)
        jw_kstr(w, "traceState", text_of(r, STATE));
    jw_kstr(w, "name", text_of(r, NAME));
    jw_kint(w, "kind", KIND_SERVER);
    put_ends(w, r, root_begin(r), r->end);
    put_attributes(w, r);
    put_failure(w, r);
    jw_obj_end(w);
}

static void put_child(struct jw *w, const struct span_run *r, uint8_t number, const char *name,
                      uint64_t from, uint64_t to)
{
    uint8_t id[8];

    if (!from || !to || to < from || from < root_begin(r))
        return;
    if (to > r->end)
        to = r->end;
    memcpy(id, r->trace.span_id, sizeof(id));
    id[7] ^= number;
    id[0] ^= 0x80;
    jw_obj(w);
    put_id(w, "traceId", r->trace.trace_id, sizeof(r->trace.trace_id));
    put_id(w, "spanId", id, sizeof(id));
    put_id(w, "parentSpanId", r->trace.span_id, sizeof(r->trace.span_id));
    jw_kstrz(w, "name", name);
    jw_kint(w, "kind", KIND_INTERNAL);
    put_ends(w, r, from, to);
    jw_obj_end(w);
}

/* The first thing that happened for it after it began to wait. */
static uint64_t queue_end(const struct span_run *r)
{
    const uint64_t marks[] = {r->start, r->load, r->run};

    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (marks[i] >= r->accepted)
            return marks[i];
    return r->end;
}

static void put_run(struct jw *w, const struct span_run *r)
{
    uint64_t handled = r->run && r->duration ? r->run + r->duration : r->end;

    if (handled > r->end)
        handled = r->end;
    put_root(w, r);
    put_child(w, r, 1, "receive", r->received, r->whole);
    put_child(w, r, 2, "authorize", r->whole, r->accepted);
    put_child(w, r, 3, "queue", r->accepted, queue_end(r));
    put_child(w, r, 4, "start", r->start, r->load);
    put_child(w, r, 5, "initialise", r->load, r->loaded ? r->loaded : r->end);
    put_child(w, r, 6, "run", r->run, handled);
    if (r->run)
        put_child(w, r, 7, "answer", handled, r->end);
}

void otlp_body(struct span_run *const *runs, uint32_t n, const char *service, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "resourceSpans");
    jw_arr(&w);
    jw_obj(&w);
    jw_key(&w, "resource");
    jw_obj(&w);
    jw_key(&w, "attributes");
    jw_arr(&w);
    put_text(&w, "service.name", str_of(service));
    put_text(&w, "service.version", S(EVOKE_VERSION));
    jw_arr_end(&w);
    jw_obj_end(&w);
    jw_key(&w, "scopeSpans");
    jw_arr(&w);
    jw_obj(&w);
    jw_key(&w, "scope");
    jw_obj(&w);
    jw_kstrz(&w, "name", "evoke");
    jw_kstrz(&w, "version", EVOKE_VERSION);
    jw_obj_end(&w);
    jw_key(&w, "spans");
    jw_arr(&w);
    for (uint32_t i = 0; i < n; i++)
        put_run(&w, runs[i]);
    jw_arr_end(&w);
    jw_obj_end(&w);
    jw_arr_end(&w);
    jw_obj_end(&w);
    jw_arr_end(&w);
    jw_obj_end(&w);
}

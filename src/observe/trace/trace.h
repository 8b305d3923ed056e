/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h - W3C trace context: reading it, carrying it on, and who is sampled.
 * https://www.w3.org/TR/trace-context/ */
#ifndef EVOKE_OBSERVE_TRACE_TRACE_H
#define EVOKE_OBSERVE_TRACE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "observe/run.h"

struct err;

enum { TRACE_PARENT = 56, TRACE_STATE = 512 /* bytes passed on; a longer one is left out */ };

/* A header's value: 0, and trace_id, parent_id and sampled of *ret; or -EINVAL: as if there were
 * none. Of versions after 00 what 00 knows is read. */
int trace_parse(struct str s, struct run_trace *ret);
/* Is it a list the standard allows: members key=value, at most 32, no key twice? */
bool trace_state_ok(struct str tracestate);
/* What is carried on: this run is the parent. */
void trace_print(const struct run_trace *t, char out[TRACE_PARENT]);

/* "0.25": parts of 2^32, for trace_root(). 0 to 1, at most 9 decimals; -EINVAL. */
int trace_ratio(struct str s, uint64_t *ret);

/* Ids without a system call: xoshiro256**, seeded once. Not secret, only distinct. */
struct tracer {
    uint64_t state[4];
    uint64_t ratio; /* of traces that begin here, in parts of 2^32 */
};
void tracer_init(struct tracer *t, uint64_t ratio);
/* Fill *ret: carried on from the caller, sampled as the caller is; or begun, and then sampled by the
 * ratio or always. */
void tracer_begin(struct tracer *t, struct str traceparent, struct str tracestate, bool always,
                  struct run_trace *ret);
void tracer_span(struct tracer *t, uint8_t id[8]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_trace.c - a parent that was understood, printed with the same ids, is understood as the same;
 * states are only judged. The first line is the parent, the rest the state. */
#include <string.h>

#include "fuzz.h"
#include "observe/trace/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = {(const char *)data, n}, parent = str_cut(&rest, '\n');
    struct run_trace t, again;
    char text[TRACE_PARENT];

    if (trace_state_ok(rest))
        holds(rest.n > 2 && rest.n <= TRACE_STATE);
    if (trace_parse(parent, &t) < 0)
        return 0;
    memcpy(t.span_id, t.parent_id, sizeof(t.span_id));
    trace_print(&t, text);
    holds(strlen(text) == TRACE_PARENT - 1);
    holds(trace_parse(str_of(text), &again) == 0);
    holds(memcmp(t.trace_id, again.trace_id, 16) == 0 && t.sampled == again.sampled);
    holds(memcmp(t.parent_id, again.parent_id, 8) == 0);
    return 0;
}

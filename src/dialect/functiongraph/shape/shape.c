/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape.c - FunctionGraph in one table: limits of the contract, and who words what.
 *
 * The console shows 4 KiB of log and X-Cff-Function-Log carries 2000 bytes of it: we keep the
 * larger tail, the API half cuts it.
 */
#include "dialect/functiongraph/functiongraph.h"
#include "dialect/functiongraph/shape/parts.h"
#include "launcher/proto.h"

const struct shape_ops functiongraph_shape = {
        .dialect = DIALECT_FUNCTIONGRAPH,
        .layout = LAYOUT_FUNCTIONGRAPH,
        .payload_max = FUNCTIONGRAPH_BODY_MAX,
        .answer_max = FUNCTIONGRAPH_BODY_MAX,
        .tail_bytes = 4096,
        .log_line_bytes = FUNCTIONGRAPH_LOG_LINE,
        .key_prefix = "HST",
        .assign = functiongraph_assign,
        .open = shape_open,
        .log = functiongraph_log,
        .failure = functiongraph_failure,
        .billed_ms = functiongraph_billed_ms,
        .cpu_millis = functiongraph_cpu_millis,
        .async_max = FUNCTIONGRAPH_ASYNC_MAX,
        .retry = &functiongraph_retry,
        .timer = functiongraph_timer,
        .told = functiongraph_told,
        .http_event = functiongraph_http_event,
        .http_answer = functiongraph_http_answer,
};

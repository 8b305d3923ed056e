/* SPDX-License-Identifier: Apache-2.0 */
/* shape.c - Function Compute in one table: limits of the contract (2016-08-15), and who words what.
 */
#include "dialect/fc/fc.h"
#include "dialect/fc/shape/parts.h"
#include "launcher/proto.h"

const struct shape_ops fc_shape = {
        .dialect = DIALECT_FC,
        .layout = LAYOUT_CODE,
        .payload_max = FC_BODY_MAX,
        .answer_max = FC_BODY_MAX,
        .tail_bytes = 4096,
        .log_line_bytes = FC_LOG_LINE,
        .key_prefix = "STS.",
        .assign = fc_assign,
        .open = shape_open,
        .log = fc_log,
        .failure = fc_failure,
        .billed_ms = fc_billed_ms,
        .cpu_millis = fc_cpu_millis,
        .async_max = FC_ASYNC_MAX,
        .retry = &fc_retry,
        .timer = fc_timer,
        .told = fc_told,
        .http_event = fc_http_event,
        .http_answer = fc_http_answer,
        .trigger_as_event = fc_trigger_as_event,
        .trigger_event = fc_trigger_event,
        .trigger_answer = fc_trigger_answer,
};

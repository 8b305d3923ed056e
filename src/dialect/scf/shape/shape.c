/* SPDX-License-Identifier: Apache-2.0 */
/* shape.c - SCF in one table: limits of the contract (2018-04-16), and who words what. */
#include "dialect/scf/scf.h"
#include "dialect/scf/shape/parts.h"
#include "launcher/proto.h"

const struct shape_ops scf_shape = {
        .dialect = DIALECT_SCF,
        .layout = LAYOUT_SCF,
        .payload_max = SCF_BODY_MAX,
        .answer_max = SCF_BODY_MAX,
        .tail_bytes = 4096,
        .log_line_bytes = SCF_LOG_LINE,
        .key_prefix = "AKID",
        .assign = scf_assign,
        .open = shape_open,
        .log = scf_log,
        .failure = scf_failure,
        .billed_ms = scf_billed_ms,
        .cpu_millis = scf_cpu_millis,
        .async_max = SCF_ASYNC_MAX,
        .retry = &scf_retry,
        .timer = scf_timer,
        .told = scf_told,
        .http_event = scf_http_event,
        .http_answer = scf_http_answer,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - the pieces behind functiongraph_shape; see shape.h for what each promises. */
#ifndef EVOKE_DIALECT_FUNCTIONGRAPH_SHAPE_PARTS_H
#define EVOKE_DIALECT_FUNCTIONGRAPH_SHAPE_PARTS_H

#include "dialect/shape.h"

enum {
    FUNCTIONGRAPH_BODY_MAX = 6 * 1024 * 1024,
    FUNCTIONGRAPH_ASYNC_MAX = 256 * 1024,
    FUNCTIONGRAPH_LOG_LINE = 90000
};

/* context.c */
void functiongraph_assign(const struct fn *f, const char *instance_id,
                          const struct shape_keys *keys, struct buf *out);
/* log.c */
void functiongraph_log(const struct run *run, enum log_point point, struct buf *out);
void functiongraph_failure(const struct run *run, struct buf *out);
uint64_t functiongraph_billed_ms(const struct run *run);
uint32_t functiongraph_cpu_millis(const struct fn *f);
/* event.c */
extern const struct shape_retry functiongraph_retry;
void functiongraph_timer(const struct shape_timer *t, struct buf *out);
void functiongraph_told(const struct shape_told *t, struct buf *out);
/* http.c */
void functiongraph_http_event(const struct shape_http *h, struct buf *out);
int functiongraph_http_answer(struct str answer, bool integrated, struct shape_answer *ret,
                              struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - the pieces behind fc_shape; see shape.h for what each promises. */
#ifndef EVOKE_DIALECT_FC_SHAPE_PARTS_H
#define EVOKE_DIALECT_FC_SHAPE_PARTS_H

#include "dialect/shape.h"

enum { FC_BODY_MAX = 6 * 1024 * 1024, FC_ASYNC_MAX = 128 * 1024, FC_LOG_LINE = 32 * 1024 };

/* context.c */
void fc_assign(const struct fn *f, const char *instance_id, const struct shape_keys *keys,
               struct buf *out);
/* log.c */
void fc_log(const struct run *run, enum log_point point, struct buf *out);
void fc_failure(const struct run *run, struct buf *out);
uint64_t fc_billed_ms(const struct run *run);
uint32_t fc_cpu_millis(const struct fn *f);
/* event.c */
extern const struct shape_retry fc_retry;
void fc_timer(const struct shape_timer *t, struct buf *out);
void fc_told(const struct shape_told *t, struct buf *out);
/* http3.c */
bool fc_trigger_as_event(const struct fn *f);
void fc_trigger_event(const struct fn *f, const struct shape_http *h, struct buf *out);
int fc_trigger_answer(struct str answer, struct shape_answer *ret, struct err *e);
/* http.c */
bool fc_http_in_base64(const struct shape_http *h);
void fc_http_event(const struct shape_http *h, struct buf *out);
int fc_http_answer(struct str answer, bool integrated, struct shape_answer *ret, struct err *e);

#endif

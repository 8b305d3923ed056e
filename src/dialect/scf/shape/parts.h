/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - the pieces behind scf_shape; see shape.h for what each promises. */
#ifndef EVOKE_DIALECT_SCF_SHAPE_PARTS_H
#define EVOKE_DIALECT_SCF_SHAPE_PARTS_H

#include "dialect/shape.h"

enum {
    SCF_BODY_MAX = 6 * 1024 * 1024,
    SCF_ASYNC_MAX = 128 * 1024,
    SCF_LOG_LINE = 8 * 1024, /* of a message in the cloud's log service */
};

/* context.c */
void scf_assign(const struct fn *f, const char *instance_id, const struct shape_keys *keys,
                struct buf *out);
uint32_t scf_cpu_millis(const struct fn *f);
struct str scf_qualifier(struct str version); /* "$LATEST" is how the moving one is spelt */
/* log.c */
void scf_log(const struct run *run, enum log_point point, struct buf *out);
uint64_t scf_billed_ms(const struct run *run);
/* failure.c */
void scf_failure(const struct run *run, struct buf *out);
int scf_status(enum outcome outcome); /* 430, 433, ...; 200 for what went well */
/* event.c */
extern const struct shape_retry scf_retry;
void scf_timer(const struct shape_timer *t, struct buf *out);
void scf_told(const struct shape_told *t, struct buf *out);
/* http.c */
void scf_http_event(const struct shape_http *h, struct buf *out);
int scf_http_answer(struct str answer, bool integrated, struct shape_answer *ret, struct err *e);

#endif

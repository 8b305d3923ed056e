/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination.h - where the records of ended asynchronous events go, between the cloud's words and the
 * record, for both versions of the API:
 *
 *   acs:fc:<region>:<account>:services/<s>[.<q>]/functions/<f>      2016-08-15
 *   acs:fc:<region>:<account>:functions/[<s>$]<f>[/<q>]             2023-03-30
 *   http://..., https://...                                         ours
 *
 * Region and account may be left out. What the cloud also has (mns, eventbridge, mq) is refused: a record
 * that goes nowhere would be missed on the day it is needed.
 */
#ifndef EVOKE_DIALECT_FC_API_DESTINATION_H
#define EVOKE_DIALECT_FC_API_DESTINATION_H

#include "base/str.h"

struct catalog;
struct cJSON;
struct err;
struct fn;
struct fn_async;
struct jw;

/* The asynchronous rules of an event body: maxAsyncEventAgeInSeconds (1 to age_most), maxAsyncRetryAttempts (0
 * to 8), destinationConfig {onSuccess, onFailure {destination}}, into a (zeroed; what is left out has
 * the dialect's default). own: whose they are. -EINVAL; a destination that is not there is one. */
int fc_async_parse(const struct catalog *c, const struct cJSON *body, const struct fn *own,
                   int64_t age_most, struct fn_async *a, struct err *e);
/* Into an object that is open: the same fields, and createdTime, lastModifiedTime. */
void fc_async_put(struct jw *w, const struct fn_async *a);

#endif

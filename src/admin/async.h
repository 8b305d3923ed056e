/* SPDX-License-Identifier: Apache-2.0 */
/* async.h - a function's rules for asynchronous events, as this API says and shows them. */
#ifndef EVOKE_ADMIN_ASYNC_H
#define EVOKE_ADMIN_ASYNC_H

#include <stdbool.h>

struct call;
struct cJSON;
struct err;
struct fn;
struct jw;

/* {"max_age_s", "max_retries", "on_success", "on_failure"}; value NULL: the dialect's rules. What
 * says the same as before leaves the record as it was. -EINVAL with e. */
int admin_parse_async(const struct cJSON *value, struct fn *f, struct err *e);
/* A destination is run: it is a function that the key may invoke. False: it has replied. */
bool admin_permit_async(struct call *c, const struct fn *f);
/* Key "async", null where the function has none of its own. */
void admin_put_async(struct jw *w, const struct fn *f);

#endif

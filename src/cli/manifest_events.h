/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_events.h - the parts of a manifest that are about events: `async` and `triggers`. */
#ifndef EVOKE_CLI_MANIFEST_EVENTS_H
#define EVOKE_CLI_MANIFEST_EVENTS_H

struct cJSON;
struct err;
struct jw;
struct name;

/* fn: the function's name, for errors. *ret is value, or stays. */
int manifest_read_async(const char *fn, const struct cJSON *value, const struct cJSON **ret,
                        struct err *e);
int manifest_read_triggers(const char *fn, const struct cJSON *value, const struct cJSON **ret,
                           struct err *e);
/* As the admin API wants it; destinations may leave out what they share with the function. */
void manifest_put_async(struct jw *w, const struct name *of, const struct cJSON *async);

#endif

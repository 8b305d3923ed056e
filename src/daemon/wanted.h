/* SPDX-License-Identifier: Apache-2.0 */
/* wanted.h - what the options of `evoke serve` mean for each room: at the start, and when they are read
 * again. The rooms do not know the options. */
#ifndef EVOKE_DAEMON_WANTED_H
#define EVOKE_DAEMON_WANTED_H

#include <stdint.h>

struct audit_conf;
struct delivery_conf;
struct logs_conf;
struct options;
struct pool_conf;

/* memory_share_mb: what --memory 0 stands for. */
void wanted_pool(const struct options *o, int64_t memory_share_mb, struct pool_conf *ret);
void wanted_logs(const struct options *o, struct logs_conf *ret);
void wanted_audit(const struct options *o, struct audit_conf *ret);
void wanted_delivery(const struct options *o, struct delivery_conf *ret);
void wanted_objects(const struct options *o, uint64_t *most, uint64_t *most_bytes);
/* Share of runs that are traced, as tracer_init() takes it. */
uint64_t wanted_ratio(const struct options *o);

#endif

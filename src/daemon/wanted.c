/* SPDX-License-Identifier: Apache-2.0 */
/* wanted.c - options, as what the rooms ask for; see wanted.h. */
#include "daemon/wanted.h"

#include <string.h>

#include "base/str.h"
#include "conf/options.h"
#include "delivery/delivery.h"
#include "observe/audit/audit.h"
#include "observe/logs/logs.h"
#include "observe/trace/trace.h"
#include "pool/pool.h"

void wanted_pool(const struct options *o, int64_t memory_share_mb, struct pool_conf *ret)
{
    pool_conf_default(ret);
    ret->instances = (uint32_t)o->instances;
    ret->keep_warm_ms = (uint32_t)o->keep_warm_s * 1000;
    ret->waiting = (uint32_t)o->waiting;
    ret->freeze_after_ms = (uint32_t)o->freeze_after_ms;
    ret->memory_mb = (uint32_t)(o->memory_mb ? o->memory_mb : memory_share_mb);
}

void wanted_logs(const struct options *o, struct logs_conf *ret)
{
    logs_conf_default(ret);
    ret->function_bytes = (uint64_t)o->log_function_mb << 20;
    ret->total_bytes = (uint64_t)o->log_mb << 20;
    ret->age_ms = (uint64_t)o->log_age_h * 3600 * 1000;
}

void wanted_audit(const struct options *o, struct audit_conf *ret)
{
    *ret = (struct audit_conf){.what = strcmp(o->audit, "off") == 0   ? AUDIT_OFF
                                       : strcmp(o->audit, "all") == 0 ? AUDIT_ALL
                                                                      : AUDIT_CHANGES,
                               .size_bytes = (uint64_t)o->audit_mb << 20,
                               .age_days = (uint32_t)o->audit_days,
                               .strict = strcmp(o->audit_full, "refuse") == 0};
}

void wanted_delivery(const struct options *o, struct delivery_conf *ret)
{
    *ret = (struct delivery_conf){.waiting = (uint64_t)o->async_waiting,
                                  .running = (uint32_t)o->async_running,
                                  .per_function = (uint32_t)o->async_per_function,
                                  .keep_h = (uint32_t)o->async_keep_h,
                                  .keep = (uint64_t)o->async_keep_count};
}

void wanted_objects(const struct options *o, uint64_t *most, uint64_t *most_bytes)
{
    *most = (uint64_t)o->objects;
    *most_bytes = (uint64_t)o->objects_gb << 30;
}

uint64_t wanted_ratio(const struct options *o)
{
    uint64_t ratio = 0;

    (void)trace_ratio(str_of(o->trace_ratio), &ratio); /* checked with the options */
    return ratio;
}

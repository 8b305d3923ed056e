/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c - what the pool has and has done, in figures. */
#include "base/map.h"
#include "fn/fn.h"
#include "pool/supply.h"

void pool_stats(const struct pool *p, struct pool_stats *ret)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    *ret = (struct pool_stats){.starts = p->starts,
                               .spares = p->env.spares,
                               .forks = p->env.forks,
                               .cold = p->env.cold,
                               .runs = p->env.runs,
                               .waiting = p->lines.nwaiting,
                               .freezes = p->env.freezes,
                               .failed_starts = p->failed_starts,
                               .evictions = p->evictions,
                               .memory_bytes = p->used_bytes,
                               .memory_budget = (uint64_t)p->conf.memory_mb << 20,
                               .dropped_log_bytes = p->env.dropped_log_bytes};
    while (map_next(p->lines.groups, &cursor, &key, &value)) {
        struct group *g = value;

        ret->reserved += g->reserved;
        ret->backing_off += sick_backs_off(g);
        list_each (it, &g->instances) {
            const struct instance *in = container_of(it, struct instance, node);

            ret->idle += instance_is_idle(in) || in->state == INST_FREEZING;
            ret->frozen += in->state == INST_FROZEN;
            ret->busy += in->state == INST_BUSY || in->state == INST_SPENT;
            ret->starting += in->state < INST_IDLE;
        }
    }
}

uint32_t pool_ready(const struct pool *p, const struct fn *fn)
{
    const struct family *family = family_find(&p->lines, fn);

    return family ? family->ninstances - family->ndying : 0;
}

void pool_each_instance(const struct pool *p, const struct fn *fn,
                        void (*each)(void *user, const char *id), void *user)
{
    const struct family *family = family_find(&p->lines, fn);

    if (!family)
        return;
    list_each (of, &family->groups) {
        const struct group *g = container_of(of, struct group, kin);

        list_each (it, &g->instances) {
            const struct instance *in = container_of(it, struct instance, node);

            if (in->state >= INST_IDLE && in->state < INST_CLOSING &&
                str_eq(str_of(in->fn->version), str_of(fn->version)))
                each(user, in->id);
        }
    }
}

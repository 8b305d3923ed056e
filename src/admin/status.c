/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - what this daemon enforces and what it is doing. */
#include "admin/handlers.h"
#include "api/api.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "pool/launch.h"
#include "pool/pool.h"

enum { STATUS_MAX = 16 << 10 };

static const char *const enforced[] = {
        [ENFORCED_NONE] = "none",           [ENFORCED_PROCESS] = "process",
        [ENFORCED_CGROUP_V1] = "cgroup v1", [ENFORCED_CGROUP_V2] = "cgroup v2",
        [ENFORCED_MOUNT] = "mount",         [ENFORCED_TMPFS] = "tmpfs",
};

static const char *enforced_name(uint8_t how)
{
    return how < ARRAY_LEN(enforced) ? enforced[how] : "unknown";
}

/* Null while there is no launcher. */
static void put_sandbox(struct jw *w, const struct launch_hello *h)
{
    jw_key(w, "sandbox");
    if (!h) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_kbool(w, "root", h->root);
    jw_kstrz(w, "memory", enforced_name(h->memory));
    jw_kstrz(w, "pids", enforced_name(h->pids));
    jw_kstrz(w, "cpu", enforced_name(h->cpu));
    jw_kstrz(w, "tmp", enforced_name(h->tmp));
    jw_kbool(w, "seccomp", h->seccomp);
    jw_kbool(w, "landlock", h->landlock);
    jw_kbool(w, "network_namespace", h->netns);
    jw_kbool(w, "egress", h->egress);
    jw_kbool(w, "freezer", h->freezer != FREEZER_NONE);
    jw_kstrz(w, "note", h->note);
    jw_obj_end(w);
}

static void put_pool(struct jw *w, const struct pool_stats *s)
{
    jw_key(w, "instances");
    jw_obj(w);
    jw_kint(w, "starts", (int64_t)s->starts);
    jw_kint(w, "cold", (int64_t)s->cold);
    jw_kint(w, "runs", (int64_t)s->runs);
    jw_kint(w, "idle", (int64_t)s->idle);
    jw_kint(w, "busy", (int64_t)s->busy);
    jw_kint(w, "starting", (int64_t)s->starting);
    jw_kint(w, "waiting", (int64_t)s->waiting);
    jw_kint(w, "frozen", (int64_t)s->frozen);
    jw_kint(w, "reserved", (int64_t)s->reserved);
    jw_kint(w, "spares_used", (int64_t)s->spares);
    jw_kint(w, "failed_starts", (int64_t)s->failed_starts);
    jw_kint(w, "backing_off", (int64_t)s->backing_off);
    jw_kint(w, "evictions", (int64_t)s->evictions);
    jw_kint(w, "memory_mb", (int64_t)(s->memory_bytes >> 20));
    jw_kint(w, "memory_budget_mb", (int64_t)(s->memory_budget >> 20));
    jw_obj_end(w);
}

void admin_status(struct call *c)
{
    struct pool_stats stats = {0};
    struct buf body;
    struct jw w;

    pool_stats(c->api->pool, &stats);
    buf_init(&body, STATUS_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstrz(&w, "version", EVOKE_VERSION);
    jw_kstrz(&w, "region", c->api->region);
    jw_kint(&w, "functions", (int64_t)catalog_count(c->api->catalog));
    put_sandbox(&w, launch_hello(c->api->launch));
    put_pool(&w, &stats);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

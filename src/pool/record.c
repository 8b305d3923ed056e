/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - how the last starts of a function went, and what its instances are doing.
 *
 * Groups and families are gone soon after they were last used; what one wants to know of a function
 * that does not start is wanted afterwards. So the last POOL_STARTS starts of each function are kept
 * by its path until the function is deleted (pool_forget) or RECORDS others were started since.
 *
 * Not noted: a start that we ended ourselves before it was ready. Nothing is wrong with it.
 */
#include "pool/record.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "fn/fn.h"
#include "fn/key.h"
#include "pool/state.h"
#include "pool/supply.h"

enum { RECORDS = 4096, PATH_MAX_BYTES = 64 * 1024, MESSAGE_MAX = 1024 };

struct record {
    struct list node;                      /* pool->record_order: longest without a start first */
    struct str path;                       /* owned */
    uint32_t n, next;                      /* used; where the next one goes */
    struct pool_start starts[POOL_STARTS]; /* their messages are owned */
};

static struct record *record_free(struct record *rec)
{
    if (!rec)
        return NULL;
    for (uint32_t i = 0; i < POOL_STARTS; i++)
        free((char *)rec->starts[i].message);
    list_remove(&rec->node);
    free((char *)rec->path.p);
    free(rec);
    return NULL;
}

static void drop(struct pool *p, struct record *rec)
{
    map_del(p->records, rec->path);
    record_free(rec);
}

static void path_of(const struct fn *fn, struct buf *out)
{
    struct fn_key key = fn_key_of(fn);

    buf_init(out, PATH_MAX_BYTES);
    fn_key_path(&key, out);
}

static struct record *record_of(struct pool *p, const struct fn *fn)
{
    struct record *rec;
    struct buf path;

    path_of(fn, &path);
    rec = map_get(p->records, buf_str(&path));
    if (!rec) {
        if (map_count(p->records) >= RECORDS)
            drop(p, container_of(list_first(&p->record_order), struct record, node));
        rec = xnew(struct record);
        list_init(&rec->node);
        rec->path = (struct str){str_dup(buf_str(&path)), path.n};
        map_put(p->records, rec->path, rec);
    }
    list_remove(&rec->node);
    list_push_back(&p->record_order, &rec->node);
    buf_done(&path);
    return rec;
}

static const char *const hows[LAUNCH_HOWS] = {
        [LAUNCH_ON_DEMAND] = "demand",
        [LAUNCH_BY_FORK] = "zygote",
        [LAUNCH_A_SPARE] = "spare",
};

static void note(const struct instance *in, bool ok, char *message)
{
    struct record *rec = record_of(in->group->pool, in->fn);
    struct pool_start *s = &rec->starts[rec->next];
    uint64_t took_ns = clock_mono_ns() - in->born_ns;

    free((char *)s->message);
    *s = (struct pool_start){
            .wall_ms = clock_wall_ms() - (int64_t)(took_ns / 1000000),
            .took_ns = took_ns,
            .how = hows[in->how],
            .ok = ok,
            .end = in->end,
            .exit_code = in->exit_code,
            .signal = in->signal,
            .message = message,
    };
    rec->next = (rec->next + 1) % POOL_STARTS;
    rec->n += rec->n < POOL_STARTS;
}

void record_ready(const struct instance *in)
{
    note(in, true, NULL);
}

static char *exit_text(const struct instance *in)
{
    if (in->signal)
        return xasprintf("the process was ended by signal %d before it was ready", in->signal);
    return xasprintf("the process ended with exit code %d before it was ready", in->exit_code);
}

/* Owned; NULL: this end is no failure of the start. */
static char *why_it_failed(const struct instance *in)
{
    switch (in->end) {
    case JOB_INIT_ERROR:
        return xstrndup(in->init_error.p, MESSAGE_MAX);
    case JOB_INIT_TIMEOUT:
        return xasprintf("it was not ready in time: code has %u ms to be loaded%s",
                         in->env->load_timeout_ms,
                         in->fn->initializer ? ", its initializer the initializer's timeout" : "");
    case JOB_MEMORY:
        return xasprintf("it ran out of its %u MB of memory before it was ready",
                         in->fn->memory_mb);
    case JOB_INIT_EXITED:
        return in->killed ? NULL : exit_text(in);
    case JOB_PROTOCOL:
    case JOB_NO_START:
        return in->err.code == -ECANCELED ? NULL : xstrdup(in->err.msg);
    case JOB_DONE:
    case JOB_ERROR:
    case JOB_TIMEOUT:
    case JOB_EXITED: /* killed by us, or lost with its launcher */
    case JOB_TOO_LARGE:
        break;
    }
    return NULL;
}

void record_gone(const struct instance *in)
{
    char *why = in->ready || in->group->retired ? NULL : why_it_failed(in);

    if (why)
        note(in, false, why);
}

void record_free_all(struct pool *p)
{
    for (struct list *it; (it = list_first(&p->record_order)) != NULL;)
        drop(p, container_of(it, struct record, node));
    p->records = map_free(p->records);
}

void pool_forget(struct pool *p, const struct fn *fn)
{
    struct record *rec;
    struct buf path;

    path_of(fn, &path);
    rec = map_get(p->records, buf_str(&path));
    if (rec)
        drop(p, rec);
    buf_done(&path);
}

/* ---- what is there now ---- */

static const char *const states[INST_STATES] = {
        [INST_STARTING] = "starting",    [INST_BOOTING] = "starting", [INST_LOADING] = "loading",
        [INST_INITIALISING] = "loading", [INST_IDLE] = "idle",        [INST_FREEZING] = "idle",
        [INST_FROZEN] = "frozen",        [INST_BUSY] = "busy",        [INST_SPENT] = "busy",
        [INST_STOPPING] = "ending",      [INST_CLOSING] = "ending",   [INST_DYING] = "ending",
};

static void use_instance(struct pool_use *use, const struct instance *in)
{
    use->running += in->njobs;
    use->memory_bytes += in->memory_bytes;
    if (in->state >= INST_STOPPING)
        return;
    use->instances++;
    use->starting += in->state < INST_IDLE;
    use->busy += in->state == INST_BUSY || in->state == INST_SPENT;
    use->idle += in->state >= INST_IDLE && in->state < INST_BUSY;
    use->waiting += in->job != NULL;
}

static void add_family(const struct family *f, struct pool_use *ret)
{
    ret->waiting += f->nwaiting;
    list_each (g, &f->groups)
        list_each (it, &container_of(g, struct group, kin)->instances)
            use_instance(ret, container_of(it, struct instance, node));
}

static void use_house(const struct family *f, struct pool_use *ret)
{
    *ret = (struct pool_use){0};
    add_family(f, ret);
    list_each (it, &f->versions)
        add_family(container_of(it, struct family, in_house), ret);
}

void pool_use(const struct pool *p, struct str path, struct pool_use *ret)
{
    const struct family *f = map_get(p->lines.families, path);

    *ret = (struct pool_use){0};
    if (f)
        use_house(f, ret);
}

void pool_each_use(const struct pool *p,
                   void (*each)(void *user, struct str path, const struct pool_use *use),
                   void *user)
{
    size_t cursor = 0;
    struct str path;
    void *value;

    while (map_next(p->lines.families, &cursor, &path, &value)) {
        const struct family *f = value;
        struct pool_use use;

        if (f->house != f)
            continue;
        use_house(f, &use);
        each(user, path, &use);
    }
}

static void show(const struct instance *in, uint64_t now_ns,
                 void (*each)(void *user, const struct pool_instance *in), void *user)
{
    bool idle = instance_is_idle(in) || in->state == INST_FREEZING;

    each(user, &(struct pool_instance){
                       .id = in->id,
                       .version = in->fn->version,
                       .state = states[in->state],
                       .revision = in->fn->revision,
                       .age_ns = now_ns - in->born_ns,
                       .idle_ns = idle ? now_ns - in->idle_ns : 0,
                       .runs = in->runs,
                       .running = in->njobs,
                       .memory_bytes = in->memory_bytes,
               });
}

static uint64_t wait_of(const struct list *first, uint64_t now_ns, bool in_pool)
{
    const struct job *job;

    if (!first)
        return 0;
    job = in_pool ? container_of(first, const struct job, wait_node)
                  : container_of(first, const struct job, node);
    return now_ns > job->wait_ns ? now_ns - job->wait_ns : 0;
}

static void add_group(const struct group *g, uint64_t now_ns, struct pool_state *ret)
{
    uint64_t wait_ns = wait_of(list_first(&g->waiting), now_ns, false);
    uint64_t retry_ns = sick_retry_ns(g);

    ret->reserved += g->reserved;
    if (wait_ns > ret->oldest_wait_ns)
        ret->oldest_wait_ns = wait_ns;
    if (group_is_outdated(g) || g->failures == 0)
        return;
    ret->failures = g->failures;
    if (sick_backs_off(g) && retry_ns > now_ns)
        ret->retry_ms = (retry_ns - now_ns + 999999) / 1000000;
}

static void add_record(const struct record *rec, struct pool_state *ret)
{
    ret->nstarts = rec->n;
    for (uint32_t i = 0; i < rec->n; i++)
        ret->starts[i] = rec->starts[(rec->next + POOL_STARTS - 1 - i) % POOL_STARTS];
}

static void show_family(const struct family *f, uint64_t now_ns, struct pool_state *ret,
                        void (*each)(void *user, const struct pool_instance *in), void *user)
{
    list_each (it, &f->groups) {
        const struct group *g = container_of(it, struct group, kin);

        add_group(g, now_ns, ret);
        list_each (node, &g->instances)
            if (each)
                show(container_of(node, struct instance, node), now_ns, each, user);
    }
}

void pool_state(const struct pool *p, struct str path, struct pool_state *ret,
                void (*each)(void *user, const struct pool_instance *in), void *user)
{
    const struct family *f = map_get(p->lines.families, path);
    const struct record *rec = map_get(p->records, path);
    uint64_t now_ns = clock_mono_ns();

    *ret = (struct pool_state){0};
    if (rec)
        add_record(rec, ret);
    if (!f)
        return;
    use_house(f, &ret->use);
    show_family(f, now_ns, ret, each, user);
    list_each (it, &f->versions)
        show_family(container_of(it, struct family, in_house), now_ns, ret, each, user);
}

uint64_t pool_oldest_wait_ns(const struct pool *p)
{
    return wait_of(list_first(&p->lines.waiting), clock_mono_ns(), true);
}

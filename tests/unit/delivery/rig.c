/* SPDX-License-Identifier: Apache-2.0 */
/* rig.c - see rig.h. */
#include "rig.h"
#include "t.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../store/queue_faulty.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "catalog/triggers.h"
#include "catalog/versions.h"
#include "tempdir.h"

/* ---- the clock: stands, until it is moved (src/base/clock_shift.c) ---- */

static struct clock_page {
    char magic[8];
    uint64_t sequence;
    struct {
        int64_t mono_ns, store_ms, scale_milli;
    } slot[2];
} * page;

static void clock_set(int64_t ms)
{
    uint64_t next = page->sequence + 1;

    page->slot[next % 2].mono_ns = (int64_t)clock_mono_ns();
    page->slot[next % 2].store_ms = ms;
    page->slot[next % 2].scale_milli = 0;
    __atomic_store_n(&page->sequence, next, __ATOMIC_RELEASE);
}

static void clock_make(const char *dir)
{
    char *path = xasprintf("%s/clock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct err e = {0};

    assert_true(fd >= 0 && ftruncate(fd, sizeof(*page)) == 0);
    page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(page != MAP_FAILED);
    memcpy(page->magic, "evokeclk", 8);
    clock_set(1800000000000);
    t_ok(clock_follow(path, &e), &e);
    close(fd);
    free(path);
}

void rig_jump(struct rig *g, int64_t ms)
{
    (void)g;
    clock_set(clock_store_ms() + ms);
}

/* ---- the shape ---- */

struct shape_retry rig_retry;

static void told(const struct shape_told *t, struct buf *out)
{
    buf_addf(out, "%s %.*s %u%s: %.*s -> %.*s", t->fn->name, STR_ARG(t->request_id), t->attempts,
             t->expired ? " expired" : "", STR_ARG(t->payload), STR_ARG(t->answer));
}

static const struct shape_ops shape = {
        .async_max = 1000, .retry = &rig_retry, .told = told, .payload_max = 1000};

const struct shape_ops *shape_of(enum dialect dialect)
{
    (void)dialect;
    return &shape;
}

/* ---- functions ---- */

static struct rig *the_rig; /* what the linked-in fakes belong to */

static int number_of(struct str path)
{
    return path.n > 0 ? path.p[path.n - 1] - 'a' : -1;
}

const struct fn *catalog_find_path(const struct catalog *c, struct str path)
{
    int i = number_of(path);

    (void)c;
    if (!str_starts(path, S("functiongraph/")) || i < 0 || i > 3 || the_rig->gone[i])
        return NULL;
    return the_rig->fns[i];
}

/* Of its versions there is latest only. */
const struct fn *catalog_resolve(struct catalog *c, const struct fn_key *key, struct str qualifier,
                                 const struct qualify_ask *ask)
{
    struct buf path;
    const struct fn *f;

    (void)ask;
    buf_init(&path, 1024);
    fn_key_path(key, &path);
    f = qualifier.n == 0 || str_eq(qualifier, S("latest")) ? catalog_find_path(c, buf_str(&path))
                                                           : NULL;
    buf_done(&path);
    return f;
}

void catalog_each_trigger(const struct catalog *c, const struct fn_key *key,
                          bool (*fn)(void *user, const struct trigger *t), void *user)
{
    (void)c;
    for (int i = 0; i < 2; i++)
        if (the_rig->triggers[i].concurrency > 0 && str_eq(key->name, S("a")) &&
            !fn(user, &the_rig->triggers[i]))
            return;
}

struct fn *rig_fn(struct rig *g, int i)
{
    return g->fns[i];
}

static struct fn *fn_make(int i)
{
    char name[2] = {(char)('a' + i), '\0'};
    struct fn *f = fn_new(
            &(struct fn_key){DIALECT_FUNCTIONGRAPH, S("p"), S("r"), S("default"), str_of(name)});

    memset(f->code.sha, 'c', sizeof(f->code.sha) - 1);
    f->max_instances = 100;
    f->instance_concurrency = 1;
    return f;
}

/* ---- the engine ---- */

static void on_end(void *user)
{
    struct invocation *in = user;

    rig_end(in->rig, in);
}

void rig_end(struct rig *g, struct invocation *in)
{
    struct err e = {0};
    struct invoke_result r = {
            .run = {.fn = in->fn,
                    .outcome = in->outcome,
                    .signal = in->signal,
                    .exit_code = in->exit_code,
                    .instance_id = "i-1",
                    .request_id = in->id},
            .body = in->outcome == OUTCOME_OK ? S("fine") : S("broken"),
            .tail = S("the log"),
            .untried = in->untried,
            .retry_ms = in->untried ? 500 : 0,
    };

    if (in->cancelled) {
        r.run.outcome = OUTCOME_EXITED;
        r.run.signal = 9;
    }
    if (in->refused) {
        err_set(&e, ERR_LIMIT, in->refused, "no room");
        r.refused = &e;
        r.run.outcome = OUTCOME_CANCELLED;
    }
    list_remove(&in->node);
    g->running--;
    if (in->on_done)
        in->on_done(in->user, &r);
    fn_unref(in->fn);
    free(in->id);
    free(in->payload);
    free(in);
}

int invoke(struct invoker *iv, const struct invoke_spec *spec, struct invocation **ret,
           struct err *e)
{
    struct rig *g = the_rig;
    struct invocation *in;
    uintptr_t n;

    (void)iv;
    assert_true(spec->background);
    if (g->refuse_at_once)
        return err_set(e, ERR_LIMIT, g->refuse_at_once, "no room at all");
    in = xnew(struct invocation);
    in->rig = g;
    in->fn = fn_ref(spec->fn);
    in->id = xstrdup(spec->request_id);
    in->payload = str_dup(spec->payload);
    in->on_done = spec->on_done;
    in->user = spec->user;
    list_push_back(&g->open, &in->node);
    g->runs++;
    if (++g->running > g->most_running)
        g->most_running = g->running;
    buf_addc(&g->order, spec->fn->name[0]);
    n = (uintptr_t)map_get(g->counts, str_of(in->id));
    map_put(g->counts, str_of(in->id), (void *)(n + 1));
    *ret = in;
    if (g->on_run)
        g->on_run(in);
    else
        loop_defer(g->loop, on_end, in);
    return 0;
}

uint32_t invoker_runs_of(const struct invoker *iv, struct str path)
{
    uint32_t n = the_rig->others;

    (void)iv;
    list_each (it, &the_rig->open)
        n += container_of(it, struct invocation, node)->fn->name[0] == path.p[path.n - 1];
    return n;
}

void invocation_cancel(struct invocation *in)
{
    in->cancelled = true;
    if (in->rig->on_run) /* else it ends anyway */
        loop_defer(in->rig->loop, on_end, in);
}

void invocation_forget(struct invocation *in)
{
    in->on_done = NULL;
}

/* ---- life ---- */

static void on_broken(void *user)
{
    ((struct rig *)user)->broken++;
}

void rig_start_delivery(struct rig *g)
{
    g->delivery = delivery_open(
            &(struct delivery_env){
                    .loop = g->loop, .on_broken = on_broken, .user = g, .tidy_ms = g->tidy_ms},
            g->queue, &g->conf);
}

void rig_stop_delivery(struct rig *g)
{
    g->delivery = delivery_free(g->delivery);
}

struct rig *rig_new(const uint32_t *faults, unsigned seed)
{
    struct rig *g = xnew(struct rig);
    struct q_opened opened = {0};
    struct err e = {0};
    char *path;

    the_rig = g;
    g->dir = tempdir_new();
    clock_make(g->dir);
    rig_retry = (struct shape_retry){
            .age_s = 3600, .retries = 2, .failures = true, .first_ms = 1000, .most_ms = 60000};
    g->loop = loop_new();
    path = xasprintf("%s/queue.db", g->dir);
    t_ok(queue_sqlite_open(g->loop, path, 0, &g->queue, &opened, &e), &e);
    free(path);
    if (faults) {
        g->queue = queue_faulty_new(g->loop, g->queue, faults, seed);
        g->tidy_ms = 1000; /* a lease that was doubled is found by the look at everything */
    }
    for (int i = 0; i < 4; i++)
        g->fns[i] = fn_make(i);
    list_init(&g->open);
    buf_init(&g->order, 100000);
    g->counts = map_new();
    delivery_conf_default(&g->conf);
    rig_start_delivery(g);
    return g;
}

struct rig *rig_free(struct rig *g)
{
    g->delivery = delivery_free(g->delivery);
    for (struct list *it; (it = list_first(&g->open));)
        rig_end(g, container_of(it, struct invocation, node));
    q_close(g->queue);
    for (int i = 0; i < 4; i++)
        fn_unref(g->fns[i]);
    buf_done(&g->order);
    map_free(g->counts);
    delivery_told_done(&g->told);
    loop_free(g->loop);
    tempdir_free(g->dir);
    clock_unfollow();
    (void)munmap(page, sizeof(*page));
    free(g);
    return NULL;
}

/* ---- waiting ---- */

static void on_turned(void *user)
{
    *(bool *)user = true;
}

void rig_turn(struct rig *g)
{
    bool done = false;
    struct loop_timer *t = loop_timer_new(g->loop, on_turned, &done);

    loop_timer_start(t, 1);
    loop_run_until(g->loop, &done);
    loop_timer_free(t);
}

void rig_until(struct rig *g, bool (*done)(struct rig *g))
{
    uint64_t end = clock_mono_ns() + 20 * 1000000000ull;

    while (!done(g)) {
        assert_true(clock_mono_ns() < end);
        rig_turn(g);
    }
}

void rig_until_open(struct rig *g, uint32_t n)
{
    uint64_t end = clock_mono_ns() + 20 * 1000000000ull;

    while (g->running != n) {
        if (clock_mono_ns() > end)
            fail_msg("%u runs are open, not %u", g->running, n);
        rig_turn(g);
    }
}

struct sums {
    bool done;
    int r;
    uint64_t states[Q_STATES], accepted;
};

static void on_sums(void *user, int r, const struct q_ledger *rows, uint32_t n)
{
    struct sums *s = user;

    s->done = true;
    s->r = r;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t sum = 0;

        for (int k = 0; k < Q_STATES; k++) {
            s->states[k] += rows[i].counts[k];
            sum += rows[i].counts[k];
        }
        assert_int_equal(sum, rows[i].accepted);
        s->accepted += sum;
    }
}

void rig_until_state(struct rig *g, enum q_state state, uint64_t n)
{
    uint64_t end = clock_mono_ns() + 30 * 1000000000ull;

    for (;;) {
        struct sums s = {0};

        q_counts(g->queue, &(struct q_filter){0}, on_sums, &s);
        loop_run_until(g->loop, &s.done);
        if (s.r == 0 && s.states[state] == n)
            return;
        if (clock_mono_ns() > end)
            fail_msg("%llu events are %s, not %llu; of %llu; %u runs",
                     (unsigned long long)s.states[state], q_state_names[state],
                     (unsigned long long)n, (unsigned long long)s.accepted, g->runs);
        rig_turn(g);
    }
}

/* ---- asking ---- */

void rig_on_answer(void *user, int r, const struct err *e)
{
    struct rig *g = user;

    g->answered = true;
    g->r = r;
    (void)snprintf(g->why, sizeof(g->why), "%s", e ? e->msg : "");
}

void rig_wait_answer(struct rig *g)
{
    loop_run_until(g->loop, &g->answered);
}

void rig_put(struct rig *g, int i, const char *id, const char *payload)
{
    struct err e = {0};

    g->answered = false;
    t_ok(delivery_put(g->delivery,
                      &(struct delivery_event){.fn = g->fns[i],
                                               .trigger = RUN_OTHER,
                                               .id = str_of(id),
                                               .payload = str_of(payload)},
                      rig_on_answer, g, &e),
         &e);
    assert_false(g->answered);
}

int rig_put_wait(struct rig *g, int i, const char *id, const char *payload)
{
    rig_put(g, i, id, payload);
    rig_wait_answer(g);
    return g->r;
}

struct invocation *rig_first(struct rig *g)
{
    struct list *it = list_first(&g->open);

    assert_non_null(it);
    return container_of(it, struct invocation, node);
}

uint32_t rig_runs_of(const struct rig *g, const char *id)
{
    return (uint32_t)(uintptr_t)map_get(g->counts, str_of(id));
}

struct looking {
    struct rig *rig;
    bool done;
};

static void on_event(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct looking *l = user;
    struct rig *g = l->rig;

    (void)more;
    l->done = true;
    assert_int_equal(r, 0);
    assert_int_equal(n, 1);
    g->state = events[0].state;
    g->attempt = events[0].attempt;
    delivery_told_done(&g->told);
    assert_int_equal(delivery_tell(&events[0], &g->told), 0);
    (void)snprintf(g->payload, sizeof(g->payload), "%.*s", STR_ARG(events[0].payload));
    (void)snprintf(g->reason, sizeof(g->reason), "%.*s", STR_ARG(g->told.reason));
    (void)snprintf(g->cause, sizeof(g->cause), "%.*s", STR_ARG(g->told.cause));
}

void rig_look(struct rig *g, const char *id)
{
    struct looking l = {.rig = g};

    q_list(g->queue, &(struct q_filter){.id = str_of(id), .limit = 1, .payload = true}, on_event,
           &l);
    loop_run_until(g->loop, &l.done);
}

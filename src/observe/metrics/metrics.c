/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - what every run leaves behind in figures.
 *
 * A run is counted once, at its end: in the series of its function, version and trigger (since the
 * start of the daemon, for GET /metrics), in a cell of five seconds (for `evoke top`) and in the open
 * minute (for the history). The memory for cells is there while a function is in use only.
 *
 * A function is found by the address and revision of its record, which is one look into a map; its
 * path is made when that record is new. conf.functions have figures of their own, what comes later is
 * summed as METRICS_OTHER: the number of series is bounded, whatever is deployed.
 *
 * Every conf.tick_ms a timer looks how late it comes: that is the loop's lag. When a minute has passed
 * it hands the figures of every function that did something to the history, and forgets functions that
 * were deleted.
 *
 * Read next: table.c, scrape.c, history.c.
 */
#include "observe/metrics/metrics.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "loop/loop.h"
#include "observe/metrics/history.h"
#include "observe/metrics/internal.h"

enum { PATH_MAX_BYTES = 64 * 1024, MESSAGE_MAX = 300, TYPE_MAX = 100 };

#define MS_NS 1000000ull

/* Durations: as OpenTelemetry asks for faas.invoke_duration, and two more, since functions of these
 * clouds may run for minutes. */
#define DURATIONS                                                                                  \
    {                                                                                              \
        16,                                                                                        \
        {                                                                                          \
            5 * MS_NS, 10 * MS_NS, 25 * MS_NS, 50 * MS_NS, 75 * MS_NS, 100 * MS_NS, 250 * MS_NS,   \
                    500 * MS_NS, 750 * MS_NS, 1000 * MS_NS, 2500 * MS_NS, 5000 * MS_NS,            \
                    7500 * MS_NS, 10000 * MS_NS, 60000 * MS_NS, 900000 * MS_NS                     \
        }                                                                                          \
    }

const struct hist_shape hist_shapes[HISTS] = {
        [HIST_INVOKE] = DURATIONS,
        [HIST_INIT] = DURATIONS,
        [HIST_CPU] = DURATIONS,
        [HIST_MEMORY] = {9,
                         {16 << 20, 32 << 20, 64 << 20, 128 << 20, 256 << 20, 512 << 20, 1 << 30,
                          2ull << 30, 4ull << 30}},
        [HIST_NET] = {7, {256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20, 6 << 20}},
};

static void observe(struct series *s, enum hist_kind kind, uint64_t v)
{
    const struct hist_shape *shape = &hist_shapes[kind];
    struct hist *h = &s->hists[kind];
    uint32_t i = 0;

    while (i < shape->n && v > shape->bounds[i])
        i++;
    h->n[i]++;
    h->sum += v;
    h->count++;
}

/* ---- functions ---- */

static struct str own(struct str s)
{
    return (struct str){str_dup(s), s.n};
}

static struct metered *metered_new(struct str path, const struct fn *fn)
{
    struct metered *mf = xnew(struct metered);
    struct fn_key key = fn ? fn_key_of(fn) : (struct fn_key){0};

    mf->path = own(path);
    list_init(&mf->series);
    if (fn)
        mf->key = (struct fn_key){.dialect = key.dialect,
                                  .account = own(key.account),
                                  .region = own(key.region),
                                  .space = own(key.space),
                                  .name = own(key.name)};
    return mf;
}

static void free_notes(struct notes *ns)
{
    for (uint32_t i = 0; ns && i < ns->n; i++) {
        free(ns->notes[i].request_id);
        free(ns->notes[i].message);
    }
    free(ns);
}

static void metered_free(struct metered *mf)
{
    if (!mf)
        return;
    for (struct list *it; (it = list_pop_front(&mf->series)) != NULL;)
        free(container_of(it, struct series, node));
    free_notes(mf->notes);
    free(mf->recent);
    free((char *)mf->path.p);
    free((char *)mf->key.account.p);
    free((char *)mf->key.region.p);
    free((char *)mf->key.space.p);
    free((char *)mf->key.name.p);
    free(mf);
}

static struct str alias_key(const struct metered *mf)
{
    return (struct str){(const char *)&mf->alias, sizeof(mf->alias)};
}

static void forget(struct metrics *m, struct metered *mf)
{
    map_del(m->aliases, alias_key(mf));
    map_del(m->functions, mf->path);
    metered_free(mf);
}

static struct metered *find_or_make(struct metrics *m, const struct fn *fn)
{
    struct fn_key key = fn_key_of(fn);
    struct metered *mf;
    struct buf path;

    buf_init(&path, PATH_MAX_BYTES);
    fn_key_path(&key, &path);
    mf = map_get(m->functions, buf_str(&path));
    if (!mf && map_count(m->functions) < m->conf.functions) {
        mf = metered_new(buf_str(&path), fn);
        map_put(m->functions, mf->path, mf);
    }
    buf_done(&path);
    return mf;
}

/* The address alone may be that of another record by now; no other has its revision too. */
static struct metered *metered_of(struct metrics *m, const struct fn *fn)
{
    struct metered probe = {.alias = {.fn = fn, .revision = fn->revision}};
    struct metered *mf = map_get(m->aliases, alias_key(&probe));

    if (mf)
        return mf;
    mf = find_or_make(m, fn);
    if (!mf) {
        if (!m->other)
            m->other = metered_new(S(METRICS_OTHER), NULL);
        return m->other;
    }
    map_del(m->aliases, alias_key(mf));
    mf->alias = probe.alias;
    map_put(m->aliases, alias_key(mf), mf);
    return mf;
}

struct metered *metered_next(const struct metrics *m, size_t *cursor)
{
    struct str path;
    void *mf;

    if (*cursor == SIZE_MAX)
        return NULL;
    if (map_next(m->functions, cursor, &path, &mf))
        return mf;
    *cursor = SIZE_MAX;
    return m->other;
}

static struct series *series_of(struct metered *mf, const char *version, enum run_trigger trigger)
{
    struct series *s;

    if (mf->nseries >= SERIES_MAX)
        version = METRICS_OTHER;
    list_each (it, &mf->series) {
        s = container_of(it, struct series, node);
        if (s->trigger == trigger && strncmp(s->version, version, sizeof(s->version) - 1) == 0)
            return s;
    }
    s = xnew(struct series);
    memcpy(s->version, version, strnlen(version, sizeof(s->version) - 1));
    s->trigger = trigger;
    list_push_back(&mf->series, &s->node);
    mf->nseries++;
    return s;
}

/* ---- failures ---- */

/* The sentence in an error result, "KeyError: 'name'": what the clouds' workers write, else the
 * text as it is. */
static char *sentence(struct str answer)
{
    static const char *const keys[] = {"errorMessage", "message", "error"};
    cleanup_with(json_freep) struct cJSON *tree = json_parse(answer, NULL);
    struct str text = answer, type = STR_NONE;
    cleanup_with(buf_done) struct buf out;

    for (size_t i = 0; tree && i < ARRAY_LEN(keys); i++)
        if (json_get(tree, keys[i]) && json_str(tree, keys[i], false, &text, NULL) == 0)
            break;
    if (tree && json_get(tree, "errorType"))
        (void)json_str(tree, "errorType", false, &type, NULL);
    type.n = type.n < TYPE_MAX ? type.n : TYPE_MAX;
    text.n = text.n < MESSAGE_MAX ? text.n : MESSAGE_MAX;
    buf_init(&out, MESSAGE_MAX + TYPE_MAX + sizeof(": "));
    if (type.n && !str_starts(text, type))
        buf_addf(&out, "%.*s%s", STR_ARG(type), text.n ? ": " : "");
    buf_adds(&out, text);
    return xstrndup(out.n ? out.p : "", out.n < MESSAGE_MAX ? out.n : MESSAGE_MAX);
}

static void take_note(struct metered *mf, const struct run_facts *f, int64_t now_ms)
{
    struct note *n;

    if (!mf->notes)
        mf->notes = xnew(struct notes);
    n = &mf->notes->notes[mf->notes->next];
    free(n->request_id);
    free(n->message);
    *n = (struct note){.wall_ms = now_ms,
                       .request_id = xstrdup(f->request_id),
                       .message =
                               f->reason ? xstrndup(f->reason, MESSAGE_MAX) : sentence(f->answer),
                       .outcome = f->outcome,
                       .refused = f->refused,
                       .limited = f->limited};
    mf->notes->next = (mf->notes->next + 1) % METRICS_FAILURES;
    mf->notes->n += mf->notes->n < METRICS_FAILURES;
}

/* ---- counting ---- */

static struct span *cell_now(struct metered *mf, uint64_t slot)
{
    struct cell *c = &mf->recent->cells[slot % CELLS];

    if (c->slot != slot)
        *c = (struct cell){.slot = slot};
    return &c->span;
}

static void count_series(struct series *s, const struct run_facts *f)
{
    if (f->limited) {
        s->throttled++;
        return;
    }
    switch (outcome_class(f->outcome)) {
    case OUTCOME_CLASS_OK:
        s->ok++;
        break;
    case OUTCOME_CLASS_ERROR:
        s->errors++;
        break;
    case OUTCOME_CLASS_TIMEOUT:
        s->timeouts++;
        break;
    case OUTCOME_CLASSES:
        break;
    }
    s->cold += span_cold(f);
    s->billed_ms += f->billed_ms;
    if (f->init_ns)
        observe(s, HIST_INIT, f->init_ns);
    if (f->duration_ns == 0)
        return;
    observe(s, HIST_INVOKE, f->duration_ns);
    observe(s, HIST_NET, f->event_bytes + f->answer_bytes);
    if (f->memory_bytes)
        observe(s, HIST_MEMORY, f->memory_bytes);
    if (f->cpu_ns)
        observe(s, HIST_CPU, f->cpu_ns);
}

static void count_total(struct metered *mf, const struct run_facts *f, int64_t now_ms)
{
    enum outcome_class class = outcome_class(f->outcome);

    mf->last_ms = now_ms;
    if (f->memory_bytes > mf->memory_peak_bytes)
        mf->memory_peak_bytes = f->memory_bytes;
    if (f->limited) {
        mf->throttled++;
    } else {
        mf->runs++;
        mf->errors += class == OUTCOME_CLASS_ERROR;
        mf->timeouts += class == OUTCOME_CLASS_TIMEOUT;
    }
    if (class == OUTCOME_CLASS_OK)
        mf->last_ok_ms = now_ms;
    else
        take_note(mf, f, now_ms);
}

static void on_end(void *user, void *run, const struct run_facts *f)
{
    struct metrics *m = OBJ(user, struct metrics, METRICS_MAGIC);
    struct metered *mf = metered_of(m, f->fn);
    uint64_t slot = f->end_ns / 1000000000 / CELL_S;
    int64_t took_ms = (int64_t)((f->end_ns - f->accepted_ns) / 1000000);

    (void)run;
    if (!mf->recent)
        mf->recent = xnew(struct recent);
    mf->last_slot = slot;
    span_count(cell_now(mf, slot), f);
    span_count(&mf->recent->minute, f);
    count_series(series_of(mf, f->version, f->trigger), f);
    count_total(mf, f, f->accepted_wall_ms + took_ms);
}

const struct run_watch metrics_watch = {.end = on_end};

/* ---- once in a while ---- */

static void look_at_use(struct metrics *m, struct metered *mf)
{
    struct metrics_use use = {0};
    struct span *s;

    if (m->source->use && mf->key.name.p)
        m->source->use(m->source_user, mf->path, &use);
    if (use.instances == 0 && !mf->recent)
        return;
    if (!mf->recent)
        mf->recent = xnew(struct recent);
    s = &mf->recent->minute;
    if (use.instances > s->instances)
        s->instances = use.instances;
    if (use.memory_bytes > s->memory_bytes)
        s->memory_bytes = use.memory_bytes;
}

/* The minute is over: its figures go to the history, deleted functions and idle memory go. */
static void turn_minute(struct metrics *m, int64_t minute, uint64_t slot)
{
    struct metered *mf, *gone = NULL;
    size_t cursor = 0;

    while ((mf = metered_next(m, &cursor)) != NULL) {
        if (mf->recent) {
            if (m->history && !span_empty(&mf->recent->minute))
                history_add(m->history, mf->path, &mf->recent->minute);
            mf->recent->minute = (struct span){0};
            if (slot > mf->last_slot + CELLS) {
                free(mf->recent);
                mf->recent = NULL;
            }
        }
        if (mf->key.name.p && m->source->alive && !m->source->alive(m->source_user, &mf->key))
            gone = mf; /* one a minute: the map must not change under its walk */
    }
    if (m->history)
        history_close_minute(m->history, m->minute);
    if (gone)
        forget(m, gone);
    m->minute = minute;
    m->lag_before_ns = m->lag_max_ns;
    m->lag_max_ns = 0;
}

static void turn_if_over(struct metrics *m)
{
    int64_t minute = clock_wall_ms() / 60000;

    if (minute != m->minute)
        turn_minute(m, minute, clock_mono_ns() / 1000000000 / CELL_S);
}

static void on_tick(void *user)
{
    struct metrics *m = OBJ(user, struct metrics, METRICS_MAGIC);
    uint64_t now = clock_mono_ns();
    struct metered *mf;
    size_t cursor = 0;

    m->lag_ns = now > m->tick_due_ns ? now - m->tick_due_ns : 0;
    if (m->lag_ns > m->lag_max_ns)
        m->lag_max_ns = m->lag_ns;
    while ((mf = metered_next(m, &cursor)) != NULL)
        look_at_use(m, mf);
    turn_if_over(m);
    m->tick_due_ns = now + (uint64_t)m->conf.tick_ms * MS_NS;
    loop_timer_start(m->tick, m->conf.tick_ms);
}

/* ---- what is asked ---- */

void metrics_recent(struct metrics *m, uint32_t window_s, uint64_t *ret_covered_ms,
                    void (*each)(void *user, struct str path, const struct span *s), void *user)
{
    uint64_t now = clock_mono_ns(), slot = now / 1000000000 / CELL_S;
    uint64_t first = slot - (window_s + CELL_S - 1) / CELL_S;
    struct metered *mf;
    size_t cursor = 0;

    if (slot - first >= CELLS)
        first = slot - CELLS + 1;
    *ret_covered_ms = (now - first * CELL_S * 1000000000) / MS_NS;
    while ((mf = metered_next(m, &cursor)) != NULL) {
        struct span sum = {0};

        for (uint32_t i = 0; mf->recent && i < CELLS; i++)
            if (mf->recent->cells[i].slot >= first && mf->recent->cells[i].slot <= slot)
                span_follow(&sum, &mf->recent->cells[i].span);
        if (!span_empty(&sum))
            each(user, mf->path, &sum);
    }
}

void metrics_open_minute(struct metrics *m, int64_t *ret_minute,
                         void (*each)(void *user, struct str path, const struct span *s),
                         void *user)
{
    struct metered *mf;
    size_t cursor = 0;

    turn_if_over(m);
    *ret_minute = m->minute;
    while ((mf = metered_next(m, &cursor)) != NULL)
        if (mf->recent && !span_empty(&mf->recent->minute))
            each(user, mf->path, &mf->recent->minute);
}

void metrics_each(const struct metrics *m, void (*each)(void *user, struct str path), void *user)
{
    struct metered *mf;
    size_t cursor = 0;

    while ((mf = metered_next(m, &cursor)) != NULL)
        each(user, mf->path);
}

void metrics_past(const struct metrics *m, struct str path, struct metrics_past *ret)
{
    const struct metered *mf = map_get(m->functions, path);

    *ret = (struct metrics_past){0};
    if (!mf)
        return;
    ret->runs = mf->runs;
    ret->errors = mf->errors;
    ret->timeouts = mf->timeouts;
    ret->throttled = mf->throttled;
    ret->last_ms = mf->last_ms;
    ret->last_ok_ms = mf->last_ok_ms;
    ret->memory_peak_bytes = mf->memory_peak_bytes;
    ret->nfailures = mf->notes ? mf->notes->n : 0;
    for (uint32_t i = 0; i < ret->nfailures; i++) {
        const struct note *n =
                &mf->notes->notes[(mf->notes->next + METRICS_FAILURES - 1 - i) % METRICS_FAILURES];

        ret->failures[i] = (struct metrics_failure){.wall_ms = n->wall_ms,
                                                    .request_id = n->request_id,
                                                    .message = n->message,
                                                    .outcome = n->outcome,
                                                    .refused = n->refused,
                                                    .limited = n->limited};
    }
}

/* ---- life ---- */

void metrics_conf_default(struct metrics_conf *conf)
{
    *conf = (struct metrics_conf){.functions = 1000, .render_ms = 1000, .tick_ms = 5000};
}

struct metrics *metrics_new(struct loop *l, const struct metrics_conf *conf,
                            const struct metrics_source *source, void *user)
{
    struct metrics *m = xnew(struct metrics);

    m->magic = METRICS_MAGIC;
    m->loop = l;
    m->conf = *conf;
    m->source = source;
    m->source_user = user;
    m->functions = map_new();
    m->aliases = map_new();
    m->minute = clock_wall_ms() / 60000;
    list_init(&m->waiting);
    buf_init(&m->body, 0);
    m->tick = loop_timer_new(l, on_tick, m);
    m->tick_due_ns = clock_mono_ns() + (uint64_t)conf->tick_ms * MS_NS;
    loop_timer_start(m->tick, conf->tick_ms);
    return m;
}

void metrics_keep_history(struct metrics *m, struct history *h)
{
    m->history = h;
}

struct metrics *metrics_free(struct metrics *m)
{
    struct metered *mf;
    size_t cursor = 0;

    if (!m)
        return NULL;
    m->source = &(const struct metrics_source){0}; /* those whom it asked may be gone */
    turn_minute(m, m->minute, 0);                  /* what is left of the open one is not lost */
    scrape_done(m);
    m->tick = loop_timer_free(m->tick);
    while ((mf = metered_next(m, &cursor)) != NULL)
        metered_free(mf);
    m->functions = map_free(m->functions);
    m->aliases = map_free(m->aliases);
    m->magic = 0;
    free(m);
    return NULL;
}

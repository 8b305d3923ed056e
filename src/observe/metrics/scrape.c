/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape.c - GET /metrics, however often it is asked.
 *
 * The loop copies the figures, a worker thread writes them down, and everybody who has asked
 * meanwhile or asks within render_ms gets that text. So a scrape costs the loop a copy of some
 * 800 bytes per series, at most once in render_ms.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "observe/metrics/internal.h"

enum { RENDER_MAGIC = 0x52454e44, BODY_MAX = 256 << 20, EVENT_TEXTS_MAX = 64 << 20 };

struct waiting {
    struct list node;
    void (*done)(void *user, struct str body);
    void *user;
};

struct render {
    uint32_t magic;
    struct metrics *metrics; /* NULL: it is gone */
    struct snapshot shot;
    struct buf body;
};

static void make_room(const struct metrics *m, struct snapshot *s)
{
    size_t cursor = 0, functions = 0, series = 0, paths = 0;
    const struct metered *mf;

    while ((mf = metered_next(m, &cursor)) != NULL) {
        functions++;
        series += mf->nseries;
        paths += mf->path.n;
    }
    s->functions = xrealloc(NULL, functions + 1, sizeof(*s->functions));
    s->series = xrealloc(NULL, series + 1, sizeof(*s->series));
    s->paths = xrealloc(NULL, paths + 1, 1);
}

static void take_function(const struct metrics *m, const struct metered *mf,
                          struct snapshot_function *f, struct series **series, char **path)
{
    *f = (struct snapshot_function){.path = {*path, mf->path.n}, .series = *series};
    memcpy(*path, mf->path.p, mf->path.n);
    *path += mf->path.n;
    list_each (it, &mf->series)
        *(*series)++ = *container_of(it, struct series, node);
    f->nseries = mf->nseries;
    f->used = m->source->use && mf->key.name.p;
    if (f->used)
        m->source->use(m->source_user, mf->path, &f->use);
}

struct taking {
    struct snapshot *s;
    size_t room;
};

/* Texts go into one buffer, which moves as it grows: until it is whole, the lengths tell. */
static void take_row(void *to, const struct metrics_events *row)
{
    struct taking *t = to;
    struct snapshot *s = t->s;

    if (s->nevents == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        s->events = xrealloc(s->events, t->room, sizeof(*s->events));
    }
    buf_adds(&s->event_texts, row->function);
    buf_adds(&s->event_texts, row->source);
    buf_adds(&s->event_texts, row->trigger);
    if (buf_ok(&s->event_texts))
        s->events[s->nevents++] = *row;
}

static void take_events(const struct metrics *m, struct snapshot *s)
{
    struct taking t = {.s = s};
    const char *p;

    buf_init(&s->event_texts, EVENT_TEXTS_MAX);
    if (!m->source->events)
        return;
    m->source->events(m->source_user, take_row, &t);
    p = s->event_texts.p;
    for (size_t i = 0; i < s->nevents; i++) {
        struct str *const texts[] = {&s->events[i].function, &s->events[i].source,
                                     &s->events[i].trigger};

        for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
            texts[k]->p = p;
            p += texts[k]->n;
        }
    }
}

static void take_snapshot(struct metrics *m, struct snapshot *s)
{
    const struct metered *mf;
    struct series *series;
    size_t cursor = 0;
    char *path;

    if (m->source->platform)
        m->source->platform(m->source_user, &s->platform);
    s->platform.loop_lag_ns = m->lag_ns;
    s->platform.loop_lag_max_ns =
            m->lag_max_ns > m->lag_before_ns ? m->lag_max_ns : m->lag_before_ns;
    s->renders = m->renders;
    make_room(m, s);
    series = s->series;
    path = s->paths;
    while ((mf = metered_next(m, &cursor)) != NULL)
        take_function(m, mf, &s->functions[s->n++], &series, &path);
    take_events(m, s);
}

static void free_snapshot(struct snapshot *s)
{
    free(s->functions);
    free(s->series);
    free(s->paths);
    free(s->events);
    buf_done(&s->event_texts);
}

static void answer_all(struct metrics *m)
{
    for (struct list *it; (it = list_pop_front(&m->waiting)) != NULL;) {
        struct waiting *w = container_of(it, struct waiting, node);

        w->done(w->user, buf_str(&m->body));
        free(w);
    }
}

/* On a worker thread: the snapshot is ours alone. */
static void render(void *user)
{
    struct render *r = OBJ(user, struct render, RENDER_MAGIC);

    metrics_write(&r->shot, &r->body);
    free_snapshot(&r->shot);
}

static void on_rendered(void *user)
{
    struct render *r = OBJ(user, struct render, RENDER_MAGIC);
    struct metrics *m = r->metrics;

    if (m) {
        buf_done(&m->body);
        buf_move(&m->body, &r->body);
        m->render = NULL;
        answer_all(m);
    } else {
        buf_done(&r->body);
    }
    r->magic = 0;
    free(r);
}

/* What takes a while is there: the copy, and on with it. */
static void on_gathered(void *user)
{
    struct render *r = OBJ(user, struct render, RENDER_MAGIC);

    if (!r->metrics) {
        buf_done(&r->body);
        r->magic = 0;
        free(r);
        return;
    }
    take_snapshot(r->metrics, &r->shot);
    loop_work(r->metrics->loop, render, on_rendered, r);
}

void metrics_scrape(struct metrics *m, void (*done)(void *user, struct str body), void *user)
{
    uint64_t now = clock_mono_ns();
    struct waiting *w;

    if (!m->render && m->body.n > 0 &&
        now - m->rendered_ns < (uint64_t)m->conf.render_ms * 1000000) {
        done(user, buf_str(&m->body));
        return;
    }
    w = xnew(struct waiting);
    w->done = done;
    w->user = user;
    list_push_back(&m->waiting, &w->node);
    if (m->render)
        return;
    m->renders++;
    m->rendered_ns = now;
    m->render = xnew(struct render);
    m->render->magic = RENDER_MAGIC;
    m->render->metrics = m;
    buf_init(&m->render->body, BODY_MAX);
    if (m->source->gather)
        m->source->gather(m->source_user, on_gathered, m->render);
    else
        on_gathered(m->render);
}

uint64_t metrics_renders(const struct metrics *m)
{
    return m->renders;
}

void scrape_done(struct metrics *m)
{
    if (m->render)
        m->render->metrics = NULL;
    answer_all(m);
    buf_done(&m->body);
}

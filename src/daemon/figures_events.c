/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures_events.c - the figures of asynchronous events and timers.
 *
 * The ledger is asked of the store before each rendering, so that /metrics says what is on disk at that
 * moment. A store that cannot tell leaves the rows as they were. As many pairs of function and source as
 * functions have figures of their own are told apart, the rest is summed.
 */
#include "daemon/figures_events.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/obj.h"
#include "catalog/triggers.h"
#include "delivery/delivery.h"
#include "observe/metrics/metrics.h"
#include "source/timer.h"
#include "store/queue.h"

enum { EVENT_FIGURES_MAGIC = 0x0f160002 };

struct ledger_row {
    char *function, *source, *trigger; /* owned */
    struct metrics_events figures;
};

struct event_figures {
    uint32_t magic;
    struct delivery *delivery; /* borrowed, as the next; NULL: nobody delivers */
    const struct timers *timers;
    const struct catalog *catalog;
    uint32_t rows_max;
    struct ledger_row *rows; /* owned */
    size_t nrows;
    uint64_t unbalanced, overdue_ms;
    void (*gathered)(void *arg); /* who waits for it; NULL: nobody */
    void *gathered_arg;
};

static void forget_rows(struct event_figures *f)
{
    for (size_t i = 0; i < f->nrows; i++) {
        free(f->rows[i].function);
        free(f->rows[i].source);
        free(f->rows[i].trigger);
    }
    free(f->rows);
    f->rows = NULL;
    f->nrows = 0;
}

static void add_counts(struct metrics_events *to, const struct q_ledger *row)
{
    to->accepted += row->accepted;
    to->passed += row->passed;
    to->waiting += row->counts[Q_WAITING];
    to->running += row->counts[Q_RUNNING];
    to->done += row->counts[Q_DONE];
    to->dead += row->counts[Q_DEAD];
    to->expired += row->counts[Q_EXPIRED];
    to->cancelled += row->counts[Q_CANCELLED];
    to->purged += row->counts[Q_PURGED];
}

static struct ledger_row *row_new(struct event_figures *f, struct str function, struct str source)
{
    struct ledger_row *row = &f->rows[f->nrows++];
    const struct trigger *t = source.n && f->catalog ? catalog_trigger(f->catalog, source) : NULL;

    *row = (struct ledger_row){.function = str_dup(function),
                               .source = str_dup(source.n ? source : S("invoked")),
                               .trigger = str_dup(str_of(t ? t->name : ""))};
    row->figures = (struct metrics_events){.function = str_of(row->function),
                                           .source = str_of(row->source),
                                           .trigger = str_of(row->trigger)};
    return row;
}

static void take_ledger(struct event_figures *f, const struct q_ledger *rows, uint32_t n)
{
    struct ledger_row *other = NULL;

    forget_rows(f);
    f->unbalanced = 0;
    f->rows = xcalloc((n < f->rows_max ? n : f->rows_max) + 1ul, sizeof(*f->rows));
    for (uint32_t i = 0; i < n; i++) {
        struct ledger_row *row;

        if (f->nrows < f->rows_max)
            row = row_new(f, rows[i].queue, rows[i].source);
        else
            row = other = other ? other : row_new(f, S(METRICS_OTHER), S(METRICS_OTHER));
        add_counts(&row->figures, &rows[i]);
        f->unbalanced += !q_ledger_adds_up(&rows[i]);
    }
}

static void end_gathering(struct event_figures *f)
{
    void (*done)(void *arg) = f->gathered;

    f->gathered = NULL;
    done(f->gathered_arg);
}

static void on_ready(void *user, int r, const struct q_ready *rows, uint32_t n)
{
    struct event_figures *f = OBJ(user, struct event_figures, EVENT_FIGURES_MAGIC);
    int64_t now_ms = clock_store_ms();

    f->overdue_ms = 0;
    for (uint32_t i = 0; r == 0 && i < n; i++)
        if (rows[i].since_ms > 0 && now_ms - rows[i].since_ms > (int64_t)f->overdue_ms)
            f->overdue_ms = (uint64_t)(now_ms - rows[i].since_ms);
    end_gathering(f);
}

static void on_ledger(void *user, int r, const struct q_ledger *rows, uint32_t n)
{
    struct event_figures *f = OBJ(user, struct event_figures, EVENT_FIGURES_MAGIC);

    if (r == 0)
        take_ledger(f, rows, n);
    if (f->delivery)
        q_ready(delivery_queue(f->delivery), on_ready, f); /* -> on_ready */
    else
        end_gathering(f);
}

void event_figures_gather(struct event_figures *f, void (*done)(void *arg), void *arg)
{
    struct q_filter all = {0};

    assert(!f->gathered);
    f->gathered = done;
    f->gathered_arg = arg;
    if (f->delivery)
        q_counts(delivery_queue(f->delivery), &all, on_ledger, f); /* -> on_ledger */
    else
        end_gathering(f);
}

void event_figures_each(const struct event_figures *f,
                        void (*each)(void *to, const struct metrics_events *row), void *to)
{
    for (size_t i = 0; i < f->nrows; i++)
        each(to, &f->rows[i].figures);
}

static void put_events(struct platform *p, const struct event_figures *f)
{
    struct delivery_stats stats = {0};
    struct q_stats store;

    p->ev_accepted = p->ev_refused = p->ev_tries = p->ev_retries = p->ev_running =
            p->ev_overdue_ms = p->ev_unbalanced = FIGURE_UNKNOWN;
    p->queue_commits = p->queue_events = p->queue_errors = p->queue_damaged = p->queue_bytes =
            FIGURE_UNKNOWN;
    if (!f->delivery)
        return;
    delivery_stats(f->delivery, &stats);
    p->ev_accepted = stats.accepted;
    p->ev_refused = stats.refused;
    p->ev_tries = stats.tries;
    p->ev_retries = stats.retries;
    p->ev_running = stats.running;
    p->ev_overdue_ms = f->overdue_ms;
    p->ev_unbalanced = f->unbalanced;
    store = delivery_queue(f->delivery)->stats;
    p->queue_commits = store.commits;
    p->queue_events = store.puts;
    p->queue_errors = store.errors;
    p->queue_damaged = store.damaged;
    p->queue_bytes = store.bytes;
}

static void put_timers(struct platform *p, const struct event_figures *f)
{
    struct timers_stats stats = {FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN,
                                 FIGURE_UNKNOWN};

    if (f->timers)
        timers_stats(f->timers, &stats);
    p->timers = stats.triggers;
    p->timers_fired = stats.fired;
    p->timers_missed = stats.missed;
    p->timers_left_out = stats.left_out;
    p->timers_late_max_ns = stats.late_ns_max;
}

void event_figures_put(const struct event_figures *f, struct platform *p)
{
    put_events(p, f);
    put_timers(p, f);
}

struct event_figures *event_figures_new(uint32_t rows_max)
{
    struct event_figures *f = xnew(struct event_figures);

    f->magic = EVENT_FIGURES_MAGIC;
    f->rows_max = rows_max;
    return f;
}

void event_figures_ask(struct event_figures *f, struct delivery *delivery,
                       const struct timers *timers, const struct catalog *catalog)
{
    f->delivery = delivery;
    f->timers = timers;
    f->catalog = catalog;
}

struct event_figures *event_figures_free(struct event_figures *f)
{
    if (!f)
        return NULL;
    assert(!f->gathered); /* the store has completed all it was asked */
    forget_rows(f);
    f->magic = 0;
    free(f);
    return NULL;
}

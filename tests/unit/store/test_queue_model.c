/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten thousand random steps, each compared with a model: an array of events, where seq is the place,
 * and queue.h's rules written out without a single index. The ledger is compared after every step,
 * every event now and then and after opening the store again.
 *
 * Time does not move in the model: a moment is long past, at once, or far away.
 */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue_backends.h"

enum {
    STEPS = 10000,
    QUEUES = 3,
    SOURCES = 2,
    KEYS = 3,
    DEDUPS = 40,
    MOST = 40000,
    FAR = 100000000
};

static const char *const queues[QUEUES] = {"q/a", "q/b", "p"};
static const char *const sources[SOURCES] = {"", "t"};
static const char *const keys[KEYS] = {"k", "l", "m"};

struct model_event {
    bool gone;                               /* trimmed */
    uint32_t number;                         /* in its id */
    int queue, source, key, dedup, priority; /* key, dedup -1: none */
    int64_t at;
    enum q_state state;
    uint32_t attempt;
    uint64_t token;
    bool over; /* RUNNING, with a lease that was over at once */
};

struct model {
    struct qs *s;
    struct model_event events[MOST];
    uint32_t n, ids;
    uint64_t token, passed[QUEUES][SOURCES];
    uint64_t accepted[QUEUES][SOURCES], counts[QUEUES][SOURCES][Q_STATES];
    int64_t now_ms;
    unsigned seed;
};

static uint32_t draw(struct model *m, uint32_t below)
{
    return (uint32_t)rand_r(&m->seed) % below;
}

static int64_t draw_at(struct model *m)
{
    static const int64_t far = FAR;

    switch (draw(m, 6)) {
    case 0:
        return m->now_ms - 1000 - draw(m, 50);
    case 1:
        return m->now_ms + far;
    }
    return 0;
}

static void become(struct model *m, struct model_event *ev, enum q_state state)
{
    m->counts[ev->queue][ev->source][ev->state]--;
    m->counts[ev->queue][ev->source][state]++;
    ev->state = state;
}

static bool active(const struct model_event *ev)
{
    return !ev->gone && (ev->state == Q_WAITING || ev->state == Q_RUNNING);
}

static uint64_t waiting(const struct model *m, int queue)
{
    uint64_t sum = 0;

    for (int i = 0; i < SOURCES; i++)
        sum += m->counts[queue][i][Q_WAITING];
    return sum;
}

/* ---- put ---- */

struct draft {
    struct q_record rec;
    struct model_event ev;
    char id[16], dedup[16];
};

static void draw_record(struct model *m, struct draft *d)
{
    d->ev = (struct model_event){.number = m->ids,
                                 .queue = (int)draw(m, QUEUES),
                                 .source = (int)draw(m, SOURCES),
                                 .key = draw(m, 3) == 0 ? (int)draw(m, KEYS) : -1,
                                 .dedup = draw(m, 5) == 0 ? (int)draw(m, DEDUPS) : -1,
                                 .priority = draw(m, 4) == 0 ? (int)draw(m, 10) : 0,
                                 .at = draw_at(m),
                                 .state = Q_WAITING};
    if (m->ids > 0 && draw(m, 8) == 0)
        d->ev.number = draw(m, m->ids);
    else
        m->ids++;
    snprintf(d->id, sizeof(d->id), "i%u", d->ev.number);
    snprintf(d->dedup, sizeof(d->dedup), "d%d", d->ev.dedup);
    d->rec = (struct q_record){.queue = str_of(queues[d->ev.queue]),
                               .source = str_of(sources[d->ev.source]),
                               .id = str_of(d->id),
                               .dedup = d->ev.dedup >= 0 ? str_of(d->dedup) : STR_NONE,
                               .order = d->ev.key >= 0 ? str_of(keys[d->ev.key]) : STR_NONE,
                               .priority = (uint8_t)d->ev.priority,
                               .not_before_ms = d->ev.at};
}

static bool known(const struct model *m, const struct model_event *ev)
{
    for (uint32_t i = 0; i < m->n; i++) {
        const struct model_event *it = &m->events[i];

        if (!it->gone && (it->number == ev->number ||
                          (ev->dedup >= 0 && it->dedup == ev->dedup && it->queue == ev->queue)))
            return true;
    }
    return false;
}

/* What a put does to the model; its results. */
static void model_put(struct model *m, const struct draft *drafts, uint32_t n, int *each)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct model_event *ev = &drafts[i].ev;

        each[i] = known(m, ev) ? -EEXIST : 0;
        if (each[i] < 0)
            continue;
        assert_true(m->n < MOST);
        m->events[m->n++] = *ev;
        m->accepted[ev->queue][ev->source]++;
        m->counts[ev->queue][ev->source][Q_WAITING]++;
    }
}

static void step_put(struct model *m)
{
    struct draft drafts[4] = {0};
    struct q_record recs[4];
    uint32_t n = 1 + draw(m, 4), before = m->n;
    struct q_put put = {.records = recs, .nrecords = n};
    int each[4];
    bool over = false;

    for (uint32_t i = 0; i < n; i++) {
        draw_record(m, &drafts[i]);
        recs[i] = drafts[i].rec;
    }
    if (draw(m, 3) == 0)
        put.bound = 1 + waiting(m, drafts[0].ev.queue) + draw(m, 4);
    model_put(m, drafts, n, each);
    for (uint32_t i = 0; i < n; i++)
        over = over ||
               (put.bound > 0 && each[i] == 0 && waiting(m, drafts[i].ev.queue) > put.bound);
    if (over) {
        while (m->n > before) {
            const struct model_event *ev = &m->events[--m->n];

            m->accepted[ev->queue][ev->source]--;
            m->counts[ev->queue][ev->source][Q_WAITING]--;
        }
        assert_int_equal(put_all(m->s, &put), -ENOBUFS);
        return;
    }
    assert_int_equal(put_all(m->s, &put), 0);
    assert_memory_equal(m->s->t->each, each, n * sizeof(each[0]));
}

/* ---- lease ---- */

/* Behind another of its key. */
static bool held(const struct model *m, uint32_t at)
{
    const struct model_event *ev = &m->events[at];

    for (uint32_t i = 0; ev->key >= 0 && i < m->n; i++) {
        const struct model_event *it = &m->events[i];

        if (i != at && active(it) && it->key == ev->key && it->queue == ev->queue &&
            (i < at || it->state == Q_RUNNING))
            return true;
    }
    return false;
}

static bool run_out(const struct model *m, const struct model_event *ev)
{
    return !ev->gone && ev->state == Q_RUNNING && (ev->over || ev->token != m->token);
}

static bool sooner(const struct model *m, uint32_t a, uint32_t b)
{
    const struct model_event *x = &m->events[a], *y = &m->events[b];

    if (x->priority != y->priority)
        return x->priority > y->priority;
    if ((x->at == 0) != (y->at == 0))
        return x->at != 0;
    return x->at != y->at ? x->at < y->at : a < b;
}

/* The next due one of a queue that is not in `taken`; MOST: none. */
static uint32_t next_due(const struct model *m, int queue, const bool *taken)
{
    uint32_t best = MOST;

    for (uint32_t i = 0; i < m->n; i++) {
        const struct model_event *ev = &m->events[i];

        if (!taken[i] && active(ev) && ev->queue == queue && ev->state == Q_WAITING &&
            ev->at <= m->now_ms && !held(m, i) && (best == MOST || sooner(m, i, best)))
            best = i;
    }
    return best;
}

static void step_lease(struct model *m)
{
    static bool taken[MOST];
    int queue = (int)draw(m, QUEUES);
    struct q_want want = {str_of(queues[queue]), 1 + draw(m, 6)};
    bool over = draw(m, 4) == 0;
    uint32_t nover = 0, at = 0;

    assert_int_equal(lease_wants(m->s, m->token, &want, 1, over ? 0 : 600000), 0);
    memset(taken, 0, sizeof(taken));
    for (uint32_t i = 0; i < m->n; i++)
        nover += m->events[i].queue == queue && run_out(m, &m->events[i]);
    for (; at < m->s->t->n && nover > 0; at++, nover--) { /* in any order */
        uint32_t place = (uint32_t)m->s->t->events[at].seq - 1;

        assert_true(run_out(m, &m->events[place]) && m->events[place].queue == queue);
        assert_false(taken[place]);
        taken[place] = true;
    }
    for (; at < want.most; at++) {
        uint32_t place = next_due(m, queue, taken);

        if (place == MOST)
            break;
        assert_true(at < m->s->t->n);
        assert_int_equal(m->s->t->events[at].seq, place + 1);
        taken[place] = true;
    }
    assert_int_equal(m->s->t->n, at);
    for (uint32_t i = 0; i < at; i++) {
        struct model_event *ev = &m->events[m->s->t->events[i].seq - 1];

        become(m, ev, Q_RUNNING);
        ev->attempt++;
        ev->token = m->token;
        ev->over = over;
        assert_int_equal(m->s->t->events[i].attempt, ev->attempt);
    }
}

/* ---- items ---- */

/* Some event, mostly one that runs; its result for an item of this attempt. */
static int draw_item(struct model *m, struct q_item *ret)
{
    uint32_t at = draw(m, m->n);
    const struct model_event *ev;

    for (uint32_t i = 0; i < m->n && m->events[at].state != Q_RUNNING; i++)
        at = (at + 1) % m->n;
    if (draw(m, 10) == 0)
        at = draw(m, m->n);
    ev = &m->events[at];
    *ret = (struct q_item){at + 1, ev->attempt + (draw(m, 15) == 0)};
    if (ev->gone)
        return -ENOENT;
    if (ev->state != Q_RUNNING || ev->token != m->token || ret->attempt != ev->attempt)
        return -ESTALE;
    return 0;
}

static void step_extend(struct model *m)
{
    struct q_item item;
    int want = draw_item(m, &item);

    assert_int_equal(extend_all(m->s, m->token, &item, 1, 600000), 0);
    assert_int_equal(m->s->t->each[0], want);
    if (want == 0)
        m->events[item.seq - 1].over = false;
}

static void step_again(struct model *m)
{
    struct q_again again = {.at_ms = draw_at(m), .uncounted = draw(m, 3) == 0};
    int want = draw_item(m, &again.item);
    struct model_event *ev = &m->events[again.item.seq - 1];

    if (want == -ESTALE && ev->state == Q_WAITING && ev->token == m->token &&
        ev->attempt == again.item.attempt - again.uncounted)
        want = 0; /* asked before, as far as anybody can tell */
    else if (want == 0) {
        become(m, ev, Q_WAITING);
        ev->at = again.at_ms;
        ev->attempt -= again.uncounted;
    }
    assert_int_equal(again_one(m->s, m->token, &again), want);
}

static void step_finish(struct model *m)
{
    static const enum q_state ends[] = {Q_DONE, Q_DONE, Q_DEAD, Q_EXPIRED, Q_CANCELLED};
    struct draft drafts[2] = {0};
    struct q_record recs[2];
    struct q_end end = {.state = ends[draw(m, 5)], .puts = recs, .nputs = draw(m, 3)};
    int want, each[2];
    struct model_event *ev;

    if (m->n == 0)
        return;
    for (uint32_t i = 0; i < end.nputs; i++) {
        draw_record(m, &drafts[i]);
        recs[i] = drafts[i].rec;
    }
    want = draw_item(m, &end.item);
    ev = &m->events[end.item.seq - 1];
    if (want == -ESTALE && ev->state == end.state && ev->token == m->token &&
        ev->attempt == end.item.attempt)
        want = 0; /* asked before */
    else if (want == 0) {
        become(m, ev, end.state);
        model_put(m, drafts, end.nputs, each);
    }
    assert_int_equal(finish_one(m->s, m->token, &end), want);
}

/* ---- acting on what is found ---- */

static struct model_event *by_id(struct model *m, uint32_t number)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (!m->events[i].gone && m->events[i].number == number)
            return &m->events[i];
    return NULL;
}

static void step_cancel(struct model *m)
{
    uint32_t number = draw(m, m->ids + 1);
    struct model_event *ev = by_id(m, number);
    char id[16];
    int want = -ENOENT;

    if (ev)
        want = ev->state == Q_WAITING ? 0 : -EBUSY;
    if (want == 0) {
        become(m, ev, Q_CANCELLED);
        ev->token = 0;
    }
    snprintf(id, sizeof(id), "i%u", number);
    assert_int_equal(cancel_id(m->s, id, STR_NONE), want);
}

/* Redrive or purge: the oldest that fit. */
static void step_many(struct model *m, bool redrive)
{
    int queue = (int)draw(m, QUEUES), source = (int)draw(m, SOURCES);
    struct q_filter f = {.queue = str_of(queues[queue]),
                         .source = str_of(sources[source]),
                         .states = redrive ? 0 : 1u << (draw(m, 4) == 0 ? Q_WAITING : Q_DEAD),
                         .limit = 1 + draw(m, 3)};
    uint32_t states = redrive ? 1u << Q_DEAD : f.states, n = 0;

    for (uint32_t i = 0; i < m->n && n < f.limit; i++) {
        struct model_event *ev = &m->events[i];

        if (ev->gone || ev->queue != queue || ev->source != source || !(states & 1u << ev->state))
            continue;
        become(m, ev, redrive ? Q_WAITING : Q_PURGED);
        ev->token = 0;
        if (redrive) {
            ev->attempt = 0;
            ev->at = 0;
        }
        n++;
    }
    assert_int_equal(redrive ? redrive_some(m->s, &f, 0) : purge_some(m->s, &f), 0);
    assert_int_equal(m->s->t->count, n);
}

static bool ended(const struct model_event *ev)
{
    return !ev->gone && ev->state >= Q_DONE && ev->state != Q_DEAD;
}

/* Which are the oldest is the clock's affair: the store is asked which it took. */
static void step_trim(struct model *m)
{
    uint32_t keep = 20 + draw(m, 20), most = 1 + draw(m, 30), have = 0, want, got = 0;

    for (uint32_t i = 0; i < m->n; i++)
        have += ended(&m->events[i]);
    want = have > keep ? have - keep : 0;
    want = want < most ? want : most;
    assert_int_equal(trim_some(m->s, 0, keep, most), 0);
    assert_int_equal(m->s->t->count, want);
    for (uint32_t i = 0; want > 0 && i < m->n; i++) {
        char id[16];

        if (!ended(&m->events[i]))
            continue;
        snprintf(id, sizeof(id), "i%u", m->events[i].number);
        assert_int_equal(list_id(m->s, id), 0);
        if (m->s->t->n == 0) {
            m->events[i].gone = true;
            got++;
        }
    }
    assert_int_equal(got, want);
}

static void step_pass(struct model *m)
{
    int queue = (int)draw(m, QUEUES), source = (int)draw(m, SOURCES);
    uint64_t n = draw(m, 5);

    assert_int_equal(pass_some(m->s, queues[queue], sources[source], n, NULL), 0);
    m->passed[queue][source] += n;
}

static void step_campaign(struct model *m)
{
    uint64_t old = m->token;

    if (old > 0)
        assert_int_equal(revoke_it(m->s, "w", old), 0);
    assert_int_equal(campaign_for(m->s, "w", 600000, &m->token), 0);
    assert_true(m->token > old);
}

/* ---- comparing ---- */

static void compare_ledger(struct model *m)
{
    assert_int_equal(counts_of(m->s, &(struct q_filter){0}), 0);
    for (int q = 0; q < QUEUES; q++) {
        for (int k = 0; k < SOURCES; k++) {
            struct q_ledger none = {0}, *row = &none;
            uint64_t sum = 0;

            for (uint32_t i = 0; i < m->s->t->n; i++)
                if (str_eq(m->s->t->rows[i].queue, str_of(queues[q])) &&
                    str_eq(m->s->t->rows[i].source, str_of(sources[k])))
                    row = &m->s->t->rows[i];
            assert_int_equal(row->accepted, m->accepted[q][k]);
            assert_int_equal(row->passed, m->passed[q][k]);
            assert_memory_equal(row->counts, m->counts[q][k], sizeof(row->counts));
            for (int i = 0; i < Q_STATES; i++)
                sum += row->counts[i];
            assert_int_equal(sum, row->accepted);
        }
    }
}

static void compare_events(struct model *m)
{
    uint64_t before = 0;
    uint32_t at = m->n;

    do {
        assert_int_equal(list_some(m->s, &(struct q_filter){.before = before, .limit = 700}), 0);
        for (uint32_t i = 0; i < m->s->t->n; i++) {
            const struct q_event *got = &m->s->t->events[i];
            const struct model_event *ev;

            while (at > 0 && m->events[at - 1].gone)
                at--;
            assert_int_equal(got->seq, at);
            ev = &m->events[--at];
            assert_int_equal(got->state, ev->state);
            assert_int_equal(got->attempt, ev->attempt);
            assert_int_equal(got->token, ev->state == Q_RUNNING ? ev->token : 0);
            t_str(got->queue, str_of(queues[ev->queue]));
            if (ev->state == Q_WAITING)
                assert_int_equal(got->at_ms, ev->at);
            before = got->seq;
        }
    } while (m->s->t->more);
    while (at > 0 && m->events[at - 1].gone)
        at--;
    assert_int_equal(at, 0);
}

static void step(struct model *m)
{
    switch (draw(m, 24)) {
    default:
        step_put(m);
        break;
    case 6 ... 11:
        step_lease(m);
        break;
    case 12 ... 16:
        step_finish(m);
        break;
    case 17 ... 18:
        if (m->n > 0)
            step_again(m);
        break;
    case 19:
        if (m->n > 0)
            step_extend(m);
        break;
    case 20:
        step_cancel(m);
        break;
    case 21:
        step_many(m, draw(m, 2) == 0);
        break;
    case 22:
        if (draw(m, 2) == 0)
            step_trim(m);
        else
            step_pass(m);
        break;
    case 23:
        if (draw(m, 10) == 0)
            step_campaign(m);
        break;
    }
}

static void ten_thousand_steps_are_as_the_model_says(void **state)
{
    struct fix f = {.backend = &queue_backends[0], .dir = tempdir_new()};
    struct model *m = xnew(struct model);

    (void)state;
    f.s.loop = loop_new();
    f.s.t = told_new();
    f.s.q = f.backend->open(f.s.loop, f.dir);
    assert_non_null(f.s.q);
    m->s = &f.s;
    m->seed = 20261122;
    m->now_ms = clock_store_ms();
    step_campaign(m);
    for (int i = 1; i <= STEPS; i++) {
        step(m);
        compare_ledger(m);
        if (i % 1000 == 0) {
            reopen(&f);
            m->token = 0; /* whoever held it is gone */
            step_campaign(m);
            compare_ledger(m);
        }
        if (i % 200 == 0)
            compare_events(m);
    }
    print_message("# %u events\n", m->n);
    assert_true(m->n > STEPS / 4);
    q_close(f.s.q);
    told_free(f.s.t);
    loop_free(f.s.loop);
    tempdir_free(f.dir);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(ten_thousand_steps_are_as_the_model_says),
    };

    /* It is about what, not about the disk: ten thousand fsyncs are a minute. */
    if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", 1);
    return T_RUN(tests);
}

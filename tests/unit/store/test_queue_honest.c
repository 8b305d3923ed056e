/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that keeps to the rules of queue.h, over a line that does all it may: every event it was
 * told to be accepted is done, exactly once in the ledger, with exactly one record of it.
 *
 * The rules: repeat with the same ids after -EINPROGRESS and -EAGAIN; -EEXIST of one's own record is
 * as good as 0; -ESTALE of a put with a cursor: look where the cursor is; -ESTALE of a lease: give up
 * what is in hand, and campaign again.
 */
#include <errno.h>

#include "queue_backends.h"

enum { EVENTS = 150, BATCH = 5, MOST = 8, VISIBLE_MS = 40, TTL_MS = 60 };

struct client {
    struct qs s;
    uint64_t token; /* 0: none */
    uint32_t accepted, effects[EVENTS], tries;
    struct q_event hand[MOST]; /* ids by number, below */
    uint32_t numbers[MOST];
    uint32_t nhand;
};

static bool unknown(int r)
{
    return r == -EINPROGRESS || r == -EAGAIN;
}

static void on_time(void *user)
{
    *(bool *)user = true;
}

/* Nothing to do for now: somebody's lease has to run out first. */
static void rest(struct client *c)
{
    bool done = false;
    struct loop_timer *t = loop_timer_new(c->s.loop, on_time, &done);

    loop_timer_start(t, 5);
    loop_run_until(c->s.loop, &done);
    loop_timer_free(t);
}

static uint32_t cursor_now(struct client *c)
{
    uint64_t at = 0;

    assert_int_equal(cursor_of(&c->s, "place"), 0);
    if (c->s.t->value.n > 0)
        assert_int_equal(str_u64(c->s.t->value, 0, EVENTS, &at), 0);
    return (uint32_t)at;
}

/* Read from a source: its next few events, and how far that was, in one transaction. */
static void produce(struct client *c)
{
    char ids[BATCH][16], from[16], to[16];
    struct q_record recs[BATCH];
    struct q_cursor cursor = {.name = S("place")};
    uint32_t n = 0;
    int r;

    for (; n < BATCH && c->accepted + n < EVENTS; n++) {
        snprintf(ids[n], sizeof(ids[n]), "e%u", c->accepted + n);
        recs[n] = (struct q_record){.queue = S("q"), .source = S("s"), .id = str_of(ids[n])};
    }
    snprintf(from, sizeof(from), "%u", c->accepted);
    snprintf(to, sizeof(to), "%u", c->accepted + n);
    cursor.expect = c->accepted > 0 ? str_of(from) : STR_NONE;
    cursor.next = str_of(to);
    do
        r = put_all(
                &c->s,
                &(struct q_put){.records = recs, .nrecords = n, .cursors = &cursor, .ncursors = 1});
    while (unknown(r));
    if (r == -ESTALE) /* an earlier try had been applied, or its twin: it moved as we wanted */
        assert_int_equal(cursor_now(c), c->accepted + n);
    else
        assert_int_equal(r, 0);
    c->accepted += n;
}

static void hold(struct client *c)
{
    while (c->token == 0) {
        int r = campaign_for(&c->s, "w", TTL_MS, &c->token);

        assert_true(r == 0 || r == -EBUSY || unknown(r));
        if (r == -EBUSY) /* maybe ourselves, whom the answer did not reach: it runs out */
            rest(c);
    }
}

static void lease(struct client *c)
{
    int r = lease_wants(&c->s, c->token, &(struct q_want){S("q"), MOST}, 1, VISIBLE_MS);

    c->nhand = 0;
    if (r == -ESTALE)
        c->token = 0;
    if (r < 0)
        return;
    for (uint32_t i = 0; i < c->s.t->n; i++) {
        uint64_t number;

        assert_int_equal(str_u64(str_from(c->s.t->events[i].id, 1), 0, EVENTS - 1, &number), 0);
        c->numbers[i] = (uint32_t)number;
        c->hand[i] = c->s.t->events[i];
    }
    c->nhand = c->s.t->n;
}

/* The function runs, fails now and then, and what comes of it is told to the store. */
static void work(struct client *c)
{
    struct q_end ends[MOST];
    struct q_again agains[MOST];
    struct q_record told[MOST];
    char ids[MOST][24];
    uint32_t nends = 0, nagains = 0;
    int r = 0;

    for (uint32_t i = 0; i < c->nhand; i++) {
        c->effects[c->numbers[i]]++;
        if (c->tries++ % 4 == 0) {
            agains[nagains++] = (struct q_again){.item = item_of(&c->hand[i]), .note = S("failed")};
            continue;
        }
        snprintf(ids[nends], sizeof(ids[nends]), "t%u", c->numbers[i]);
        told[nends] = (struct q_record){.queue = S("told"), .id = str_of(ids[nends])};
        ends[nends] = (struct q_end){
                .item = item_of(&c->hand[i]), .state = Q_DONE, .puts = &told[nends], .nputs = 1};
        nends++;
    }
    do
        r = nagains > 0 ? again_all(&c->s, c->token, agains, nagains) : 0;
    while (unknown(r));
    while (nends > 0 && r == 0 && unknown(r = finish_all(&c->s, c->token, ends, nends)))
        r = 0;
    assert_true(r == 0 || r == -ESTALE);
    if (r == -ESTALE)
        c->token = 0;
}

static bool all_done(struct client *c)
{
    if (c->accepted < EVENTS || ready_all(&c->s) < 0)
        return false;
    for (uint32_t i = 0; i < c->s.t->n; i++)
        if (str_eq(c->s.t->queues[i].queue, S("q")))
            return false;
    return true;
}

static void check(struct client *c)
{
    assert_int_equal(counts_of(&c->s, &(struct q_filter){0}), 0);
    assert_int_equal(c->s.t->n, 2);
    assert_int_equal(c->s.t->rows[0].accepted, EVENTS);
    assert_int_equal(c->s.t->rows[0].counts[Q_DONE], EVENTS);
    t_str(c->s.t->rows[1].queue, S("told"));
    assert_int_equal(c->s.t->rows[1].accepted, EVENTS);
    assert_int_equal(c->s.t->rows[1].counts[Q_WAITING], EVENTS);
    for (int i = 0; i < EVENTS; i++)
        assert_true(c->effects[i] >= 1);
    for (int i = 0; i < EVENTS; i++) { /* none was given up before it ran to its end */
        char id[16];

        snprintf(id, sizeof(id), "e%d", i);
        assert_int_equal(list_id(&c->s, id), 0);
        assert_int_equal(c->s.t->events[0].state, Q_DONE);
        assert_true(c->s.t->events[0].attempt >= 1);
    }
}

static void run(const uint32_t percent[QUEUE_FAULTS], unsigned seed)
{
    struct client *c = xnew(struct client);
    char *dir = tempdir_new();
    uint64_t hits[QUEUE_FAULTS];

    c->s.loop = loop_new();
    c->s.t = told_new();
    c->s.q = queue_faulty_new(c->s.loop, open_sqlite(c->s.loop, dir), percent, seed);
    while (!all_done(c)) {
        if (c->accepted < EVENTS)
            produce(c);
        hold(c);
        lease(c);
        if (c->token > 0 && c->nhand > 0)
            work(c);
        else
            rest(c);
    }
    check(c);
    memcpy(hits, queue_faulty_hits(c->s.q), sizeof(hits));
    for (int i = 0; i < QUEUE_FAULTS; i++)
        assert_true(percent[i] == 0 || hits[i] > 0);
    q_close(c->s.q);
    told_free(c->s.t);
    loop_free(c->s.loop);
    tempdir_free(dir);
    free(c);
}

static void each_fault_alone_loses_and_doubles_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < QUEUE_FAULTS; i++) {
        uint32_t percent[QUEUE_FAULTS] = {0};

        percent[i] = 20;
        run(percent, 1000 + (unsigned)i);
    }
}

static void all_faults_together_lose_and_double_nothing(void **state)
{
    static const uint32_t percent[QUEUE_FAULTS] = {5, 10, 10, 10, 10, 3};

    (void)state;
    for (unsigned seed = 1; seed <= 4; seed++)
        run(percent, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_fault_alone_loses_and_doubles_nothing),
            cmocka_unit_test(all_faults_together_lose_and_double_nothing),
    };
    return T_RUN(tests);
}

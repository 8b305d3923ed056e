/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_forgotten.c - places where an event in hand, or one that waits, could be overlooked until somebody happens to
 * ask the store again (every 30 s, tidy.c): none of these tests takes as long.
 */
#include "rig.h"
#include "t.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"

enum { SOON_S = 12, MANY = Q_RECORDS + 100 };

static uint64_t begun_ns;

static void begin(void)
{
    begun_ns = clock_mono_ns();
}

static void is_soon(void)
{
    assert_true(clock_mono_ns() - begun_ns < SOON_S * 1000000000ull);
}

static void hold(struct invocation *in)
{
    (void)in;
}

static void put_at(struct rig *g, const char *id, int64_t not_before_ms)
{
    struct err e = {0};

    g->answered = false;
    t_ok(delivery_put(g->delivery,
                      &(struct delivery_event){.fn = rig_fn(g, 0),
                                               .trigger = RUN_OTHER,
                                               .id = str_of(id),
                                               .not_before_ms = not_before_ms,
                                               .payload = S("x")},
                      rig_on_answer, g, &e),
         &e);
    rig_wait_answer(g);
    assert_int_equal(g->r, 0);
}

/* ---- moments ---- */

/* A lane remembers sixteen moments: what it has forgotten is not hidden by one that comes after. */
static void a_moment_that_was_forgotten_is_not_hidden_by_a_later_one(void **state)
{
    const int64_t start = 1800000000000;
    struct rig *g = rig_new(NULL, 0);
    char id[20];

    (void)state;
    begin();
    rig_retry.age_s = 86400;
    for (int i = 1; i <= 17; i++) {
        (void)snprintf(id, sizeof(id), "e%d", i);
        put_at(g, id, start + 1000 * i);
    }
    rig_jump(g, 1000);
    rig_until_state(g, Q_DONE, 1);
    put_at(g, "late", start + 1000000);
    for (uint64_t i = 2; i <= 17; i++) {
        rig_jump(g, 1000);
        rig_until_state(g, Q_DONE, i);
    }
    rig_jump(g, 1000000);
    rig_until_state(g, Q_DONE, 18);
    is_soon();
    rig_free(g);
}

/* ---- answers that are cut ---- */

static void on_items(void *user, int r, const int *ret, uint32_t n)
{
    (void)ret;
    (void)n;
    assert_int_equal(r, 0);
    *(bool *)user = true;
}

static void put_large(struct rig *g, int i, const char *id, size_t bytes)
{
    struct q_record rec = {.id = str_of(id), .attributes = S("{}")};
    char queue[] = "functiongraph/p/r/default/a";
    char *payload = xcalloc(1, bytes);
    bool done = false;

    queue[sizeof(queue) - 2] = (char)('a' + i);
    rec.queue = str_of(queue);
    memset(payload, 'x', bytes);
    rec.payload = (struct str){payload, bytes};
    q_put(g->queue, &(struct q_put){.records = &rec, .nrecords = 1}, on_items, &done);
    loop_run_until(g->loop, &done);
    free(payload);
}

static void a_lease_that_is_cut_leaves_nobody_out(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    begin();
    rig_stop_delivery(g); /* it is to find them together */
    put_large(g, 0, "a", Q_PAYLOAD);
    put_large(g, 1, "b", Q_PAYLOAD);
    put_large(g, 2, "c", Q_PAYLOAD);
    put_large(g, 3, "d", Q_PAYLOAD);
    rig_start_delivery(g);
    rig_until_state(g, Q_DONE, 4);
    is_soon();
    rig_free(g);
}

/* ---- a store whose answers are lost ---- */

static const struct queue_ops *inner; /* of the store whose operations are replaced below */
static uint32_t losing;               /* answers to come that are lost */

static struct swallowed {
    q_put_fn *put;
    q_events_fn *events;
    void *user;
} swallowed;

static void on_put_swallowed(void *user, int r, const int *ret, uint32_t n)
{
    struct swallowed *s = user;

    (void)ret;
    (void)n;
    assert_int_equal(r, 0);
    s->put(s->user, -EINPROGRESS, NULL, 0);
}

static void refuse_put(void *user)
{
    struct swallowed *s = user;

    s->put(s->user, -EIO, NULL, 0);
}

static struct loop *the_loop;

/* The first is applied, and nobody hears of it; from then on the store is broken. */
static void put_and_break(struct queue *q, const struct q_put *put, q_put_fn *fn, void *user)
{
    swallowed = (struct swallowed){.put = fn, .user = user};
    if (losing-- == 1)
        inner->put(q, put, on_put_swallowed, &swallowed);
    else
        loop_defer(the_loop, refuse_put, &swallowed);
}

static void on_events_swallowed(void *user, int r, const struct q_event *events, uint32_t n,
                                bool more)
{
    struct swallowed *s = user;

    (void)events;
    (void)more;
    assert_int_equal(r, 0);
    assert_int_equal(n, 4);
    s->events(s->user, -EINPROGRESS, NULL, 0, false);
}

static void lose_one_lease(struct queue *q, const struct q_lease *lease, q_events_fn *fn,
                           void *user)
{
    if (losing == 0) {
        inner->lease(q, lease, fn, user);
        return;
    }
    losing--;
    swallowed = (struct swallowed){.events = fn, .user = user};
    inner->lease(q, lease, on_events_swallowed, &swallowed);
}

static void what_may_have_been_taken_is_not_called_refused(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct queue_ops ops = *g->queue->ops;
    struct queue *refusing = queue_refusing(g->loop);

    (void)state;
    begin();
    the_loop = g->loop;
    inner = g->queue->ops;
    ops.put = put_and_break;
    rig_until_state(g, Q_DONE, 0);
    g->queue->ops = &ops;
    losing = 1;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), -EINPROGRESS);
    while (!g->broken)
        rig_turn(g);
    g->queue->ops = inner;
    delivery_closed(g->delivery, refusing);
    delivery_reopen(g->delivery, g->queue);
    q_close(refusing);
    rig_until_state(g, Q_DONE, 1);
    assert_int_equal(rig_runs_of(g, "e"), 1);
    is_soon();
    rig_free(g);
}

/* More bytes than one page of a listing has. */
static void leases_that_nobody_heard_of_are_found_page_by_page(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct queue_ops ops = *g->queue->ops;

    (void)state;
    begin();
    inner = g->queue->ops;
    ops.lease = lose_one_lease;
    losing = 1;
    rig_stop_delivery(g);
    put_large(g, 0, "a1", 5 << 20);
    put_large(g, 0, "a2", 5 << 20);
    put_large(g, 1, "b1", 5 << 20);
    put_large(g, 2, "c1", 5 << 20);
    g->queue->ops = &ops;
    rig_start_delivery(g);
    rig_until_state(g, Q_DONE, 4);
    assert_int_equal(losing, 0);
    is_soon();
    g->queue->ops = inner;
    rig_free(g);
}

/* ---- the end ---- */

static void more_than_one_batch_goes_back_when_we_end(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    char id[20];

    (void)state;
    g->on_run = hold;
    rig_fn(g, 0)->max_instances = MANY;
    g->conf.running = g->conf.per_function = MANY;
    delivery_configure(g->delivery, &g->conf);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(id, sizeof(id), "e%d", i);
        rig_put(g, 0, id, "x");
    }
    rig_until_open(g, MANY);
    rig_stop_delivery(g);
    rig_until_state(g, Q_WAITING, MANY);
    rig_start_delivery(g);
    g->on_run = NULL;
    rig_until_state(g, Q_DONE, MANY);
    rig_look(g, "e0");
    assert_int_equal(g->attempt, 1); /* the one before is not counted */
    rig_free(g);
}

static int put_in_answer;

static void put_another(void *user, int r, const struct err *e)
{
    struct rig *g = user;
    struct err e2 = {0};

    rig_on_answer(user, r, e);
    put_in_answer = delivery_put(
            g->delivery,
            &(struct delivery_event){
                    .fn = rig_fn(g, 0), .trigger = RUN_OTHER, .id = S("f"), .payload = S("x")},
            rig_on_answer, g, &e2);
}

/* Whoever is told at the end, and puts again, is told no; and what was told yes is there. */
static void a_put_out_of_an_answer_while_we_end_is_refused(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct delivery *d = g->delivery;
    struct err e = {0};

    (void)state;
    delivery_drain(d, NULL, NULL);
    put_in_answer = 0;
    assert_int_equal(delivery_put(d,
                                  &(struct delivery_event){.fn = rig_fn(g, 0),
                                                           .trigger = RUN_OTHER,
                                                           .id = S("e"),
                                                           .payload = S("x")},
                                  put_another, g, &e),
                     -ESHUTDOWN);
    rig_stop_delivery(g);
    rig_start_delivery(g);
    g->answered = false;
    t_ok(delivery_put(
                 g->delivery,
                 &(struct delivery_event){
                         .fn = rig_fn(g, 0), .trigger = RUN_OTHER, .id = S("e"), .payload = S("x")},
                 put_another, g, &e),
         &e);
    delivery_drain(g->delivery, NULL, NULL);
    rig_wait_answer(g);
    assert_int_equal(g->r, 0);
    assert_int_equal(put_in_answer, -ESHUTDOWN);
    rig_stop_delivery(g);
    rig_until_state(g, Q_WAITING, 1);
    rig_free(g);
}

/* ---- while it runs ---- */

static void a_function_that_is_deleted_while_it_runs_ends_its_event(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "good", "x"), 0);
    assert_int_equal(rig_put_wait(g, 1, "bad", "x"), 0);
    rig_until_open(g, 2);
    g->gone[0] = g->gone[1] = true;
    delivery_function_changed(g->delivery, rig_fn(g, 0), NULL);
    delivery_function_changed(g->delivery, rig_fn(g, 1), NULL);
    while (g->running > 0) {
        struct invocation *in = rig_first(g);

        in->outcome = in->id[0] == 'b' ? OUTCOME_ERROR : OUTCOME_OK;
        rig_end(g, in);
    }
    rig_until_state(g, Q_DONE, 1);
    rig_until_state(g, Q_WAITING, 1);
    rig_jump(g, 60000);
    rig_until_state(g, Q_DEAD, 1);
    rig_look(g, "bad");
    assert_int_equal(g->attempt, 2);
    assert_non_null(strstr(g->reason, "does not exist"));
    rig_free(g);
}

static void on_count(void *user, int r, uint64_t n)
{
    (void)n;
    assert_int_equal(r, 0);
    *(bool *)user = true;
}

static void what_was_purged_is_not_counted_as_waiting(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct delivery_stats stats;
    bool done = false;

    (void)state;
    g->refuse_at_once = -EAGAIN;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_state(g, Q_WAITING, 1);
    delivery_stats(g->delivery, &stats);
    q_purge(g->queue, &(struct q_filter){.limit = 10}, on_count, &done);
    loop_run_until(g->loop, &done);
    rig_until_state(g, Q_PURGED, 1);
    begin();
    do {
        delivery_look(g->delivery);
        rig_turn(g);
        delivery_stats(g->delivery, &stats);
        is_soon();
    } while (stats.waiting > 0);
    rig_free(g);
}

/* ---- names at their limits ---- */

static int put_named(struct rig *g, const struct fn *fn, struct str id)
{
    struct err e = {0};
    int r;

    g->answered = false;
    r = delivery_put(
            g->delivery,
            &(struct delivery_event){.fn = fn, .trigger = RUN_OTHER, .id = id, .payload = S("x")},
            rig_on_answer, g, &e);
    if (r < 0)
        return r;
    rig_wait_answer(g);
    return g->r;
}

static void an_id_has_256_bytes_at_most(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    char id[Q_ID + 2];

    (void)state;
    memset(id, 'i', sizeof(id));
    id[Q_ID + 1] = '\0';
    assert_int_equal(put_named(g, rig_fn(g, 0), (struct str){id, Q_ID + 1}), -E2BIG);
    assert_int_equal(put_named(g, rig_fn(g, 0), (struct str){id, Q_ID}), 0);
    rig_until_state(g, Q_DONE, 1);
    rig_free(g);
}

/* "functiongraph/" ACCOUNT "/r/default/a" */
static void the_name_of_a_queue_has_its_limit(void **state)
{
    enum { REST = sizeof("functiongraph//r/default/a") - 1 };
    struct rig *g = rig_new(NULL, 0);
    char account[Q_NAME];

    (void)state;
    memset(account, 'n', sizeof(account));
    for (size_t more = 0; more < 2; more++) {
        struct fn *f = fn_new(&(struct fn_key){DIALECT_FUNCTIONGRAPH,
                                               {account, Q_NAME - REST + more},
                                               S("r"),
                                               S("default"),
                                               S("a")});

        memset(f->code.sha, 'c', sizeof(f->code.sha) - 1);
        assert_int_equal(put_named(g, f, more ? S("e2") : S("e1")), more ? -E2BIG : 0);
        fn_unref(f);
    }
    rig_until_state(g, Q_DONE, 1);
    rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_moment_that_was_forgotten_is_not_hidden_by_a_later_one),
            cmocka_unit_test(a_lease_that_is_cut_leaves_nobody_out),
            cmocka_unit_test(what_may_have_been_taken_is_not_called_refused),
            cmocka_unit_test(leases_that_nobody_heard_of_are_found_page_by_page),
            cmocka_unit_test(more_than_one_batch_goes_back_when_we_end),
            cmocka_unit_test(a_put_out_of_an_answer_while_we_end_is_refused),
            cmocka_unit_test(a_function_that_is_deleted_while_it_runs_ends_its_event),
            cmocka_unit_test(what_was_purged_is_not_counted_as_waiting),
            cmocka_unit_test(an_id_has_256_bytes_at_most),
            cmocka_unit_test(the_name_of_a_queue_has_its_limit),
    };

    return T_RUN(tests);
}

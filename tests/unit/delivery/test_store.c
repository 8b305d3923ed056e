/* SPDX-License-Identifier: Apache-2.0 */
/* test_store.c - a store that is late, unsure, busy, taken away, or ends with us: nothing is lost. */
#include "rig.h"
#include "t.h"

#include <errno.h>

#include "../store/queue_faulty.h"

enum { EVENTS = 150 };

static void hold(struct invocation *in)
{
    (void)in;
}

static void behind(const uint32_t *faults, unsigned seed)
{
    struct rig *g = rig_new(faults, seed);
    char id[20];
    int r;

    for (int i = 0; i < EVENTS; i++) {
        (void)snprintf(id, sizeof(id), "e%d", i);
        r = rig_put_wait(g, i % 4, id, "x");
        assert_true(r == 0 || (r == -EEXIST && faults[FAULT_TWICE])); /* of the second of two */
    }
    rig_until_state(g, Q_DONE, EVENTS);
    for (int i = 0; i < EVENTS; i++) {
        (void)snprintf(id, sizeof(id), "e%d", i);
        assert_true(rig_runs_of(g, id) >= 1);
    }
    rig_free(g);
}

static void behind_a_slow_store_all_is_done(void **state)
{
    (void)state;
    behind((uint32_t[QUEUE_FAULTS]){[FAULT_LATE] = 30}, 1);
}

static void behind_one_that_is_busy(void **state)
{
    (void)state;
    behind((uint32_t[QUEUE_FAULTS]){[FAULT_BUSY] = 10}, 2);
}

static void behind_one_that_does_not_say(void **state)
{
    (void)state;
    behind((uint32_t[QUEUE_FAULTS]){[FAULT_APPLIED] = 5, [FAULT_NOT_APPLIED] = 5}, 3);
}

static void behind_one_that_hears_twice(void **state)
{
    (void)state;
    behind((uint32_t[QUEUE_FAULTS]){[FAULT_TWICE] = 10}, 4);
}

static void and_while_others_take_the_lease(void **state)
{
    (void)state;
    behind((uint32_t[QUEUE_FAULTS]){[FAULT_NO_LEASE] = 1, [FAULT_LATE] = 5}, 5);
}

static void what_ran_when_we_ended_runs_again_uncounted(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_open(g, 1);
    rig_stop_delivery(g);
    rig_until_state(g, Q_WAITING, 1);
    rig_look(g, "e");
    assert_int_equal(g->attempt, 0);
    rig_start_delivery(g); /* at once: the lease was given back */
    while (g->runs < 2)
        rig_turn(g);
    rig_until_open(g, 1); /* the first was ended */
    rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 1);
    rig_free(g);
}

static void on_drained(void *user)
{
    *(bool *)user = true;
}

static void drained_means_that_nothing_runs_and_all_is_written(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    bool drained = false;

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e1", "x"), 0);
    rig_until_open(g, 1);
    delivery_drain(g->delivery, on_drained, &drained);
    for (int i = 0; i < 10; i++)
        rig_turn(g);
    assert_false(drained);
    rig_end(g, rig_first(g));
    loop_run_until(g->loop, &drained);
    rig_look(g, "e1");
    assert_int_equal(g->state, Q_DONE);
    rig_free(g);
}

static void a_broken_store_refuses_until_it_is_another(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct queue *good = g->queue, *bad = queue_refusing(g->loop);
    struct err e = {0};

    (void)state;
    g->queue = bad;
    rig_stop_delivery(g);
    rig_start_delivery(g); /* its campaign is the first to hear of it */
    while (!g->broken)
        rig_turn(g);
    assert_int_equal(delivery_put(g->delivery,
                                  &(struct delivery_event){.fn = rig_fn(g, 0),
                                                           .trigger = RUN_OTHER,
                                                           .id = S("e"),
                                                           .payload = S("x")},
                                  rig_on_answer, g, &e),
                     -EIO);
    assert_int_equal(e.kind, ERR_HOST);
    g->queue = good;
    delivery_reopen(g->delivery, good);
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_state(g, Q_DONE, 1);
    q_close(bad);
    rig_free(g);
}

static void a_clock_that_jumps_starts_nothing_twice(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e1", "x"), 0);
    rig_until_open(g, 1);
    rig_jump(g, 3 * 86400000ll); /* every lease has run out */
    assert_int_equal(rig_put_wait(g, 0, "e2", "x"), 0);
    rig_until_open(g, 2);
    for (int i = 0; i < 60; i++)
        rig_turn(g);
    assert_int_equal(g->runs, 2);
    while (g->running > 0)
        rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 2);
    rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(behind_a_slow_store_all_is_done),
            cmocka_unit_test(behind_one_that_is_busy),
            cmocka_unit_test(behind_one_that_does_not_say),
            cmocka_unit_test(behind_one_that_hears_twice),
            cmocka_unit_test(and_while_others_take_the_lease),
            cmocka_unit_test(what_ran_when_we_ended_runs_again_uncounted),
            cmocka_unit_test(drained_means_that_nothing_runs_and_all_is_written),
            cmocka_unit_test(a_broken_store_refuses_until_it_is_another),
            cmocka_unit_test(a_clock_that_jumps_starts_nothing_twice),
    };

    return T_RUN(tests);
}

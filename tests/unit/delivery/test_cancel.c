/* SPDX-License-Identifier: Apache-2.0 */
/* test_cancel.c - an event is cancelled: waiting, running, ended, and what it has put. */
#include "rig.h"
#include "t.h"

#include <errno.h>

static void hold(struct invocation *in)
{
    (void)in;
}

static int cancel(struct rig *g, const char *id, enum delivery_cancel how)
{
    g->answered = false;
    delivery_cancel(g->delivery, str_of(id), how, rig_on_answer, g);
    rig_wait_answer(g);
    return g->r;
}

static void one_that_waits(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->refuse_at_once = -EAGAIN;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_state(g, Q_WAITING, 1);
    assert_int_equal(cancel(g, "e", DELIVERY_CANCEL), 0);
    rig_look(g, "e");
    assert_int_equal(g->state, Q_CANCELLED);
    assert_int_equal(cancel(g, "e", DELIVERY_CANCEL), -EBUSY); /* ended */
    assert_int_equal(cancel(g, "nobody", DELIVERY_CANCEL), -ENOENT);
    rig_free(g);
}

static void one_that_runs(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_open(g, 1);
    assert_int_equal(cancel(g, "e", DELIVERY_CANCEL), 0);
    assert_int_equal(g->running, 0);
    rig_look(g, "e");
    assert_int_equal(g->state, Q_CANCELLED);
    t_str(g->told.tries[0].outcome, S("cancelled"));
    rig_free(g);
}

/* Its run has ended and is not on disk yet: who asks then hears what became of it. */
static void one_that_has_just_ended(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "well", "x"), 0);
    rig_until_open(g, 1);
    rig_end(g, rig_first(g));
    assert_int_equal(cancel(g, "well", DELIVERY_CANCEL), -EBUSY);
    rig_look(g, "well");
    assert_int_equal(g->state, Q_DONE);
    assert_int_equal(rig_put_wait(g, 0, "again", "x"), 0);
    rig_until_open(g, 1);
    rig_first(g)->outcome = OUTCOME_ERROR;
    rig_end(g, rig_first(g));
    assert_int_equal(cancel(g, "again", DELIVERY_CANCEL), 0); /* it waits, and is not tried again */
    rig_look(g, "again");
    assert_int_equal(g->state, Q_CANCELLED);
    rig_free(g);
}

/* An event that function "a" has put with the key of its role. */
static void put_child(struct rig *g)
{
    struct err e = {0};

    g->answered = false;
    t_ok(delivery_put(g->delivery,
                      &(struct delivery_event){.fn = rig_fn(g, 1),
                                               .trigger = RUN_OTHER,
                                               .id = S("child"),
                                               .payload = S("y"),
                                               .by = S("functiongraph/p/r/default/a")},
                      rig_on_answer, g, &e),
         &e);
    rig_wait_answer(g);
}

static void with_what_its_function_has_put(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "parent", "x"), 0);
    rig_until_open(g, 1);
    put_child(g);
    rig_until_open(g, 2);
    rig_look(g, "child");
    assert_string_equal(g->cause, "parent");
    assert_int_equal(cancel(g, "parent", DELIVERY_CANCEL_RECURSIVE), 0);
    rig_until_state(g, Q_CANCELLED, 2);
    assert_int_equal(g->running, 0);
    rig_free(g);
}

static void but_only_where_that_is_asked_for(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "parent", "x"), 0);
    rig_until_open(g, 1);
    put_child(g);
    rig_until_open(g, 2);
    assert_int_equal(cancel(g, "parent", DELIVERY_CANCEL), 0);
    rig_until_state(g, Q_CANCELLED, 1);
    assert_int_equal(g->running, 1);
    rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 1);
    rig_free(g);
}

/* A call that somebody waits for may have put it. */
static void but_not_what_a_synchronous_run_may_have_put(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "parent", "x"), 0);
    rig_until_open(g, 1);
    g->others = 1;
    put_child(g);
    rig_until_open(g, 2);
    rig_look(g, "child");
    assert_string_equal(g->cause, "");
    assert_int_equal(cancel(g, "parent", DELIVERY_CANCEL_RECURSIVE), 0);
    rig_until_state(g, Q_CANCELLED, 1);
    assert_int_equal(g->running, 1);
    rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 1);
    rig_free(g);
}

/* Two runs of one function: whose it is cannot be told, so it is nobody's. */
static void but_not_what_another_run_may_have_put(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "p1", "x"), 0);
    assert_int_equal(rig_put_wait(g, 0, "p2", "x"), 0);
    rig_until_open(g, 2);
    put_child(g);
    rig_until_open(g, 3);
    rig_look(g, "child");
    assert_string_equal(g->cause, "");
    assert_int_equal(cancel(g, "p1", DELIVERY_CANCEL_RECURSIVE), 0);
    assert_int_equal(g->running, 2);
    while (g->running > 0)
        rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 2);
    rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(one_that_waits),
            cmocka_unit_test(one_that_runs),
            cmocka_unit_test(one_that_has_just_ended),
            cmocka_unit_test(with_what_its_function_has_put),
            cmocka_unit_test(but_only_where_that_is_asked_for),
            cmocka_unit_test(but_not_what_a_synchronous_run_may_have_put),
            cmocka_unit_test(but_not_what_another_run_may_have_put),
    };

    return T_RUN(tests);
}

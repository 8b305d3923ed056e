/* SPDX-License-Identifier: Apache-2.0 */
/* test_tries.c - the life of an event: run, tried again, dead, expired, told of. */
#include "rig.h"
#include "t.h"

#include <errno.h>
#include <signal.h>

#include "base/alloc.h"

static void hold(struct invocation *in)
{
    (void)in; /* until the test ends it */
}

static void end_as(struct rig *g, enum outcome outcome)
{
    struct invocation *in;

    rig_until_open(g, 1);
    in = rig_first(g);
    in->outcome = outcome;
    rig_end(g, in);
}

static void accepted_is_on_disk_and_then_it_runs(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e1", "hello"), 0);
    rig_look(g, "e1");
    assert_string_equal(g->payload, "hello");
    rig_until_open(g, 1);
    assert_string_equal(rig_first(g)->id, "e1"); /* the request id of every try */
    assert_string_equal(rig_first(g)->payload, "hello");
    rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 1);
    rig_look(g, "e1");
    assert_int_equal(g->told.ntries, 1);
    t_str(g->told.tries[0].outcome, S("ok"));
    t_str(g->told.tries[0].instance, S("i-1"));
    t_str(g->told.qualifier, S("latest"));
    assert_int_equal(rig_put_wait(g, 0, "e1", "again"), -EEXIST);
    rig_free(g);
}

static void a_failing_one_is_tried_at_its_times_and_dies(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    end_as(g, OUTCOME_ERROR);
    rig_until_state(g, Q_WAITING, 1);
    rig_look(g, "e");
    assert_string_equal(g->reason, "it failed and is tried again");
    rig_jump(g, 999);
    for (int i = 0; i < 60; i++)
        rig_turn(g);
    assert_int_equal(g->running, 0); /* a millisecond early */
    rig_jump(g, 1);
    end_as(g, OUTCOME_TIMEOUT);
    rig_until_state(g, Q_WAITING, 1);
    rig_jump(g, 2000);
    end_as(g, OUTCOME_MEMORY);
    rig_until_state(g, Q_DEAD, 1);
    rig_look(g, "e");
    assert_int_equal(g->attempt, 3);
    assert_int_equal(g->told.ntries, 3);
    t_str(g->told.tries[0].outcome, S("error"));
    t_str(g->told.tries[1].outcome, S("timeout"));
    t_str(g->told.tries[2].outcome, S("memory"));
    t_str(g->told.tries[2].error, S("broken"));
    t_str(g->told.tries[2].tail, S("the log"));
    assert_string_equal(g->reason, "its tries are used up");
    rig_free(g);
}

/* FunctionGraph without rules: a failure of the function's own is the end. */
static void where_failures_are_not_tried_again_one_is_the_end(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    rig_retry.failures = false;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    end_as(g, OUTCOME_ERROR);
    rig_until_state(g, Q_DEAD, 1);
    assert_int_equal(g->runs, 1);
    rig_free(g);
}

static void who_was_killed_has_not_failed(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    rig_retry.failures = false;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    for (int i = 0; i < 5; i++) {
        rig_until_open(g, 1);
        rig_first(g)->signal = i % 2 ? SIGKILL : 0;
        rig_first(g)->exit_code = -1; /* without a signal: nobody could tell how it ended */
        end_as(g, OUTCOME_EXITED);
        rig_until_state(g, Q_WAITING, 1);
        rig_jump(g, 60000);
    }
    end_as(g, OUTCOME_OK);
    rig_until_state(g, Q_DONE, 1);
    rig_free(g);
}

static void what_cannot_run_now_waits_uncounted(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->refuse_at_once = -EAGAIN;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    for (int i = 0; i < 10; i++) {
        rig_until_state(g, Q_WAITING, 1);
        rig_jump(g, 30000);
        rig_turn(g);
    }
    do { /* not while it is being tried */
        rig_turn(g);
        rig_look(g, "e");
    } while (g->state != Q_WAITING);
    assert_string_equal(g->reason, "no room at all");
    assert_int_equal(g->attempt, 0);
    assert_int_equal(g->told.ntries, 0);
    g->refuse_at_once = 0;
    rig_jump(g, 30000);
    rig_until_state(g, Q_DONE, 1);
    rig_look(g, "e");
    assert_int_equal(g->attempt, 1);
    rig_free(g);
}

static void untried(struct invocation *in)
{
    in->outcome = OUTCOME_INIT_ERROR;
    in->untried = true;
}

static void without_a_launcher_nothing_was_tried(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    rig_retry.retries = 0;
    g->refuse_at_once = -ETIMEDOUT;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_state(g, Q_WAITING, 1);
    rig_look(g, "e");
    assert_int_equal(g->attempt, 0);
    g->refuse_at_once = 0;
    rig_jump(g, 30000);
    rig_until_state(g, Q_DONE, 1);
    rig_free(g);
}

static void starts_that_fail_are_not_its_tries(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_open(g, 1);
    untried(rig_first(g));
    rig_end(g, rig_first(g));
    rig_until_state(g, Q_WAITING, 1);
    for (int i = 0; i < 60; i++)
        rig_turn(g);
    assert_int_equal(g->running, 0);
    rig_jump(g, 500); /* as the engine said */
    rig_until_open(g, 1);
    rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 1);
    rig_look(g, "e");
    assert_int_equal(g->attempt, 1);
    rig_free(g);
}

static void the_age_limit_ends_it(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->refuse_at_once = -EAGAIN; /* a disabled function: it waits, but not for ever */
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_state(g, Q_WAITING, 1);
    rig_jump(g, 3600 * 1000 - 1);
    for (int i = 0; i < 60; i++)
        rig_turn(g);
    rig_until_state(g, Q_WAITING, 1);
    rig_jump(g, 30001);
    rig_until_state(g, Q_EXPIRED, 1);
    rig_look(g, "e");
    assert_string_equal(g->reason, "it reached its age limit");
    rig_free(g);
}

static void a_try_that_would_come_too_late_is_not_waited_for(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    rig_retry.age_s = 1;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    end_as(g, OUTCOME_ERROR);
    rig_until_state(g, Q_EXPIRED, 1);
    rig_free(g);
}

static void a_function_that_is_gone_leaves_dead_ones(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->gone[0] = true;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_state(g, Q_DEAD, 1);
    rig_look(g, "e");
    assert_string_equal(g->reason,
                        "its function does not exist (any more), or not that version of it");
    assert_int_equal(g->runs, 0);
    rig_free(g);
}

static void tell(struct fn *f, bool success, const char *to)
{
    struct fn_async rules = {.max_age_s = 100, .max_retries = 0};

    f->async = fn_async_free(f->async);
    f->async = fn_async_copy(&rules);
    if (success) {
        f->async->on_success = (struct fn_destination){FN_TARGET_FUNCTION, xstrdup(to), NULL};
    } else {
        f->async->on_failure = (struct fn_destination){FN_TARGET_FUNCTION, xstrdup(to), NULL};
    }
}

/* There is latest only, for now: another one is not run as if it were that. */
static void so_does_a_version_that_is_not_there(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct err e = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        t_ok(delivery_put(g->delivery,
                          &(struct delivery_event){.fn = rig_fn(g, 0),
                                                   .qualifier = i ? S("!prod") : S("latest"),
                                                   .trigger = RUN_OTHER,
                                                   .id = i ? S("e1") : S("e0"),
                                                   .payload = S("x")},
                          rig_on_answer, g, &e),
             &e);
    }
    rig_until_state(g, Q_DEAD, 1);
    rig_until_state(g, Q_DONE, 1);
    rig_look(g, "e1");
    assert_int_equal(g->state, Q_DEAD);
    rig_free(g);
}

static void its_end_is_told_to_another_function(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct invocation *in;

    (void)state;
    tell(rig_fn(g, 0), true, "functiongraph/p/r/default/b:latest");
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    end_as(g, OUTCOME_OK);
    rig_until_state(g, Q_DONE, 1);
    rig_until_open(g, 1);
    in = rig_first(g);
    assert_string_equal(in->fn->name, "b");
    assert_string_equal(in->payload, "a e 1: x -> fine");
    rig_look(g, in->id);
    assert_string_equal(g->cause, "e");
    rig_end(g, in);
    rig_until_state(g, Q_DONE, 2);
    rig_free(g);
}

static void so_is_a_failure(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    tell(rig_fn(g, 0), false, "functiongraph/p/r/default/b");
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    end_as(g, OUTCOME_ERROR);
    rig_until_state(g, Q_DEAD, 1); /* and it stays in the dead-letter box */
    rig_until_open(g, 1);
    assert_string_equal(rig_first(g)->payload, "a e 1: x -> broken");
    rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 1);
    rig_free(g);
}

static void a_chain_of_destinations_is_cut(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    tell(rig_fn(g, 0), true, "functiongraph/p/r/default/a");
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_state(g, Q_DONE, 17); /* itself, and 16 records */
    for (int i = 0; i < 60; i++)
        rig_turn(g);
    rig_until_state(g, Q_DONE, 17);
    assert_int_equal(g->runs, 17);
    rig_free(g);
}

static void a_replay_is_a_new_event_with_the_same_bytes(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    assert_int_equal(rig_put_wait(g, 0, "e", "the bytes"), 0);
    rig_until_state(g, Q_DONE, 1);
    g->on_run = hold;
    g->answered = false;
    delivery_replay(g->delivery, S("e"), S("e2"), rig_on_answer, g);
    rig_wait_answer(g);
    assert_int_equal(g->r, 0);
    rig_until_open(g, 1);
    assert_string_equal(rig_first(g)->payload, "the bytes");
    rig_look(g, "e2");
    t_str(g->told.replay_of, S("e"));
    rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 2);
    g->answered = false;
    delivery_replay(g->delivery, S("nobody"), S("e3"), rig_on_answer, g);
    rig_wait_answer(g);
    assert_int_equal(g->r, -ENOENT);
    rig_free(g);
}

static void of_many_tries_the_first_and_the_latest_are_kept(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    rig_retry.retries = 30;
    rig_retry.age_s = 86400;
    g->on_run = hold;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    end_as(g, OUTCOME_TIMEOUT);
    for (int i = 0; i < 29; i++) {
        rig_until_state(g, Q_WAITING, 1);
        rig_jump(g, 60000);
        end_as(g, OUTCOME_ERROR);
    }
    rig_until_state(g, Q_WAITING, 1);
    rig_look(g, "e");
    assert_int_equal(g->told.ntries, DELIVERY_TRIES);
    t_str(g->told.tries[0].outcome, S("timeout"));
    t_str(g->told.tries[DELIVERY_TRIES - 1].outcome, S("error"));
    assert_true(g->told.tries[1].start_ms < g->told.tries[2].start_ms);
    rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(accepted_is_on_disk_and_then_it_runs),
            cmocka_unit_test(a_failing_one_is_tried_at_its_times_and_dies),
            cmocka_unit_test(where_failures_are_not_tried_again_one_is_the_end),
            cmocka_unit_test(who_was_killed_has_not_failed),
            cmocka_unit_test(what_cannot_run_now_waits_uncounted),
            cmocka_unit_test(without_a_launcher_nothing_was_tried),
            cmocka_unit_test(starts_that_fail_are_not_its_tries),
            cmocka_unit_test(the_age_limit_ends_it),
            cmocka_unit_test(a_try_that_would_come_too_late_is_not_waited_for),
            cmocka_unit_test(a_function_that_is_gone_leaves_dead_ones),
            cmocka_unit_test(so_does_a_version_that_is_not_there),
            cmocka_unit_test(its_end_is_told_to_another_function),
            cmocka_unit_test(so_is_a_failure),
            cmocka_unit_test(a_chain_of_destinations_is_cut),
            cmocka_unit_test(a_replay_is_a_new_event_with_the_same_bytes),
            cmocka_unit_test(of_many_tries_the_first_and_the_latest_are_kept),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_fair.c - who runs when there is not room for all. */
#include "rig.h"
#include "t.h"

#include <errno.h>

#include "delivery/internal.h"

static void hold(struct invocation *in)
{
    (void)in; /* until the test ends it */
}

static void put_many(struct rig *g, int i, const char *prefix, int n)
{
    char id[40];

    for (int k = 0; k < n; k++) {
        (void)snprintf(id, sizeof(id), "%s%d", prefix, k);
        rig_put(g, i, id, "x");
    }
    rig_wait_answer(g); /* of the last: they come in order */
}

static void configure(struct rig *g, uint32_t running, uint32_t per_function)
{
    g->conf.running = running;
    g->conf.per_function = per_function;
    delivery_configure(g->delivery, &g->conf);
}

static void no_more_run_than_may(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    configure(g, 5, 3);
    g->on_run = hold;
    put_many(g, 0, "a", 20);
    rig_until_open(g, 3); /* of one function */
    put_many(g, 1, "b", 20);
    rig_until_open(g, 5); /* of all */
    g->on_run = NULL;
    while (g->running > 0)
        rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 40);
    assert_true(g->most_running <= 5);
    rig_free(g);
}

static void never_more_than_its_instances_take(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    rig_fn(g, 0)->max_instances = 2;
    rig_fn(g, 0)->instance_concurrency = 1;
    put_many(g, 0, "a", 30);
    rig_until_state(g, Q_DONE, 30);
    assert_true(g->most_running <= 2);
    rig_free(g);
}

/* One after another, on two places: who has one event waits for one of the flood, not for all. */
static void a_flood_for_one_does_not_starve_another(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    const char *last;

    (void)state;
    configure(g, 2, 2);
    g->on_run = hold;
    put_many(g, 0, "a", 300);
    rig_until_open(g, 2);
    put_many(g, 1, "b", 3);
    put_many(g, 2, "c", 3);
    while (g->runs < 306 || g->running > 0) {
        if (g->running > 0)
            rig_end(g, rig_first(g));
        rig_turn(g);
    }
    rig_until_state(g, Q_DONE, 306);
    last = strrchr(g->order.p, 'b');
    assert_non_null(last);
    assert_true(last - g->order.p < 20);
    last = strrchr(g->order.p, 'c');
    assert_true(last - g->order.p < 20);
    rig_free(g);
}

/* One place, and three who want it: each has it in turn, whoever had it last. */
static void a_place_goes_round(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    uint32_t had[3] = {0};

    (void)state;
    configure(g, 1, 1);
    g->on_run = hold;
    put_many(g, 0, "a", 20);
    rig_until_open(g, 1);
    put_many(g, 1, "b", 20);
    put_many(g, 2, "c", 20);
    while (g->runs < 31) {
        if (g->running > 0)
            rig_end(g, rig_first(g));
        rig_turn(g);
    }
    for (uint32_t i = 1; i < 31; i++) /* the first was alone */
        had[g->order.p[i] - 'a']++;
    assert_in_range(had[0], 9, 11);
    assert_in_range(had[1], 9, 11);
    assert_in_range(had[2], 9, 11);
    g->on_run = NULL;
    while (g->running > 0)
        rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 60);
    rig_free(g);
}

static void refuse(struct invocation *in)
{
    in->refused = -EAGAIN;
    rig_end(in->rig, in);
}

static void runs_are(struct rig *g, uint32_t n)
{
    for (int i = 0; i < 200 && g->runs < n; i++)
        rig_turn(g);
    for (int i = 0; i < 60; i++)
        rig_turn(g);
    assert_int_equal(g->runs, n);
}

/* Twice as long each time; and a clock that is set back makes nobody wait until it is where it was. */
static void who_cannot_run_rests_ever_longer(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    configure(g, 1, 1);
    g->on_run = refuse;
    assert_int_equal(rig_put_wait(g, 0, "a0", "x"), 0);
    runs_are(g, 1);
    rig_jump(g, REST_MS - 1);
    runs_are(g, 1);
    rig_jump(g, 1);
    runs_are(g, 2);
    rig_jump(g, REST_MS);
    runs_are(g, 2);
    rig_jump(g, REST_MS);
    runs_are(g, 3);
    assert_int_equal(rig_put_wait(g, 0, "a1", "x"), 0);
    runs_are(g, 3);
    rig_jump(g, -3600 * 1000);
    runs_are(g, 4); /* the other one */
    g->on_run = NULL;
    rig_jump(g, 3600 * 1000 + 30000);
    rig_until_state(g, Q_DONE, 2);
    rig_free(g);
}

static void refuse_a(struct invocation *in)
{
    in->refused = in->fn->name[0] == 'a' ? -EAGAIN : 0;
}

/* It rests; the others go on meanwhile, and its events are not used up. */
static void who_cannot_run_is_in_nobodys_way(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    configure(g, 4, 4);
    g->on_run = hold;
    put_many(g, 0, "a", 50);
    rig_until_open(g, 4);
    while (g->running > 0) {
        refuse_a(rig_first(g));
        rig_end(g, rig_first(g));
    }
    g->on_run = NULL;
    put_many(g, 1, "b", 50);
    rig_until_state(g, Q_DONE, 50);
    rig_until_state(g, Q_WAITING, 50);
    rig_jump(g, 30000);
    rig_until_state(g, Q_DONE, 100);
    rig_free(g);
}

static void one_more_than_may_wait_is_refused(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    g->conf.waiting = 3;
    delivery_configure(g->delivery, &g->conf);
    g->refuse_at_once = -EAGAIN;
    assert_int_equal(rig_put_wait(g, 0, "e1", "x"), 0);
    rig_until_state(g, Q_WAITING, 1);
    assert_int_equal(rig_put_wait(g, 0, "e2", "x"), 0);
    assert_int_equal(rig_put_wait(g, 0, "e3", "x"), 0);
    assert_int_equal(rig_put_wait(g, 0, "e4", "x"), -ENOBUFS);
    assert_int_equal(rig_put_wait(g, 1, "f1", "x"), 0); /* per function */
    g->refuse_at_once = 0;
    rig_jump(g, 30000);
    rig_until_state(g, Q_DONE, 4);
    assert_int_equal(rig_put_wait(g, 0, "e4", "x"), 0);
    rig_until_state(g, Q_DONE, 5);
    rig_free(g);
}

/* The one that runs hangs, so nobody's turn comes: they end all the same, and those of others too. */
static void who_grows_too_old_behind_one_that_hangs_ends_in_time(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    configure(g, 2, 1);
    g->on_run = hold;
    put_many(g, 0, "a", 1001);
    rig_until_open(g, 1);
    rig_jump(g, 3599 * 1000);
    put_many(g, 0, "young", 2);
    put_many(g, 1, "b", 1);
    rig_until_open(g, 2); /* all that may */
    rig_jump(g, 1000);
    rig_until_state(g, Q_EXPIRED, 1000);
    rig_until_state(g, Q_WAITING, 2);
    rig_look(g, "a1000");
    assert_string_equal(g->reason, "it reached its age limit");
    assert_int_equal(g->told.ntries, 0);
    assert_int_equal(g->runs, 2);
    g->on_run = NULL;
    rig_end(g, rig_first(g));
    rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 4);
    rig_free(g);
}

static void who_grows_too_old_where_nothing_can_run_ends_in_time(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct delivery_stats stats;

    (void)state;
    g->refuse_at_once = -EAGAIN;
    put_many(g, 0, "a", 300);
    rig_turn(g);
    rig_jump(g, 3600 * 1000);
    rig_until_state(g, Q_EXPIRED, 300);
    delivery_stats(g->delivery, &stats);
    assert_int_equal(stats.expired, 300);
    assert_int_equal(stats.tries, 0);
    rig_free(g);
}

static void put_of(struct rig *g, const char *source, const char *prefix, int n)
{
    for (int k = 0; k < n; k++) {
        char id[40];
        struct err e = {0};

        (void)snprintf(id, sizeof(id), "%s%d", prefix, k);
        g->answered = false;
        t_ok(delivery_put(g->delivery,
                          &(struct delivery_event){.fn = rig_fn(g, 0),
                                                   .source = str_of(source),
                                                   .trigger = RUN_TIMER,
                                                   .id = str_of(id),
                                                   .payload = S("x")},
                          rig_on_answer, g, &e),
             &e);
        rig_wait_answer(g);
        assert_int_equal(g->r, 0);
    }
}

static void bound(struct rig *g, int i, const char *id, uint32_t concurrency)
{
    (void)snprintf(g->triggers[i].id, sizeof(g->triggers[i].id), "%s", id);
    g->triggers[i].concurrency = concurrency;
}

static uint32_t open_of(struct rig *g, char first)
{
    uint32_t n = 0;

    list_each (it, &g->open)
        n += container_of(it, struct invocation, node)->id[0] == first;
    return n;
}

static void a_trigger_has_no_more_runs_than_its_bound(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    configure(g, 10, 10);
    bound(g, 0, "timer", 2);
    bound(g, 1, "other", 1);
    g->on_run = hold;
    put_of(g, "timer", "t", 30);
    rig_until_open(g, 2);
    put_of(g, "other", "o", 5);
    rig_until_open(g, 3);
    put_of(g, "", "i", 4); /* behind them all, and yet at once */
    rig_until_open(g, 7);
    assert_int_equal(open_of(g, 't'), 2);
    assert_int_equal(open_of(g, 'o'), 1);
    g->triggers[0].concurrency = 3; /* one more */
    rig_until_open(g, 8);
    assert_int_equal(open_of(g, 't'), 3);
    while (g->runs < 39 || g->running > 0) {
        if (g->running > 0)
            rig_end(g, rig_first(g));
        rig_turn(g);
        assert_true(open_of(g, 't') <= 3 && open_of(g, 'o') <= 1);
    }
    rig_until_state(g, Q_DONE, 39);
    rig_free(g);
}

/* Also when a daemon ends with runs under way, and begins again. */
static void a_triggers_bound_holds_for_who_comes_next(void **state)
{
    struct rig *g = rig_new(NULL, 0);

    (void)state;
    configure(g, 10, 10);
    bound(g, 0, "timer", 2);
    g->on_run = hold;
    put_of(g, "timer", "t", 6);
    rig_until_open(g, 2);
    rig_stop_delivery(g);
    rig_until_open(g, 0);
    rig_start_delivery(g);
    configure(g, 10, 10);
    rig_until_open(g, 2);
    put_of(g, "", "i", 1);
    rig_until_open(g, 3);
    assert_int_equal(open_of(g, 't'), 2);
    g->triggers[0].concurrency = 0; /* none any more: all of them */
    rig_until_open(g, 7);
    while (g->running > 0)
        rig_end(g, rig_first(g));
    rig_until_state(g, Q_DONE, 7);
    rig_free(g);
}

static void events_for_later_come_then(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct err e = {0};

    (void)state;
    rig_retry.age_s = 86400;
    for (int i = 0; i < 40; i++) { /* more than a lane remembers */
        char id[20];

        (void)snprintf(id, sizeof(id), "e%d", i);
        g->answered = false;
        t_ok(delivery_put(g->delivery,
                          &(struct delivery_event){.fn = rig_fn(g, 0),
                                                   .trigger = RUN_OTHER,
                                                   .id = str_of(id),
                                                   .not_before_ms = 1800000000000 + 1000 * (i + 1),
                                                   .payload = S("x")},
                          rig_on_answer, g, &e),
             &e);
        rig_wait_answer(g);
        assert_int_equal(g->r, 0);
    }
    rig_turn(g);
    assert_int_equal(g->runs, 0);
    for (uint64_t i = 1; i <= 40; i++) {
        rig_jump(g, 1000);
        rig_until_state(g, Q_DONE, i);
        assert_int_equal(g->runs, i);
    }
    rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(no_more_run_than_may),
            cmocka_unit_test(never_more_than_its_instances_take),
            cmocka_unit_test(a_flood_for_one_does_not_starve_another),
            cmocka_unit_test(a_place_goes_round),
            cmocka_unit_test(who_cannot_run_is_in_nobodys_way),
            cmocka_unit_test(who_cannot_run_rests_ever_longer),
            cmocka_unit_test(one_more_than_may_wait_is_refused),
            cmocka_unit_test(who_grows_too_old_behind_one_that_hangs_ends_in_time),
            cmocka_unit_test(who_grows_too_old_where_nothing_can_run_ends_in_time),
            cmocka_unit_test(a_trigger_has_no_more_runs_than_its_bound),
            cmocka_unit_test(a_triggers_bound_holds_for_who_comes_next),
            cmocka_unit_test(events_for_later_come_then),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_tidy.c - what is done now and then: ended events go by age and by number; accepted events that
 * are not the sum of their states are said once, and told to health for as long as it is so. The
 * queue's own ledger does not lie, so one is told here that does. */
#include "delivery/internal.h"
#include "observe/health.h"
#include "rig.h"
#include "t.h"

static struct q_ledger row;
static struct queue_ops lying;

static void tell_row(struct queue *q, const struct q_filter *which, q_ledger_fn *fn, void *user)
{
    (void)q;
    (void)which;
    fn(user, 0, &row, 1);
}

static void tidy(struct rig *g)
{
    tidy_on_timer(g->delivery);
    while (g->delivery->trimming)
        rig_turn(g);
}

static const char *fault_after_tidying(struct rig *g, struct health *h)
{
    static struct health_fault fault;

    tidy(g);
    return health_fault(h, 0, &fault) ? fault.component : NULL;
}

static void what_does_not_add_up_is_told_until_it_does(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct health *h = health_new();

    (void)state;
    assert_int_equal(rig_put_wait(g, 0, "e", "x"), 0);
    rig_until_state(g, Q_DONE, 1);
    lying = *g->queue->ops;
    lying.counts = tell_row;
    g->queue->ops = &lying;
    g->delivery->env.health = h;
    row = (struct q_ledger){.queue = S("q"), .source = S(""), .accepted = 3, .passed = 7};
    row.counts[Q_DONE] = 2;
    row.counts[Q_DEAD] = 1;
    assert_null(fault_after_tidying(g, h));
    row.accepted = 4; /* one is nowhere */
    assert_string_equal(fault_after_tidying(g, h), "ledger");
    row.counts[Q_PURGED] = 2; /* one is in two places */
    assert_string_equal(fault_after_tidying(g, h), "ledger");
    row.counts[Q_PURGED] = 1;
    assert_null(fault_after_tidying(g, h));
    rig_free(g);
    health_free(h);
}

struct counting {
    uint32_t n;
    bool done;
};

static void on_list(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct counting *c = user;

    (void)events;
    (void)more;
    assert_int_equal(r, 0);
    *c = (struct counting){.n = n, .done = true};
}

/* How many can still be looked at. */
static uint32_t kept(struct rig *g)
{
    struct counting c = {0};

    tidy(g);
    q_list(g->queue, &(struct q_filter){.limit = 100}, on_list, &c);
    loop_run_until(g->loop, &c.done);
    return c.n;
}

static void end_badly(struct invocation *in)
{
    in->outcome = OUTCOME_ERROR;
    rig_end(in->rig, in);
}

static void what_ended_goes_by_number_and_by_age_and_dead_ones_stay(void **state)
{
    struct rig *g = rig_new(NULL, 0);
    struct delivery_conf conf = g->conf;

    (void)state;
    rig_retry.failures = false;
    g->on_run = end_badly;
    assert_int_equal(rig_put_wait(g, 0, "dead", "x"), 0);
    rig_until_state(g, Q_DEAD, 1);
    g->on_run = NULL;
    for (char id[] = "a"; id[0] <= 'e'; id[0]++) {
        assert_int_equal(rig_put_wait(g, 0, id, "x"), 0);
        rig_until_state(g, Q_DONE, (uint64_t)(id[0] - 'a' + 1));
    }
    conf.keep_h = 2;
    conf.keep = 5;
    delivery_configure(g->delivery, &conf);
    assert_int_equal(kept(g), 6);
    conf.keep = 4;
    delivery_configure(g->delivery, &conf);
    assert_int_equal(kept(g), 5);
    rig_jump(g, 2 * 3600 * 1000);
    assert_int_equal(kept(g), 5);
    rig_jump(g, 1);
    assert_int_equal(kept(g), 1);
    rig_look(g, "dead");
    assert_int_equal(g->state, Q_DEAD);
    rig_until_state(g, Q_DONE, 5); /* the ledger goes on counting them */
    rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_ended_goes_by_number_and_by_age_and_dead_ones_stay),
            cmocka_unit_test(what_does_not_add_up_is_told_until_it_does),
    };
    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_ledger.c - accepted events that are not the sum of their states: said once, and told to health
 * for as long as it is so. The queue's own ledger does not lie, so one is told here that does. */
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

static const char *fault_after_tidying(struct rig *g, struct health *h)
{
    static struct health_fault fault;

    tidy_on_timer(g->delivery);
    while (g->delivery->trimming)
        rig_turn(g);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_does_not_add_up_is_told_until_it_does),
    };
    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_background.c - jobs that nobody waits for are in nobody's way, and use what nobody else does. */
#include "fake.h"
#include "t.h"

#include <stdlib.h>

#include "base/obj.h"

static void hold(struct worker *w)
{
    (void)w; /* until the test answers */
}

static void let_go(struct world *w, int number)
{
    struct worker *x = world_worker(w, number);

    worker_answer(x, 0, buf_str(&x->event), STR_NONE);
}

static void wait_open(struct world *w, int number)
{
    while (w->nworkers < number || !world_worker(w, number)->stream)
        world_turn(w);
}

static struct world *world_of(uint32_t instances)
{
    struct pool_conf conf;

    pool_conf_default(&conf);
    conf.instances = instances;
    return world_new(&conf);
}

static void submit(struct probe *p, struct world *w, const struct fn *fn, bool background)
{
    probe_init(p, w, fn, S("x"));
    p->job.background = background;
    probe_submit(p);
}

static void an_idle_host_is_theirs(void **state)
{
    struct world *w = world_of(3);
    struct probe p[3];

    (void)state;
    w->on_request = hold;
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        submit(&p[i], w, w->fn, true);
    for (int i = 1; i <= 3; i++)
        wait_open(w, i); /* every place of the host */
    for (int i = 1; i <= 3; i++)
        let_go(w, i);
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        world_until(w, &p[i].ended);
        probe_done(&p[i]);
    }
    world_free(w);
}

static void who_is_waited_for_goes_first(void **state)
{
    struct world *w = world_new(NULL);
    struct probe running, later, sooner;

    (void)state;
    w->fn->max_instances = 1;
    w->on_request = hold;
    submit(&running, w, w->fn, true);
    wait_open(w, 1);
    submit(&later, w, w->fn, true);
    submit(&sooner, w, w->fn, false); /* came last */
    let_go(w, 1);
    world_until(w, &running.ended);
    wait_open(w, 1);
    assert_int_equal(sooner.starts, 1);
    assert_int_equal(later.starts, 0);
    let_go(w, 1);
    world_until(w, &sooner.ended);
    wait_open(w, 1);
    assert_int_equal(later.starts, 1);
    let_go(w, 1);
    world_until(w, &later.ended);
    probe_done(&running);
    probe_done(&later);
    probe_done(&sooner);
    world_free(w);
}

static void a_start_that_has_not_begun_is_overtaken(void **state)
{
    struct world *w = world_new(NULL);
    struct probe later, sooner;

    (void)state;
    w->fn->max_instances = 1;
    w->on_request = hold;
    w->silent_launcher = true;
    submit(&later, w, w->fn, true);
    world_turn(w);
    submit(&sooner, w, w->fn, false);
    while (w->nworkers < 1)
        world_turn(w);
    w->silent_launcher = false;
    worker_start(world_worker(w, 1));
    wait_open(w, 1);
    assert_int_equal(sooner.starts, 1);
    assert_int_equal(later.starts, 0);
    let_go(w, 1);
    world_until(w, &sooner.ended);
    wait_open(w, 1);
    let_go(w, 1);
    world_until(w, &later.ended);
    assert_int_equal(w->nworkers, 1);
    probe_done(&later);
    probe_done(&sooner);
    world_free(w);
}

/* Two places in all: one is taken by a function at its limit, whose next caller waits. */
static void the_last_place_of_the_host_is_left_while_somebody_waits(void **state)
{
    struct world *w = world_of(2);
    struct fn *other = world_fn("other");
    struct probe busy, waiting, later;

    (void)state;
    w->fn->max_instances = 1;
    w->on_request = hold;
    submit(&busy, w, w->fn, false);
    wait_open(w, 1);
    submit(&waiting, w, w->fn, false);
    submit(&later, w, other, true);
    for (int i = 0; i < 20; i++)
        world_turn(w);
    assert_int_equal(w->nworkers, 1); /* no start for it ... */
    let_go(w, 1);
    world_until(w, &busy.ended);
    wait_open(w, 1);
    wait_open(w, 2); /* ... before nobody waits any more */
    let_go(w, 1);
    let_go(w, 2);
    world_until(w, &waiting.ended);
    world_until(w, &later.ended);
    probe_done(&busy);
    probe_done(&waiting);
    probe_done(&later);
    fn_unref(other);
    world_free(w);
}

/* With one place more it need not wait. */
static void any_other_place_is_taken(void **state)
{
    struct world *w = world_of(3);
    struct fn *other = world_fn("other");
    struct probe busy, waiting, later;

    (void)state;
    w->fn->max_instances = 1;
    w->on_request = hold;
    submit(&busy, w, w->fn, false);
    wait_open(w, 1);
    submit(&waiting, w, w->fn, false);
    submit(&later, w, other, true);
    wait_open(w, 2);
    let_go(w, 2);
    world_until(w, &later.ended);
    let_go(w, 1);
    world_until(w, &busy.ended);
    wait_open(w, 1);
    let_go(w, 1);
    world_until(w, &waiting.ended);
    probe_done(&busy);
    probe_done(&waiting);
    probe_done(&later);
    fn_unref(other);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_idle_host_is_theirs),
            cmocka_unit_test(who_is_waited_for_goes_first),
            cmocka_unit_test(a_start_that_has_not_begun_is_overtaken),
            cmocka_unit_test(the_last_place_of_the_host_is_left_while_somebody_waits),
            cmocka_unit_test(any_other_place_is_taken),
    };

    return T_RUN(tests);
}

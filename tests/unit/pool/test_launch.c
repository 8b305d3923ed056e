/* SPDX-License-Identifier: Apache-2.0 */
/* test_launch.c - a launcher that refuses, hangs, lies or dies. */
#include "fake.h"
#include "t.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/obj.h"

static void hold(struct worker *w)
{
    (void)w;
}

static void a_refusal_is_told_with_its_reason(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->refuse = true;
    probe_run(&p, w, S("x"));
    assert_int_equal(p.report.end, JOB_NO_START);
    assert_int_equal(p.err.code, -EAGAIN);
    assert_int_equal(p.err.kind, ERR_HOST);
    t_has(p.err.msg, "no slot is left");
    probe_done(&p);
    world_free(w);
}

static void a_launcher_that_does_not_answer_is_given_up(void **state)
{
    struct pool_conf conf;
    struct world *w;
    struct probe p;

    (void)state;
    pool_conf_default(&conf);
    conf.boot_timeout_ms = 20;
    w = world_new(&conf);
    w->silent_launcher = true;
    probe_init(&p, w, w->fn, S("x"));
    probe_submit(&p);
    world_until_workers(w, 1);
    while (w->kills == 0)
        world_turn(w);
    worker_start(world_worker(w, 1)); /* too late: the answer crosses the KILL */
    worker_exit(world_worker(w, 1), -1, SIGKILL, false);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_NO_START);
    t_has(p.err.msg, "within 20 ms");
    probe_done(&p);
    world_free(w);
}

static void when_the_launcher_dies_running_jobs_end_and_waiting_ones_start_anew(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b, c;

    (void)state;
    w->fn->max_instances = 2;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_submit(&a);
    while (w->nworkers < 1 || !world_worker(w, 1)->stream)
        world_turn(w);
    w->silent_launcher = true;
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&b); /* asked for, never answered */
    world_until_workers(w, 2);
    probe_init(&c, w, w->fn, S("c"));
    probe_submit(&c); /* at the limit: waits */

    w->silent_launcher = false;
    w->on_request = NULL;
    world_new_launcher(w);
    world_until(w, &a.ended);
    assert_int_equal(a.report.end, JOB_EXITED);
    world_until(w, &b.ended);
    world_until(w, &c.ended);
    assert_int_equal(b.report.end, JOB_DONE);
    assert_int_equal(c.report.end, JOB_DONE);
    probe_done(&a);
    probe_done(&b);
    probe_done(&c);
    world_free(w);
}

static void an_idle_instance_dies_with_its_launcher(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    probe_run(&p, w, S("x"));
    world_new_launcher(w);
    world_until_idle(w, 0);
    probe_done(&p);
    probe_run(&p, w, S("x"));
    assert_int_equal(p.report.end, JOB_DONE);
    assert_true(p.report.cold);
    probe_done(&p);
    world_free(w);
}

static void on_hello(void *user, const struct launch_hello *h)
{
    assert_true(!h || h->root);
    *(int *)user += h ? 1 : 100;
}

static void hello_is_told_and_terminated(void **state)
{
    struct launch_hello hello = {.type = LAUNCH_HELLO, .root = true};
    struct world *w = world_new(NULL);
    int pair[2], heard = 0;

    (void)state;
    world_turn(w);
    assert_non_null(launch_hello(w->launch));
    memset(hello.note, 'n', sizeof(hello.note));
    launch_on_hello(w->launch, on_hello, &heard);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    launch_adopt(w->launch, pair[1]);
    assert_null(launch_hello(w->launch));
    assert_int_equal(heard, 100); /* the one before is gone */
    assert_int_equal(io_send_fds(pair[0], &hello, sizeof(hello), NULL, 0), 0);
    while (heard == 100)
        world_turn(w);
    assert_int_equal(heard, 101);
    assert_int_equal(strlen(launch_hello(w->launch)->note), LAUNCH_TEXT - 1);
    close(pair[0]);
    world_free(w);
}

static const union launch_message *message(size_t i, size_t *ret_n)
{
    static union launch_message m;

    m = (union launch_message){0};
    switch (i) {
    case 0: /* a type nobody knows */
        m.type = 99;
        *ret_n = sizeof(uint32_t);
        break;
    case 1: /* cut short */
        m.type = LAUNCH_EXITED;
        *ret_n = sizeof(struct launch_exited) - 1;
        break;
    case 2: /* shorter than a type */
        m.type = LAUNCH_EXITED;
        *ret_n = 2;
        break;
    case 3: /* HELLO twice */
        m.type = LAUNCH_HELLO;
        *ret_n = sizeof(struct launch_hello);
        break;
    case 4: /* an id that was never asked for */
        m.exited = (struct launch_exited){.type = LAUNCH_EXITED, .id = 4711};
        *ret_n = sizeof(struct launch_exited);
        break;
    case 5:
        m.refused = (struct launch_refused){.type = LAUNCH_REFUSED, .id = 4711};
        *ret_n = sizeof(struct launch_refused);
        break;
    case 6: /* STARTED without descriptors */
        m.started = (struct launch_started){.type = LAUNCH_STARTED, .id = 1};
        *ret_n = sizeof(struct launch_started);
        break;
    case 7: /* what only we may say */
        m.type = LAUNCH_KILL;
        *ret_n = sizeof(struct launch_kill);
        break;
    case 8: /* a name without an end */
        m.stock = (struct launch_stock){.type = LAUNCH_STOCK};
        memset(m.stock.runtime, 'x', sizeof(m.stock.runtime));
        *ret_n = sizeof(struct launch_stock);
        break;
    case 9: /* and none at all */
        m.stock = (struct launch_stock){.type = LAUNCH_STOCK};
        *ret_n = sizeof(struct launch_stock);
        break;
    default:
        return NULL;
    }
    return &m;
}

static void tell_stock(struct world *w, unsigned runtime, uint32_t slots)
{
    struct launch_stock m = {.type = LAUNCH_STOCK, .slots = slots, .spares = runtime};

    (void)snprintf(m.runtime, sizeof(m.runtime), "r%u", runtime);
    assert_int_equal(io_send_fds(w->sock, &m, sizeof(m), NULL, 0), 0);
}

static void what_the_launcher_keeps_ready_is_known_as_long_as_it_is_there(void **state)
{
    struct world *w = world_new(NULL);

    (void)state;
    world_turn(w);
    assert_null(launch_stock(w->launch, 0));
    for (unsigned i = 0; i < LAUNCH_RUNTIMES; i++)
        tell_stock(w, i, 1);
    tell_stock(w, 0, 7);
    while (!launch_stock(w->launch, 0) || launch_stock(w->launch, 0)->slots != 7)
        world_turn(w);
    assert_int_equal(launch_stock(w->launch, LAUNCH_RUNTIMES - 1)->slots, 7); /* they are shared */
    assert_int_equal(launch_stock(w->launch, LAUNCH_RUNTIMES - 1)->spares, LAUNCH_RUNTIMES - 1);
    assert_null(launch_stock(w->launch, LAUNCH_RUNTIMES));

    tell_stock(w, LAUNCH_RUNTIMES, 1); /* one too many */
    while (launch_hello(w->launch))
        world_turn(w);
    assert_null(launch_stock(w->launch, 0));
    world_free(w);
}

static void a_launcher_that_makes_no_sense_is_hung_up_on(void **state)
{
    const union launch_message *m;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; (m = message(i, &n)) != NULL; i++) {
        struct world *w = world_new(NULL);
        struct probe p;

        w->silent_launcher = true;
        world_turn(w);
        probe_init(&p, w, w->fn, S("x"));
        probe_submit(&p);
        world_until_workers(w, 1);
        assert_int_equal(io_send_fds(w->sock, m, n, NULL, 0), 0);
        while (launch_hello(w->launch))
            world_turn(w);
        w->silent_launcher = false;
        world_new_launcher(w); /* the next one is served: the start is asked for again */
        world_until(w, &p.ended);
        assert_int_equal(p.report.end, JOB_DONE);
        probe_done(&p);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_refusal_is_told_with_its_reason),
            cmocka_unit_test(a_launcher_that_does_not_answer_is_given_up),
            cmocka_unit_test(when_the_launcher_dies_running_jobs_end_and_waiting_ones_start_anew),
            cmocka_unit_test(an_idle_instance_dies_with_its_launcher),
            cmocka_unit_test(hello_is_told_and_terminated),
            cmocka_unit_test(a_launcher_that_makes_no_sense_is_hung_up_on),
            cmocka_unit_test(what_the_launcher_keeps_ready_is_known_as_long_as_it_is_there),
    };

    return T_RUN(tests);
}

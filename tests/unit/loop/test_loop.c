/* SPDX-License-Identifier: Apache-2.0 */
/* test_loop.c - the promises of loop.h: order, what may be freed when, and which thread calls. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "t.h"

struct fix {
    struct loop *l;
    struct loop_io *io;
    struct loop_timer *timer;
    struct loop_signal *sig;
    bool done;
    int fds[2];
    int calls;
    unsigned ready;
    char order[64];
    pthread_t worker;
};

static int setup(void **state)
{
    struct fix *f = calloc(1, sizeof *f);

    if (!f || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->fds) < 0)
        return -1;
    f->l = loop_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fix *f = *state;

    loop_io_free(f->io);
    loop_timer_free(f->timer);
    loop_signal_free(f->sig);
    loop_free(f->l);
    close(f->fds[0]);
    close(f->fds[1]);
    free(f);
    return 0;
}

static void note(struct fix *f, char c)
{
    f->order[strlen(f->order)] = c;
}

static void set_done(void *user)
{
    struct fix *f = user;

    f->calls++;
    f->done = true;
}

static void on_io(void *user, unsigned ready)
{
    struct fix *f = user;

    f->ready = ready;
    set_done(f);
}

static void a_readable_descriptor_is_reported(void **state)
{
    struct fix *f = *state;

    f->io = loop_io_new(f->l, f->fds[0], on_io, f);
    loop_io_want(f->io, LOOP_READ);
    assert_int_equal(write(f->fds[1], "x", 1), 1);
    loop_run_until(f->l, &f->done);
    assert_int_equal(f->ready, LOOP_READ);
}

static void a_writable_descriptor_is_reported_when_wanted(void **state)
{
    struct fix *f = *state;

    f->io = loop_io_new(f->l, f->fds[0], on_io, f);
    loop_io_want(f->io, LOOP_READ | LOOP_WRITE);
    loop_run_until(f->l, &f->done);
    assert_int_equal(f->ready, LOOP_WRITE);
}

static void a_hang_up_is_told_as_readable(void **state)
{
    struct fix *f = *state;
    char c;

    f->io = loop_io_new(f->l, f->fds[0], on_io, f);
    loop_io_want(f->io, LOOP_READ);
    close(f->fds[1]);
    f->fds[1] = -1;
    loop_run_until(f->l, &f->done);
    assert_true(f->ready & LOOP_READ);
    assert_int_equal(read(f->fds[0], &c, 1), 0);
}

static void an_error_is_told_as_readable_even_to_a_writer(void **state)
{
    struct fix *f = *state;
    int p[2];

    assert_int_equal(pipe(p), 0);
    close(p[0]); /* a pipe without a reader: EPOLLERR on the writing end */
    f->io = loop_io_new(f->l, p[1], on_io, f);
    loop_io_want(f->io, LOOP_WRITE);
    loop_run_until(f->l, &f->done);
    assert_true(f->ready & LOOP_READ);
    f->io = loop_io_free(f->io);
    close(p[1]);
}

static void a_paused_descriptor_is_silent_until_wanted_again(void **state)
{
    struct fix *f = *state;

    f->io = loop_io_new(f->l, f->fds[0], on_io, f);
    loop_io_want(f->io, LOOP_READ);
    loop_io_want(f->io, 0);
    assert_int_equal(write(f->fds[1], "x", 1), 1);
    f->timer = loop_timer_new(f->l, set_done, f);
    loop_timer_start(f->timer, 5);
    loop_run_until(f->l, &f->done);
    assert_int_equal(f->calls, 1); /* the timer only */
    f->done = false;
    loop_io_want(f->io, LOOP_READ);
    loop_run_until(f->l, &f->done);
    assert_int_equal(f->ready, LOOP_READ);
}

static void free_io_inside(void *user, unsigned ready)
{
    struct fix *f = user;

    (void)ready;
    f->calls++;
    f->io = loop_io_free(f->io);
    loop_timer_start(f->timer, 5);
}

static void a_source_may_be_freed_inside_its_own_callback(void **state)
{
    struct fix *f = *state;

    f->timer = loop_timer_new(f->l, set_done, f);
    f->io = loop_io_new(f->l, f->fds[0], free_io_inside, f);
    loop_io_want(f->io, LOOP_READ);
    assert_int_equal(write(f->fds[1], "x", 1), 1); /* never read: would be called for ever */
    loop_run_until(f->l, &f->done);
    assert_int_equal(f->calls, 2);
}

struct pair {
    struct fix *f;
    struct loop_io *io[2];
};

static void free_the_other(void *user, unsigned ready)
{
    struct pair *p = user;

    (void)ready;
    p->f->calls++;
    p->io[0] = loop_io_free(p->io[0]);
    p->io[1] = loop_io_free(p->io[1]);
    loop_timer_start(p->f->timer, 5);
}

static void a_source_freed_by_another_ones_callback_is_not_called_any_more(void **state)
{
    struct fix *f = *state;
    struct pair p = {f, {NULL, NULL}};
    int dup_fd = dup(f->fds[0]);

    f->timer = loop_timer_new(f->l, set_done, f);
    p.io[0] = loop_io_new(f->l, f->fds[0], free_the_other, &p);
    p.io[1] = loop_io_new(f->l, dup_fd, free_the_other, &p);
    loop_io_want(p.io[0], LOOP_READ);
    loop_io_want(p.io[1], LOOP_READ);
    assert_int_equal(write(f->fds[1], "x", 1), 1); /* both are ready in the same turn */
    loop_run_until(f->l, &f->done);
    assert_int_equal(f->calls, 2);
    close(dup_fd);
}

static void a_timer_fires_once_and_not_early(void **state)
{
    struct fix *f = *state;

    f->timer = loop_timer_new(f->l, set_done, f);
    assert_false(loop_timer_running(f->timer));
    for (int i = 1; i <= 20; i++) { /* from any point within a millisecond */
        uint64_t before = clock_mono_ns();

        f->done = false;
        loop_timer_start(f->timer, 3);
        assert_true(loop_timer_running(f->timer));
        loop_run_until(f->l, &f->done);
        assert_true(clock_mono_ns() - before >= 3000000);
        assert_false(loop_timer_running(f->timer));
        assert_int_equal(f->calls, i);
    }
}

static void a_timer_that_is_due_when_the_run_starts_ends_it(void **state)
{
    struct fix *f = *state;
    uint64_t start = clock_mono_ns();

    f->timer = loop_timer_new(f->l, set_done, f);
    loop_timer_start(f->timer, 1);
    while (clock_mono_ns() - start < 3000000)
        ;                           /* let it become due before the loop looks */
    loop_run_until(f->l, &f->done); /* nothing else would wake the loop */
    assert_int_equal(f->calls, 1);
}

static void a_restarted_timer_forgets_its_first_delay(void **state)
{
    struct fix *f = *state;

    f->timer = loop_timer_new(f->l, set_done, f);
    loop_timer_start(f->timer, 3600000);
    loop_timer_start(f->timer, 1);
    loop_run_until(f->l, &f->done);
    assert_int_equal(f->calls, 1);
}

static void fail_if_called(void *user)
{
    (void)user;
    fail_msg("a stopped timer fired");
}

static void a_stopped_timer_does_not_fire(void **state)
{
    struct fix *f = *state;
    struct loop_timer *t = loop_timer_new(f->l, fail_if_called, NULL);

    f->timer = loop_timer_new(f->l, set_done, f);
    loop_timer_start(t, 1);
    loop_timer_start(f->timer, 10);
    loop_timer_stop(t);
    loop_run_until(f->l, &f->done);
    loop_timer_free(t);
}

static void note_a(void *user)
{
    note(user, 'a');
}

static void note_b(void *user)
{
    note(user, 'b');
}

static void note_c_and_done(void *user)
{
    note(user, 'c');
    set_done(user);
}

static void defer_from_timer(void *user)
{
    struct fix *f = user;

    loop_defer(f->l, note_a, f);
    loop_defer(f->l, note_b, f);
    loop_defer(f->l, note_c_and_done, f);
    note(f, 't');
}

static void deferred_calls_run_after_the_callback_in_order(void **state)
{
    struct fix *f = *state;

    f->timer = loop_timer_new(f->l, defer_from_timer, f);
    loop_timer_start(f->timer, 0);
    loop_run_until(f->l, &f->done);
    assert_string_equal(f->order, "tabc");
}

static void defer_from_io(void *user, unsigned ready)
{
    struct fix *f = user;

    (void)ready;
    loop_io_want(f->io, 0);
    defer_from_timer(f);
}

static void a_call_deferred_by_a_descriptor_runs_before_the_next_wait(void **state)
{
    struct fix *f = *state;

    f->io = loop_io_new(f->l, f->fds[0], defer_from_io, f);
    loop_io_want(f->io, LOOP_WRITE);
    loop_run_until(f->l, &f->done); /* nothing else would wake the loop */
    assert_string_equal(f->order, "tabc");
}

static void defer_again(void *user)
{
    struct fix *f = user;

    note(f, 'd');
    if (strlen(f->order) < 5)
        loop_defer(f->l, defer_again, f);
    else
        f->done = true;
}

static void a_deferred_call_may_defer_without_the_loop_going_to_sleep(void **state)
{
    struct fix *f = *state;

    loop_defer(f->l, defer_again, f);
    loop_run_until(f->l, &f->done);
    assert_string_equal(f->order, "ddddd");
}

static void count_post(void *user)
{
    ((struct fix *)user)->calls++;
}

static void *post_counts(void *arg)
{
    struct fix *f = arg;

    for (int i = 0; i < 1000; i++)
        loop_post(f->l, count_post, f);
    loop_post(f->l, set_done, f);
    return NULL;
}

static void posts_from_another_thread_all_arrive(void **state)
{
    struct fix *f = *state;

    assert_int_equal(pthread_create(&f->worker, NULL, post_counts, f), 0);
    loop_run_until(f->l, &f->done);
    assert_int_equal(f->calls, 1001);
    pthread_join(f->worker, NULL);
}

static void work_elsewhere(void *user)
{
    ((struct fix *)user)->worker = pthread_self();
}

static void work_done_here(void *user)
{
    struct fix *f = user;

    assert_false(pthread_equal(f->worker, pthread_self()));
    set_done(f);
}

static void work_runs_on_another_thread_and_completes_on_ours(void **state)
{
    struct fix *f = *state;

    loop_work(f->l, work_elsewhere, work_done_here, f);
    loop_run_until(f->l, &f->done);
    assert_int_equal(f->calls, 1);
}

static void freeing_the_loop_waits_for_work_and_completes_it(void **state)
{
    struct fix *f = *state;

    loop_work(f->l, work_elsewhere, work_done_here, f);
    f->l = loop_free(f->l);
    assert_int_equal(f->calls, 1);
}

static void freeing_the_loop_keeps_the_promise_of_deferred_calls(void **state)
{
    struct fix *f = *state;

    loop_defer(f->l, defer_again, f);
    f->l = loop_free(f->l);
    assert_string_equal(f->order, "ddddd");
}

static void a_signal_is_a_callback(void **state)
{
    struct fix *f = *state;

    f->sig = loop_signal_new(f->l, SIGUSR1, set_done, f);
    assert_int_equal(raise(SIGUSR1), 0);
    loop_run_until(f->l, &f->done);
    assert_int_equal(f->calls, 1);
}

static void stop_it(void *user)
{
    struct fix *f = user;

    f->calls++;
    loop_stop(f->l);
}

static void a_running_loop_stops_when_told(void **state)
{
    struct fix *f = *state;

    loop_defer(f->l, stop_it, f);
    assert_int_equal(loop_run(f->l), 0);
    assert_int_equal(f->calls, 1);
}

static uint64_t seen[2];

static void see_time(void *user)
{
    struct fix *f = user;

    seen[f->calls++ ? 1 : 0] = loop_now_ns(f->l);
    f->done = f->calls == 2;
}

static void two_callbacks_of_one_turn_see_the_same_time(void **state)
{
    struct fix *f = *state;

    loop_defer(f->l, see_time, f);
    loop_defer(f->l, see_time, f);
    loop_run_until(f->l, &f->done);
    assert_true(seen[0] == seen[1]);
    assert_true(seen[0] <= clock_mono_ns());
    f->timer = loop_timer_new(f->l, see_time, f);
    f->done = false;
    f->calls = 1;
    loop_timer_start(f->timer, 2);
    loop_run_until(f->l, &f->done);
    assert_true(seen[1] > seen[0]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(a_readable_descriptor_is_reported),
            T(a_writable_descriptor_is_reported_when_wanted),
            T(a_hang_up_is_told_as_readable),
            T(an_error_is_told_as_readable_even_to_a_writer),
            T(a_paused_descriptor_is_silent_until_wanted_again),
            T(a_source_may_be_freed_inside_its_own_callback),
            T(a_source_freed_by_another_ones_callback_is_not_called_any_more),
            T(a_timer_fires_once_and_not_early),
            T(a_timer_that_is_due_when_the_run_starts_ends_it),
            T(a_restarted_timer_forgets_its_first_delay),
            T(a_stopped_timer_does_not_fire),
            T(deferred_calls_run_after_the_callback_in_order),
            T(a_call_deferred_by_a_descriptor_runs_before_the_next_wait),
            T(a_deferred_call_may_defer_without_the_loop_going_to_sleep),
            T(posts_from_another_thread_all_arrive),
            T(work_runs_on_another_thread_and_completes_on_ours),
            T(freeing_the_loop_waits_for_work_and_completes_it),
            T(freeing_the_loop_keeps_the_promise_of_deferred_calls),
            T(a_signal_is_a_callback),
            T(a_running_loop_stops_when_told),
            T(two_callbacks_of_one_turn_see_the_same_time),
    };

    return T_RUN(tests);
}

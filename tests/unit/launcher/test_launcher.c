/* SPDX-License-Identifier: Apache-2.0 */
/* How instances, the launcher and those it works for end, asked of the real program, as root and as an
 * ordinary user. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "rig.h"
#include "t.h"

enum { CYCLES = 100, EMPTY = 2 /* slots the launcher keeps ready */ };

static void hello_says_what_is_in_force(void **state)
{
    const struct rig *g = *state;

    assert_int_equal(g->hello.root, rig_as_root());
    assert_int_equal(g->hello.tmp,
                     g->hello.memory == ENFORCED_PROCESS ? ENFORCED_MOUNT : ENFORCED_TMPFS);
    assert_true(g->hello.seccomp);
    assert_true(g->hello.netns);
    if (rig_as_root() && access("/sys/fs/cgroup/memory/memory.limit_in_bytes", F_OK) == 0) {
        assert_int_equal(g->hello.memory, ENFORCED_CGROUP_V1);
        assert_int_equal(g->hello.pids, ENFORCED_CGROUP_V1);
        assert_int_equal(g->hello.cpu, ENFORCED_CGROUP_V1);
    }
    if (!rig_as_root()) {
        assert_int_equal(g->hello.memory, ENFORCED_PROCESS);
        assert_int_equal(g->hello.pids, ENFORCED_PROCESS);
        assert_int_equal(g->hello.cpu, ENFORCED_NONE);
        t_has(g->hello.note, "ordinary user");
    }
}

static void freeze(const struct rig *g, const struct rig_instance *in)
{
    const char *word = g->hello.freezer == FREEZER_V1 ? "FROZEN" : "1";

    if (g->hello.freezer != FREEZER_NONE)
        assert_int_equal(pwrite(in->freezer, word, strlen(word), 0), strlen(word));
}

/* A process that cgroup v1 holds frozen hears no signal, not even this one. */
static void a_frozen_instance_is_killed_all_the_same(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;

    rig_run(g, 1, &in);
    assert_int_equal(in.freezer >= 0, g->hello.freezer != FREEZER_NONE);
    freeze(g, &in);
    rig_kill(g, 1);
    assert_true(rig_take_exit(g, 1).killed);
    rig_close(&in);
}

static void output_goes_to_the_log_pipe(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;
    char text[64] = "";

    rig_run(g, 1, &in);
    rig_is(&in, "log hello", "OK\n");
    assert_true(read(in.log, text, sizeof text - 1) > 0);
    t_has(text, "hello\n");
    t_has(text, "hello on stderr\n");
    rig_end(g, &in);
}

static void the_end_of_a_runtime_is_told(void **state)
{
    const struct rig *g = *state;
    struct launch_exited x;
    struct rig_instance in;

    rig_run(g, 1, &in);
    rig_tell(&in, "exit 42");
    x = rig_take_exit(g, 1);
    assert_int_equal(x.exit_code, 42);
    assert_int_equal(x.signal, 0);
    assert_false(x.killed);
    rig_close(&in);

    rig_run(g, 1, &in); /* the id may be used again */
    rig_tell(&in, "signal 11");
    x = rig_take_exit(g, 1);
    assert_int_equal(x.exit_code, -1);
    assert_int_equal(x.signal, SIGSEGV);
    assert_false(x.oom);
    rig_close(&in);
}

static void a_runtime_of_the_host_is_run_as_configured(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 1);
    struct launch_exited x;
    struct rig_instance in;

    snprintf(m.runtime, sizeof m.runtime, "shell");
    assert_int_equal(rig_begin(g, &m, &in, NULL), 0);
    x = rig_take_exit(g, 1);
    assert_int_equal(x.exit_code, 7);
    rig_close(&in);
}

static void what_a_runtime_leaves_behind_dies_with_it(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;
    struct pollfd p = {.events = POLLIN};

    rig_run(g, 1, &in);
    rig_is(&in, "daemons 3", "OK\n");
    p.fd = in.channel;
    assert_int_equal(poll(&p, 1, 0), 0);
    rig_tell(&in, "exit 0");
    (void)rig_take_exit(g, 1);
    /* The daemons held the channel too: EOF says that they are gone. */
    assert_int_equal(poll(&p, 1, 0), 1);
    rig_close(&in);

    rig_run(g, 2, &in);
    rig_is(&in, "daemons 3", "OK\n");
    p.fd = in.channel;
    rig_kill(g, 2);
    assert_true(rig_take_exit(g, 2).killed);
    assert_int_equal(poll(&p, 1, 0), 1);
    rig_close(&in);
}

static void drops_daemon_on(struct rig *g, const void *bytes, size_t n)
{
    union launch_message m;
    struct rig_instance in;
    struct pollfd p = {.events = POLLIN};

    rig_run(g, 1, &in);
    rig_send(g, bytes, n);
    assert_int_equal(rig_next(g, &m, NULL, NULL), 0);
    p.fd = in.channel;
    assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
    rig_close(&in);
    rig_adopt(g);
    rig_take_hello(g);
}

static void a_daemon_that_sends_garbage_is_dropped(void **state)
{
    struct rig *g = *state;
    struct launch_start m = rig_request(g, 2);
    char garbage[4096];

    memset(garbage, 0xee, sizeof garbage);
    drops_daemon_on(g, garbage, sizeof(struct launch_start));
    drops_daemon_on(g, garbage, sizeof garbage);
    drops_daemon_on(g, garbage, 1);
    drops_daemon_on(g, &m, sizeof m - 1);
    m.type = LAUNCH_ADOPT;
    drops_daemon_on(g, &m, sizeof(struct launch_adopt));
}

static void a_fresh_daemon_starts_with_nothing(void **state)
{
    struct rig *g = *state;
    struct rig_instance in[5];

    for (uint32_t i = 0; i < 5; i++)
        rig_run(g, i, &in[i]);
    rig_adopt(g);
    rig_take_hello(g);
    for (int i = 0; i < 5; i++) {
        struct pollfd p = {.fd = in[i].channel, .events = POLLIN};

        assert_int_equal(poll(&p, 1, 0), 1); /* all gone before HELLO */
        rig_close(&in[i]);
    }
    rig_run(g, 3, &in[3]);
    rig_end(g, &in[3]);
}

static void without_a_daemon_nothing_lives(void **state)
{
    struct rig *g = *state;
    struct rig_instance in;
    struct pollfd p = {.events = POLLIN};

    rig_run(g, 1, &in);
    g->daemon = fd_close(g->daemon);
    p.fd = in.channel;
    assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
    rig_close(&in);
    rig_adopt(g);
    rig_take_hello(g);
}

static void without_a_keeper_nothing_lives(void **state)
{
    struct rig *g = *state;
    struct rig_instance in;
    struct rig_count left;
    struct pollfd p = {.events = POLLIN};

    rig_run(g, 1, &in);
    rig_is(&in, "daemons 2", "OK\n");
    rig_count(g, &left);
    if (g->hello.memory == ENFORCED_CGROUP_V1)
        assert_true(left.cgroups >= 1);
    rig_stop(g);
    p.fd = in.channel;
    assert_int_equal(poll(&p, 1, 0), 1);
    rig_close(&in);
    rig_start(g, rig_as_root());
    rig_run(g, 1, &in);
    rig_end(g, &in);
}

static void sigterm_ends_everything(void **state)
{
    struct rig *g = *state;
    struct rig_instance in;
    struct pollfd p = {.events = POLLIN};
    pid_t stub = g->stub;

    rig_run(g, 1, &in);
    rig_is(&in, "daemons 2", "OK\n");
    assert_int_equal(kill(stub, SIGINT), 0); /* not for us */
    assert_int_equal(kill(stub, SIGHUP), 0);
    rig_is(&in, "cwd", "/code\n");
    assert_int_equal(kill(stub, SIGTERM), 0);
    rig_stop(g);
    p.fd = in.channel;
    assert_int_equal(poll(&p, 1, 0), 1);
    rig_close(&in);
    assert_int_equal(rig_cgroups(stub, ""), 0);
}

/* It cannot end before what is below it has, and what is frozen hears no signal: the stub thaws. */
static void a_killed_launcher_takes_the_frozen_with_it(void **state)
{
    struct rig *g = *state;
    struct rig_instance in[2];
    struct pollfd p = {.events = POLLIN};
    pid_t stub = g->stub;

    for (uint32_t i = 0; i < 2; i++)
        rig_run(g, i, &in[i]);
    rig_is(&in[0], "daemons 2", "OK\n");
    freeze(g, &in[0]);
    freeze(g, &in[1]);
    assert_int_equal(kill(g->launcher, SIGKILL), 0);
    for (uint32_t i = 0; i < 2; i++) {
        p.fd = in[i].channel;
        assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
        rig_close(&in[i]);
    }
    assert_int_equal(waitpid(stub, NULL, 0), stub);
    g->stub = -1;
    g->keeper = fd_close(g->keeper);
    assert_int_equal(rig_cgroups(stub, ""), 0);
}

static void a_killed_stub_takes_everything_with_it(void **state)
{
    struct rig *g = *state;
    struct rig_instance in;
    struct pollfd p = {.events = POLLIN};
    pid_t dead = g->stub;

    rig_run(g, 1, &in);
    rig_is(&in, "daemons 2", "OK\n");
    rig_murder(g);
    p.fd = in.channel;
    assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
    rig_close(&in);

    /* Its cgroups could not be removed by itself; the next one does, as soon as they are empty. */
    for (int tries = 0; tries < 20; tries++) {
        rig_start(g, rig_as_root());
        if (rig_cgroups(dead, "") == 0)
            return;
        rig_stop(g);
    }
    fail_msg("cgroups of a dead stub are not removed");
}

static void a_daemon_that_does_not_read_blocks_nobody(void **state)
{
    struct rig *g = *state;
    const struct launch_kill nobody = {.type = LAUNCH_KILL, .id = 999};
    struct launch_start bad = rig_request(g, 1);
    union launch_message m;
    int refused = 0;

    bad.pids = 0;
    for (int i = 0; i < 1000; i++)
        (void)send(g->daemon, &bad, sizeof bad, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* The keeper is heard all the same. */
    close(g->daemon);
    g->daemon = -EBADF;
    rig_adopt(g);
    rig_take_hello(g);

    /* And answers that did not fit at once all arrive, in the end. */
    for (int i = 0; i <= 1000; i++) {
        const void *next = i < 1000 ? (const void *)&bad : &nobody;
        size_t n = i < 1000 ? sizeof bad : sizeof nobody;

        while (send(g->daemon, next, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            assert_int_equal(rig_next(g, &m, NULL, NULL), sizeof m.refused);
            refused++;
        }
    }
    while (refused < 1000) {
        assert_int_equal(rig_next(g, &m, NULL, NULL), sizeof m.refused);
        refused++;
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void a_hundred_cycles_leave_nothing_behind(void **state)
{
    struct rig *g = *state;
    struct rig_count before;
    static uint64_t took_ns[CYCLES];
    struct rig_instance in;

    rig_run(g, 1, &in);
    rig_end(g, &in);
    rig_adopt(g);
    rig_take_hello(g);
    rig_settle(g, EMPTY, &before);
    for (uint32_t i = 0; i < CYCLES; i++) {
        took_ns[i] = clock_mono_ns();
        rig_run(g, i, &in);
        took_ns[i] = clock_mono_ns() - took_ns[i];
        if (i % 10 == 0)
            rig_is(&in, "daemons 2", "OK\n");
        rig_end(g, &in);
    }
    rig_adopt(g); /* forgets what was kept on top */
    rig_take_hello(g);
    rig_left_behind_nothing(g, &before);
    qsort(took_ns, CYCLES, sizeof took_ns[0], by_value);
    print_message("# %s: START to STARTED, ms: p50 %.2f, p99 %.2f\n",
                  rig_as_root() ? "root" : "user", (double)took_ns[CYCLES / 2] / 1e6,
                  (double)took_ns[CYCLES - 2] / 1e6);
}

static void a_hundred_at_once_all_start(void **state)
{
    const struct rig *g = *state;
    uint32_t started = 0, exited = 0;
    static int fds[CYCLES][5];
    union launch_message m;

    for (uint32_t i = 0; i < CYCLES; i++) {
        const struct launch_start s = rig_request(g, i);

        rig_send(g, &s, sizeof s);
    }
    for (; started < CYCLES; started++) {
        size_t nfds = 5;

        assert_true(rig_next(g, &m, fds[started], &nfds) > 0);
        assert_int_equal(m.type, LAUNCH_STARTED);
        while (nfds > 2)
            close(fds[started][--nfds]);
    }
    for (uint32_t i = 0; i < CYCLES; i++)
        rig_kill(g, i);
    for (; exited < CYCLES; exited++) {
        assert_true(rig_next(g, &m, NULL, NULL) > 0);
        assert_int_equal(m.type, LAUNCH_EXITED);
        assert_true(m.exited.killed);
        close(fds[exited][0]);
        close(fds[exited][1]);
    }
}

/* A launcher for each, so that one failure stays one failure. */
#define T(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(hello_says_what_is_in_force),
            T(a_frozen_instance_is_killed_all_the_same),
            T(output_goes_to_the_log_pipe),
            T(the_end_of_a_runtime_is_told),
            T(a_runtime_of_the_host_is_run_as_configured),
            T(what_a_runtime_leaves_behind_dies_with_it),
            T(a_daemon_that_sends_garbage_is_dropped),
            T(a_fresh_daemon_starts_with_nothing),
            T(without_a_daemon_nothing_lives),
            T(without_a_keeper_nothing_lives),
            T(sigterm_ends_everything),
            T(a_killed_launcher_takes_the_frozen_with_it),
            T(a_killed_stub_takes_everything_with_it),
            T(a_daemon_that_does_not_read_blocks_nobody),
            T(a_hundred_at_once_all_start),
            T(a_hundred_cycles_leave_nothing_behind),
    };

    if (geteuid() != 0) {
        printf("1..0 # SKIP needs root, to play root and an ordinary user\n");
        return 0;
    }
    return cmocka_run_group_tests_name(rig_as_root() ? "launcher, root" : "launcher, ordinary user",
                                       tests, NULL, NULL);
}

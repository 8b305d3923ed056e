/* SPDX-License-Identifier: Apache-2.0 */
/* What is made before it is asked for: slots, spares, what a zygote forks. Asked of the real program,
 * as root and as an ordinary user. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/obj.h"
#include "rig.h"
#include "t.h"

enum {
    EMPTY = 2, /* slots the launcher keeps ready */
    ZYGOTE = 1,
    MIXED = 1000,
};

/* So many spares, and the zygote if it has one, are there. */
static void warm(const struct rig *g, const char *runtime, uint32_t spares)
{
    struct rig_count c;
    int zygote = strcmp(runtime, "forked") == 0 ? ZYGOTE : 0;

    rig_warm(g, runtime, spares);
    rig_settle(g, EMPTY + (int)spares + zygote, &c);
}

/* What must hold however the runtime came to be. */
static void check_confined(const struct rig *g, const struct rig_instance *in)
{
    char text[RIG_TEXT];

    rig_ask(in, "ids", text);
    t_has(text, "uid 993 gid 993 pid ");
    rig_ask(in, "cat /proc/self/status", text);
    t_has(text, "CapInh:\t0000000000000000");
    t_has(text, "CapPrm:\t0000000000000000");
    t_has(text, "CapEff:\t0000000000000000");
    t_has(text, "CapBnd:\t0000000000000000");
    t_has(text, "CapAmb:\t0000000000000000");
    t_has(text, "NoNewPrivs:\t1");
    t_has(text, "Seccomp:\t2");
    rig_ask(in, "forbidden", text);
    t_has(text, "mount EPERM");
    t_has(text, "umount EPERM");
    t_has(text, "unshare-user EPERM");
    t_has(text, "ptrace-init EPERM");
    /* The same uid, where there is only one: pid 1 is deaf to it (pid_namespaces(7)), and what follows
     * shows that it lives. */
    t_has(text, rig_as_root() || g->hello.landlock ? "kill-init EPERM" : "kill-init OK");
    t_has(text, "io-uring EPERM");
    t_has(text, "setuid EPERM");
    t_has(text, "chroot EPERM");
    t_has(text, "init-mem ENOENT");
    rig_is(in, "ls /proc/self/fd", "0 1 2 3 4 \n"); /* 4: the probe's own duplicate of 3 */
    rig_is(in, "write /code/data", "EROFS\n");
    rig_is(in, "write /rt/new", "EROFS\n");
    rig_is(in, "write /tmp/new", "OK\n");
    rig_is(in, "fill 64", "16 ENOSPC\n"); /* tmp_mb is 16 */
    rig_has(in, "ls /code", "bootstrap");
    rig_is(in, "host", "function\n");
    rig_is(in, "loopback", "OK\n");
    rig_ask(in, "cat /proc/self/cgroup", text);
    assert_null(strstr(text, "evoke"));
    rig_is(in, "env", "PATH=/usr/local/bin:/usr/bin:/bin\nLANG=C.UTF-8\nHOME=/tmp\n");
    rig_is(in, "limit 6", "64 64\n"); /* RLIMIT_NPROC, of the request and not of a spare */
    if (g->hello.memory == ENFORCED_PROCESS)
        rig_is(in, "limit 2", "134217728 134217728\n"); /* RLIMIT_DATA */
}

static void a_spare_is_as_confined_as_any(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;

    warm(g, "spare", 1);
    rig_run_as(g, "spare", 1, &in);
    assert_true(in.spare);
    check_confined(g, &in);
    rig_end(g, &in);
}

static void what_a_zygote_forked_ahead_is_as_confined_as_any(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;

    warm(g, "forked", 1);
    rig_run_as(g, "forked", 1, &in);
    assert_true(in.spare);
    check_confined(g, &in);
    rig_end(g, &in);
}

static void what_a_zygote_forks_on_demand_is_as_confined_as_any(void **state)
{
    const struct rig *g = *state;
    struct rig_instance one, two;

    warm(g, "forked", 1);
    rig_run_as(g, "forked", 1, &one);
    rig_run_as(g, "forked", 2, &two); /* the next spare may be ready by now, or not */
    check_confined(g, &two);
    rig_end(g, &one);
    rig_end(g, &two);
}

static void exec_is_as_confined_as_any(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;

    rig_run_as(g, "spare", 1, &in); /* the first ever: nothing was ready */
    assert_false(in.spare);
    check_confined(g, &in);
    rig_end(g, &in);
}

static void limits_hold_for_what_was_there_before_them(void **state)
{
    static const char *const runtimes[] = {"spare", "forked"};
    const struct rig *g = *state;
    struct rig_instance in;
    struct launch_exited x;

    for (size_t i = 0; i < ARRAY_LEN(runtimes); i++) {
        struct launch_start m = rig_request(g, 1);

        rig_warm(g, runtimes[i], 1);
        m.pids = 20;
        m.memory_mb = 64;
        snprintf(m.runtime, sizeof m.runtime, "%s", runtimes[i]);
        assert_int_equal(rig_begin(g, &m, &in, NULL), 0);
        rig_is(&in, "bomb", "19 EAGAIN\n");
        rig_end(g, &in);

        assert_int_equal(rig_begin(g, &m, &in, NULL), 0);
        rig_is(&in, "hog 16", "OK\n");
        if (g->hello.memory == ENFORCED_PROCESS) {
            rig_is(&in, "hog 256", "ENOMEM\n");
            rig_end(g, &in);
            continue;
        }
        rig_tell(&in, "hog 256");
        x = rig_take_exit(g, 1);
        assert_true(x.oom);
        assert_int_equal(x.signal, SIGKILL);
        rig_close(&in);
    }
}

static void the_end_of_a_forked_runtime_is_told(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;
    struct launch_exited x;

    warm(g, "forked", 1);
    rig_run_as(g, "forked", 1, &in);
    rig_is(&in, "daemons 3", "OK\n");
    rig_tell(&in, "exit 42");
    x = rig_take_exit(g, 1);
    assert_int_equal(x.exit_code, 42);
    assert_false(x.killed);
    rig_close(&in);
    rig_run_as(g, "forked", 1, &in);
    rig_tell(&in, "signal 11");
    assert_int_equal(rig_take_exit(g, 1).signal, SIGSEGV);
    rig_close(&in);
}

static void layouts_are_the_same_in_a_spare(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 1);
    struct rig_instance in;

    warm(g, "spare", 1);
    m.layout = LAYOUT_FUNCTIONGRAPH;
    snprintf(m.runtime, sizeof m.runtime, "spare");
    assert_int_equal(rig_begin(g, &m, &in, NULL), 0);
    assert_true(in.spare);
    rig_has(&in, "ls /opt/function/code", "bootstrap");
    rig_is(&in, "ls /code", "\n");
    rig_end(g, &in);
}

/* Children of a process, as the host sees them. */
static size_t children_of(pid_t pid, pid_t *ret, size_t max)
{
    char path[64];
    size_t n = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    f = fopen(path, "re");
    while (f && n < max && fscanf(f, "%d", &ret[n]) == 1)
        n++;
    if (f)
        (void)fclose(f);
    return n;
}

static bool has_name(pid_t pid, const char *name)
{
    char path[64], text[64] = "";
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    f = fopen(path, "re");
    if (f) {
        (void)!fgets(text, sizeof text, f);
        (void)fclose(f);
    }
    text[strcspn(text, "\n")] = '\0';
    return strcmp(text, name) == 0;
}

/* A process of that name, below the launcher or one of its children; -1: none. */
static pid_t look_for(const struct rig *g, const char *name)
{
    pid_t all[64], below[64];
    size_t n = children_of(g->launcher, all, 64);

    for (size_t i = 0; i < n; i++) {
        if (has_name(all[i], name))
            return all[i];
    }
    for (size_t i = 0; i < n; i++) {
        size_t m = children_of(all[i], below, 64);

        for (size_t k = 0; k < m; k++) {
            if (has_name(below[k], name))
                return below[k];
        }
    }
    return -1;
}

static pid_t find_process(const struct rig *g, const char *name)
{
    pid_t pid = look_for(g, name);

    assert_true(pid > 0); /* kill(2) would take -1 for everybody */
    return pid;
}

static bool is_dead(pid_t pid)
{
    char path[64], state = 'Z';
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    f = fopen(path, "re");
    if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    if (f)
        (void)fclose(f);
    return state == 'Z' || state == 'X';
}

static void murder(pid_t pid)
{
    uint64_t until = clock_mono_ns() + RIG_WAIT_MS * 1000000ULL;

    assert_int_equal(kill(pid, SIGKILL), 0);
    while (!is_dead(pid))
        assert_true(clock_mono_ns() < until);
}

static void a_dead_zygote_is_replaced_and_hurts_nobody(void **state)
{
    const struct rig *g = *state;
    struct rig_instance one, two, three;
    struct rig_count c;
    pid_t zygote;
    uint64_t until = clock_mono_ns() + RIG_WAIT_MS * 1000000ULL;

    warm(g, "forked", 1);
    rig_run_as(g, "forked", 1, &one);
    rig_settle(g, EMPTY + ZYGOTE + 2, &c);
    zygote = find_process(g, "zygote");
    murder(zygote);
    rig_run_as(g, "forked", 2, &two); /* the spare, or by exec */
    rig_run_as(g, "forked", 3, &three);
    check_confined(g, &three);
    rig_is(&one, "ids", "uid 993 gid 993 pid 3\n");
    rig_end(g, &two);
    rig_end(g, &three);

    while (look_for(g, "zygote") == zygote || look_for(g, "zygote") < 0)
        assert_true(clock_mono_ns() < until);
    rig_end(g, &one);
}

static void a_dead_spare_is_replaced(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;
    struct rig_count c;
    pid_t spare;

    warm(g, "spare", 1);
    spare = find_process(g, "probe");
    murder(spare);
    rig_settle(g, EMPTY + 1, &c);
    assert_true(find_process(g, "probe") != spare);
    rig_run_as(g, "spare", 1, &in);
    rig_is(&in, "ids", "uid 993 gid 993 pid 2\n");
    rig_end(g, &in);
}

/* The launcher may not know yet when it is taken: then the START is given another slot. */
static void a_dead_spare_fails_no_start(void **state)
{
    struct rig *g = *state;
    struct rig_instance in;

    for (uint32_t i = 1; i <= 10; i++) {
        pid_t spare;

        rig_adopt(g);
        rig_take_hello(g);
        warm(g, "spare", 1);
        spare = find_process(g, "probe");
        murder(spare);
        rig_run_as(g, "spare", i, &in);
        rig_has(&in, "ls /code", "bootstrap");
        rig_end(g, &in);
    }
}

static void a_program_that_is_not_there_is_not_tried_all_day(void **state)
{
    struct rig *g = *state;
    struct launch_start m = rig_request(g, 1);
    struct rig_instance in;
    struct rig_count c;
    char why[LAUNCH_TEXT];

    rig_warm(g, "broken", 1);
    snprintf(m.runtime, sizeof m.runtime, "broken");
    assert_int_equal(rig_begin(g, &m, &in, why), -ENOENT);
    t_has(why, "no-such-program");
    rig_adopt(g);
    rig_take_hello(g);
    rig_settle(g, EMPTY, &c);
}

static void warm_is_a_hint_and_nonsense_is_ignored(void **state)
{
    struct rig *g = *state;
    struct launch_warm m = {.type = LAUNCH_WARM, .spares = 1};
    struct rig_count c;

    rig_warm(g, "native", 1); /* its program is the code */
    rig_warm(g, "cobol", 1);
    rig_warm(g, "spare", LAUNCH_WARM_MAX + 1);
    memset(m.runtime, 'x', sizeof m.runtime);
    rig_send(g, &m, sizeof m);
    rig_settle(g, EMPTY, &c);
    warm(g, "spare", 3);
    rig_warm(g, "spare", 1);
    rig_settle(g, EMPTY + 1, &c);
}

static void a_fresh_daemon_finds_the_stock_but_not_what_was_asked_on_top(void **state)
{
    struct rig *g = *state;
    struct rig_instance in;
    struct rig_count c;

    warm(g, "spare", 3);
    rig_run_as(g, "spare", 1, &in);
    rig_adopt(g);
    rig_take_hello(g);
    rig_close(&in);
    rig_settle(g, EMPTY + 1, &c);
    rig_run_as(g, "spare", 1, &in);
    assert_true(in.spare);
    rig_end(g, &in);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* What the launcher holds when it is at rest, with a zygote and a spare of each runtime. */
static void rest(struct rig *g, struct rig_count *ret)
{
    rig_adopt(g);
    rig_take_hello(g);
    rig_settle(g, EMPTY + ZYGOTE + 2, ret);
}

/* Assigned spares, on demand, three at once, killed while starting, killed by themselves. */
static void a_thousand_mixed_starts_leave_nothing_behind(void **state)
{
    static const char *const runtimes[] = {"forked", "spare", "native"};
    static uint64_t took_ns[3][MIXED];
    struct rig *g = *state;
    struct rig_count before, rested;
    size_t timed[3] = {0}, spares = 0;

    rig_warm(g, "forked", 1);
    rig_warm(g, "spare", 1);
    rig_settle(g, EMPTY + ZYGOTE + 2, &before); /* or the next daemon would be first */
    rest(g, &before);
    for (uint32_t i = 0; i < MIXED; i++) {
        const char *runtime = runtimes[i % 3];
        struct launch_start m = rig_request(g, i);
        union launch_message answer;
        struct rig_instance in;

        if (i % 10 == 9) { /* killed while starting */
            snprintf(m.runtime, sizeof m.runtime, "%s", runtime);
            rig_send(g, &m, sizeof m);
            rig_kill(g, i);
            assert_true(rig_next(g, &answer, NULL, NULL) > 0);
            if (answer.type == LAUNCH_STARTED)
                assert_true(rig_take_exit(g, i).killed);
            else
                assert_int_equal(answer.refused.code, -ECANCELED);
            continue;
        }
        took_ns[i % 3][timed[i % 3]] = clock_mono_ns();
        rig_run_as(g, runtime, i, &in);
        took_ns[i % 3][timed[i % 3]] = clock_mono_ns() - took_ns[i % 3][timed[i % 3]];
        timed[i % 3]++;
        spares += in.spare;
        if (i % 10 == 3)
            rig_is(&in, "daemons 2", "OK\n");
        if (i % 10 == 5) {
            rig_tell(&in, "exit 1");
            assert_int_equal(rig_take_exit(g, i).exit_code, 1);
            rig_close(&in);
        } else {
            rig_end(g, &in);
        }
    }
    rest(g, &rested);
    rig_left_behind_nothing(g, &before);
    assert_true(spares > 0);
    for (size_t k = 0; k < 3; k++) {
        qsort(took_ns[k], timed[k], sizeof took_ns[k][0], by_value);
        print_message("# %s, %s: START to answer, ms: p50 %.2f, p99 %.2f\n",
                      rig_as_root() ? "root" : "user", runtimes[k],
                      (double)took_ns[k][timed[k] / 2] / 1e6,
                      (double)took_ns[k][timed[k] * 99 / 100] / 1e6);
    }
}

/* A launcher for each, so that one failure stays one failure. */
#define T(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(exec_is_as_confined_as_any),
            T(a_spare_is_as_confined_as_any),
            T(what_a_zygote_forked_ahead_is_as_confined_as_any),
            T(what_a_zygote_forks_on_demand_is_as_confined_as_any),
            T(limits_hold_for_what_was_there_before_them),
            T(the_end_of_a_forked_runtime_is_told),
            T(layouts_are_the_same_in_a_spare),
            T(a_dead_zygote_is_replaced_and_hurts_nobody),
            T(a_dead_spare_is_replaced),
            T(a_dead_spare_fails_no_start),
            T(a_program_that_is_not_there_is_not_tried_all_day),
            T(warm_is_a_hint_and_nonsense_is_ignored),
            T(a_fresh_daemon_finds_the_stock_but_not_what_was_asked_on_top),
            T(a_thousand_mixed_starts_leave_nothing_behind),
    };

    if (geteuid() != 0) {
        printf("1..0 # SKIP needs root, to play root and an ordinary user\n");
        return 0;
    }
    return cmocka_run_group_tests_name(rig_as_root() ? "ready, root" : "ready, ordinary user",
                                       tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* On the real hierarchies of this host, of either version; skipped where none is writable. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/str.h"
#include "sandbox/cgroup_find.h"
#include "sandbox/cgroup_tree.h"
#include "sandbox/cgroup_unified.h"
#include "t.h"

enum { OWNER = 700000 };

static const struct limits limits = {
        .memory_mb = 64, .pids = 8, .tmp_mb = 16, .cpu_weight = 200, .cpu_quota = 250};

static struct cgroup_tree tree;

static int set_up(void **state)
{
    (void)state;
    cgroup_tree_make(&tree, OWNER);
    return 0;
}

/* The hierarchy of version 2 and nothing else, which a hybrid host has too: without controllers,
 * but with the freezer, and a place to be born in. */
static int set_up_v2(void **state)
{
    struct cgroup_place own;

    (void)state;
    cgroup_tree_none(&tree);
    snprintf(tree.name, sizeof tree.name, "evoke-%d", getpid());
    if (cgroup_find_own(NULL, &own) == 0)
        (void)cgroup_join_unified(&tree, &own, OWNER);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cgroup_tree_remove(&tree);
    return 0;
}

/* Not cmocka's skip(): its "not ok # SKIP" counts as a failure with meson. */
#define need(part)                                                                                 \
    do {                                                                                           \
        if (!cgroup_has(&tree, (part))) {                                                          \
            print_message("# %s: no such cgroup is ours here\n", __func__);                        \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static void has_value(enum cgroup_part part, const struct cgroup *cg, const char *file,
                      const char *want)
{
    char path[64], text[64] = "";

    snprintf(path, sizeof path, "%s/%s", cg->name, file);
    cleanup_close int fd = openat(tree.dir[part], path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    text[strcspn(text, "\n")] = '\0';
    assert_string_equal(text, want);
}

static void has_value_of(uint8_t version, enum cgroup_part part, const struct cgroup *cg,
                         const char *file, const char *want)
{
    if (tree.version[part] == version)
        has_value(part, cg, file, want);
}

/* A child that enters and waits to be killed. */
static pid_t enter_and_wait(const struct cgroup_door *door)
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)!write(ready[1], cgroup_enter(door, false, NULL) < 0 ? "n" : "y", 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void remove_in_the_end(const struct cgroup *cg)
{
    for (int i = 0; i < 200 && cgroup_remove(&tree, cg) < 0; i++)
        (void)usleep(1000); /* the kernel's own pace */
    assert_int_equal(cgroup_remove(&tree, cg), 0);
}

static void the_tree_belongs_to_the_launcher(void **state)
{
    struct stat st;

    (void)state;
    need(CGROUP_MEMORY);
    assert_int_equal(fstat(tree.dir[CGROUP_MEMORY], &st), 0);
    assert_int_equal(st.st_uid, OWNER);
}

static void limits_come_after_the_cgroup_and_before_the_function(void **state)
{
    struct cgroup_door door;
    struct err e = {0};
    struct cgroup cg;

    (void)state;
    need(CGROUP_MEMORY);
    need(CGROUP_PIDS);
    need(CGROUP_CPU);
    t_ok(cgroup_make(&tree, 1, &cg, &door, &e), &e);
    has_value(CGROUP_PIDS, &cg, "pids.max", "max");
    has_value_of(1, CGROUP_CPU, &cg, "cpu.cfs_quota_us", "-1");
    has_value_of(2, CGROUP_CPU, &cg, "cpu.max", "max 100000");
    t_ok(cgroup_limit(&tree, &cg, &limits, &e), &e);
    has_value(CGROUP_PIDS, &cg, "pids.max", "9"); /* and init */
    has_value_of(1, CGROUP_MEMORY, &cg, "memory.limit_in_bytes", "67108864");
    has_value_of(1, CGROUP_CPU, &cg, "cpu.shares", "2048");
    has_value_of(1, CGROUP_CPU, &cg, "cpu.cfs_quota_us", "25000");
    has_value_of(1, CGROUP_CPU, &cg, "cpu.cfs_period_us", "100000");
    has_value_of(2, CGROUP_MEMORY, &cg, "memory.max", "67108864");
    has_value_of(2, CGROUP_MEMORY, &cg, "memory.swap.max", "0");
    has_value_of(2, CGROUP_MEMORY, &cg, "memory.oom.group", "1");
    has_value_of(2, CGROUP_CPU, &cg, "cpu.weight", "200");
    has_value_of(2, CGROUP_CPU, &cg, "cpu.max", "25000 100000");
    assert_int_equal(cgroup_oom_kills(&tree, &cg), 0);
    cgroup_door_done(&door);
    assert_int_equal(cgroup_remove(&tree, &cg), 0);
    assert_int_equal(cgroup_remove(&tree, &cg), 0); /* twice is harmless */
    assert_int_equal(cgroup_oom_kills(&tree, &cg), 0);
    assert_true(cgroup_open_peak(&tree, &cg) < 0);
    assert_true(cgroup_open_freezer(&tree, &cg) < 0);
}

static void a_limit_that_cannot_be_set_is_an_error(void **state)
{
    struct cgroup_door door;
    struct err e = {0};
    struct cgroup cg;

    (void)state;
    need(CGROUP_MEMORY);
    t_ok(cgroup_make(&tree, 1, &cg, &door, &e), &e);
    cgroup_door_done(&door);
    assert_int_equal(cgroup_remove(&tree, &cg), 0);
    assert_int_equal(cgroup_limit(&tree, &cg, &limits, &e), -ENOENT);
    assert_non_null(strstr(e.msg, tree.version[CGROUP_MEMORY] == 1 ? "memory.limit_in_bytes"
                                                                   : "memory.max"));
}

static void a_cgroup_in_use_is_busy_until_it_is_empty(void **state)
{
    struct cgroup_door door;
    struct err e = {0};
    struct cgroup cg;
    pid_t pid;

    (void)state;
    need(CGROUP_FREEZER);
    t_ok(cgroup_make(&tree, 2, &cg, &door, &e), &e);
    pid = enter_and_wait(&door);
    cgroup_door_done(&door);
    assert_int_equal(cgroup_remove(&tree, &cg), -EBUSY);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    remove_in_the_end(&cg);
}

/* Write the word for it and wait until all of the cgroup has got there. */
static void set_frozen(const struct cgroup *cg, int freezer, bool frozen)
{
    bool v1 = tree.version[CGROUP_FREEZER] == 1;
    const char *word = v1 ? frozen ? "FROZEN" : "THAWED" : frozen ? "1" : "0";
    const char *want = v1 ? word : frozen ? "frozen 1" : "frozen 0";
    char path[64], text[64];

    assert_int_equal(pwrite(freezer, word, strlen(word), 0), strlen(word));
    snprintf(path, sizeof path, "%s/%s", cg->name, v1 ? "freezer.state" : "cgroup.events");
    for (int i = 0; i < 2000; i++) {
        cleanup_close int fd = openat(tree.dir[CGROUP_FREEZER], path, O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, text, sizeof text - 1);

        assert_true(n > 0);
        text[n] = '\0';
        if (strstr(text, want))
            return;
        (void)usleep(1000);
    }
    fail_msg("not %s but %s", want, text);
}

/* Version 1: once it is thawed, not before. The reason for cgroup_thaw(). */
static void what_is_frozen_dies_when_it_is_killed(void **state)
{
    struct cgroup_door door;
    struct err e = {0};
    struct cgroup cg;
    int freezer;
    pid_t pid;

    (void)state;
    need(CGROUP_FREEZER);
    t_ok(cgroup_make(&tree, 3, &cg, &door, &e), &e);
    pid = enter_and_wait(&door);
    cgroup_door_done(&door);
    freezer = cgroup_open_freezer(&tree, &cg);
    assert_true(freezer >= 0);
    for (int i = 0; i < 3; i++) {
        set_frozen(&cg, freezer, true);
        set_frozen(&cg, freezer, false);
    }
    set_frozen(&cg, freezer, true);
    close(freezer);
    assert_int_equal(kill(pid, SIGKILL), 0);
    if (tree.version[CGROUP_FREEZER] == 1)
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    cgroup_thaw(&tree, &cg);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    remove_in_the_end(&cg);
}

/* Launcher and stub are dead, and so would their instances be, were they not frozen. */
static void what_a_dead_launcher_left_frozen_is_thawed(void **state)
{
    struct cgroup_door door;
    struct err e = {0};
    struct cgroup cg;
    int freezer;
    pid_t pid;

    (void)state;
    need(CGROUP_FREEZER);
    t_ok(cgroup_make(&tree, 4, &cg, &door, &e), &e);
    pid = enter_and_wait(&door);
    cgroup_door_done(&door);
    freezer = cgroup_open_freezer(&tree, &cg);
    set_frozen(&cg, freezer, true);
    close(freezer);
    assert_int_equal(kill(pid, SIGKILL), 0);
    cgroup_tree_thaw(&tree);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    remove_in_the_end(&cg);
}

/* How it is entered in version 2: with no write at all. */
static void a_child_is_born_inside(void **state)
{
    char text[512] = "", want[64];
    struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
    struct cgroup_door door;
    struct err e = {0};
    struct cgroup cg;
    int out[2];
    pid_t pid;

    (void)state;
    need(CGROUP_FREEZER);
    t_ok(cgroup_make(&tree, 5, &cg, &door, &e), &e);
    assert_true(door.into >= 0);
    args.cgroup = (uint64_t)door.into;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, text, sizeof text);

        _exit(cgroup_enter(&door, true, NULL) < 0 || write(out[1], text, (size_t)n) != n);
    }
    assert_true(read(out[0], text, sizeof text - 1) > 0);
    snprintf(want, sizeof want, "/%s/%s\n", tree.name, cg.name);
    assert_non_null(strstr(text, want));
    close(out[0]);
    close(out[1]);
    cgroup_door_done(&door);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    remove_in_the_end(&cg);
}

/* No process is left in what is about to be removed, ourselves included. */
static void the_stub_steps_out_of_its_tree(void **state)
{
    struct cgroup_place before, after;

    (void)state;
    need(CGROUP_FREEZER);
    assert_int_equal(cgroup_find_own(NULL, &before), 0);
    t_has(before.dir, tree.name);
    cgroup_tree_remove(&tree);
    assert_int_equal(cgroup_find_own(NULL, &after), 0);
    assert_null(strstr(after.dir, tree.name));
    assert_int_equal(access(before.dir, F_OK), -1);
}

/* Of the process with that pid, beside ours: their names go on behind the pid. */
static int trees_of(pid_t pid)
{
    DIR *d = io_open_dir(tree.parent[CGROUP_MEMORY], ".");
    char start[32];
    int n = 0;

    assert_non_null(d);
    snprintf(start, sizeof start, "evoke-%d-", pid);
    for (struct dirent *de = readdir(d); de; de = readdir(d))
        n += str_starts(str_of(de->d_name), str_of(start));
    (void)closedir(d);
    return n;
}

static void the_tree_of_a_dead_process_is_swept(void **state)
{
    struct cgroup_tree other;
    struct stat st;
    int status;
    pid_t pid;

    (void)state;
    need(CGROUP_MEMORY);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct cgroup_door door;
        struct cgroup cg;

        cgroup_tree_make(&other, OWNER);
        _exit(cgroup_make(&other, 1, &cg, &door, NULL) < 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(trees_of(pid), 1);
    cgroup_tree_make(&other, OWNER);
    assert_int_equal(trees_of(pid), 0);
    assert_int_equal(trees_of(getpid()), 2); /* never the same name twice */
    cgroup_tree_remove(&other);
    assert_int_equal(fstat(tree.dir[CGROUP_MEMORY], &st), 0); /* ours lives, and stays */
}

static void without_a_tree_everything_is_a_no_op(void **state)
{
    struct cgroup_tree none;
    struct cgroup_door door;
    struct err e = {0};
    struct cgroup cg;

    (void)state;
    cgroup_tree_none(&none);
    t_ok(cgroup_make(&none, 1, &cg, &door, &e), &e);
    assert_true(door.into < 0);
    t_ok(cgroup_limit(&none, &cg, &limits, &e), &e);
    t_ok(cgroup_enter(&door, false, &e), &e);
    cgroup_door_done(&door);
    assert_true(cgroup_open_freezer(&none, &cg) < 0);
    cgroup_thaw(&none, &cg);
    assert_true(cgroup_open_peak(&none, &cg) < 0);
    assert_int_equal(cgroup_oom_kills(&none, &cg), 0);
    assert_int_equal(cgroup_remove(&none, &cg), 0);
    cgroup_tree_remove(&none);
}

#define T(f)  cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define T2(f) cmocka_unit_test_setup_teardown(f, set_up_v2, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(the_tree_belongs_to_the_launcher),
            T(limits_come_after_the_cgroup_and_before_the_function),
            T(a_limit_that_cannot_be_set_is_an_error),
            T(what_is_frozen_dies_when_it_is_killed),
            T(what_a_dead_launcher_left_frozen_is_thawed),
            T(a_cgroup_in_use_is_busy_until_it_is_empty),
            T(the_tree_of_a_dead_process_is_swept),
            T2(a_child_is_born_inside),
            T2(what_is_frozen_dies_when_it_is_killed),
            T2(a_cgroup_in_use_is_busy_until_it_is_empty),
            T2(the_stub_steps_out_of_its_tree),
            cmocka_unit_test(without_a_tree_everything_is_a_no_op),
    };

    return T_RUN(tests);
}

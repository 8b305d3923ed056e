/* SPDX-License-Identifier: Apache-2.0 */
/* On the real hierarchies of this host; skipped where there is no writable cgroup v1. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/cgroup.h"
#include "t.h"

enum { OWNER = 700000 };

static const struct limits limits = {
        .memory_mb = 64, .pids = 8, .tmp_mb = 16, .cpu_weight = 200, .cpu_quota = 250};

static struct cgroup_tree tree;

static int set_up(void **state)
{
    struct err e = {0};

    (void)state;
    t_ok(cgroup_tree_make(&tree, OWNER, &e), &e);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cgroup_tree_remove(&tree);
    return 0;
}

static void need(enum cgroup_part part)
{
    if (!cgroup_has(&tree, part)) {
        print_message("# no writable cgroup v1 here\n");
        skip();
    }
}

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
    has_value(CGROUP_CPU, &cg, "cpu.cfs_quota_us", "-1");
    t_ok(cgroup_limit(&tree, &cg, &limits, &e), &e);
    has_value(CGROUP_MEMORY, &cg, "memory.limit_in_bytes", "67108864");
    has_value(CGROUP_PIDS, &cg, "pids.max", "9"); /* and init */
    has_value(CGROUP_CPU, &cg, "cpu.shares", "2048");
    has_value(CGROUP_CPU, &cg, "cpu.cfs_quota_us", "25000");
    has_value(CGROUP_CPU, &cg, "cpu.cfs_period_us", "100000");
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
    assert_non_null(strstr(e.msg, "memory.limit_in_bytes"));
}

static void a_cgroup_in_use_is_busy_until_it_is_empty(void **state)
{
    struct cgroup_door door;
    struct err e = {0};
    struct cgroup cg;
    pid_t pid;

    (void)state;
    need(CGROUP_MEMORY);
    t_ok(cgroup_make(&tree, 2, &cg, &door, &e), &e);
    pid = enter_and_wait(&door);
    cgroup_door_done(&door);
    assert_int_equal(cgroup_remove(&tree, &cg), -EBUSY);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    remove_in_the_end(&cg);
}

static void wait_for_state(const struct cgroup *cg, const char *want)
{
    char path[64], text[32];

    snprintf(path, sizeof path, "%s/freezer.state", cg->name);
    for (int i = 0; i < 2000; i++) {
        cleanup_close int fd = openat(tree.dir[CGROUP_FREEZER], path, O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, text, sizeof text - 1);

        assert_true(n > 0);
        text[n] = '\0';
        if (strncmp(text, want, strlen(want)) == 0)
            return;
        (void)usleep(1000);
    }
    fail_msg("not %s but %s", want, text);
}

/* Who was killed while frozen dies when it is thawed, not before: the reason for cgroup_thaw(). */
static void what_is_frozen_dies_once_it_is_thawed(void **state)
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
        assert_int_equal(pwrite(freezer, "FROZEN", 6, 0), 6);
        wait_for_state(&cg, "FROZEN");
        assert_int_equal(pwrite(freezer, "THAWED", 6, 0), 6);
        wait_for_state(&cg, "THAWED");
    }
    assert_int_equal(pwrite(freezer, "FROZEN", 6, 0), 6);
    wait_for_state(&cg, "FROZEN");
    close(freezer);
    assert_int_equal(kill(pid, SIGKILL), 0);
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
    assert_int_equal(pwrite(freezer, "FROZEN", 6, 0), 6);
    wait_for_state(&cg, "FROZEN");
    close(freezer);
    assert_int_equal(kill(pid, SIGKILL), 0);
    cgroup_tree_thaw(&tree);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    remove_in_the_end(&cg);
}

static void the_tree_of_a_dead_process_is_swept(void **state)
{
    struct cgroup_tree other;
    struct err e = {0};
    struct stat st;
    char name[32];
    int status;
    pid_t pid;

    (void)state;
    need(CGROUP_MEMORY);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct cgroup_door door;
        struct cgroup cg;

        _exit(cgroup_tree_make(&other, OWNER, NULL) < 0 ||
              cgroup_make(&other, 1, &cg, &door, NULL) < 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    snprintf(name, sizeof name, "evoke-%d", pid);
    assert_int_equal(fstatat(tree.parent[CGROUP_MEMORY], name, &st, 0), 0);
    t_ok(cgroup_tree_make(&other, OWNER, &e), &e);
    assert_int_equal(fstatat(tree.parent[CGROUP_MEMORY], name, &st, 0), -1);
    assert_int_equal(fstat(tree.dir[CGROUP_MEMORY], &st), 0); /* ours lives, and stays */
    cgroup_tree_close(&other);
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

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(the_tree_belongs_to_the_launcher),
            T(limits_come_after_the_cgroup_and_before_the_function),
            T(a_limit_that_cannot_be_set_is_an_error),
            T(what_is_frozen_dies_once_it_is_thawed),
            T(what_a_dead_launcher_left_frozen_is_thawed),
            T(a_cgroup_in_use_is_busy_until_it_is_empty),
            T(the_tree_of_a_dead_process_is_swept),
            cmocka_unit_test(without_a_tree_everything_is_a_no_op),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* On the real hierarchies of this host; skipped where there is no writable cgroup v1. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/cgroup.h"
#include "t.h"

enum { OWNER = 700000 };

static const struct limits limits = {.memory_mb = 64, .pids = 8, .tmp_mb = 16, .cpu_weight = 200};

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

static void close_tasks(int tasks[CGROUP_PARTS])
{
    for (int i = 0; i < CGROUP_PARTS; i++)
        tasks[i] = fd_close(tasks[i]);
}

static void the_tree_belongs_to_the_launcher(void **state)
{
    struct stat st;

    (void)state;
    need(CGROUP_MEMORY);
    assert_int_equal(fstat(tree.dir[CGROUP_MEMORY], &st), 0);
    assert_int_equal(st.st_uid, OWNER);
}

static void limits_are_written_before_anybody_enters(void **state)
{
    int tasks[CGROUP_PARTS];
    struct err e = {0};
    struct cgroup cg;

    (void)state;
    need(CGROUP_MEMORY);
    need(CGROUP_PIDS);
    need(CGROUP_CPU);
    t_ok(cgroup_make(&tree, 1, &limits, &cg, tasks, &e), &e);
    has_value(CGROUP_MEMORY, &cg, "memory.limit_in_bytes", "67108864");
    has_value(CGROUP_PIDS, &cg, "pids.max", "9"); /* and init */
    has_value(CGROUP_CPU, &cg, "cpu.shares", "2048");
    assert_int_equal(cgroup_oom_kills(&tree, &cg), 0);
    close_tasks(tasks);
    assert_int_equal(cgroup_remove(&tree, &cg), 0);
    assert_int_equal(cgroup_remove(&tree, &cg), 0); /* twice is harmless */
    assert_int_equal(cgroup_oom_kills(&tree, &cg), 0);
    assert_true(cgroup_open_peak(&tree, &cg) < 0);
}

static void a_cgroup_in_use_is_busy_until_it_is_empty(void **state)
{
    int tasks[CGROUP_PARTS], ready[2];
    struct err e = {0};
    struct cgroup cg;
    char byte;
    pid_t pid;

    (void)state;
    need(CGROUP_MEMORY);
    t_ok(cgroup_make(&tree, 2, &limits, &cg, tasks, &e), &e);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)!write(ready[1], cgroup_enter(tasks, NULL) < 0 ? "n" : "y", 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(ready[0]);
    close(ready[1]);
    close_tasks(tasks);
    assert_int_equal(cgroup_remove(&tree, &cg), -EBUSY);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (int i = 0; i < 200 && cgroup_remove(&tree, &cg) < 0; i++)
        (void)usleep(1000); /* the kernel's own pace */
    assert_int_equal(cgroup_remove(&tree, &cg), 0);
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
        int tasks[CGROUP_PARTS];
        struct cgroup cg;

        _exit(cgroup_tree_make(&other, OWNER, NULL) < 0 ||
              cgroup_make(&other, 1, &limits, &cg, tasks, NULL) < 0);
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
    int tasks[CGROUP_PARTS];
    struct err e = {0};
    struct cgroup cg;

    (void)state;
    cgroup_tree_none(&none);
    t_ok(cgroup_make(&none, 1, &limits, &cg, tasks, &e), &e);
    t_ok(cgroup_enter(tasks, &e), &e);
    assert_true(cgroup_open_peak(&none, &cg) < 0);
    assert_int_equal(cgroup_oom_kills(&none, &cg), 0);
    assert_int_equal(cgroup_remove(&none, &cg), 0);
    cgroup_tree_remove(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(the_tree_belongs_to_the_launcher, set_up, tear_down),
            cmocka_unit_test_setup_teardown(limits_are_written_before_anybody_enters, set_up,
                                            tear_down),
            cmocka_unit_test_setup_teardown(a_cgroup_in_use_is_busy_until_it_is_empty, set_up,
                                            tear_down),
            cmocka_unit_test_setup_teardown(the_tree_of_a_dead_process_is_swept, set_up, tear_down),
            cmocka_unit_test(without_a_tree_everything_is_a_no_op),
    };

    return T_RUN(tests);
}

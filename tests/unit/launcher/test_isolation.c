/* SPDX-License-Identifier: Apache-2.0 */
/* What a function may see, write, reach and use up, asked of the real program, as root and as an
 * ordinary user. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "rig.h"
#include "t.h"

static void an_instance_has_no_privilege(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;
    char text[RIG_TEXT];

    rig_run(g, 1, &in);
    rig_is(&in, "ids", "uid 993 gid 993 pid 2\n");
    rig_ask(&in, "cat /proc/self/status", text);
    t_has(text, "CapInh:\t0000000000000000");
    t_has(text, "CapPrm:\t0000000000000000");
    t_has(text, "CapEff:\t0000000000000000");
    t_has(text, "CapBnd:\t0000000000000000");
    t_has(text, "CapAmb:\t0000000000000000");
    t_has(text, "NoNewPrivs:\t1");
    t_has(text, "Seccomp:\t2");
    rig_ask(&in, "forbidden", text);
    t_has(text, "mount EPERM");
    t_has(text, "umount EPERM");
    t_has(text, "unshare-user EPERM");
    t_has(text, "clone-user ENOSYS");
    t_has(text, "ptrace-init EPERM");
    /* The same uid, where there is only one: pid 1 is deaf to it (pid_namespaces(7)), and what follows
     * shows that it lives. */
    t_has(text, rig_as_root() || g->hello.landlock ? "kill-init EPERM" : "kill-init OK");
    t_has(text, "io-uring EPERM");
    t_has(text, "bpf EPERM");
    t_has(text, "setuid EPERM");
    t_has(text, "chroot EPERM");
    t_has(text, "sethostname EPERM");
    t_has(text, "init-mem ENOENT");
    assert_null(strstr(text, "core-pattern OK"));
    rig_end(g, &in);
}

static void an_instance_sees_only_itself(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;
    char text[RIG_TEXT];

    rig_run(g, 1, &in);
    rig_is(&in, "ls /proc/self/fd", "0 1 2 3 4 \n"); /* 4: the probe's own duplicate of 3 */
    rig_ask(&in, "ls /proc", text);
    assert_true(strncmp(text, "2 ", 2) == 0 || strstr(text, " 2 "));
    assert_null(strstr(text, " 1 "));
    assert_null(strstr(text, " 3 "));
    rig_ask(&in, "interfaces", text);
    assert_true(strcmp(text, "lo \n") == 0 ||
                strcmp(text, "lo eth0 \n") == 0); /* no way out: no eth0 */
    rig_is(&in, "loopback", "OK\n");
    rig_is(&in, "cat /etc/shadow", "ENOENT\n");
    rig_is(&in, "cat /proc/1/root/etc/shadow", "ENOENT\n");
    rig_has(&in, "cat /etc/passwd", "function:x:993:993");
    rig_is(&in, "ls /home", "ENOENT\n");
    rig_is(&in, "ls /sys", "ENOENT\n");
    rig_is(&in, "host", "function\n");
    rig_is(&in, "env", "PATH=/usr/local/bin:/usr/bin:/bin\nLANG=C.UTF-8\nHOME=/tmp\n");
    rig_ask(&in, "cat /proc/self/cgroup", text);
    assert_null(strstr(text, "evoke"));
    rig_end(g, &in);
}

static void nothing_but_tmp_can_be_written(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;

    rig_run(g, 1, &in);
    rig_is(&in, "write /code/data", "EROFS\n");
    rig_is(&in, "write /code/new", "EROFS\n");
    rig_is(&in, "write /usr/new", "EROFS\n");
    rig_is(&in, "write /rt/new", "EROFS\n");
    rig_is(&in, "write /etc/new", "EROFS\n");
    rig_fails(&in, "write /etc/passwd");
    rig_is(&in, "write /new", "EROFS\n");
    rig_fails(&in, "write /proc/sys/kernel/hostname");
    rig_is(&in, "write /tmp/new", "OK\n");
    rig_is(&in, "write /dev/null", "OK\n");
    rig_is(&in, "fill 32", "16 ENOSPC\n"); /* tmp_mb is 16 */
    rig_end(g, &in);
}

static void the_layout_decides_where_code_is(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 1);
    struct rig_instance in;

    rig_run(g, 2, &in);
    rig_is(&in, "cwd", "/code\n");
    rig_has(&in, "ls /code", "bootstrap");
    rig_end(g, &in);
    m.layout = LAYOUT_FUNCTIONGRAPH;
    assert_int_equal(rig_begin(g, &m, &in, NULL), 0);
    rig_is(&in, "cwd", "/opt/function\n");
    rig_has(&in, "ls /opt/function/code", "bootstrap");
    rig_is(&in, "ls /code", "\n");
    rig_end(g, &in);
}

/* By whatever way the runtime came into its slot. */
static void layers_are_where_the_layout_says_and_read_only(void **state)
{
    static const struct {
        const char *runtime, *at;
        uint8_t layout;
    } cases[] = {
            {"native", "/opt", LAYOUT_CODE},
            {"spare", "/opt", LAYOUT_SCF},
            {"forked", "/opt/function/dependencies", LAYOUT_FUNCTIONGRAPH},
    };
    const struct rig *g = *state;
    struct rig_instance in;
    char command[128];

    rig_layers(g, 'd');
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct launch_start m = rig_request(g, 1);

        memset(m.layers, 'd', LAUNCH_SHA - 1);
        m.layout = cases[i].layout;
        snprintf(m.runtime, sizeof m.runtime, "%s", cases[i].runtime);
        assert_int_equal(rig_begin(g, &m, &in, NULL), 0);
        snprintf(command, sizeof command, "ls %s", cases[i].at);
        rig_is(&in, command, "layer \n");
        snprintf(command, sizeof command, "write %s/layer", cases[i].at);
        rig_is(&in, command, "EROFS\n");
        snprintf(command, sizeof command, "write %s/new", cases[i].at);
        rig_is(&in, command, "EROFS\n");
        rig_end(g, &in);
    }
    rig_run(g, 2, &in); /* one without */
    rig_is(&in, "ls /opt/function/dependencies", "\n");
    rig_end(g, &in);
}

static void the_host_cannot_be_reached(void **state)
{
    const struct rig *g = *state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un abstract = {.sun_family = AF_UNIX};
    cleanup_close int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cleanup_close int un = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char name[] = "evoke-test-abstract";
    socklen_t n = sizeof at;
    struct rig_instance in;
    char command[64];

    assert_int_equal(bind(tcp, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(tcp, 1), 0);
    assert_int_equal(getsockname(tcp, (struct sockaddr *)&at, &n), 0);
    memcpy(abstract.sun_path + 1, name, sizeof name - 1);
    assert_int_equal(bind(un, (struct sockaddr *)&abstract,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof name)),
                     0);
    assert_int_equal(listen(un, 1), 0);

    rig_run(g, 1, &in);
    snprintf(command, sizeof command, "connect %d", ntohs(at.sin_port));
    rig_is(&in, command, "ECONNREFUSED\n");
    snprintf(command, sizeof command, "abstract %s", name);
    rig_is(&in, command, "ECONNREFUSED\n");
    snprintf(command, sizeof command, "socket %d", AF_VSOCK);
    rig_is(&in, command, "EAFNOSUPPORT\n");
    snprintf(command, sizeof command, "socket %d", AF_PACKET);
    rig_is(&in, command, "EAFNOSUPPORT\n");
    snprintf(command, sizeof command, "socket %d", AF_INET6);
    rig_is(&in, command, "OK\n");
    rig_end(g, &in);
}

static void instances_cannot_reach_each_other(void **state)
{
    const struct rig *g = *state;
    struct rig_instance a, b;
    char one[RIG_TEXT], two[RIG_TEXT];

    rig_run(g, 1, &a);
    rig_run(g, 2, &b);
    rig_is(&a, "write /tmp/secret", "OK\n");
    rig_is(&b, "cat /tmp/secret", "ENOENT\n");
    rig_ask(&a, "cat /proc/self/uid_map", one);
    rig_ask(&b, "cat /proc/self/uid_map", two);
    if (rig_as_root())
        assert_string_not_equal(one, two);
    rig_end(g, &a);
    rig_is(&b, "ids", "uid 993 gid 993 pid 2\n");
    rig_end(g, &b);
}

static void limits_are_set_per_process(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;
    char command[32];

    rig_run(g, 1, &in);
    snprintf(command, sizeof command, "limit %d", RLIMIT_NOFILE);
    rig_is(&in, command, "2048 2048\n");
    snprintf(command, sizeof command, "limit %d", RLIMIT_NPROC);
    rig_is(&in, command, "64 64\n");
    snprintf(command, sizeof command, "limit %d", RLIMIT_CORE);
    rig_is(&in, command, "1 1\n"); /* see limits.c */
    if (g->hello.memory == ENFORCED_PROCESS) {
        snprintf(command, sizeof command, "limit %d", RLIMIT_DATA);
        rig_is(&in, command, "134217728 134217728\n");
    }
    rig_end(g, &in);
}

static void a_fork_bomb_is_stopped(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 1);
    struct rig_instance in, other;

    m.pids = 20;
    assert_int_equal(rig_begin(g, &m, &in, NULL), 0);
    rig_run(g, 2, &other);
    rig_is(&in, "bomb", "19 EAGAIN\n");
    rig_is(&other, "daemons 3", "OK\n");
    rig_end(g, &in);
    rig_end(g, &other);
}

static void a_memory_hog_is_stopped(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 1);
    struct launch_exited x;
    struct rig_instance in, other;
    char text[32] = "";

    m.memory_mb = 64;
    assert_int_equal(rig_begin(g, &m, &in, NULL), 0);
    rig_run(g, 2, &other);
    rig_is(&in, "hog 16", "OK\n");
    if (g->hello.memory == ENFORCED_PROCESS) {
        rig_is(&in, "hog 256", "ENOMEM\n");
        assert_true(in.peak < 0);
        rig_end(g, &in);
        rig_end(g, &other);
        return;
    }

    assert_true(pread(in.peak, text, sizeof text - 1, 0) > 0);
    assert_true(strtoull(text, NULL, 10) > 16 << 20);
    rig_tell(&in, "hog 256");
    x = rig_take_exit(g, 1);
    assert_true(x.oom);
    assert_false(x.killed);
    assert_int_equal(x.signal, SIGKILL);
    assert_int_equal(x.exit_code, -1);
    rig_close(&in);
    rig_is(&other, "hog 16", "OK\n");
    rig_end(g, &other);
}

/* A launcher for each, so that one failure stays one failure. */
#define T(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(an_instance_has_no_privilege),
            T(an_instance_sees_only_itself),
            T(nothing_but_tmp_can_be_written),
            T(the_layout_decides_where_code_is),
            T(layers_are_where_the_layout_says_and_read_only),
            T(the_host_cannot_be_reached),
            T(instances_cannot_reach_each_other),
            T(limits_are_set_per_process),
            T(a_fork_bomb_is_stopped),
            T(a_memory_hog_is_stopped),
    };

    if (geteuid() != 0) {
        printf("1..0 # SKIP needs root, to play root and an ordinary user\n");
        return 0;
    }
    return cmocka_run_group_tests_name(rig_as_root() ? "launcher isolation, root"
                                                     : "launcher isolation, ordinary user",
                                       tests, NULL, NULL);
}

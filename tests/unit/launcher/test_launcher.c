/* SPDX-License-Identifier: Apache-2.0 */
/* What the launcher promises, asked of the real program, as root and as an ordinary user. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
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

static void refuses(const struct rig *g, const struct launch_start *m, int code, const char *part)
{
    struct rig_instance in;
    char why[LAUNCH_TEXT];
    int r = rig_begin(g, m, &in, why);

    if (r == 0)
        fail_msg("started, and should have been refused with '%s'", part);
    t_has(why, part);
    assert_int_equal(r, code);
}

static void bad_requests_are_refused_with_a_sentence(void **state)
{
    struct rig *g = *state;
    const struct launch_start good = rig_request(g, 1);
    struct rig_count before, after;
    struct launch_start m;

    rig_settle(g, EMPTY, &before);
    m = good;
    snprintf(m.runtime, sizeof m.runtime, "cobol");
    refuses(g, &m, -ENOENT, "no runtime 'cobol'");
    memset(m.runtime, 'x', sizeof m.runtime);
    refuses(g, &m, -EINVAL, "not terminated");
    m = good;
    m.code[0] = 'b';
    refuses(g, &m, -ENOENT, "code 'b");
    memcpy(m.code, "../", 3);
    refuses(g, &m, -EINVAL, "sha256");
    m.code[0] = '\0';
    refuses(g, &m, -EINVAL, "sha256");
    memset(m.code, 'a', sizeof m.code);
    refuses(g, &m, -EINVAL, "sha256");
    m = good;
    m.code[0] = 'A';
    refuses(g, &m, -EINVAL, "sha256");
    m = good;
    m.layout = LAUNCH_LAYOUTS;
    refuses(g, &m, -EINVAL, "layout");
    m = good;
    snprintf(m.runtime, sizeof m.runtime, "absent");
    refuses(g, &m, -ENOENT, "run '/usr/bin/no-such-program'");
    rig_adopt(g);
    rig_take_hello(g);
    rig_settle(g, EMPTY, &after);
    assert_memory_equal(&before, &after, sizeof before);
}

static void links_in_the_code_cache_are_not_followed(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 1);
    char path[256];

    memset(m.code, 'c', LAUNCH_SHA - 1);
    snprintf(path, sizeof path, "%s/cache/code/%s", g->dir, m.code);
    assert_int_equal(symlink("/etc", path), 0);
    refuses(g, &m, -ELOOP, "code 'c");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(g->sha, path), 0);
    refuses(g, &m, -ELOOP, "code 'c");
}

static void numbers_are_checked_at_their_limits(void **state)
{
    static const struct {
        size_t offset;
        uint32_t min, max;
        const char *name;
    } fields[] = {
            {offsetof(struct launch_start, memory_mb), 64, 32768, "memory_mb"},
            {offsetof(struct launch_start, pids), 8, 1024, "pids"},
            {offsetof(struct launch_start, tmp_mb), 16, 10240, "tmp_mb"},
            {offsetof(struct launch_start, cpu_weight), 1, 10000, "cpu_weight"},
    };
    const struct rig *g = *state;

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const uint32_t good[] = {fields[i].min, fields[i].max};
        const uint32_t bad[] = {fields[i].min - 1, fields[i].max + 1, UINT32_MAX};
        struct launch_start m = rig_request(g, 1);
        struct rig_instance in;

        for (size_t k = 0; k < 2; k++) {
            memcpy((char *)&m + fields[i].offset, &good[k], sizeof good[k]);
            assert_int_equal(rig_begin(g, &m, &in, NULL), 0);
            rig_end(g, &in);
        }
        for (size_t k = 0; k < 3; k++) {
            memcpy((char *)&m + fields[i].offset, &bad[k], sizeof bad[k]);
            refuses(g, &m, -EINVAL, fields[i].name);
        }
    }
}

static void an_id_in_use_is_refused(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 7);
    struct rig_instance in;

    rig_run(g, 7, &in);
    refuses(g, &m, -EEXIST, "instance 7 lives");
    rig_is(&in, "ids", "uid 993 gid 993 pid 2\n");
    rig_end(g, &in);
}

static void killing_the_unknown_is_ignored(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;

    rig_kill(g, 12345);
    rig_run(g, 1, &in);
    rig_end(g, &in);
}

static void a_kill_right_after_a_start_is_answered_once(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 1);
    union launch_message answer;

    rig_send(g, &m, sizeof m);
    rig_kill(g, 1);
    assert_true(rig_next(g, &answer, NULL, NULL) > 0);
    if (answer.type == LAUNCH_STARTED)
        assert_true(rig_take_exit(g, 1).killed);
    else
        assert_int_equal(answer.refused.code, -ECANCELED);
}

/* After nonsense the daemon is dropped with its instances; a fresh one is served. */
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
    struct rig_count before, after;
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
    rig_settle(g, EMPTY, &after);
    assert_int_equal(after.children, before.children);
    assert_int_equal(after.descriptors, before.descriptors);
    assert_int_equal(after.mounts, before.mounts);
    assert_int_equal(after.host_mounts, before.host_mounts);
    assert_int_equal(after.cgroups, before.cgroups);
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
            T(an_instance_has_no_privilege),
            T(an_instance_sees_only_itself),
            T(nothing_but_tmp_can_be_written),
            T(the_layout_decides_where_code_is),
            T(the_host_cannot_be_reached),
            T(instances_cannot_reach_each_other),
            T(limits_are_set_per_process),
            T(a_fork_bomb_is_stopped),
            T(a_frozen_instance_is_killed_all_the_same),
            T(a_memory_hog_is_stopped),
            T(output_goes_to_the_log_pipe),
            T(the_end_of_a_runtime_is_told),
            T(a_runtime_of_the_host_is_run_as_configured),
            T(what_a_runtime_leaves_behind_dies_with_it),
            T(bad_requests_are_refused_with_a_sentence),
            T(links_in_the_code_cache_are_not_followed),
            T(numbers_are_checked_at_their_limits),
            T(an_id_in_use_is_refused),
            T(killing_the_unknown_is_ignored),
            T(a_kill_right_after_a_start_is_answered_once),
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.c - the launcher is tested as what it is: a program with a socket.
 *
 * The rig plays keeper and daemon. It runs as root (CI does) and starts the launcher as root, or,
 * after setresuid in a forked child, as an ordinary user. All waiting is poll with a deadline.
 */
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "t.h"

enum { PATH = 512, KEEPER_FD = 3 };

static void copy_program(const char *from, const char *to)
{
    cleanup_close int in = open(from, O_RDONLY | O_CLOEXEC);
    cleanup_close int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    static char block[65536];
    ssize_t n;

    if (in < 0 || out < 0)
        fail_msg("copy '%s' to '%s': %s", from, to, strerror(errno));
    while ((n = io_read_full(in, block, sizeof block)) > 0)
        assert_int_equal(io_write_all(out, block, (size_t)n), 0);
    assert_int_equal(n, 0);
}

static const char *program(const char *variable)
{
    const char *path = getenv(variable);

    if (!path)
        fail_msg("%s is not set (run by meson test)", variable);
    return path;
}

static void make_directory(const struct rig *g, const char *name)
{
    char path[2 * PATH];

    snprintf(path, sizeof path, "%s/%s", g->dir, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

void rig_make(struct rig *g)
{
    char path[PATH];

    (void)program("PROBE_BOOTSTRAP");
    *g = (struct rig){.dir = "/tmp/evoke-launcher-XXXXXX",
                      .stub = -1,
                      .launcher = -1,
                      .keeper = -EBADF,
                      .daemon = -EBADF};
    (void)umask(022);
    assert_non_null(mkdtemp(g->dir));
    assert_int_equal(chmod(g->dir, 0755), 0);
    make_directory(g, "cache");
    make_directory(g, "cache/code");
    make_directory(g, "rt");
    make_directory(g, "run");
    memset(g->sha, 'a', LAUNCH_SHA - 1);
    snprintf(path, sizeof path, "cache/code/%s", g->sha);
    make_directory(g, path);
    snprintf(path, sizeof path, "%s/cache/code/%s/bootstrap", g->dir, g->sha);
    copy_program(program("PROBE_BOOTSTRAP"), path);
    /* Writable for all by their modes: that they are read-only inside is the mount's doing alone.
     */
    *strrchr(path, '/') = '\0';
    assert_int_equal(chmod(path, 0777), 0);
    snprintf(path, sizeof path, "%s/cache/code/%s/data", g->dir, g->sha);
    assert_int_equal(mknod(path, S_IFREG | 0666, 0), 0);
    assert_int_equal(chmod(path, 0666), 0);
    snprintf(path, sizeof path, "%s/evoke-launcher", g->dir);
    copy_program(program("EVOKE_LAUNCHER"), path);
    snprintf(path, sizeof path, "%s/rt/probe", g->dir);
    copy_program(program("PROBE_BOOTSTRAP"), path);
    snprintf(path, sizeof path, "%s/rt/zygote", g->dir);
    copy_program(program("PROBE_ZYGOTE"), path);
}

static void become_ordinary(void)
{
    if (setgroups(0, NULL) < 0 || setresgid(RIG_ORDINARY_UID, RIG_ORDINARY_UID, RIG_ORDINARY_UID) ||
        setresuid(RIG_ORDINARY_UID, RIG_ORDINARY_UID, RIG_ORDINARY_UID))
        _exit(91);
}

static _Noreturn void exec_launcher(const struct rig *g, bool root, int keeper)
{
    char self[PATH], rt[PATH];

    snprintf(self, sizeof self, "%s/evoke-launcher", g->dir);
    snprintf(rt, sizeof rt, "%s/rt", g->dir);
    if (!root)
        become_ordinary();
    if (dup2(keeper, KEEPER_FD) < 0)
        _exit(92);
    (void)execl(self, "evoke-launcher", "--keeper-fd", "3", "--data-dir", g->dir, "--runtimes-dir",
                rt, "--runtime", "absent=/usr/bin/no-such-program", "--runtime",
                "shell=/bin/sh -c exit\t7", "--runtime", "spare=/rt/probe ready", "--spares",
                "spare=4", "--runtime", "forked=/rt/probe ready", "--spares", "forked=4",
                "--zygote", "forked=/rt/zygote", "--runtime", "broken=/rt/no-such-program",
                "--spares", "broken=1", (char *)NULL);
    _exit(93);
}

static pid_t only_child(pid_t of)
{
    char path[PATH], text[64];
    int child = -1;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", of, of);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    uint64_t v = 0;

    if (n > 0 && str_u64(str_cut(&(struct str){text, (size_t)n}, ' '), 1, INT32_MAX, &v) == 0)
        child = (int)v;
    return child;
}

void rig_start(struct rig *g, bool root)
{
    int pair[2];

    /* As root, all of it may lie where only root can look. */
    assert_int_equal(chmod(g->dir, root ? 0700 : 0755), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    g->keeper = pair[0];
    g->stub = fork();
    assert_true(g->stub >= 0);
    if (g->stub == 0)
        exec_launcher(g, root, pair[1]);
    close(pair[1]);
    rig_adopt(g);
    rig_take_hello(g);
    g->launcher = only_child(g->stub);
    assert_true(g->launcher > 0);
}

void rig_adopt(struct rig *g)
{
    const struct launch_adopt m = {.type = LAUNCH_ADOPT};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(io_send_fds(g->keeper, &m, sizeof m, &pair[1], 1), 0);
    close(pair[1]);
    fd_close(g->daemon);
    g->daemon = pair[0];
}

void rig_take_hello(struct rig *g)
{
    union launch_message m;

    assert_int_equal(rig_next(g, &m, NULL, NULL), sizeof m.hello);
    assert_int_equal(m.type, LAUNCH_HELLO);
    g->hello = m.hello;
}

/* The stub must end within the deadline; its exit status. */
static int wait_stub(struct rig *g)
{
    cleanup_close int pidfd = pidfd_open(g->stub, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int status = -1;

    assert_true(pidfd >= 0);
    if (poll(&p, 1, RIG_WAIT_MS) != 1)
        fail_msg("the launcher does not end");
    assert_int_equal(waitpid(g->stub, &status, 0), g->stub);
    g->stub = g->launcher = -1;
    return status;
}

void rig_murder(struct rig *g)
{
    assert_int_equal(kill(g->stub, SIGKILL), 0);
    assert_true(WIFSIGNALED(wait_stub(g)));
    g->keeper = fd_close(g->keeper);
    g->daemon = fd_close(g->daemon);
}

void rig_stop(struct rig *g)
{
    int status;

    g->keeper = fd_close(g->keeper);
    status = wait_stub(g);
    g->daemon = fd_close(g->daemon);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

void rig_remove(struct rig *g)
{
    g->keeper = fd_close(g->keeper);
    g->daemon = fd_close(g->daemon);
    if (g->stub > 0) {
        (void)kill(g->stub, SIGTERM);
        (void)wait_stub(g);
    }
    assert_int_equal(io_remove_tree(AT_FDCWD, g->dir), 0);
}

void rig_layers(const struct rig *g, char letter)
{
    char path[PATH], sha[LAUNCH_SHA] = {0};
    int n;

    memset(sha, letter, LAUNCH_SHA - 1);
    n = snprintf(path, sizeof path, "%s/cache/code/u-%s", g->dir, sha);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(chmod(path, 0777), 0);
    snprintf(path + n, sizeof path - (size_t)n, "/layer");
    assert_int_equal(mknod(path, S_IFREG | 0666, 0), 0);
    assert_int_equal(chmod(path, 0666), 0);
}

struct launch_start rig_request(const struct rig *g, uint32_t id)
{
    struct launch_start m = {.type = LAUNCH_START,
                             .id = id,
                             .runtime = "native",
                             .layout = LAYOUT_CODE,
                             .memory_mb = 128,
                             .pids = 64,
                             .tmp_mb = 16,
                             .cpu_weight = 100};

    memcpy(m.code, g->sha, sizeof m.code);
    return m;
}

void rig_send(const struct rig *g, const void *message, size_t n)
{
    assert_int_equal(io_send_fds(g->daemon, message, n, NULL, 0), 0);
}

size_t rig_next(const struct rig *g, union launch_message *ret, int *fds, size_t *nfds)
{
    struct pollfd p = {.fd = g->daemon, .events = POLLIN};
    int own[5];
    size_t own_n = 5, room = nfds ? *nfds : 0;
    ssize_t n;

    memset(ret, 0, sizeof *ret);
    do {
        if (poll(&p, 1, RIG_WAIT_MS) != 1)
            fail_msg("the launcher says nothing");
        own_n = 5;
        if (nfds)
            *nfds = room;
        n = io_recv_fds(g->daemon, ret, sizeof *ret, fds ? fds : own, nfds ? nfds : &own_n);
    } while (n > 0 && ret->type == LAUNCH_STOCK); /* which comes whenever it likes */
    if (n == -ECONNRESET)
        n = 0; /* closed with something of ours unread */
    assert_true(n >= 0);
    for (size_t i = 0; !fds && i < own_n; i++)
        close(own[i]);
    return (size_t)n;
}

static const char *take_answer(const struct rig_instance *in, const char *to, char text[RIG_TEXT])
{
    struct pollfd p = {.fd = in->channel, .events = POLLIN};
    size_t n = 0;

    for (;;) {
        ssize_t got;

        if (poll(&p, 1, RIG_WAIT_MS) != 1)
            fail_msg("'%s' is not answered", to);
        got = read(in->channel, text + n, RIG_TEXT - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        if ((n == 2 || (n > 2 && text[n - 3] == '\n')) && text[n - 2] == '.')
            break;
    }
    text[n > 2 ? n - 2 : 0] = '\0';
    return text;
}

/* Runtimes that say READY by themselves. */
static bool greets(const char *runtime)
{
    return strcmp(runtime, "spare") == 0 || strcmp(runtime, "forked") == 0;
}

int rig_begin(const struct rig *g, const struct launch_start *m, struct rig_instance *ret,
              char why[LAUNCH_TEXT])
{
    union launch_message answer;
    int fds[5];
    size_t nfds = 5;

    rig_send(g, m, sizeof *m);
    assert_true(rig_next(g, &answer, fds, &nfds) > 0);
    if (answer.type == LAUNCH_REFUSED) {
        assert_int_equal(answer.refused.id, m->id);
        assert_int_equal(nfds, 0);
        assert_true(answer.refused.code < 0);
        assert_true(answer.refused.why[0] != '\0');
        if (why)
            memcpy(why, answer.refused.why, LAUNCH_TEXT);
        return answer.refused.code;
    }
    assert_int_equal(answer.type, LAUNCH_STARTED);
    assert_int_equal(answer.started.id, m->id);
    assert_int_equal(nfds, 2 + answer.started.has_memory_peak + answer.started.has_freezer +
                                   answer.started.has_endpoint);
    *ret = (struct rig_instance){.id = m->id,
                                 .spare = answer.started.how == LAUNCH_A_SPARE,
                                 .channel = fds[0],
                                 .log = fds[1],
                                 .peak = -EBADF,
                                 .freezer = -EBADF,
                                 .endpoint = -EBADF};
    nfds = 2;
    if (answer.started.has_memory_peak)
        ret->peak = fds[nfds++];
    if (answer.started.has_freezer)
        ret->freezer = fds[nfds++];
    if (answer.started.has_endpoint)
        ret->endpoint = fds[nfds++];
    if (greets(m->runtime)) {
        char text[RIG_TEXT];

        t_str(str_of(take_answer(ret, "ready", text)), S("ready\n"));
    }
    return 0;
}

void rig_run_as(const struct rig *g, const char *runtime, uint32_t id, struct rig_instance *ret)
{
    struct launch_start m = rig_request(g, id);
    char why[LAUNCH_TEXT];

    snprintf(m.runtime, sizeof m.runtime, "%s", runtime);
    if (rig_begin(g, &m, ret, why) < 0)
        fail_msg("refused: %s", why);
}

void rig_warm(const struct rig *g, const char *runtime, uint32_t spares)
{
    struct launch_warm m = {.type = LAUNCH_WARM, .spares = spares};

    snprintf(m.runtime, sizeof m.runtime, "%s", runtime);
    rig_send(g, &m, sizeof m);
}

void rig_end(const struct rig *g, struct rig_instance *in)
{
    struct launch_exited x;

    rig_kill(g, in->id);
    x = rig_take_exit(g, in->id);
    assert_true(x.killed);
    assert_int_equal(x.signal, SIGKILL);
    assert_false(x.oom);
    rig_close(in);
}

void rig_run(const struct rig *g, uint32_t id, struct rig_instance *ret)
{
    rig_run_as(g, "native", id, ret);
}

void rig_kill(const struct rig *g, uint32_t id)
{
    const struct launch_kill m = {.type = LAUNCH_KILL, .id = id};

    rig_send(g, &m, sizeof m);
}

struct launch_exited rig_take_exit(const struct rig *g, uint32_t id)
{
    union launch_message m;

    assert_int_equal(rig_next(g, &m, NULL, NULL), sizeof m.exited);
    assert_int_equal(m.type, LAUNCH_EXITED);
    assert_int_equal(m.exited.id, id);
    return m.exited;
}

void rig_close(struct rig_instance *in)
{
    in->channel = fd_close(in->channel);
    in->log = fd_close(in->log);
    in->peak = fd_close(in->peak);
    in->freezer = fd_close(in->freezer);
    in->endpoint = fd_close(in->endpoint);
}

void rig_tell(const struct rig_instance *in, const char *command)
{
    char line[512];
    int n = snprintf(line, sizeof line, "%s\n", command);

    assert_int_equal(io_write_all(in->channel, line, (size_t)n), 0);
}

const char *rig_ask(const struct rig_instance *in, const char *command, char text[RIG_TEXT])
{
    rig_tell(in, command);
    return take_answer(in, command, text);
}

void rig_has(const struct rig_instance *in, const char *command, const char *part)
{
    char text[RIG_TEXT];

    t_has(rig_ask(in, command, text), part);
}

void rig_is(const struct rig_instance *in, const char *command, const char *whole)
{
    char text[RIG_TEXT];

    t_str(str_of(rig_ask(in, command, text)), str_of(whole));
}

void rig_fails(const struct rig_instance *in, const char *command)
{
    char text[RIG_TEXT];

    if (strcmp(rig_ask(in, command, text), "OK\n") == 0)
        fail_msg("'%s' succeeded", command);
}

static int count_lines(const char *path)
{
    FILE *f = fopen(path, "re");
    int c, n = 0;

    while (f && (c = fgetc(f)) != EOF)
        n += c == '\n';
    if (f)
        (void)fclose(f);
    return f ? n : -1;
}

static int count_entries(const char *path, bool directories_only)
{
    DIR *d = opendir(path);
    int n = 0;

    if (!d)
        return -1;
    for (struct dirent *de = readdir(d); de; de = readdir(d))
        n += de->d_name[0] != '.' && (!directories_only || de->d_type == DT_DIR);
    (void)closedir(d);
    return n;
}

int rig_cgroups(pid_t stub, const char *below)
{
    char command[PATH];
    FILE *f;
    int n = -1;

    snprintf(command, sizeof command,
             "find /sys/fs/cgroup -path '*/evoke-%d-*%s' -type d 2>/dev/null | wc -l", stub, below);
    f = popen(command, "re");
    if (f && fscanf(f, "%d", &n) != 1)
        n = -1;
    if (f)
        (void)pclose(f);
    return n;
}

/* Processes below this one, and what all of them hold open: a namespace that outlives its last process
 * does so by a descriptor or a mount. */
static void count_below(pid_t pid, struct rig_count *ret)
{
    char path[PATH];
    FILE *f;
    int child;

    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    ret->descriptors += count_entries(path, false);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    f = fopen(path, "re");
    while (f && fscanf(f, "%d", &child) == 1) {
        ret->all++;
        count_below(child, ret);
    }
    if (f)
        (void)fclose(f);
}

void rig_count(const struct rig *g, struct rig_count *ret)
{
    char path[PATH];
    int spaces = 0;
    FILE *f;

    *ret = (struct rig_count){0};
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", g->launcher, g->launcher);
    f = fopen(path, "re");
    for (int c; f && (c = fgetc(f)) != EOF;)
        spaces += c == ' ';
    if (f)
        (void)fclose(f);
    ret->children = spaces;
    count_below(g->launcher, ret);
    snprintf(path, sizeof path, "/proc/%d/mounts", g->launcher);
    ret->mounts = count_lines(path);
    ret->host_mounts = count_lines("/proc/self/mounts");
    ret->cgroups = rig_cgroups(g->stub, "/i*");
}

void rig_settle(const struct rig *g, int children, struct rig_count *ret)
{
    struct rig_count last = {0};

    for (int tries = 0, same = 0; same < 5; tries++) {
        rig_count(g, ret);
        same = ret->children == children && memcmp(ret, &last, sizeof last) == 0 ? same + 1 : 0;
        last = *ret;
        if (tries > RIG_WAIT_MS / 20)
            fail_msg("the launcher does not come to rest: %d children, %d descriptors, %d cgroups",
                     ret->children, ret->descriptors, ret->cgroups);
        (void)poll(NULL, 0, 20); /* the graveyard's pace */
    }
}

static bool no_more(const struct rig_count *now, const struct rig_count *before)
{
    return now->children == before->children && now->all <= before->all &&
           now->descriptors <= before->descriptors && now->cgroups <= before->cgroups &&
           now->mounts <= before->mounts && now->host_mounts <= before->host_mounts;
}

/* Rest is what does not change for a while, and a busy machine has long whiles. */
void rig_left_behind_nothing(const struct rig *g, const struct rig_count *before)
{
    struct rig_count now;

    rig_settle(g, before->children, &now);
    for (int tries = 0; tries < RIG_WAIT_MS / 20 && !no_more(&now, before); tries++) {
        (void)poll(NULL, 0, 20);
        rig_count(g, &now);
    }
    assert_int_equal(now.children, before->children);
    assert_in_range(now.all, 0, before->all);
    assert_in_range(now.descriptors, 0, before->descriptors);
    assert_in_range(now.mounts, 0, before->mounts);
    assert_in_range(now.host_mounts, 0, before->host_mounts);
    assert_in_range(now.cgroups, 0, before->cgroups);
}

bool rig_as_root(void)
{
    const char *mode = getenv("EVOKE_TEST_MODE");

    return !mode || strcmp(mode, "user") != 0;
}

int rig_set_up(void **state)
{
    struct rig *g = calloc(1, sizeof *g);

    *state = g;
    rig_make(g);
    rig_start(g, rig_as_root());
    return 0;
}

int rig_tear_down(void **state)
{
    struct rig *g = *state;

    if (g->keeper >= 0)
        rig_stop(g);
    rig_remove(g);
    free(g);
    return 0;
}

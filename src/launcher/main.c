/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - evoke-launcher: makes instances, so that nobody else needs the privilege to.
 *
 * Two processes. The STUB is what the keeper started: the host's root, or an ordinary user. It
 * prepares what only it may (cgroups), makes the LAUNCHER in new user, mount, pid, ipc and uts
 * namespaces, gives it an uplink when it has moved into a network namespace of its own, and then
 * waits for nothing but its end, to remove uplink and cgroups after it. It talks to nobody else.
 * The launcher is uid 0 and pid 1 of its namespaces and has no privilege on the host; it serves
 * (serve.c). Each dies with the other: the launcher by PDEATHSIG, the stub by waiting. And whatever
 * the launcher made dies with the launcher, since it is their pid 1.
 *
 * The launcher opens its directories while it still has the stub's uid: they may lie below ones
 * that only root can search. It does so after the clone, because a directory opened in another
 * mount namespace cannot be mounted. The data directory belongs to the daemon, whom we do not
 * trust: below it no link is followed, or a link in place of cache/code would let us mount
 * whatever root can reach.
 *
 * SIGINT and SIGHUP are not for us: a terminal sends them to everybody, and the daemon still needs
 * its instances while it drains. SIGTERM ends us at once, as does EOF on the keeper's socket.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "launcher/proto.h"
#include "launcher/runtimes.h"
#include "launcher/serve.h"
#include "sandbox/mount.h"
#include "sandbox/net.h"
#include "sandbox/sandbox.h"
#include "sandbox/userns.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, FIRST_INHERITED_FD = 3 };

struct options {
    int keeper;
    const char *data_dir, *runtimes_dir; /* borrowed from argv */
    const char *log_level, *log_format;  /* likewise */
    struct runtimes *runtimes;           /* owned */
};

static const struct log_cx cx = {.component = "main"};

static const char usage[] =
        "usage: evoke-launcher --keeper-fd N --data-dir DIR --runtimes-dir DIR\n"
        "                      [--runtime 'ID=COMMAND ARG...']...\n"
        "                      [--zygote 'ID=COMMAND ARG...']... [--spares ID=MAX]...\n"
        "                      [--log-level LEVELS] [--log-format logfmt|json]\n"
        "Started by evoke; not meant to be run by hand.\n";

static int parse_fd(const char *text, int *ret_fd, struct err *e)
{
    uint64_t fd;

    if (str_u64(str_of(text), FIRST_INHERITED_FD, INT_MAX, &fd) < 0 ||
        fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
        return err_set(e, ERR_CALLER, -EBADF, "--keeper-fd '%s' is not a descriptor from 3 up",
                       text);
    *ret_fd = (int)fd;
    return 0;
}

static int set_spares(struct runtimes *rs, struct str line, struct err *e)
{
    struct str rest = line, id = str_cut(&rest, '=');
    uint64_t max;

    if (str_u64(rest, 0, LAUNCH_WARM_MAX, &max) < 0)
        return err_set(e, ERR_CALLER, -EINVAL, "--spares '%.*s': not ID=0 to %d", STR_ARG(line),
                       LAUNCH_WARM_MAX);
    return runtimes_set_spares(rs, id, (uint32_t)max, e);
}

static int parse(int argc, char **argv, struct options *o, struct err *e)
{
    enum { KEEPER_FD = 1, DATA_DIR, RUNTIMES_DIR, RUNTIME, ZYGOTE, SPARES, LOG_LEVEL, LOG_FORMAT };
    static const struct option known[] = {
            {"keeper-fd", required_argument, NULL, KEEPER_FD},
            {"data-dir", required_argument, NULL, DATA_DIR},
            {"runtimes-dir", required_argument, NULL, RUNTIMES_DIR},
            {"runtime", required_argument, NULL, RUNTIME},
            {"zygote", required_argument, NULL, ZYGOTE},
            {"spares", required_argument, NULL, SPARES},
            {"log-level", required_argument, NULL, LOG_LEVEL},
            {"log-format", required_argument, NULL, LOG_FORMAT},
            {0},
    };
    int which, r = 0;

    while (r >= 0 && (which = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (which) {
        case KEEPER_FD:
            r = parse_fd(optarg, &o->keeper, e);
            break;
        case DATA_DIR:
            o->data_dir = optarg;
            break;
        case RUNTIMES_DIR:
            o->runtimes_dir = optarg;
            break;
        case RUNTIME:
            r = runtimes_add(o->runtimes, str_of(optarg), e);
            break;
        case ZYGOTE:
            r = runtimes_set_zygote(o->runtimes, str_of(optarg), e);
            break;
        case SPARES:
            r = set_spares(o->runtimes, str_of(optarg), e);
            break;
        case LOG_LEVEL:
            o->log_level = optarg;
            break;
        case LOG_FORMAT:
            o->log_format = optarg;
            break;
        default:
            r = err_set(e, ERR_CALLER, -EINVAL, "unknown option");
        }
    }
    if (r >= 0 && (optind != argc || o->keeper < 0 || !o->data_dir || !o->runtimes_dir))
        r = err_set(e, ERR_CALLER, -EINVAL, "an option is missing, or there is one too many");
    return r;
}

static int set_log(const struct options *o, struct err *e)
{
    struct log_conf conf;
    int r = log_conf_parse(str_of(o->log_level), str_of(o->log_format), &conf, e);

    if (r == 0)
        log_set(&conf);
    return r;
}

/* Keep nothing that the keeper forgot to close (its listeners, say). */
static int close_inherited(int keep, struct err *e)
{
    if ((keep > FIRST_INHERITED_FD && close_range(FIRST_INHERITED_FD, (unsigned)keep - 1, 0) < 0) ||
        close_range((unsigned)keep + 1, ~0U, 0) < 0)
        return err_sys(e, "close inherited descriptors");
    return 0;
}

static int open_directory(const char *what, const char *path, int *ret_fd, struct err *e)
{
    int fd = -EBADF;

    assert(path); /* parse() insists on it */
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "%s '%s'", what, path);
    *ret_fd = fd;
    return 0;
}

static int open_below(int dir, const char *path, int *ret_fd, struct err *e)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);

    if (fd < 0)
        return err_sys(e, "'%s' of the data directory", path);
    *ret_fd = fd;
    return 0;
}

/* The launcher: from a fresh clone to the loop. stub is taken: the socket to ask it for an uplink. */
static int launch(const struct options *o, bool root, struct cgroup_tree *tree, int stub,
                  struct err *e)
{
    cleanup_close int to_stub = stub;
    cleanup_close int data = -EBADF;
    cleanup_close int code = -EBADF;
    cleanup_close int run_dir = -EBADF;
    cleanup_close int runtimes = -EBADF;
    cleanup_close int rt_mount = -EBADF;
    struct serve what = {
            .keeper = o->keeper, .root = root, .cgroups = tree, .runtimes = o->runtimes};
    int r;

    r = open_directory("runtimes directory", o->runtimes_dir, &runtimes, e);
    if (r >= 0)
        runtimes_look(o->runtimes, runtimes);
    if (r >= 0)
        r = open_directory("data directory", o->data_dir, &data, e);
    if (r >= 0)
        r = open_below(data, "cache/code", &code, e);
    if (r >= 0)
        r = open_below(data, "run", &run_dir, e);
    if (r >= 0 && fchdir(run_dir) < 0)
        r = err_sys(e, "enter 'run' of the data directory");
    if (r >= 0)
        r = userns_settle(root, e);
    if (r >= 0)
        r = mount_own_view(e);
    if (r >= 0)
        r = net_open(root, TAKE_FD(to_stub), &what.net, e);
    if (r >= 0)
        r = mount_clone(runtimes, &rt_mount, e);
    if (r >= 0)
        r = sandbox_open(root, tree, what.net, TAKE_FD(rt_mount), &what.sandbox, e);
    if (r < 0)
        return r;

    what.code_dir = code;
    if (net_note(what.net)[0])
        log_info(&cx, "network: %s", net_note(what.net));
    log_info(&cx, "ready as %s", root ? "root" : "an ordinary user");
    return serve_run(&what, e);
}

/* SIGIO when the launcher's end of the pipe closes, which is when it begins to die. */
static int open_lifeline(int *ret_ours, int *ret_theirs, struct err *e)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    *ret_ours = fds[0];
    *ret_theirs = fds[1];
    if (fcntl(fds[0], F_SETOWN, getpid()) < 0 || fcntl(fds[0], F_SETFL, O_ASYNC) < 0)
        return err_sys(e, "watch the launcher");
    return 0;
}

/* The stub: until the launcher ends, or we are told to. The launcher cannot end before what is
 * below it has, and what is frozen (cgroup v1) does not die: so we thaw when it begins to. */
static int attend(pid_t launcher, const struct cgroup_tree *tree, const sigset_t *signals)
{
    bool told = false;
    int status = 0;

    while (waitpid(launcher, &status, WNOHANG) != launcher) {
        int sig = sigwaitinfo(signals, NULL);

        if (sig == SIGTERM)
            told = true;
        if (sig == SIGTERM || sig == SIGIO) {
            (void)kill(launcher, SIGKILL);
            cgroup_tree_thaw(tree);
        }
    }
    if (told)
        return 0;
    if (WIFSIGNALED(status))
        log_err(&cx, "the launcher was killed by signal %d", WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static int run(const struct options *o, struct err *e)
{
    bool root = geteuid() == 0;
    cleanup_close int lifeline = -EBADF;
    cleanup_close int theirs = -EBADF;
    int uplink[2] = {-EBADF, -EBADF}; /* sockets: the stub's, the launcher's */
    struct net_stub *host = NULL;
    struct cgroup_tree tree;
    sigset_t signals;
    pid_t launcher = -1;
    int r;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGIO);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    /* The keeper's end must not be ours at once: there are cgroups to thaw and to remove. */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);

    r = open_lifeline(&lifeline, &theirs, e);
    if (r >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, uplink) < 0)
        r = err_sys(e, "socket pair");
    if (r < 0)
        return r;
    sandbox_host_init(root, &tree);
    r = userns_clone(root, &launcher, e);
    if (r == 0) {
        fd_close(uplink[0]);
        r = launch(o, root, &tree, uplink[1], e);
        if (r < 0)
            log_err(&cx, "%s", e->msg);
        _exit(r < 0 ? EXIT_FAILED : 0);
    }
    if (r > 0) {
        (void)close(o->keeper);
        theirs = fd_close(theirs);
        fd_close(uplink[1]);
        host = net_stub_serve(uplink[0], launcher);
        r = attend(launcher, &tree, &signals);
    }
    net_stub_free(host);
    sandbox_host_done(&tree);
    return r;
}

int main(int argc, char **argv)
{
    struct options o = {.keeper = -EBADF, .log_level = "info", .log_format = "logfmt"};
    struct err e = {0};
    int r;

    umask(022);
    io_raise_open_files(); /* two for each instance, and five more for each that is starting */
    o.runtimes = runtimes_new();
    r = parse(argc, argv, &o, &e);
    if (r >= 0)
        r = close_inherited(o.keeper, &e);
    log_open("launcher", LOG_INFO); /* may open a descriptor */
    if (r >= 0)
        r = set_log(&o, &e);
    if (r < 0) {
        log_err(&cx, "%s", e.msg);
        fputs(usage, stderr);
        return EXIT_USAGE;
    }

    r = run(&o, &e);
    if (r < 0 && e.code < 0)
        log_err(&cx, "%s", e.msg);
    o.runtimes = runtimes_free(o.runtimes);
    return r < 0 ? EXIT_FAILED : 0;
}

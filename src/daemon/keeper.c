/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c - the parent that cannot fail, because it does next to nothing.
 *
 * It makes the data directory and the listening sockets, starts the launcher and the daemon, joins
 * them with a socket pair, and starts again whichever dies. It reads no network input: what it
 * hears are signals, child exits and one word (READY) from the daemon.
 *
 *   keeper (root, or you)
 *     +- launcher   privileged inside a user namespace of its own; below it every instance
 *     +- daemon     no privileges; serves the listeners it inherited
 *
 * What always holds:
 *   (1) the listeners are bound before the first child starts and closed when the keeper ends, so
 *       clients that connect while a daemon restarts wait in the backlog and are not refused.
 *   (2) each daemon gets a socket pair of its own to the launcher. The launcher kills every instance
 *       of the daemon before it serves the next one (launcher/proto.h).
 *   (3) a child that ends before it was ever ready ends the keeper: restarting would not help.
 *       Later deaths are restarted, after a pause that doubles from 100 ms to 5 s while they come
 *       in a row.
 *
 * SIGTERM, SIGINT, SIGHUP (unless it was ignored: nohup): the daemon drains (its own affair,
 * bounded by --drain), then everything ends. A second one ends it at once.
 */
#include "daemon/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "conf/options.h"
#include "daemon/control.h"
#include "daemon/datadir.h"
#include "daemon/interpreters.h"
#include "daemon/listener.h"
#include "daemon/paths.h"
#include "daemon/spawn.h"
#include "daemon/user.h"
#include "launcher/proto.h"
#include "runtime/runtime.h"
#include "sandbox/cgroup_unified.h"

enum { PAUSE_MIN_MS = 100, PAUSE_MAX_MS = 5000, LONG_LIFE_MS = 10000 };
enum {
    STOP_SLACK_MS = 2000, /* after the drain time, or a second signal */
    AGAIN_MS = 500,       /* timeout(1) signals us and then our group: one wish, two signals */
};

struct child {
    const char *name;
    pid_t pid;   /* 0: not running */
    int pidfd;   /* owned */
    int control; /* owned: our end of its control socket */
    uint64_t started_ms, restart_at_ms;
    uint32_t pause_ms; /* before the next restart */
};

struct keeper {
    const struct options *o;
    struct paths paths;
    uid_t uid;
    bool root;
    int listen_fd, signal_fd; /* owned */
    int data_fd;              /* owned; holds the lock */
    int run_fd;               /* owned; its `run`, which the daemon could replace by a link */
    int cgroup;               /* owned: where we stepped down from, or -EBADF */
    char address[LISTENER_TEXT];
    struct child launcher, daemon;
    bool daemon_ready; /* this one has said READY */
    bool was_ready, stopping;
    uint64_t stopped_ms, stop_by_ms;
    int exit_code;
};

static const struct log_cx cx = {.component = "keeper"};

static uint64_t now_ms(void)
{
    return clock_mono_ns() / 1000000;
}

/* ---- starting children ---- */

/* child_end (taken) is the child's side of c->control. */
static int start_child(struct child *c, struct spawn *s, int child_end, struct err *e)
{
    int pid = spawn_child(s, &c->pidfd, e);

    fd_close(child_end);
    if (pid < 0) {
        c->control = fd_close(c->control);
        return pid;
    }
    c->pid = pid;
    c->started_ms = now_ms();
    c->restart_at_ms = 0;
    return 0;
}

static int control_pair(struct child *c, int *ret_theirs, struct err *e)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(e, "make a control socket");
    c->control = pair[0];
    *ret_theirs = pair[1];
    return 0;
}

/* "python=/usr/bin/python3 -E ..." for one row of the worker table: argv[0] is the program itself.
 */
static char *worker_flag(const struct keeper *k, const struct worker_kind *w)
{
    struct interpreter chosen[INTERPRETERS];
    const char *program;
    struct buf b;

    interpreters_chosen(k->o, chosen);
    program = runtime_program(w, chosen);
    buf_init(&b, 8192);
    buf_addf(&b, "%s=%s", w->id, program ? program : "{code}/bootstrap");
    for (size_t i = 1; w->argv[i]; i++)
        buf_addf(&b, " %s", w->argv[i]);
    return buf_take(&b);
}

static int start_launcher(struct keeper *k, struct err *e)
{
    static const char *const keep[] = {"JOURNAL_STREAM", NULL};
    const char *argv[32] = {"evoke-launcher",  "--keeper-fd",   "3",
                            "--data-dir",      k->o->data,      "--runtimes-dir",
                            k->paths.runtimes, "--log-level",   k->o->log_level,
                            "--log-format",    k->o->log_format};
    size_t n = 11, first = n;
    int theirs = -EBADF, r;

    r = control_pair(&k->launcher, &theirs, e);
    if (r < 0)
        return r;
    for (size_t i = 0; i < worker_kinds_n && n + 2 < 32; i++) {
        argv[n++] = "--runtime";
        argv[n++] = worker_flag(k, &worker_kinds[i]);
    }

    struct spawn s = {
            .program = k->paths.launcher, .argv = argv, .keep = keep, .fds = &theirs, .nfds = 1};
    r = start_child(&k->launcher, &s, theirs, e);
    for (size_t i = first + 1; i < n; i += 2)
        free((char *)argv[i]);
    return r;
}

static int start_daemon(struct keeper *k, struct err *e)
{
    static const char *const keep[] = {"EVOKE_ACCESS_KEY", "EVOKE_SECRET_KEY", "TZ",
                                       "JOURNAL_STREAM", NULL};
    struct options options = *k->o; /* its texts are k->o's */
    int theirs = -EBADF, r;

    k->daemon_ready = false;
    r = control_pair(&k->daemon, &theirs, e);
    if (r < 0)
        return r;

    options.listen = k->address; /* the port that was taken, not "0" */
    cleanup_with(options_argv_freep) char **argv = options_argv(&options, "evoke-daemon", "daemon");
    int fds[] = {theirs, k->listen_fd};
    struct spawn s = {.program = k->paths.program,
                      .argv = (const char *const *)argv,
                      .keep = keep,
                      .fds = fds,
                      .nfds = 2,
                      .directory = k->o->data,
                      .drop = k->root,
                      .uid = k->uid};
    return start_child(&k->daemon, &s, theirs, e);
}

/* Join whoever runs with a fresh pair; each side takes it as "the other one is new". */
static int introduce(struct keeper *k, struct err *e)
{
    struct launch_adopt adopt = {.type = LAUNCH_ADOPT};
    struct control_message hello = {.type = CONTROL_LAUNCHER};
    int pair[2], r;

    if (!k->launcher.pid || !k->daemon.pid)
        return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return err_sys(e, "make the socket between daemon and launcher");
    r = io_send_fds(k->launcher.control, &adopt, sizeof(adopt), &pair[0], 1);
    if (r == 0)
        r = io_send_fds(k->daemon.control, &hello, sizeof(hello), &pair[1], 1);
    close(pair[0]);
    close(pair[1]);
    /* A broken pipe means that the child has just died: its exit comes next and is handled there.
     */
    return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

/* ---- what the keeper hears ---- */

static void publish_endpoint(const struct keeper *k)
{
    cleanup_free char *text = xasprintf("http://%s\n", k->address);
    struct err e = {0};

    if (io_write_file(k->run_fd, "endpoint", str_of(text), 0644, &e) < 0)
        log_warn(&cx, "the endpoint is not written to the data directory, ignoring: %s", e.msg);
}

static void on_daemon_word(struct keeper *k)
{
    struct control_message m;
    ssize_t n = recv(k->daemon.control, &m, sizeof(m), MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        k->daemon.control = fd_close(k->daemon.control); /* its exit follows */
        return;
    }
    if (n != sizeof(m) || m.type != CONTROL_READY || k->daemon_ready)
        return; /* a daemon that repeats itself must not fill the log */
    k->daemon_ready = true;
    publish_endpoint(k);
    log_info(&cx, "ready: http://%s, data in '%s', daemon runs as uid %u", k->address, k->o->data,
             (unsigned)k->uid);
    k->was_ready = true;
}

/* The daemon drains, then everything ends. */
static void stop(struct keeper *k, int exit_code)
{
    k->exit_code = exit_code;
    k->stopping = true;
    k->stopped_ms = now_ms();
    k->stop_by_ms = k->stopped_ms + (uint64_t)k->o->drain_s * 1000 + STOP_SLACK_MS;
    if (k->daemon.pid)
        (void)kill(k->daemon.pid, SIGTERM);
}

static void stop_now(struct keeper *k)
{
    struct control_message m = {.type = CONTROL_END};

    k->stop_by_ms = now_ms() + STOP_SLACK_MS;
    if (k->daemon.control >= 0)
        (void)send(k->daemon.control, &m, sizeof(m), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void describe_exit(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "was ended by signal %d", WTERMSIG(status));
    else
        snprintf(text, size, "exited with %d", WEXITSTATUS(status));
}

static void on_child_exit(struct keeper *k, struct child *c)
{
    uint64_t lived_ms = now_ms() - c->started_ms;
    char how[64];
    int status;

    if (waitpid(c->pid, &status, WNOHANG) != c->pid)
        return;
    c->pid = 0;
    c->pidfd = fd_close(c->pidfd);
    c->control = fd_close(c->control);
    if (k->stopping)
        return;

    describe_exit(status, how, sizeof(how));
    if (!k->was_ready) {
        log_err(&cx, "%s %s before it was ready: giving up", c->name, how);
        stop(k, WIFEXITED(status) && WEXITSTATUS(status) < 128 ? WEXITSTATUS(status) : 70);
        return;
    }
    c->pause_ms = lived_ms > LONG_LIFE_MS || !c->pause_ms ? PAUSE_MIN_MS : c->pause_ms * 2;
    if (c->pause_ms > PAUSE_MAX_MS)
        c->pause_ms = PAUSE_MAX_MS;
    c->restart_at_ms = now_ms() + c->pause_ms;
    log_warn(&cx, "%s %s, restarting in %u ms", c->name, how, c->pause_ms);
}

/* Two that could not be joined would run on side by side and serve nothing: the daemon's end is
 * what brings the next try. */
static void join(struct keeper *k)
{
    struct err e = {0};

    if (introduce(k, &e) == 0)
        return;
    log_warn(&cx, "daemon and launcher not joined, restarting the daemon: %s", e.msg);
    (void)kill(k->daemon.pid, SIGKILL);
}

static void restart(struct keeper *k, struct child *c,
                    int (*start)(struct keeper *k, struct err *e))
{
    struct err e = {0};

    if (c->pid || now_ms() < c->restart_at_ms)
        return;
    if (start(k, &e) == 0) {
        join(k);
        return;
    }
    c->restart_at_ms = now_ms() + PAUSE_MAX_MS;
    log_warn(&cx, "%s not restarted, retrying in %d ms: %s", c->name, PAUSE_MAX_MS, e.msg);
}

static void restart_due(struct keeper *k)
{
    if (k->stopping)
        return;
    restart(k, &k->launcher, start_launcher);
    restart(k, &k->daemon, start_daemon);
}

static void on_signal(struct keeper *k)
{
    struct signalfd_siginfo si;

    while (read(k->signal_fd, &si, sizeof(si)) == sizeof(si)) {
        if (si.ssi_signo == SIGCHLD)
            continue;
        if (!k->stopping) {
            log_info(&cx, "SIG%s: draining, at most %lld s", sigabbrev_np((int)si.ssi_signo),
                     (long long)k->o->drain_s);
            stop(k, 0);
        } else if (now_ms() - k->stopped_ms > AGAIN_MS) {
            log_info(&cx, "SIG%s again: ending now", sigabbrev_np((int)si.ssi_signo));
            stop_now(k);
        }
    }
    if (k->daemon.pid)
        on_child_exit(k, &k->daemon);
    if (k->launcher.pid)
        on_child_exit(k, &k->launcher);
}

/* The daemon goes first, so that nothing it waits for disappears; then the launcher, by EOF. */
static bool ended(struct keeper *k)
{
    if (!k->stopping)
        return false;
    if (k->daemon.pid && now_ms() > k->stop_by_ms) {
        log_warn(&cx, "the daemon did not end in time, killing it");
        (void)kill(k->daemon.pid, SIGKILL);
        k->stop_by_ms = UINT64_MAX;
    }
    if (!k->daemon.pid && k->launcher.pid)
        k->launcher.control = fd_close(k->launcher.control);
    return !k->daemon.pid && !k->launcher.pid;
}

static int timeout_ms(const struct keeper *k)
{
    uint64_t now = now_ms(), at = UINT64_MAX;

    if (k->stopping)
        at = k->stop_by_ms;
    if (!k->stopping && !k->launcher.pid && k->launcher.restart_at_ms < at)
        at = k->launcher.restart_at_ms;
    if (!k->stopping && !k->daemon.pid && k->daemon.restart_at_ms < at)
        at = k->daemon.restart_at_ms;
    if (at == UINT64_MAX)
        return -1;
    return at <= now ? 0 : (int)(at - now > 60000 ? 60000 : at - now) + 1;
}

static void watch(struct keeper *k)
{
    while (!ended(k)) {
        struct pollfd p[] = {
                {.fd = k->signal_fd, .events = POLLIN},
                {.fd = k->daemon.control, .events = POLLIN},
        };

        if (poll(p, 2, timeout_ms(k)) < 0 && errno != EINTR) {
            log_err(&cx, "poll: %s", strerror(errno));
            return;
        }
        if (p[1].revents && k->daemon.control >= 0)
            on_daemon_word(k);
        if (p[0].revents)
            on_signal(k);
        restart_due(k);
    }
}

static int catch_signals(struct keeper *k, struct err *e)
{
    struct sigaction hup;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
        sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return err_sys(e, "block signals");
    (void)signal(SIGPIPE, SIG_IGN);
    k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (k->signal_fd < 0)
        return err_sys(e, "make a signalfd");
    return 0;
}

static int prepare(struct keeper *k, struct err *e)
{
    int r;

    k->root = geteuid() == 0;
    r = paths_find(&k->paths, e);
    if (r == 0)
        r = user_find(k->o->user, &k->uid, e);
    if (r < 0)
        return r;
    k->data_fd = datadir_open(k->o->data, k->uid, e);
    if (k->data_fd < 0)
        return k->data_fd;
    k->run_fd = openat(k->data_fd, "run", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (k->run_fd < 0)
        return err_sys(e, "open 'run' of the data directory");
    k->listen_fd = listener_open(k->o->listen, k->address, e);
    if (k->listen_fd < 0)
        return k->listen_fd;
    r = catch_signals(k, e);
    k->cgroup = cgroup_step_down();
    if (r == 0)
        r = start_launcher(k, e);
    if (r == 0)
        r = start_daemon(k, e);
    if (r == 0)
        r = introduce(k, e);
    return r;
}

int keeper_main(const struct options *o)
{
    struct keeper k = {.o = o,
                       .listen_fd = -EBADF,
                       .signal_fd = -EBADF,
                       .data_fd = -EBADF,
                       .run_fd = -EBADF,
                       .cgroup = -EBADF,
                       .launcher = {.name = "launcher", .pidfd = -EBADF, .control = -EBADF},
                       .daemon = {.name = "daemon", .pidfd = -EBADF, .control = -EBADF}};
    struct err e = {0};

    if (prepare(&k, &e) < 0) {
        log_err(&cx, "%s", e.msg);
        stop(&k, e.kind == ERR_CALLER ? 2 : 70);
    }
    watch(&k);

    if (k.run_fd >= 0)
        (void)unlinkat(k.run_fd, "endpoint", 0);
    fd_close(k.listen_fd);
    fd_close(k.signal_fd);
    fd_close(k.run_fd);
    fd_close(k.data_fd);
    cgroup_step_up(k.cgroup);
    log_info(&cx, "ended");
    return k.exit_code;
}

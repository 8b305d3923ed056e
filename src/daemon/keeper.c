/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c - the parent that cannot fail, because it does next to nothing.
 *
 * It makes the data directory and the listening sockets, starts the launcher and the daemon, joins
 * them with a socket pair, and starts again whichever dies. It reads no network input: what it
 * hears are signals, child exits and a few words of the daemon.
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
 * SIGTERM, SIGINT: the daemon drains (its own affair, bounded by --drain), then everything ends. A
 * second one ends it at once. SIGHUP: the options are read again (keeper_reload.c), also under
 * nohup, where nothing else would come of it. A terminal that closes does no more than that.
 *
 * Read next: keeper_start.c, keeper_hear.c.
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

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "conf/options.h"
#include "daemon/control.h"
#include "daemon/datadir.h"
#include "daemon/keeper_internal.h"
#include "daemon/user.h"
#include "sandbox/cgroup_unified.h"

enum {
    PING_MS = 5000,     /* a daemon that hangs is found within five of them */
    PINGS_IN_WATCH = 8, /* at least so many within the service manager's own patience */
};
enum { PAUSE_MIN_MS = 100, PAUSE_MAX_MS = 5000, LONG_LIFE_MS = 10000 };
enum {
    STOP_SLACK_MS = 2000, /* after the drain time, or a second signal */
    AGAIN_MS = 500,       /* timeout(1) signals us and then our group: one wish, two signals */
};

static const struct log_cx cx = {.component = "keeper"};

uint64_t keeper_now_ms(void)
{
    return clock_mono_ns() / 1000000;
}

/* ---- the end, and how children end ---- */

/* The daemon drains, then everything ends. */
static void stop(struct keeper *k, int exit_code)
{
    k->exit_code = exit_code;
    k->stopping = true;
    k->stopped_ms = keeper_now_ms();
    k->stop_by_ms = k->stopped_ms + (uint64_t)k->o->drain_s * 1000 + STOP_SLACK_MS;
    notify_send(&k->notify, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\nSTATUS=ending, at most %lld s",
                (unsigned long long)(k->stop_by_ms - k->stopped_ms + STOP_SLACK_MS) * 1000,
                (long long)k->o->drain_s);
    if (k->daemon.pid)
        (void)kill(k->daemon.pid, SIGTERM);
}

static void stop_now(struct keeper *k)
{
    struct control_message m = {.type = CONTROL_END};

    k->stop_by_ms = keeper_now_ms() + STOP_SLACK_MS;
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
    uint64_t lived_ms = keeper_now_ms() - c->started_ms;
    char how[64];
    int status;

    if (waitpid(c->pid, &status, WNOHANG) != c->pid)
        return;
    c->pid = 0;
    c->pidfd = fd_close(c->pidfd);
    c->control = fd_close(c->control);
    if (c == &k->daemon)
        keeper_daemon_gone(k);
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
    c->restart_at_ms = keeper_now_ms() + c->pause_ms;
    log_warn(&cx, "%s %s, restarting in %u ms", c->name, how, c->pause_ms);
}

/* Two that could not be joined would run on side by side and serve nothing: the daemon's end is
 * what brings the next try. */
static void join(struct keeper *k)
{
    struct err e = {0};

    if (keeper_introduce(k, &e) == 0)
        return;
    log_warn(&cx, "daemon and launcher not joined, restarting the daemon: %s", e.msg);
    (void)kill(k->daemon.pid, SIGKILL);
}

static void restart(struct keeper *k, struct child *c,
                    int (*start)(struct keeper *k, struct err *e))
{
    struct err e = {0};

    if (c->pid || keeper_now_ms() < c->restart_at_ms)
        return;
    if (start(k, &e) == 0) {
        join(k);
        return;
    }
    c->restart_at_ms = keeper_now_ms() + PAUSE_MAX_MS;
    log_warn(&cx, "%s not restarted, retrying in %d ms: %s", c->name, PAUSE_MAX_MS, e.msg);
}

static void restart_due(struct keeper *k)
{
    if (k->stopping)
        return;
    restart(k, &k->launcher, keeper_start_launcher);
    restart(k, &k->daemon, keeper_start_daemon);
}

static void on_signal(struct keeper *k)
{
    struct signalfd_siginfo si;

    while (read(k->signal_fd, &si, sizeof(si)) == sizeof(si)) {
        if (si.ssi_signo == SIGCHLD)
            continue;
        if (si.ssi_signo == SIGHUP) {
            if (!k->stopping)
                keeper_reload(k);
        } else if (!k->stopping) {
            log_info(&cx, "SIG%s: draining, at most %lld s", sigabbrev_np((int)si.ssi_signo),
                     (long long)k->o->drain_s);
            stop(k, 0);
        } else if (keeper_now_ms() - k->stopped_ms > AGAIN_MS) {
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
    if (k->daemon.pid && keeper_now_ms() > k->stop_by_ms) {
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
    uint64_t now = keeper_now_ms(), at = UINT64_MAX;

    if (k->stopping)
        at = k->stop_by_ms;
    if (!k->stopping && !k->launcher.pid && k->launcher.restart_at_ms < at)
        at = k->launcher.restart_at_ms;
    if (!k->stopping && !k->daemon.pid && k->daemon.restart_at_ms < at)
        at = k->daemon.restart_at_ms;
    if (k->daemon_ready && k->daemon.pid && k->next_ping_ms < at)
        at = k->next_ping_ms;
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
            keeper_on_word(k);
        if (p[0].revents)
            on_signal(k);
        restart_due(k);
        keeper_ping(k);
    }
}

static int catch_signals(struct keeper *k, struct err *e)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGHUP);
    (void)signal(SIGHUP, SIG_DFL); /* one that is ignored would never be seen */
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
    if (k->listen_fd < 0)
        k->listen_fd = listener_open(k->o->listen, k->address, e);
    if (k->listen_fd < 0)
        return k->listen_fd;
    if (k->o->public)
        k->public_fd = listener_open(k->o->public, k->public_address, e);
    if (k->o->public && k->public_fd < 0)
        return k->public_fd;
    r = catch_signals(k, e);
    k->cgroup = cgroup_step_down();
    if (r == 0)
        r = keeper_start_launcher(k, e);
    if (r == 0)
        r = keeper_start_daemon(k, e);
    if (r == 0)
        r = keeper_introduce(k, e);
    return r;
}

/* What the service manager gave us; it says so by variables that our children must not see. */
static int take_over(struct keeper *k, struct err *e)
{
    int fd = listener_given(k->address, e);

    notify_open(&k->notify);
    k->ping_ms = PING_MS;
    if (k->notify.watchdog_ms && k->notify.watchdog_ms / PINGS_IN_WATCH < PING_MS)
        k->ping_ms = k->notify.watchdog_ms / PINGS_IN_WATCH + 1;
    if (fd < 0)
        return fd;
    if (fd > 0) {
        k->listen_fd = fd;
        log_info(&cx, "listening on the socket of the service manager, %s, whatever --listen says",
                 k->address);
    }
    return 0;
}

int keeper_main(struct options *o, int argc, char **argv)
{
    struct keeper k = {.o = o,
                       .argc = argc,
                       .argv = argv,
                       .listen_fd = -EBADF,
                       .public_fd = -EBADF,
                       .signal_fd = -EBADF,
                       .data_fd = -EBADF,
                       .run_fd = -EBADF,
                       .cgroup = -EBADF,
                       .launcher = {.name = "launcher", .pidfd = -EBADF, .control = -EBADF},
                       .daemon = {.name = "daemon", .pidfd = -EBADF, .control = -EBADF}};
    struct err e = {0};

    if (take_over(&k, &e) < 0 || prepare(&k, &e) < 0) {
        log_err(&cx, "%s", e.msg);
        stop(&k, e.kind == ERR_CALLER ? 2 : 70);
    }
    watch(&k);

    if (k.run_fd >= 0)
        (void)unlinkat(k.run_fd, "endpoint", 0);
    notify_close(&k.notify);
    free(k.reloaded);
    fd_close(k.listen_fd);
    fd_close(k.public_fd);
    fd_close(k.signal_fd);
    fd_close(k.run_fd);
    fd_close(k.data_fd);
    cgroup_step_up(k.cgroup);
    log_info(&cx, "ended");
    return k.exit_code;
}

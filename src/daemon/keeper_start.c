/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_start.c - how the keeper starts its two children and joins them with a socket pair of
 * their own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "conf/options.h"
#include "daemon/control.h"
#include "daemon/interpreters.h"
#include "daemon/keeper_internal.h"
#include "daemon/spawn.h"
#include "launcher/proto.h"
#include "runtime/runtime.h"

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
    c->started_ms = keeper_now_ms();
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

int keeper_start_launcher(struct keeper *k, struct err *e)
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

int keeper_start_daemon(struct keeper *k, struct err *e)
{
    static const char *const keep[] = {"EVOKE_ACCESS_KEY",
                                       "EVOKE_SECRET_KEY",
                                       "TZ",
                                       "JOURNAL_STREAM",
                                       "OTEL_EXPORTER_OTLP_HEADERS",
                                       "OTEL_SERVICE_NAME",
                                       "EVOKE_CLOCK",
                                       "SSL_CERT_FILE",
                                       NULL};
    struct options options = *k->o; /* its texts are k->o's */
    int theirs = -EBADF, r;

    k->daemon_ready = false;
    r = control_pair(&k->daemon, &theirs, e);
    if (r < 0)
        return r;

    options.listen = k->address; /* the port that was taken, not "0" */
    if (k->public_fd >= 0)
        options.public = k->public_address;
    cleanup_with(options_argv_freep) char **argv = options_argv(&options, "evoke-daemon", "daemon");
    int fds[] = {theirs, k->listen_fd, k->public_fd};
    struct spawn s = {.program = k->paths.program,
                      .argv = (const char *const *)argv,
                      .keep = keep,
                      .fds = fds,
                      .nfds = k->public_fd < 0 ? 2 : 3,
                      .directory = k->o->data,
                      .drop = k->root,
                      .uid = k->uid};
    return start_child(&k->daemon, &s, theirs, e);
}

int keeper_introduce(struct keeper *k, struct err *e)
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

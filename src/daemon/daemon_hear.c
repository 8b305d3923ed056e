/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_hear.c - what the keeper says, and what it is told: options that have changed, a launcher
 * to adopt, the end; READY, and for the service manager's status line what is wrong first.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "conf/options.h"
#include "daemon/daemon_internal.h"
#include "daemon/events.h"
#include "daemon/wanted.h"
#include "loop/loop.h"
#include "object/objects.h"
#include "observe/audit/audit.h"
#include "observe/health.h"
#include "observe/logs/logs.h"
#include "pool/launch.h"
#include "pool/pool.h"

static const struct log_cx cx = {.component = "daemon"};

static int tell_keeper(const void *message, size_t n)
{
    return send(DAEMON_CONTROL_FD, message, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

void daemon_say(enum control_type type)
{
    struct control_message m = {.type = type};
    int r = tell_keeper(&m, sizeof(m));

    if (r < 0 && type == CONTROL_READY)
        log_warn(&cx, "the keeper did not take READY, ignoring: %s", strerror(-r));
}

/* Every option with .reloads in conf/options.c, now as d->o says. */
static void apply_options(struct daemon *d)
{
    struct audit_conf audit;
    struct pool_conf pool;
    struct logs_conf logs;
    struct log_conf log;
    uint64_t objects, objects_bytes;
    struct err e = {0};

    if (options_log(d->o, &log, &e) >= 0)
        log_set(&log);
    wanted_pool(d->o, d->memory_share_mb, &pool);
    pool_configure(d->pool, &pool);
    wanted_logs(d->o, &logs);
    logs_keep(d->logs, &logs);
    wanted_audit(d->o, &audit);
    audit_keep(d->audit, &audit);
    d->tracer.ratio = wanted_ratio(d->o);
    events_configure(d->events, d->o);
    catalog_limit(d->catalog, (size_t)d->o->functions);
    wanted_objects(d->o, &objects, &objects_bytes);
    objects_limit(d->objects, objects, objects_bytes);
    /* drain is looked at when it begins */
}

static void on_options(struct daemon *d, const struct control_options *m)
{
    struct err e = {0};

    if (options_take(d->o, (struct str){m->text, m->n}, &e) < 0)
        log_err(&cx, "new options not taken over: %s", e.msg);
    apply_options(d);
    daemon_say(CONTROL_FOLLOWED);
}

static void on_message(struct daemon *d, const struct control_options *m, size_t n, int *fd)
{
    switch ((enum control_type)m->type) {
    case CONTROL_LAUNCHER:
        if (*fd >= 0)
            launch_adopt(d->launch, TAKE_FD(*fd));
        return;
    case CONTROL_END:
        loop_stop(d->loop);
        return;
    case CONTROL_OPTIONS:
        if (n >= offsetof(struct control_options, text) &&
            n == offsetof(struct control_options, text) + m->n)
            on_options(d, m);
        return;
    case CONTROL_PING:
        daemon_say(CONTROL_PONG);
        return;
    case CONTROL_READY: /* ours to say */
    case CONTROL_FOLLOWED:
    case CONTROL_PONG:
    case CONTROL_STATUS:
        return;
    }
}

void daemon_on_control(void *user, unsigned ready)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);
    static struct control_options m;
    cleanup_close int fd = -EBADF;
    size_t nfds = 1;
    ssize_t n;

    (void)ready;
    n = io_recv_fds(DAEMON_CONTROL_FD, &m, sizeof(m), &fd, &nfds);
    if (n == -EAGAIN || n == -EINTR)
        return;
    if (n <= 0) {
        log_err(&cx, "the keeper is gone, ending");
        loop_stop(d->loop);
        return;
    }
    if (n >= (ssize_t)sizeof(struct control_message))
        on_message(d, &m, (size_t)n, &fd);
}

/* For `systemctl status`: what is wrong first. */
void daemon_on_health(void *user)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);
    struct control_status m = {.type = CONTROL_STATUS};
    struct health_fault f;

    if (health_fault(d->health, 0, &f))
        snprintf(m.text, sizeof(m.text), "not ready: %s: %s", f.component, f.reason);
    (void)tell_keeper(&m, sizeof(m));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_end.c - how it ends: who runs may finish, for at most --drain seconds, and who comes now is
 * told that we end.
 *
 *   SIGTERM -> HTTP requests answered -> events: no new tries -> instances stopped -> loop_stop()
 *
 * What is still open when the time is over is cut off; an event among it is leased again by the next
 * daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/obj.h"
#include "conf/options.h"
#include "daemon/control.h"
#include "daemon/daemon_internal.h"
#include "daemon/events.h"
#include "http/server.h"
#include "loop/loop.h"
#include "observe/audit/audit.h"
#include "observe/health.h"
#include "observe/logs/logs.h"
#include "pool/pool.h"

enum { ENDING_CONNECTIONS = 1000 };

static const struct log_cx cx = {.component = "daemon"};

static void on_drain_end(void *user)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);

    loop_stop(d->loop);
}

void daemon_on_drain_late(void *user)
{
    log_warn(&cx, "drain time is over, ending with requests open");
    on_drain_end(user);
}

static void on_events_drained(void *user)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);

    pool_drain(d->pool, on_drain_end, d);
}

static void on_http_drained(void *user)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);

    assert(d->open_fronts > 0);
    if (--d->open_fronts == 0)
        events_drain(d->events, on_events_drained, d);
}

/* Whoever connects now hears that we end: a load balancer asks /readyz over a connection of its
 * own, and a request that waited in the backlog would be reset in the end. */
static void serve_ending(struct daemon *d)
{
    struct http_limits limits;
    struct err e = {0};
    int fd = fcntl(DAEMON_LISTEN_FD, F_DUPFD_CLOEXEC, 0);

    http_limits_default(&limits);
    limits.connections = ENDING_CONNECTIONS;
    d->ending_api = daemon_api_server(d);
    api_server_refuse(d->ending_api, "this daemon is ending");
    d->ending = http_server_new(d->loop, &limits, &api_http_ops, d->ending_api);
    if (fd >= 0 && http_server_listen(d->ending, fd, &e) == 0)
        return;
    log_warn(&cx, "nobody who comes now is told that we end, ignoring: %s",
             fd < 0 ? strerror(errno) : e.msg);
    fd_close(fd);
}

void daemon_on_term(void *user)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);

    if (d->draining)
        return;
    d->draining = true;
    health_set(d->health, "daemon",
               "it is ending: running requests are finished, no new ones taken");
    loop_timer_start(d->drain_timer, (uint64_t)d->o->drain_s * 1000);
    audit_shut(d->audit);
    serve_ending(d);
    logs_quiet(d->logs);
    d->open_fronts = d->public ? 2 : 1;
    http_server_drain(d->http, on_http_drained, d);
    if (d->public)
        http_server_drain(d->public, on_http_drained, d);
}

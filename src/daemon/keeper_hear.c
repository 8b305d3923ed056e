/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_hear.c - what the daemon says to the keeper, and whether it still says anything.
 *
 * A daemon that died is easy to see. One whose loop no longer turns (a deadlock, a disk that hangs)
 * looks alive and serves nobody, so the keeper asks every few seconds; HANG_PINGS questions in a
 * row without an answer end it, and it is restarted like any other. Questions are counted and not
 * time: a machine that slept, or a keeper that was stopped, asked nothing meanwhile.
 *
 * Each answer is passed on to the service manager as WATCHDOG=1. So the manager restarts us where we
 * could not help ourselves: a daemon that does not come up again, or a keeper that hangs.
 *
 * Its words are data of a process that talks to the network: bounded, and of a status line only
 * what can be printed goes to the manager, for which a line break would be another variable.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "conf/options.h"
#include "daemon/control.h"
#include "daemon/keeper_internal.h"

enum { HANG_PINGS = 4 };

static const struct log_cx cx = {.component = "keeper"};

static void publish_endpoint(const struct keeper *k)
{
    cleanup_free char *text = xasprintf("http://%s\n", k->address);
    struct err e = {0};

    if (io_write_file(k->run_fd, "endpoint", str_of(text), 0644, &e) < 0)
        log_warn(&cx, "the endpoint is not written to the data directory, ignoring: %s", e.msg);
}

static void on_ready(struct keeper *k)
{
    if (k->daemon_ready)
        return; /* a daemon that repeats itself must not fill the log */
    k->daemon_ready = true;
    k->unanswered = 0;
    k->next_ping_ms = keeper_now_ms() + k->ping_ms;
    publish_endpoint(k);
    if (k->public_fd >= 0)
        log_info(&cx, "public: http://%s, gateway and HTTP triggers only", k->public_address);
    log_info(&cx, "ready: http://%s, data in '%s', daemon runs as uid %u", k->address, k->o->data,
             (unsigned)k->uid);
    k->was_ready = true;
    notify_send(&k->notify, "READY=1\nSTATUS=serving http://%s", k->address);
}

static void on_status(struct keeper *k, struct control_status *s)
{
    s->text[CONTROL_STATUS_TEXT - 1] = '\0';
    for (char *p = s->text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    notify_send(&k->notify, "STATUS=%s%shttp://%s", s->text, *s->text ? "; " : "serving ",
                k->address);
}

void keeper_on_word(struct keeper *k)
{
    struct control_status m;
    ssize_t n = recv(k->daemon.control, &m, sizeof(m), MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        k->daemon.control = fd_close(k->daemon.control); /* its exit follows */
        return;
    }
    if (n == sizeof(m) && m.type == CONTROL_STATUS && k->daemon_ready)
        on_status(k, &m);
    if (n != sizeof(struct control_message))
        return;
    if (m.type == CONTROL_READY)
        on_ready(k);
    if (m.type == CONTROL_FOLLOWED)
        keeper_reloaded(k);
    if (m.type == CONTROL_PONG) {
        k->unanswered = 0;
        notify_send(&k->notify, "WATCHDOG=1");
    }
}

void keeper_ping(struct keeper *k)
{
    struct control_message m = {.type = CONTROL_PING};
    uint64_t now = keeper_now_ms();

    if (!k->daemon_ready || !k->daemon.pid || now < k->next_ping_ms)
        return;
    k->next_ping_ms = now + k->ping_ms;
    if (k->unanswered < HANG_PINGS) {
        k->unanswered++;
        if (k->daemon.control >= 0)
            (void)send(k->daemon.control, &m, sizeof(m), MSG_NOSIGNAL | MSG_DONTWAIT);
        return;
    }
    log_err(&cx, "the daemon has not answered for %u ms: killing it", HANG_PINGS * k->ping_ms);
    (void)kill(k->daemon.pid, SIGKILL);
    k->daemon_ready = false;
}

void keeper_daemon_gone(struct keeper *k)
{
    k->daemon_ready = false;
    keeper_reloaded(k); /* the next one starts with the new options */
    if (!k->stopping)
        notify_send(&k->notify, "WATCHDOG=1\nSTATUS=the daemon is restarted");
}

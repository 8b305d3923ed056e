/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_reload.c - SIGHUP: the sources of options are read again, all of them checked, and only
 * then is anything changed.
 *
 * The keeper keeps the options and the daemon applies them: what may change at run time goes to it
 * as "name=value" lines, and one that is restarted later is born with the same. What needs a restart
 * keeps its old value, also for a restarted daemon, until the keeper itself is started again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "conf/options.h"
#include "daemon/control.h"
#include "daemon/keeper_internal.h"

static const struct log_cx cx = {.component = "keeper"};

/* False: the daemon will not follow now, but its successor is born with the new options. */
static bool send_lines(struct keeper *k, struct str lines)
{
    static struct control_options m; /* too large for a stack of unknown size */

    m = (struct control_options){.type = CONTROL_OPTIONS, .n = (uint32_t)lines.n};
    memcpy(m.text, lines.p, lines.n);
    if (k->daemon.control >= 0 &&
        send(k->daemon.control, &m, offsetof(struct control_options, text) + lines.n,
             MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return true;
    log_warn(&cx, "the daemon does not hear of the new options, they wait for its restart");
    return false;
}

static char *describe(struct options_changes *c)
{
    struct str said = buf_str(&c->said), later = buf_str(&c->later);

    if (said.n + later.n == 0)
        return xstrdup("nothing has changed");
    return xasprintf("%.*s%s%s%.*s", STR_ARG(said), said.n && later.n ? "; " : "",
                     later.n ? "needs a restart: " : "", STR_ARG(later));
}

void keeper_reload(struct keeper *k)
{
    cleanup_with(options_changes_done) struct options_changes c;
    struct options fresh;
    struct err e = {0};

    keeper_reloaded(k); /* another one is under way */
    notify_send(&k->notify, "RELOADING=1\nMONOTONIC_USEC=%llu",
                (unsigned long long)(clock_mono_ns() / 1000));
    options_changes_init(&c);
    if (options_load(k->argc, k->argv, &fresh, &e) < 0) {
        log_err(&cx, "not reloaded, nothing has changed: %s", e.msg);
        notify_send(&k->notify, "READY=1");
        return;
    }
    options_change(k->o, &fresh, &c);
    options_done(&fresh);
    k->reloaded = describe(&c);
    if (c.lines.n == 0 || !send_lines(k, buf_str(&c.lines)))
        keeper_reloaded(k);
}

void keeper_reloaded(struct keeper *k)
{
    struct log_conf log;
    struct err e = {0};

    if (!k->reloaded)
        return;
    log_info(&cx, "reloaded: %s", k->reloaded);
    if (options_log(k->o, &log, &e) >= 0) /* after the line above: it is the last of the old ones */
        log_set(&log);
    notify_send(&k->notify, "READY=1");
    free(k->reloaded);
    k->reloaded = NULL;
}

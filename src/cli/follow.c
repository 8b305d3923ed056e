/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.c - a list of the daemon that grows; see follow.h.
 *
 *   ask --answer--> write --more, or on--> ask
 *    \--no daemon, on--> wait --> ask             Ctrl-C ends each of them
 */
#include "cli/follow.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/term.h"
#include "cli/when.h"

enum {
    WAIT_MS = 25000,   /* a question of a follower is held so long by the daemon */
    ANSWER_MS = 60000, /* and so long may an answer take */
    RETRY_MIN_MS = 50,
    RETRY_MAX_MS = 2000,
    QUERY_MAX = 16 << 10,
};

void follow_init(struct follow *f, const char *list, bool on)
{
    *f = (struct follow){.list = list, .on = on, .hold = on};
    buf_init(&f->filter, QUERY_MAX);
    buf_init(&f->first, QUERY_MAX);
}

void follow_done(struct follow *f)
{
    buf_done(&f->filter);
    buf_done(&f->first);
    free(f->cursor);
}

/* ---- the question ---- */

void follow_text(struct buf *query, const char *key, struct str value)
{
    buf_addf(query, "%s%s=", query->n ? "&" : "", key);
    uri_encode(value, "", query);
}

void follow_number(struct buf *query, const char *key, int64_t value)
{
    buf_addf(query, "%s%s=%lld", query->n ? "&" : "", key, (long long)value);
}

static int add_when(struct buf *query, const struct args *args, const char *option, const char *key,
                    struct err *e)
{
    const char *text = args_text(args, option);
    int64_t ms;
    int r;

    if (!text)
        return 0;
    r = when_parse(option, text, clock_wall_ms(), &ms, e);
    if (r >= 0)
        follow_number(query, key, ms);
    return r;
}

int follow_span(struct follow *f, const struct args *args, struct err *e)
{
    int r;

    if (args_has(args, "until") && f->on)
        return err_set(e, ERR_CALLER, -EINVAL, "--follow has no end, and --until is one");
    r = add_when(&f->filter, args, "since", "since_ms", e);
    return r < 0 ? r : add_when(&f->filter, args, "until", "until_ms", e);
}

static int ask(const struct follow *f, struct client *client, struct cJSON **ret, struct err *e)
{
    cleanup_with(buf_done) struct buf query;
    cleanup_with(buf_done) struct buf body;
    struct client_request req = {
            .method = "GET", .timeout_ms = ANSWER_MS + WAIT_MS, .watched = true};
    char path[64];
    int r;

    (void)snprintf(path, sizeof(path), "/evoke/v1/%s", f->list);
    req.path = str_of(path);
    buf_init(&query, (size_t)2 * QUERY_MAX);
    buf_adds(&query, buf_str(&f->filter));
    if (f->cursor)
        follow_text(&query, "after", str_of(f->cursor));
    else if (f->first.n)
        buf_addf(&query, "&%s", f->first.p);
    if (f->hold)
        follow_number(&query, "wait_ms", WAIT_MS);
    req.query = buf_str(&query);
    r = client_call(client, &req, &body, e);
    return r < 0 ? r : client_json(&body, ret, e);
}

/* ---- the answer ---- */

static int take(struct follow *f, const struct cJSON *answer, const struct follow_ops *ops,
                void *user, bool *ret_more, struct err *e)
{
    const struct cJSON *records = json_get(answer, "records");
    struct str cursor = STR_NONE;
    int r;

    *ret_more = false;
    if (!cJSON_IsArray(records) || json_str(answer, "cursor", false, &cursor, e) < 0 ||
        json_bool(answer, "more", false, ret_more, e) < 0 || cursor.n == 0)
        return err_set(e, ERR_HOST, -EPROTO, "the daemon's answer is not one of GET %s", f->list);
    r = ops->answer(user, answer, records, e);
    if (r < 0)
        return r;
    free(f->cursor);
    f->cursor = str_dup(cursor);
    f->hold = f->on;
    return interrupt_seen() ? -EINTR : 0;
}

/* A daemon that restarts, drains or is stopped for a while: worth asking again? */
static bool may_come_back(const struct follow *f, int r)
{
    return f->on && f->cursor && (r == -ECONNREFUSED || r == -ETIMEDOUT || r == -EIO);
}

/* Says so once, and waits longer each time; -EINTR: Ctrl-C. */
static int wait_for_daemon(struct follow *f, int *wait_ms)
{
    struct pollfd p = {.fd = interrupt_fd(), .events = POLLIN};

    if (!f->away)
        (void)fputs("evoke: the daemon is away; reconnecting\n", stderr);
    f->away = true;
    (void)poll(&p, 1, *wait_ms);
    *wait_ms = *wait_ms * 2 < RETRY_MAX_MS ? *wait_ms * 2 : RETRY_MAX_MS;
    return interrupt_seen() ? -EINTR : 0;
}

static void say_connected(struct follow *f)
{
    if (f->away)
        (void)fputs("evoke: connected again\n", stderr);
    f->away = false;
}

int follow_run(struct follow *f, struct client *client, const struct follow_ops *ops, void *user,
               struct err *e)
{
    int wait_ms = RETRY_MIN_MS, r = 0;
    bool more = true;

    interrupt_catch();
    while (r >= 0 && (more || f->on)) {
        cleanup_with(json_freep) struct cJSON *answer = NULL;

        if (!more && ops->idle)
            ops->idle(user);
        r = ask(f, client, &answer, e);
        if (r < 0 && may_come_back(f, r)) {
            r = wait_for_daemon(f, &wait_ms);
            continue;
        }
        if (r < 0)
            return r;
        say_connected(f);
        wait_ms = RETRY_MIN_MS;
        r = take(f, answer, ops, user, &more, e);
    }
    return r;
}

int follow_exit(int r, const struct err *e)
{
    if (r == -EINTR)
        return EXIT_INTERRUPT;
    if (r == -EPIPE)
        return TERM_GONE;
    /* What else stdout did not take is told by term_end(). */
    return r < 0 && e->code ? command_fail(e) : EXIT_OK;
}

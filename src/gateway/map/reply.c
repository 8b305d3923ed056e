/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.c - a function's answer on its last way: checked, stripped of what is not its to say, and
 * given a content type if it has none.
 *
 * HEAD answers say how long the body would be; the HTTP server leaves it out. 204, 205 and 304 have
 * none, whatever the function says. Only X-Apig-Mode: debug tells how long things took.
 */
#include "gateway/call.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "gateway/map/headers.h"
#include "gateway/map/reply.h"

enum { DEBUG_HEADERS = 2 + GW_QUOTAS };

/* Where a function names none. SCF documents application/json for what is passed through. */
static const struct str types[DIALECTS] = {
        [DIALECT_FUNCTIONGRAPH] = {"text/plain; charset=utf-8", 25},
        [DIALECT_FC] = {"text/plain; charset=utf-8", 25},
        [DIALECT_SCF] = {"application/json", 16},
};

static struct str number(struct gw_call *c, uint64_t v)
{
    char room[U64_TEXT];
    struct str text = str_of_u64(v, room);
    char *kept = arena_strdup(c->arena, text);

    return kept ? (struct str){kept, text.n} : S("0");
}

struct shape_list gw_with_debug(struct gw_call *c, struct shape_list headers)
{
    struct shape_pair *all;
    size_t n = headers.n;

    if (!c->debug)
        return headers;
    all = arena_alloc(c->arena, (n + DEBUG_HEADERS) * sizeof(*all));
    if (!all)
        return headers;
    if (n > 0)
        memcpy(all, headers.at, n * sizeof(*all));
    all[n++] = (struct shape_pair){S("X-Apig-Latency"),
                                   number(c, (clock_mono_ns() - c->began_ns) / 1000000)};
    all[n++] =
            (struct shape_pair){S("X-Apig-Upstream-Latency"), number(c, c->backend_ns / 1000000)};
    n += gw_quota_headers(c, all + n);
    return (struct shape_list){all, n};
}

static bool has_no_body(int status)
{
    return status == 204 || status == 205 || status == 304;
}

static void refuse(struct gw_call *c, int r, const struct err *e)
{
    if (r == -EINVAL)
        gw_fail(c, GW_BAD_ANSWER, "%s", e->msg);
    else if (r == -EMSGSIZE)
        gw_fail(c, GW_ANSWER_TOO_LARGE, "%s", e->msg);
    else
        gw_fail(c, GW_INTERNAL, "%s", e->msg);
}

void gw_reply(struct gw_call *c, int status, struct str type, struct shape_list headers,
              struct buf *body)
{
    struct shape_list passed;
    struct str own;
    struct err e = {0};
    int r = gw_headers_pass(headers, c->arena, &passed, &own, &e);

    if (r < 0) {
        if (body)
            buf_done(body);
        refuse(c, r, &e);
        return;
    }
    if (own.p)
        type = own;
    else if (type.n == 0)
        type = types[c->group ? c->group->dialect : DIALECT_FUNCTIONGRAPH];
    if (has_no_body(status)) {
        if (body)
            buf_done(body);
        body = NULL;
        type = own.p ? own : STR_NONE;
    }
    gw_send(c, status, type, gw_with_debug(c, passed), body);
}

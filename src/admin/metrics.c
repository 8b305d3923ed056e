/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - GET /metrics, for Prometheus and what reads its text format.
 *
 * A scraper cannot sign, so there are two ways in. From a loopback address nothing is asked, if the
 * request also calls us by a loopback name: a page in a browser of this machine cannot be led here by a
 * name of its own. Everybody else shows a key with the scope `metrics` (or admin) as HTTP Basic. The
 * functions' own endpoint has no such path: an instance never reads the names of other functions.
 */
#include "admin/admin.h"

#include "api/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "observe/metrics/metrics.h"

static const char *error_body(struct http_request *r, const char *request_id, int status,
                              const char *code, const char *message, struct buf *out)
{
    (void)r;
    (void)request_id;
    (void)status;
    (void)code;
    buf_addz(out, message);
    buf_addc(out, '\n');
    return "text/plain; charset=utf-8";
}

/* "127.0.0.1:5555", "[::1]:5555" */
static bool is_loopback(struct str peer)
{
    return str_starts(peer, S("127.")) || str_starts(peer, S("[::1]:")) ||
           str_starts(peer, S("::1:")) || str_eq(peer, S("unix"));
}

/* 127.0.0.0/8, and not a name that begins like it. */
static bool is_127(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if ((name.p[i] < '0' || name.p[i] > '9') && name.p[i] != '.')
            return false;
    return str_starts(name, S("127."));
}

static bool is_loopback_name(struct str host)
{
    struct str name = host;

    if (str_starts(host, S("[::1]")))
        return host.n == 5 || host.p[5] == ':';
    name = str_cut(&name, ':');
    return str_ieq(name, S("localhost")) || is_127(name);
}

static bool admit(struct call *c)
{
    const struct http_request *r = c->req;
    bool shown = http_header(r, S("Authorization")).p != NULL;

    if (!shown && is_loopback(r->peer) && is_loopback_name(r->host))
        return true;
    if (shown && auth_basic(c->api->keys, r, KEY_METRICS, clock_wall_ms()))
        return true;
    call_header(c, "WWW-Authenticate", S("Basic realm=\"evoke metrics\""));
    call_fail(c, 401, NULL,
              "metrics are for loopback addresses, and for keys with the scope 'metrics' as HTTP "
              "Basic (evoke key add NAME --scope metrics)");
    return false;
}

static void on_text(void *user, struct str body)
{
    struct call *c = user; /* checked by call_reply() */

    call_reply(c, 200, S(METRICS_CONTENT_TYPE), body);
}

static void scrape(struct call *c)
{
    metrics_scrape(c->api->metrics, on_text, c);
}

static const struct api_op ops[] = {
        {.route = {"GET", "/metrics"}, .name = "Metrics", .handle = scrape},
};

const struct api_set metrics_api = {
        .name = "metrics",
        .prefix = "/metrics",
        .any_host = true, /* admit() asks for a key where the name is not this machine */
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .admit = admit,
        .error = error_body,
};

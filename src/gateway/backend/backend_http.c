/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend_http.c - the backend that is somebody's web server: the request with its parameters mapped,
 * and the answer handed to the client piece by piece.
 *
 *   gw_backend_http -> begin_try -> on_head -> gw_send_start -> on_data ... -> on_end -> gw_send_end
 *                          ^--------- on_end: nobody there, and tries left
 *
 * The API's timeout holds for all tries together until the answer begins, and then for each wait for
 * more of it, but not while the client is the slow one. A try is repeated where the server has seen
 * nothing of it; where it may have, only if the method is one that may be repeated (RFC 9110, 9.2.2),
 * and never after the answer began. docs/compat/apig.md says how that differs from the cloud.
 *
 * What the backend is given: everything the client sent, but for what belongs to the connection; Host
 * is the backend's, the client's is in X-Forwarded-Host; X-Apig-Count counts how often a request went
 * through a gateway, so that one that calls itself comes to an end (route.c).
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/uri.h"
#include "gateway/backend/fetch.h"
#include "gateway/call.h"
#include "gateway/internal.h"
#include "gateway/map/headers.h"

enum { HTTP_WORK_MAGIC = 0x4757484b, URL_MAX = 64 << 10, HEADERS_MOST = 256, CONNECT_MS = 5000 };

struct work { /* in the call's arena */
    uint32_t magic;
    struct gw_call *call;
    struct fetch *fetch; /* NULL between tries */
    struct fetch_spec spec;
    const char *headers[HEADERS_MOST];
    struct err bad; /* why on_head refused the answer */
    uint32_t tries_left;
    bool started, full;
    bool progress; /* since the deadline was set */
};

static void on_late(struct gw_call *c);

/* ---- where to ---- */

static const struct shape_pair *pair_of(struct shape_list list, struct str name)
{
    for (size_t i = 0; i < list.n; i++)
        if (str_eq(list.at[i].name, name))
            return &list.at[i];
    return NULL;
}

static struct str path_value(const struct gw_call *c, struct str name)
{
    const struct shape_pair *given = pair_of(c->out_path, name);

    if (given)
        return given->value;
    for (size_t i = 0; i < c->match.ncaptures; i++)
        if (str_eq(c->match.captures[i].name, name))
            return c->match.captures[i].value;
    return STR_NONE;
}

/* A value must not climb out of its place in the path. */
static bool climbs(struct str value)
{
    while (value.p) {
        struct str part = str_cut(&value, '/');

        if (str_eq(part, S(".")) || str_eq(part, S("..")))
            return true;
    }
    return false;
}

static int add_path(struct gw_call *c, struct buf *url)
{
    struct str rest = str_of(c->api->http.path);

    while (rest.p) {
        struct str text = str_cut(&rest, '{'), name, value;
        bool many;

        buf_adds(url, text);
        if (!rest.p)
            break;
        name = str_cut(&rest, '}');
        many = str_ends(name, S("+"));
        name.n -= many;
        value = path_value(c, name);
        if (climbs(value))
            return -EINVAL;
        uri_encode(value, many ? "/" : "", url);
    }
    if (c->api->prefix) { /* what stands behind the prefix goes behind the backend's path */
        struct str behind = path_value(c, S(""));
        bool slash = url->n && url->p[url->n - 1] == '/';

        if (behind.n && climbs(behind))
            return -EINVAL;
        if (behind.n && !slash && behind.p[0] != '/')
            buf_addc(url, '/');
        uri_encode(str_from(behind, behind.n && slash && behind.p[0] == '/'), "/", url);
    }
    return 0;
}

static void add_pair(struct buf *url, char *sep, struct str name, struct str value)
{
    buf_addc(url, *sep);
    *sep = '&';
    uri_encode(name, "", url);
    if (!value.p)
        return;
    buf_addc(url, '=');
    uri_encode(value, "", url);
}

/* As it came, if nothing is put in its place. */
static void add_query(struct gw_call *c, struct buf *url)
{
    bool has_query = str_has(str_of(c->api->http.path), '?');
    char sep = has_query ? '&' : '?';

    if (c->out_query.n == 0 && c->req->query.n) {
        buf_addc(url, sep);
        buf_adds(url, c->req->query);
        return;
    }
    for (size_t i = 0; i < c->nquery; i++)
        if (!pair_of(c->out_query, c->query[i].name))
            add_pair(url, &sep, c->query[i].name, c->query[i].value);
    for (size_t i = 0; i < c->out_query.n; i++)
        if (c->out_query.at[i].value.p)
            add_pair(url, &sep, c->out_query.at[i].name, c->out_query.at[i].value);
}

/* In the arena, or NULL: *ret_why says. */
static const char *make_url(struct gw_call *c, const char **ret_why)
{
    struct str base = str_of(c->api->http.url);
    const char *text = NULL;
    struct buf url;

    buf_init(&url, URL_MAX);
    while (str_ends(base, S("/")))
        base.n--;
    buf_adds(&url, base);
    if (c->api->http.path[0] != '/')
        buf_addc(&url, '/');
    *ret_why = "a value for the backend's path has '.' or '..' in it";
    if (add_path(c, &url) == 0) {
        add_query(c, &url);
        *ret_why = "the backend's URL is too long";
        if (buf_ok(&url))
            text = arena_strdup(c->arena, buf_str(&url));
    }
    buf_done(&url);
    return text;
}

/* ---- with what ---- */

static int add_header(struct work *w, struct str name, struct str value)
{
    char *line;

    if (w->spec.nheaders == HEADERS_MOST)
        return -ENOSPC;
    line = arena_alloc(w->call->arena, name.n + value.n + 3);
    if (!line)
        return -ENOMEM;
    memcpy(line, name.p, name.n);
    if (value.n == 0) { /* libcurl's way to send one without a value */
        line[name.n] = ';';
    } else {
        line[name.n] = ':';
        line[name.n + 1] = ' ';
        memcpy(line + name.n + 2, value.p, value.n);
    }
    w->headers[w->spec.nheaders++] = line;
    return 0;
}

/* Said by us, or by libcurl. */
static bool is_ours(struct str name)
{
    static const char *const ours[] = {"Host",
                                       "Content-Length",
                                       "Expect",
                                       "X-Forwarded-For",
                                       "X-Forwarded-Host",
                                       "X-Forwarded-Proto",
                                       "X-Apig-Count"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_ieq(name, str_of(ours[i])))
            return true;
    return false;
}

static bool is_replaced(const struct gw_call *c, struct str name)
{
    for (size_t i = 0; i < c->out_headers.n; i++)
        if (str_ieq(c->out_headers.at[i].name, name))
            return true;
    return false;
}

static bool passes(const struct gw_call *c, struct str name, struct str connection)
{
    return !gw_header_is_hop(name) && !gw_header_is_named(connection, name) && !is_ours(name) &&
           !is_replaced(c, name);
}

static int add_forwarded(struct work *w)
{
    struct gw_call *c = w->call;
    struct str before = gw_header(c, S("X-Forwarded-For")), address = str_of(c->source_ip);
    char hops_text[U64_TEXT];
    uint64_t hops = 0;
    struct buf chain;
    int r;

    buf_init(&chain, before.n + address.n + 2);
    buf_adds(&chain, before);
    buf_adds(&chain, before.n && address.n ? S(", ") : S(""));
    buf_adds(&chain, address);
    r = chain.n ? add_header(w, S("X-Forwarded-For"), buf_str(&chain)) : 0;
    buf_done(&chain);
    (void)str_u64(gw_header(c, S("X-Apig-Count")), 0, UINT32_MAX, &hops);
    if (r == 0)
        r = add_header(w, S("X-Forwarded-Host"), c->req->host);
    if (r == 0)
        r = add_header(w, S("X-Forwarded-Proto"), S("http"));
    if (r == 0)
        r = add_header(w, S("X-Apig-Count"), str_of_u64(hops + 1, hops_text));
    return r;
}

static int add_headers(struct work *w)
{
    struct gw_call *c = w->call;
    struct str connection = gw_header(c, S("Connection"));
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < c->req->nheaders; i++)
        if (passes(c, c->req->headers[i].name, connection))
            r = add_header(w, c->req->headers[i].name, c->req->headers[i].value);
    for (size_t i = 0; r == 0 && i < c->out_headers.n; i++)
        if (c->out_headers.at[i].value.p && !is_ours(c->out_headers.at[i].name))
            r = add_header(w, c->out_headers.at[i].name, c->out_headers.at[i].value);
    return r < 0 ? r : add_forwarded(w);
}

static bool usually_has_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

static bool may_be_repeated(const char *method)
{
    return strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0;
}

/* ---- the answer ---- */

/* The head's lines as a list in the arena; false: it is full. */
static bool take_lines(struct gw_call *c, struct str lines, struct shape_list *ret)
{
    char *copy = arena_strdup(c->arena, lines);
    struct str rest = {copy, lines.n};
    struct shape_pair *at;
    size_t n = 0;

    for (size_t i = 0; i < lines.n; i++)
        n += lines.p[i] == '\n';
    at = arena_alloc(c->arena, (n + 1) * sizeof(*at));
    if (!copy || !at)
        return false;
    *ret = (struct shape_list){at, 0};
    while (rest.n) {
        struct str value = str_cut(&rest, '\n'), name = str_cut(&value, ':');

        at[ret->n++] = (struct shape_pair){name, str_trim(value)};
    }
    return true;
}

static bool on_head(void *user, int status, struct str lines, int64_t length)
{
    struct work *w = OBJ(user, struct work, HTTP_WORK_MAGIC);
    struct gw_call *c = w->call;
    struct shape_list all, headers = {0};
    struct str type = STR_NONE;

    if (!take_lines(c, lines, &all)) {
        (void)err_set(&w->bad, ERR_LIMIT, -EMSGSIZE, "the headers are too large");
        return false;
    }
    if (gw_headers_pass(all, c->arena, &headers, &type, &w->bad) < 0)
        return false;
    w->started = w->progress = true;
    gw_send_start(c, status, type, headers, length);
    return true;
}

static void on_data(void *user, struct str bytes)
{
    struct work *w = OBJ(user, struct work, HTTP_WORK_MAGIC);

    w->progress = true;
    w->full = !gw_send_more(w->call, bytes);
    if (w->full)
        fetch_pause(w->fetch);
}

static void on_room(struct gw_call *c)
{
    struct work *w = OBJ(c->state, struct work, HTTP_WORK_MAGIC);

    w->full = false;
    w->progress = true;
    if (w->fetch)
        fetch_go_on(w->fetch);
}

/* ---- tries and ends ---- */

static bool begin_try(struct work *w);

static void let_go(struct gw_call *c)
{
    struct work *w = OBJ(c->state, struct work, HTTP_WORK_MAGIC);

    if (w->fetch)
        fetch_cancel(w->fetch);
    w->fetch = NULL;
}

static struct gw_call *over(struct work *w)
{
    struct gw_call *c = w->call;

    c->cancel = NULL;
    c->room = NULL;
    c->backend_ns = clock_mono_ns() - c->backend_ns;
    return c;
}

static void on_late(struct gw_call *c)
{
    struct work *w = OBJ(c->state, struct work, HTTP_WORK_MAGIC);

    if (w->started && (w->progress || w->full)) {
        w->progress = false;
        gw_deadline(c, c->api->timeout_ms, on_late);
        return;
    }
    let_go(c);
    (void)over(w);
    if (w->started)
        gw_send_end(c, false);
    else
        gw_fail(c, GW_BACKEND_TIMEOUT, "%u ms", c->api->timeout_ms);
}

static void fail(struct work *w, enum fetch_end end, const char *why)
{
    struct gw_call *c = over(w);

    switch (end) {
    case FETCH_NO_CONNECTION:
    case FETCH_BROKEN:
        gw_fail(c, GW_BACKEND_UNAVAILABLE, "%s", why);
        return;
    case FETCH_CLOSED:
        gw_fail(c, GW_BACKEND_UNAVAILABLE, "link-local and metadata addresses are no backends");
        return;
    case FETCH_TOO_LARGE:
        gw_fail(c, GW_ANSWER_TOO_LARGE, "%d KiB of headers", FETCH_HEAD_MAX >> 10);
        return;
    case FETCH_REFUSED:
        gw_fail(c, w->bad.code == -EMSGSIZE ? GW_ANSWER_TOO_LARGE : GW_BAD_ANSWER, "%s",
                w->bad.msg);
        return;
    case FETCH_WHOLE:
        break;
    }
    assert(!"an end that is a failure");
}

static void on_end(void *user, enum fetch_end end, const char *why)
{
    struct work *w = OBJ(user, struct work, HTTP_WORK_MAGIC);
    bool again =
            end == FETCH_NO_CONNECTION || (end == FETCH_BROKEN && may_be_repeated(w->spec.method));

    w->fetch = NULL;
    if (w->started)
        gw_send_end(over(w), end == FETCH_WHOLE);
    else if (!again || w->tries_left == 0 || !begin_try(w))
        fail(w, end, why);
}

static bool begin_try(struct work *w)
{
    static const struct fetch_ops ops = {on_head, on_data, on_end};

    w->tries_left--;
    w->fetch = fetch_begin(w->call->gw->fetcher, &w->spec, &ops, w);
    return w->fetch != NULL;
}

static enum gw_step refuse(struct gw_call *c, enum gw_fault fault, const char *why)
{
    gw_fail(c, fault, "%s", why);
    return GW_ENDED;
}

enum gw_step gw_backend_http(struct gw_call *c)
{
    const struct gw_api *a = c->api;
    struct work *w = arena_alloc(c->arena, sizeof(*w));
    const char *why = "there is no memory for it";

    if (!w || !c->gw->fetcher)
        return refuse(c, GW_INTERNAL, why);
    w->magic = HTTP_WORK_MAGIC;
    w->call = c;
    w->tries_left = a->http.retries + 1;
    w->spec.headers = w->headers;
    w->spec.connect_ms =
            a->timeout_ms && a->timeout_ms < CONNECT_MS ? a->timeout_ms : (uint32_t)CONNECT_MS;
    w->spec.method = str_ieq(str_of(a->http.method), S("ANY"))
                             ? arena_strdup(c->arena, c->req->method)
                             : a->http.method;
    w->spec.url = make_url(c, &why);
    if (!w->spec.url)
        return refuse(c, GW_PARAMETER, why);
    if (!w->spec.method || add_headers(w) < 0)
        return refuse(c, GW_HEADERS_TOO_LARGE, "what can be passed on");
    w->spec.body = c->req->body;
    w->spec.has_body = (c->req->body.n || usually_has_body(w->spec.method)) &&
                       strcmp(w->spec.method, "HEAD") != 0;
    if (!begin_try(w))
        return refuse(c, GW_BACKEND_UNAVAILABLE, "the backend's address is not a URL");
    c->backend_ns = clock_mono_ns();
    c->state = w;
    c->cancel = let_go;
    c->room = on_room;
    if (a->timeout_ms)
        gw_deadline(c, a->timeout_ms, on_late);
    return GW_WAIT;
}

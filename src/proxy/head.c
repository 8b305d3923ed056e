/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head.c - reads the head of a request to a proxy; see head.h.
 *
 * CONNECT is not HTTP as a server knows it (its target is "host:port", its length fields mean
 * nothing), so its line is read here and its other lines are only passed over. All else is h1.c's.
 *
 * What always holds: host is 1 to 253 bytes of a name's or an address's characters, so it may stand
 * in a certificate, a log line and a new head as it is.
 */
#include "proxy/head.h"

#include "base/obj.h"

static const struct h1_limits limits = {
        .line_bytes = 16 << 10, .head_bytes = PROXY_HEAD_MAX, .headers = H1_MAX_HEADERS};

static int refuse(int status, const char **ret_why, const char *why)
{
    *ret_why = why;
    return -status;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z');
}

static bool is_name(struct str s, const char *others)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr(others, s.p[i])))
            return false;
    return s.n > 0 && s.n <= PROXY_HOST_MAX;
}

/* "name", "name:port", "[address]:port". port 0: one must be given. */
static int read_authority(struct str s, uint16_t port, struct proxy_request *ret, const char **why)
{
    struct str host, rest = s;
    bool six = s.n > 0 && s.p[0] == '[';
    uint64_t number = port;

    if (six) {
        rest = str_from(s, 1);
        host = str_cut(&rest, ']');
        if (!rest.p || (rest.n > 0 && rest.p[0] != ':'))
            return refuse(400, why, "the host is malformed");
        rest = rest.n > 0 ? str_from(rest, 1) : STR_NONE;
    } else {
        host = str_cut(&rest, ':');
    }
    if (!is_name(host, six ? ":." : ".-_"))
        return refuse(400, why, "the host is malformed");
    if (rest.n > 0 && str_u64(rest, 1, UINT16_MAX, &number) < 0)
        return refuse(400, why, "the port is malformed");
    if (number == 0)
        return refuse(400, why, "CONNECT names no port");
    ret->host = host;
    ret->port = (uint16_t)number;
    return 1;
}

static int read_connect(struct str in, struct proxy_request *ret, const char **why)
{
    struct str seen = {in.p, in.n < PROXY_HEAD_MAX ? in.n : PROXY_HEAD_MAX}, line, target;
    ptrdiff_t end = str_find(seen, S("\r\n\r\n"));

    if (end < 0)
        return in.n < PROXY_HEAD_MAX ? 0 : refuse(431, why, "the head is too long");
    ret->kind = PROXY_CONNECT;
    ret->bytes = (size_t)end + 4;
    line = (struct str){in.p, (size_t)str_find(seen, S("\r\n"))};
    (void)str_cut(&line, ' ');
    target = str_cut(&line, ' ');
    if (!str_eq(line, S("HTTP/1.1")) && !str_eq(line, S("HTTP/1.0")))
        return refuse(400, why, "the request line does not end in an HTTP version");
    return read_authority(target, 0, ret, why);
}

int proxy_head(struct str in, struct proxy_request *ret, const char **ret_why)
{
    const struct str connect = S("CONNECT ");
    size_t n = in.n < connect.n ? in.n : connect.n;
    int r;

    *ret_why = "more bytes are needed";
    ret->secure = false;
    ret->port = 0;
    if (str_starts(connect, (struct str){in.p, n}))
        return n < connect.n ? 0 : read_connect(in, ret, ret_why);
    r = h1_head(in, &limits, &ret->head, ret_why);
    if (r <= 0)
        return r;
    ret->bytes = ret->head.bytes;
    if (ret->head.target.p[0] == '/' || ret->head.target.p[0] == '*') {
        ret->kind = PROXY_SELF;
        return 1;
    }
    ret->kind = PROXY_FORWARD;
    ret->secure = ret->head.target.n > 5 && str_lower(ret->head.target.p[4]) == 's';
    return read_authority(ret->head.host, ret->secure ? 443 : 80, ret, ret_why);
}

/* ---- the new head ---- */

/* Between the client and us. Those that Connection names are too. */
static const char *const ours[] = {"Connection",       "Host", "Keep-Alive", "Proxy-Authorization",
                                   "Proxy-Connection", "TE",   "Upgrade"};

static bool is_named(struct str list, struct str name)
{
    while (list.n > 0)
        if (str_ieq(str_trim(str_cut(&list, ',')), name))
            return true;
    return false;
}

static bool goes_on(const struct h1_head *h, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_ieq(name, str_of(ours[i])))
            return false;
    if (str_ieq(name, S("Content-Length")) || str_ieq(name, S("Transfer-Encoding")))
        return true; /* whatever Connection says: the body follows */
    for (uint32_t i = 0; i < h->nheaders; i++)
        if (str_ieq(h->headers[i].name, S("Connection")) && is_named(h->headers[i].value, name))
            return false;
    return true;
}

void proxy_put_head(const struct proxy_request *r, struct buf *out)
{
    const struct h1_head *h = &r->head;

    buf_addf(out, "%.*s %s%.*s", STR_ARG(h->method), h->path.p[0] == '/' ? "" : "/",
             STR_ARG(h->path));
    if (h->query.p)
        buf_addf(out, "?%.*s", STR_ARG(h->query));
    buf_addf(out, " HTTP/1.%d\r\nHost: %.*s\r\n", h->minor, STR_ARG(h->host));
    for (uint32_t i = 0; i < h->nheaders; i++)
        if (goes_on(h, h->headers[i].name))
            buf_addf(out, "%.*s: %.*s\r\n", STR_ARG(h->headers[i].name),
                     STR_ARG(h->headers[i].value));
    buf_addz(out, "Connection: close\r\n\r\n");
}

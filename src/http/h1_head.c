/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_head.c - the head of a request: request line and header lines, read the strict way.
 *
 * Two servers that read the same bytes differently are how requests are smuggled past a signature
 * or a route. So wherever implementations disagree we refuse: bare LF, bare CR, folded lines,
 * blanks before a colon, two lengths, two Hosts, any coding but chunked, versions but 1.0 and 1.1.
 *
 * What always holds:
 *   (1) lines are judged one after the other and only when complete, except that the first byte of
 *       a request must be able to start one and that limits are judged by position. So every prefix
 *       of an input gives either "more" or the result of the whole input.
 *   (2) nothing is read behind the blank line; every slice points into the input, but for the path
 *       "/" of an absolute-form target without a path.
 *   (3) the result is touched only up to headers[nheaders].
 *
 * The order of the refusals is the order of the bytes. Sources: RFC 9112 sections 2 to 6, RFC 9110
 * sections 5 to 7 and 10.1.1. Read next: h1_chunk.c.
 */
#include "http/h1.h"

#include "http/h1_bytes.h"

enum { MAX_BLANK_LINES = 4, VERSION_BYTES = 8 };

/* What the lines read so far have said about framing. */
struct seen {
    bool host, length, coding, close, keep_alive;
};

static int refuse(int status, const char **ret_why, const char *why)
{
    *ret_why = why;
    return -status;
}

bool h1_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(h1_bytes[(uint8_t)s.p[i]] & H1_TOKEN))
            return false;
    return s.n > 0;
}

bool h1_is_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(h1_bytes[(uint8_t)s.p[i]] & H1_VALUE))
            return false;
    return true;
}

struct str h1_header(const struct h1_head *h, struct str name)
{
    for (uint32_t i = 0; i < h->nheaders; i++)
        if (str_ieq(h->headers[i].name, name))
            return h->headers[i].value;
    return STR_NONE;
}

/* host [":" port] of RFC 3986, without user information, not empty. The comma, legal there, is
 * refused: it is how two Hosts look after somebody merged them. */
static bool is_authority(struct str s)
{
    ptrdiff_t end;
    struct str port;

    if (s.n && s.p[0] == '[') {
        end = str_find(s, S("]"));
        if (end < 3)
            return false;
        for (ptrdiff_t i = 1; i < end; i++)
            if (!(h1_bytes[(uint8_t)s.p[i]] & H1_IPV6))
                return false;
        port = str_from(s, (size_t)end + 1);
        if (port.n && port.p[0] != ':')
            return false;
        port = str_from(port, 1);
    } else {
        port = s;
        s = str_cut(&port, ':');
        if (s.n == 0)
            return false;
        for (size_t i = 0; i < s.n; i++)
            if (!(h1_bytes[(uint8_t)s.p[i]] & H1_HOST))
                return false;
    }
    for (size_t i = 0; i < port.n; i++)
        if (port.p[i] < '0' || port.p[i] > '9')
            return false;
    return port.n <= 5;
}

static void split_query(struct str target, struct h1_head *h)
{
    h->path = str_cut(&target, '?');
    h->query = target;
}

static int read_target(struct h1_head *h, const char **why)
{
    struct str t = h->target, rest;
    size_t n = 0;

    h->host = S("");
    for (size_t i = 0; i < t.n; i++)
        if (!(h1_bytes[(uint8_t)t.p[i]] & H1_TARGET))
            return refuse(400, why, "the request target holds a byte that is not allowed");
    if (t.n && t.p[0] == '/') {
        split_query(t, h);
        return 0;
    }
    if (str_eq(t, S("*")) && str_eq(h->method, S("OPTIONS"))) {
        split_query(t, h);
        return 0;
    }
    if (t.n > 7 && str_ieq((struct str){t.p, 7}, S("http://")))
        rest = str_from(t, 7);
    else if (t.n > 8 && str_ieq((struct str){t.p, 8}, S("https://")))
        rest = str_from(t, 8);
    else
        return refuse(400, why, "the request target is neither a path nor an absolute URL");

    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    h->host = (struct str){rest.p, n};
    if (!is_authority(h->host))
        return refuse(400, why, "the host of the request target is malformed");
    split_query(str_from(rest, n), h);
    if (h->path.n == 0)
        h->path = S("/");
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int read_version(struct str v, struct h1_head *h, const char **why)
{
    if (v.n != VERSION_BYTES || memcmp(v.p, "HTTP/", 5) != 0 || !is_digit(v.p[5]) ||
        v.p[6] != '.' || !is_digit(v.p[7]))
        return refuse(400, why, "the request line does not end in an HTTP version");
    if (v.p[5] != '1' || v.p[7] > '1')
        return refuse(505, why, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    h->minor = v.p[7] - '0';
    return 0;
}

static int read_request_line(struct str line, struct h1_head *h, const char **why)
{
    struct str rest = line;
    int r;

    h->method = str_cut(&rest, ' ');
    if (!rest.p || !h1_is_token(h->method))
        return refuse(400, why, "the method is malformed");
    h->target = str_cut(&rest, ' ');
    if (!rest.p)
        return refuse(400, why, "the request line does not end in an HTTP version");
    r = read_version(rest, h, why);
    if (r < 0)
        return r;
    return read_target(h, why);
}

static int read_length(struct str v, struct h1_head *h, struct seen *seen, const char **why)
{
    if (seen->length)
        return refuse(400, why, "Content-Length is given more than once");
    seen->length = true;
    if (str_u64(v, 0, INT64_MAX, &h->content_length) < 0)
        return refuse(400, why, "Content-Length is not a number of bytes");
    return 0;
}

static int read_coding(struct str v, struct h1_head *h, struct seen *seen, const char **why)
{
    if (h->minor == 0)
        return refuse(400, why, "Transfer-Encoding is not allowed in HTTP/1.0");
    if (seen->coding || !str_ieq(v, S("chunked")))
        return refuse(400, why, "Transfer-Encoding is something else than chunked");
    seen->coding = true;
    return 0;
}

static void read_connection(struct str list, struct seen *seen)
{
    while (list.p) {
        struct str option = str_trim(str_cut(&list, ','));

        if (str_ieq(option, S("close")))
            seen->close = true;
        else if (str_ieq(option, S("keep-alive")))
            seen->keep_alive = true;
    }
}

/* The few fields that decide where this request ends and what happens to the connection. */
static int read_meaning(struct str name, struct str v, struct h1_head *h, struct seen *seen,
                        const char **why)
{
    switch (name.n) { /* most names differ in length from all of these */
    case 4:
        if (!str_ieq(name, S("host")))
            return 0;
        if (seen->host)
            return refuse(400, why, "Host is given more than once");
        seen->host = true;
        if (!is_authority(v) && (v.n || h->minor))
            return refuse(400, why, "Host is malformed");
        if (h->host.n == 0)
            h->host = v;
        return 0;
    case 6:
        if (!str_ieq(name, S("expect")))
            return 0;
        if (!str_ieq(v, S("100-continue")))
            return refuse(417, why, "the only expectation met here is 100-continue");
        h->expect_continue = h->minor == 1;
        return 0;
    case 10:
        if (str_ieq(name, S("connection")))
            read_connection(v, seen);
        return 0;
    case 14:
        return str_ieq(name, S("content-length")) ? read_length(v, h, seen, why) : 0;
    case 17:
        return str_ieq(name, S("transfer-encoding")) ? read_coding(v, h, seen, why) : 0;
    default:
        return 0;
    }
}

static int read_header(struct str line, const struct h1_limits *limits, struct h1_head *h,
                       struct seen *seen, const char **why)
{
    size_t n = 0;
    struct str name, value;

    while (n < line.n && h1_bytes[(uint8_t)line.p[n]] & H1_TOKEN)
        n++;
    if (n == 0 || n == line.n || line.p[n] != ':')
        return refuse(400, why, "a header line does not start with a name and a colon");
    name = (struct str){line.p, n};
    value = str_from(line, n + 1);
    if (!h1_is_value(value))
        return refuse(400, why, "a header value holds a control byte");
    value = str_trim(value);
    if (h->nheaders == limits->headers || h->nheaders == H1_MAX_HEADERS)
        return refuse(431, why, "the request has too many headers");
    h->headers[h->nheaders++] = (struct h1_header){name, value};
    return read_meaning(name, value, h, seen, why);
}

static int finish(struct h1_head *h, const struct seen *seen, const char **why)
{
    if (seen->length && seen->coding)
        return refuse(400, why, "Content-Length and Transfer-Encoding exclude each other");
    if (!seen->host && h->minor)
        return refuse(400, why, "Host is missing");
    h->keep_alive = !seen->close && (h->minor == 1 || seen->keep_alive);
    if (seen->coding)
        h->body = H1_BODY_CHUNKED;
    else if (h->content_length)
        h->body = H1_BODY_LENGTH;
    return 1;
}

/*
 * Cut the next line off in, at most until offset `end` of it. Returns 1 with the line (no CRLF), 0
 * for "more", -1 when no line ends before `end`, -400.
 */
static int next_line(struct str in, size_t *at, size_t end, struct str *ret, const char **why)
{
    size_t n = (in.n < end ? in.n : end) - *at;
    const char *start = in.p + *at, *lf = n ? memchr(start, '\n', n) : NULL;

    if (!lf)
        return in.n < end ? 0 : -1;
    if (lf == start || lf[-1] != '\r')
        return refuse(400, why, "a line ends in a bare LF");
    *ret = (struct str){start, (size_t)(lf - start) - 1};
    *at += ret->n + 2;
    return 1;
}

/* Blank lines before a request are passed over (RFC 9112 section 2.2), a few of them. */
static int skip_blank_lines(struct str in, size_t *at, const char **why)
{
    for (int i = 0; i < MAX_BLANK_LINES && *at < in.n && in.p[*at] == '\r'; i++) {
        if (*at + 1 == in.n)
            return 0;
        if (in.p[*at + 1] != '\n')
            break;
        *at += 2;
    }
    if (*at == in.n)
        return 0;
    if (!(h1_bytes[(uint8_t)in.p[*at]] & H1_TOKEN))
        return refuse(400, why, "the request does not start with a method");
    return 1;
}

int h1_head(struct str in, const struct h1_limits *limits, struct h1_head *ret,
            const char **ret_why)
{
    struct seen seen = {0};
    struct str line = STR_NONE;
    size_t at = 0, end, line_end;
    int r;

    *ret_why = "more bytes are needed";
    ret->nheaders = 0;
    ret->content_length = 0;
    ret->body = H1_BODY_NONE;
    ret->expect_continue = false;

    r = skip_blank_lines(in, &at, ret_why);
    if (r <= 0)
        return r;
    line_end = at + limits->line_bytes + 2;
    end = line_end < limits->head_bytes ? line_end : limits->head_bytes;
    if (end < at)
        end = at;
    r = next_line(in, &at, end, &line, ret_why);
    if (r == -1)
        return end < line_end ? refuse(431, ret_why, "the head is too long")
                              : refuse(414, ret_why, "the request line is too long");
    if (r <= 0)
        return r;
    r = read_request_line(line, ret, ret_why);
    while (r == 0) {
        r = next_line(in, &at, limits->head_bytes, &line, ret_why);
        if (r == -1)
            return refuse(431, ret_why, "the head is too long");
        if (r <= 0)
            return r;
        if (line.n == 0) {
            ret->bytes = at;
            return finish(ret, &seen, ret_why);
        }
        r = read_header(line, limits, ret, &seen, ret_why);
    }
    return r;
}

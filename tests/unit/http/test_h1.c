/* SPDX-License-Identifier: Apache-2.0 */
/* test_h1.c - the grammar: smuggling cases, limits at the limit and one past it, every split. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/obj.h"
#include "http/h1.h"
#include "strict_cases.h"
#include "t.h"

static const struct h1_limits limits = {8192, 32768, 100};

/* Reads a stream of requests the way a connection does. */
struct reader {
    struct buf in;
    bool in_body, dead;
    struct h1_head head;
    uint64_t left;
    struct h1_chunks chunks;
    struct buf body;
    int accepted, status; /* status of the refusal that ended it */
};

static void reader_init(struct reader *r)
{
    *r = (struct reader){0};
    buf_init(&r->in, 1 << 20);
    buf_init(&r->body, 1 << 20);
}

static void reader_done(struct reader *r)
{
    buf_done(&r->in);
    buf_done(&r->body);
}

static void refused(struct reader *r, int status, const char *why)
{
    assert_non_null(why);
    assert_true(strlen(why) > 5);
    r->dead = true;
    r->status = -status;
}

static bool read_head(struct reader *r)
{
    const char *why = NULL;
    int s = h1_head(buf_str(&r->in), &limits, &r->head, &why);

    if (s < 0)
        refused(r, s, why);
    if (s <= 0)
        return false;
    assert_true(r->head.bytes <= r->in.n);
    r->in_body = r->head.body != H1_BODY_NONE;
    r->left = r->head.content_length;
    r->chunks = (struct h1_chunks){0};
    buf_drop(&r->in, r->head.bytes);
    if (!r->in_body)
        r->accepted++;
    return true;
}

static bool read_body(struct reader *r)
{
    struct str in = buf_str(&r->in), data;
    const char *why = NULL;
    int s;

    if (r->head.body == H1_BODY_LENGTH) {
        data = (struct str){in.p, in.n < r->left ? in.n : (size_t)r->left};
        in = str_from(in, data.n);
        r->left -= data.n;
        s = r->left == 0;
    } else {
        s = h1_chunk(&r->chunks, &in, &data, &why);
        if (s < 0)
            refused(r, s, why);
    }
    buf_adds(&r->body, data);
    buf_drop(&r->in, r->in.n - in.n);
    r->in_body = s == 0;
    r->accepted += s == 1;
    return s == 1 || (s == 0 && in.n > 0);
}

static void reader_add(struct reader *r, struct str bytes)
{
    buf_adds(&r->in, bytes);
    while (!r->dead && (r->in_body ? read_body(r) : r->in.n > 0 && read_head(r)))
        ;
}

static void run_case(const struct strict_case *c, size_t step)
{
    struct reader r;

    reader_init(&r);
    for (size_t i = 0; i < c->bytes.n; i += step)
        reader_add(&r, (struct str){c->bytes.p + i, c->bytes.n - i < step ? c->bytes.n - i : step});
    if (r.status != c->status)
        fail_msg("'%s' in steps of %zu: status %d, not %d", c->name, step, r.status, c->status);
    if ((r.accepted > 0) != (c->status == 0))
        fail_msg("'%s' in steps of %zu: %d accepted", c->name, step, r.accepted);
    reader_done(&r);
}

static void every_smuggling_case_is_read_the_strict_way(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(strict_cases), 73);
    for (size_t i = 0; i < ARRAY_LEN(strict_cases); i++) {
        const struct strict_case *c = &strict_cases[i];

        assert_true(c->want != ACCEPT || c->status == 0);
        assert_true(c->want != REFUSE || c->status >= 400);
        run_case(c, c->bytes.n);
    }
}

static void a_split_input_gives_the_same_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strict_cases); i++)
        for (size_t step = 1; step < 8; step++)
            run_case(&strict_cases[i], step);
}

static struct h1_head head;
static const char *why;

static int parse_with(const char *text, struct h1_limits l)
{
    return h1_head(str_of(text), &l, &head, &why);
}

static int parse(const char *text)
{
    return parse_with(text, limits);
}

static void a_head_is_cut_into_slices(void **state)
{
    (void)state;
    assert_int_equal(
            parse("POST /a/b?x=1&y=%32 HTTP/1.1\r\nHost: h.example:8080\r\nX-A:  v w \t\r\n"
                  "x-a: second\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n\r\nbody"),
            1);
    t_str(head.method, S("POST"));
    t_str(head.target, S("/a/b?x=1&y=%32"));
    t_str(head.path, S("/a/b"));
    t_str(head.query, S("x=1&y=%32"));
    t_str(head.host, S("h.example:8080"));
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.nheaders, 5);
    t_str(h1_header(&head, S("X-a")), S("v w"));
    t_str(head.headers[2].name, S("x-a"));
    assert_null(h1_header(&head, S("absent")).p);
    assert_int_equal(head.body, H1_BODY_LENGTH);
    assert_int_equal(head.content_length, 12);
    assert_true(head.expect_continue);
    assert_true(head.keep_alive);
}

static void an_absolute_target_names_the_host(void **state)
{
    (void)state;
    assert_int_equal(parse("GET http://x.example/p?q HTTP/1.1\r\nHost: y\r\n\r\n"), 1);
    t_str(head.host, S("x.example"));
    t_str(head.path, S("/p"));
    t_str(head.query, S("q"));
    assert_int_equal(parse("GET http://x.example?q HTTP/1.1\r\nHost: y\r\n\r\n"), 1);
    t_str(head.path, S("/"));
    t_str(head.query, S("q"));
    assert_int_equal(parse("GET http://u@x/ HTTP/1.1\r\nHost: y\r\n\r\n"), -400);
    assert_int_equal(parse("GET http:/// HTTP/1.1\r\nHost: y\r\n\r\n"), -400);
    assert_int_equal(parse("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n"), -400);
}

static void an_absent_query_differs_from_an_empty_one(void **state)
{
    (void)state;
    assert_int_equal(parse("GET /p HTTP/1.1\r\nHost: y\r\n\r\n"), 1);
    assert_null(head.query.p);
    assert_int_equal(parse("GET /p? HTTP/1.1\r\nHost: y\r\n\r\n"), 1);
    assert_non_null(head.query.p);
    assert_int_equal(head.query.n, 0);
}

static void host_must_be_an_authority(void **state)
{
    static const struct {
        const char *host;
        int want;
    } t[] = {
            {"a", 1},      {"a:80", 1},      {"[::1]", 1},  {"[::1]:65535", 1}, {"a.b-c_d~", 1},
            {"a:", 1},     {"", -400},       {":80", -400}, {"a:b", -400},      {"a:123456", -400},
            {"u@a", -400}, {"a/b", -400},    {"a,b", -400}, {"a b", -400},      {"[::1", -400},
            {"[]", -400},  {"[::1]x", -400}, {"a?b", -400}, {"\xc3\xa9", -400},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", t[i].host);
        if (parse(text) != t[i].want)
            fail_msg("Host '%s' is not judged %d", t[i].host, t[i].want);
    }
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 1);
    t_str(head.host, S(""));
}

static void keep_alive_follows_version_and_connection(void **state)
{
    static const struct {
        const char *version, *connection;
        bool want;
    } t[] = {
            {"1.1", "", true},
            {"1.1", "Connection: close\r\n", false},
            {"1.1", "Connection: x, CLOSE\r\n", false},
            {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
            {"1.1", "Connection: closed\r\n", true},
            {"1.0", "", false},
            {"1.0", "Connection: Keep-Alive\r\n", true},
            {"1.0", "Connection: keep-alive, close\r\n", false},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        snprintf(text, sizeof text, "GET / HTTP/%s\r\nHost: a\r\n%s\r\n", t[i].version,
                 t[i].connection);
        assert_int_equal(parse(text), 1);
        if (head.keep_alive != t[i].want)
            fail_msg("HTTP/%s with '%s'", t[i].version, t[i].connection);
    }
}

static void the_request_line_may_be_exactly_as_long_as_the_limit(void **state)
{
    const char *line = "GET /234567 HTTP/1.1\r\nHost: a\r\n\r\n"; /* 20 bytes */
    struct h1_limits l = {20, 1000, 100};

    (void)state;
    assert_int_equal(parse_with(line, l), 1);
    l.line_bytes = 19;
    assert_int_equal(parse_with(line, l), -414);
    /* and without an end in sight: 19 + CRLF bytes may still become a line, no more */
    assert_int_equal(parse_with("GET /23456789012345\r", l), 0);
    assert_int_equal(parse_with("GET /2345678901234567", l), -414);
}

static void the_head_may_be_exactly_as_long_as_the_limit(void **state)
{
    const char *text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"; /* 27 bytes */
    struct h1_limits l = {1000, 27, 100};

    (void)state;
    assert_int_equal(parse_with(text, l), 1);
    l.head_bytes = 26;
    assert_int_equal(parse_with(text, l), -431);
    assert_int_equal(parse_with("GET / HTTP/1.1\r\nHost: abc", l), 0);     /* 25 bytes */
    assert_int_equal(parse_with("GET / HTTP/1.1\r\nHost: abcd", l), -431); /* 26: no end inside */
}

static void there_may_be_exactly_as_many_headers_as_the_limit(void **state)
{
    struct h1_limits l = {1000, 1000, 3};

    (void)state;
    assert_int_equal(parse_with("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n", l), 1);
    assert_int_equal(head.nheaders, 3);
    assert_int_equal(parse_with("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", l),
                     -431);
    l.headers = 1000; /* the array is the last word */
    char text[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 1; i < H1_MAX_HEADERS; i++)
        strncat(text, "A: 1\r\n", sizeof text - strlen(text) - 1);
    strncat(text, "\r\n", sizeof text - strlen(text) - 1);
    l = (struct h1_limits){1000, 4096, 1000};
    assert_int_equal(parse_with(text, l), 1);
    text[strlen(text) - 2] = '\0';
    strncat(text, "A: 1\r\n\r\n", sizeof text - strlen(text) - 1);
    assert_int_equal(parse_with(text, l), -431);
}

static void other_protocols_are_refused_at_their_first_byte(void **state)
{
    (void)state;
    assert_int_equal(parse("\x16\x03\x01"), -400);
    assert_int_equal(parse("\r"), 0);
    assert_int_equal(parse("\r\n\r\n\r\n\r\nG"), 0);
    assert_int_equal(parse("\r\n\r\n\r\n\r\n\r\nG"), -400);
    assert_int_equal(parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), -505);
}

static void content_length_holds_up_to_63_bits(void **state)
{
    (void)state;
    assert_int_equal(
            parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n"), 1);
    assert_true(head.content_length == INT64_MAX);
    assert_int_equal(
            parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n"),
            -400);
    assert_int_equal(parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), 1);
    assert_int_equal(head.body, H1_BODY_NONE);
}

static void names_and_values_are_judged_byte_by_byte(void **state)
{
    (void)state;
    assert_true(h1_is_token(S("X-a1!#$%&'*+.^_`|~")));
    assert_false(h1_is_token(S("")));
    for (const char *p = "()<>@,;:\\\"/[]?={} \t\r\n\x7f\x80"; *p; p++)
        assert_false(h1_is_token((struct str){p, 1}));
    assert_true(h1_is_value(S("")));
    assert_true(h1_is_value(S("a\tb \xff")));
    assert_false(h1_is_value(S("a\rb")));
    assert_false(h1_is_value(S("a\nb")));
    assert_false(h1_is_value(S("a\0b")));
    assert_false(h1_is_value(S("a\x7f")));
}

/* ---- chunks ---- */

static int decode(struct str in, size_t step, struct buf *out, size_t *ret_used)
{
    struct h1_chunks c = {0};
    const char *reason = NULL;
    int r = 0;

    buf_reset(out);
    *ret_used = 0;
    for (size_t i = 0; i < in.n && r == 0; i += step) {
        struct str piece = {in.p + i, in.n - i < step ? in.n - i : step}, data;

        while (r == 0 && piece.n) {
            size_t before = piece.n;

            r = h1_chunk(&c, &piece, &data, &reason);
            buf_adds(out, data);
            *ret_used += before - piece.n;
        }
    }
    if (r < 0)
        assert_non_null(reason);
    return r;
}

static void chunks_are_decoded_however_they_are_split(void **state)
{
    static const struct {
        struct str in;
        int want;
        const char *body;
    } t[] = {
            {S("0\r\n\r\n"), 1, ""},
            {S("5\r\nhello\r\n0\r\n\r\n"), 1, "hello"},
            {S("5;a=b\r\nhello\r\n6;q;r=s\r\n world\r\n0\r\n\r\n"), 1, "hello world"},
            {S("A\r\n0123456789\r\n0000\r\n\r\n"), 1, "0123456789"},
            {S("a\r\n0123456789\r\n0\r\nX-T: v\r\nY:\r\n\r\n"), 1, "0123456789"},
            {S("5\r\nhel"), 0, "hel"},
            {S("g\r\n"), -400, ""},
            {S("\r\n"), -400, ""},
            {S("5\nhello"), -400, ""},
            {S("5\rhello"), -400, ""},
            {S("5 \r\nhello"), -400, ""},
            {S("5\r\nhelloX"), -400, "hello"},
            {S("5\r\nhello\rX"), -400, "hello"},
            {S("5; a\r\n"), -400, ""},
            {S("5;\r\n"), -400, ""},
            {S("5;;a\r\n"), -400, ""},
            {S("5;=b\r\n"), -400, ""},
            {S("5;a=\r\n"), -400, ""},
            {S("5;a=b=c\r\n"), -400, ""},
            {S("5;a=\"b\"\r\n"), -400, ""},
            {S("5;\x01\r\n"), -400, ""},
            {S("5;\xc3\r\n"), -400, ""},
            {S("0\r\nno colon\r\n\r\n"), -400, ""},
            {S("0\r\n: v\r\n\r\n"), -400, ""},
            {S("0\r\nX: \x01\r\n\r\n"), -400, ""},
            {S("0\r\nX: a\nY: b\r\n\r\n"), -400, ""},
            {S("0\r\n\rX"), -400, ""},
            {S("7fffffffffffffff\r\n"), 0, ""},
            {S("8000000000000000\r\n"), -400, ""},
            {S("0000000000000005\r\nhello\r\n0\r\n\r\n"), 1, "hello"},
            {S("00000000000000005\r\nhello\r\n0\r\n\r\n"), -400, ""},
    };
    struct buf out;
    size_t used;

    (void)state;
    buf_init(&out, 4096);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        for (size_t step = 1; step <= t[i].in.n; step++) {
            int r = decode(t[i].in, step, &out, &used);

            if (r != t[i].want)
                fail_msg("case %zu in steps of %zu: %d", i, step, r);
            t_str(buf_str(&out), str_of(t[i].body));
        }
    buf_done(&out);
}

static void the_decoder_stops_at_the_end_of_the_body(void **state)
{
    struct buf out;
    size_t used;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(decode(S("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), 100, &out, &used), 1);
    assert_int_equal(used, 11);
    buf_done(&out);
}

static void filled(struct buf *b, const char *before, size_t n, const char *after)
{
    buf_reset(b);
    buf_addz(b, before);
    memset(buf_room(b, n), 'x', n);
    buf_grew(b, n);
    buf_addz(b, after);
}

static void extensions_and_trailers_are_bounded(void **state)
{
    struct buf in, out;
    size_t used;

    (void)state;
    buf_init(&in, 100000);
    buf_init(&out, 4096);
    /* counted: the extension and its CR */
    filled(&in, "1;", 1023, "\r\nx\r\n0\r\n\r\n");
    assert_int_equal(decode(buf_str(&in), in.n, &out, &used), 1);
    filled(&in, "1;", 1024, "\r\nx\r\n0\r\n\r\n");
    assert_int_equal(decode(buf_str(&in), in.n, &out, &used), -400);
    /* counted: "A:", the value, CR of the line and CR of the end */
    filled(&in, "0\r\nA:", 8192 - 4, "\r\n\r\n");
    assert_int_equal(decode(buf_str(&in), in.n, &out, &used), 1);
    filled(&in, "0\r\nA:", 8192 - 3, "\r\n\r\n");
    assert_int_equal(decode(buf_str(&in), in.n, &out, &used), -400);
    buf_done(&in);
    buf_done(&out);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(every_smuggling_case_is_read_the_strict_way),
            T(a_split_input_gives_the_same_result),
            T(a_head_is_cut_into_slices),
            T(an_absolute_target_names_the_host),
            T(an_absent_query_differs_from_an_empty_one),
            T(host_must_be_an_authority),
            T(keep_alive_follows_version_and_connection),
            T(the_request_line_may_be_exactly_as_long_as_the_limit),
            T(the_head_may_be_exactly_as_long_as_the_limit),
            T(there_may_be_exactly_as_many_headers_as_the_limit),
            T(other_protocols_are_refused_at_their_first_byte),
            T(content_length_holds_up_to_63_bits),
            T(names_and_values_are_judged_byte_by_byte),
            T(chunks_are_decoded_however_they_are_split),
            T(the_decoder_stops_at_the_end_of_the_body),
            T(extensions_and_trailers_are_bounded),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which headers of an answer go on to the client: RFC 9110 section 7.6.1 (2022-06) and
 * docs/compat/apig.md. */
#include "t.h"

#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "gateway/map/headers.h"

#define P(name_, value_)                                                                           \
    {                                                                                              \
        {name_, sizeof(name_) - 1},                                                                \
        {                                                                                          \
            value_, sizeof(value_) - 1                                                             \
        }                                                                                          \
    }

static void want(const struct shape_pair *list, size_t n, const char *lines, const char *type)
{
    struct arena *space = arena_new(64 << 10);
    struct shape_list passed;
    struct str own;
    struct buf out;
    struct err e;

    t_ok(gw_headers_pass((struct shape_list){list, n}, space, &passed, &own, &e), &e);
    buf_init(&out, 4096);
    for (size_t i = 0; i < passed.n; i++) {
        buf_adds(&out, passed.at[i].name);
        buf_addz(&out, ": ");
        buf_adds(&out, passed.at[i].value);
        buf_addc(&out, '\n');
    }
    t_str(buf_str(&out), str_of(lines));
    t_str(own, str_of(type));
    assert_true((own.p != NULL) == (type != NULL));
    buf_done(&out);
    arena_free(space);
}

static void what_is_the_functions_goes_on(void **state)
{
    const struct shape_pair list[] = {
            P("X-A", "1"),           P("Set-Cookie", "a=1"), P("set-cookie", "b=2"),
            P("Location", "/x?y=1"), P("X-Tab", "a\tb"),     P("X-Latin", "\xe9"),
            P("X-Empty", ""),        P("Server", "mine"),    P("Content-Encoding", "gzip"),
    };

    (void)state;
    want(list, 9,
         "X-A: 1\nSet-Cookie: a=1\nset-cookie: b=2\nLocation: /x?y=1\nX-Tab: a\tb\n"
         "X-Latin: \xe9\nX-Empty: \nServer: mine\nContent-Encoding: gzip\n",
         NULL);
    want(NULL, 0, "", NULL);
}

static void what_is_the_connections_or_the_gateways_does_not(void **state)
{
    const struct shape_pair list[] = {
            P("Connection", "close, X-Mine"),
            P("Keep-Alive", "timeout=5"),
            P("Proxy-Authenticate", "Basic"),
            P("Proxy-Authorization", "x"),
            P("Proxy-Connection", "close"),
            P("TE", "trailers"),
            P("Trailer", "X-T"),
            P("Transfer-Encoding", "chunked"),
            P("Upgrade", "h2c"),
            P("x-mine", "1"),
            P("content-length", "5"),
            P("Date", "never"),
            P("X-Request-Id", "mine"),
            P("X-Api-RequestId", "mine"),
            P("X-APIG-Latency", "0"),
            P("x-fc-error-type", "none"),
            P("X-Apigee", "stays"),
    };

    (void)state;
    want(list, sizeof(list) / sizeof(list[0]), "X-Apigee: stays\n", NULL);
}

static void the_first_content_type_is_the_type(void **state)
{
    const struct shape_pair list[] = {P("content-type", "text/html"), P("X-A", "1"),
                                      P("Content-Type", "a/b")};

    (void)state;
    want(list, 3, "X-A: 1\n", "text/html");
}

static void refuse(struct shape_pair one, int code, const char *part)
{
    struct arena *space = arena_new(64 << 10);
    struct shape_list passed;
    struct str own;
    struct err e = {0};

    assert_int_equal(gw_headers_pass((struct shape_list){&one, 1}, space, &passed, &own, &e), code);
    t_has(e.msg, part);
    arena_free(space);
}

static void what_is_not_http_refuses_the_answer(void **state)
{
    (void)state;
    refuse((struct shape_pair)P("X-A", "1\r\nSet-Cookie: evil=1"), -EINVAL, "'X-A'");
    refuse((struct shape_pair)P("X-A", "1\n"), -EINVAL, "'X-A'");
    refuse((struct shape_pair)P("X-A", "1\r"), -EINVAL, "'X-A'");
    refuse((struct shape_pair)P("X-A", "a\0b"), -EINVAL, "'X-A'");
    refuse((struct shape_pair)P("X-A", "\x7f"), -EINVAL, "'X-A'");
    refuse((struct shape_pair)P("Content-Type", "a/b\r\n\r\n<p>"), -EINVAL, "'Content-Type'");
    refuse((struct shape_pair)P("Connection", "\n"), -EINVAL, "'Connection'");
    refuse((struct shape_pair)P("", "1"), -EINVAL, "''");
    refuse((struct shape_pair)P("X A", "1"), -EINVAL, "'X A'");
    refuse((struct shape_pair)P("X-A:", "1"), -EINVAL, "'X-A:'");
    refuse((struct shape_pair)P("X-A\r\nB", "1"), -EINVAL, "name");
    refuse((struct shape_pair)P("X-\xc3\xa9", "1"), -EINVAL, "name");
}

static void both_limits_hold_at_the_byte(void **state)
{
    static char text[GW_HEADER_BYTES];
    struct arena *space = arena_new(64 << 10);
    struct shape_pair list[5];
    struct shape_list passed;
    struct str own;
    struct err e = {0};

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < 5; i++)
        list[i] = (struct shape_pair){S("A"), {text, GW_HEADER_BYTES - 1}};
    t_ok(gw_headers_pass((struct shape_list){list, 4}, space, &passed, &own, &e), &e);
    assert_int_equal(passed.n, 4);
    list[4].value.n = 0;
    assert_int_equal(gw_headers_pass((struct shape_list){list, 5}, space, &passed, &own, &e),
                     -EMSGSIZE);
    list[0].value.n++;
    assert_int_equal(gw_headers_pass((struct shape_list){list, 1}, space, &passed, &own, &e),
                     -EMSGSIZE);
    arena_free(space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_the_functions_goes_on),
            cmocka_unit_test(what_is_the_connections_or_the_gateways_does_not),
            cmocka_unit_test(the_first_content_type_is_the_type),
            cmocka_unit_test(what_is_not_http_refuses_the_answer),
            cmocka_unit_test(both_limits_hold_at_the_byte),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/guard/authenticate_hmac.h"

#include <errno.h>

#include "t.h"

#include "base/buf.h"
#include "base/clock.h"
#include "http/server.h"

#define DATE   "Mon, 19 Mar 2018 12:08:40 GMT"
#define SOURCE "AndriodApp"

static const struct h1_header headers[] = {
        {.name = {"X-Date", 6}, .value = {DATE, sizeof(DATE) - 1}},
        {.name = {"Source", 6}, .value = {SOURCE, sizeof(SOURCE) - 1}},
        {.name = {"Twice", 5}, .value = {"a", 1}},
        {.name = {"twice", 5}, .value = {"b", 1}},
        {.name = {"Date", 4}, .value = {"yesterday", 9}},
};
static const struct http_request request = {.headers = headers, .nheaders = 5};

static int64_t now(void)
{
    int64_t ms = 0;

    assert_int_equal(clock_parse_http(S(DATE), &ms), 0);
    return ms;
}

static int text_of(const char *names, int64_t now_ms, struct buf *out, struct err *e)
{
    struct hmac_claim claim = {.headers = str_of(names)};

    buf_init(out, HMAC_SIGNED_MAX);
    return hmac_text(&claim, &request, now_ms, out, e);
}

static void the_header_is_taken_apart(void **state)
{
    struct hmac_claim c;
    struct err e = {0};

    (void)state;
    t_ok(hmac_parse(S("hmac id=\"AKID\", algorithm=\"hmac-sha1\", headers=\"x-date source\", "
                      "signature=\"c2ln\""),
                    &c, &e),
         &e);
    t_str(c.id, S("AKID"));
    t_str(c.algorithm, S("hmac-sha1"));
    t_str(c.headers, S("x-date source"));
    t_str(c.signature, S("c2ln"));
}

static void each_fault_has_its_sentence(void **state)
{
    static const struct {
        const char *header, *sentence;
    } cases[] = {
            {"", "HMAC authorization format error."},
            {"hmac", "HMAC authorization format error."},
            {"basic id=\"a\"", "HMAC authorization format error."},
            {"hmac id=a", "HMAC authorization format error."},
            {"hmac id=\"a", "HMAC authorization format error."},
            {"hmac id=\"a\" signature=\"b\"", "HMAC authorization format error."},
            {"hmac id=\"a\", who=\"b\"", "HMAC authorization format error."},
            {"hmac id=\"a\", algorithm=\"hmac-sha1\", headers=\"x-date\"",
             "HMAC id or signature missing."},
            {"hmac signature=\"a\", algorithm=\"hmac-sha1\", headers=\"x-date\"",
             "HMAC id or signature missing."},
            {"hmac id=\"a\", algorithm=\"hmac-sha1\", signature=\"b\"",
             "HMAC authorization headers is invalidate."},
            {"hmac id=\"a\", algorithm=\"hmac-sha1\", signature=\"b\", headers=\" \"",
             "HMAC authorization headers is invalidate."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hmac_claim c;
        struct err e = {0};

        assert_int_equal(hmac_parse(str_of(cases[i].header), &c, &e), -EINVAL);
        assert_string_equal(e.msg, cases[i].sentence);
    }
}

static void the_signed_text_is_that_of_the_reference(void **state)
{
    struct err e = {0};
    struct buf text;

    (void)state;
    t_ok(text_of("x-date  Source", now(), &text, &e), &e);
    t_str(buf_str(&text), S("x-date: " DATE "\nsource: " SOURCE));
    buf_done(&text);
}

static void a_date_counts_for_900_seconds(void **state)
{
    static const struct {
        int64_t off;
        int r;
    } cases[] = {{900000, 0}, {900001, -ESTALE}, {-900000, 0}, {-900001, -ESTALE}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct err e = {0};
        struct buf text;

        assert_int_equal(text_of("x-date", now() + cases[i].off, &text, &e), cases[i].r);
        if (cases[i].r)
            assert_string_equal(e.msg, "HMAC signature cannot be verified, the x-date header is "
                                       "out of date for HMAC Authentication.");
        buf_done(&text);
    }
}

static void headers_are_there_once_with_a_date_among_them(void **state)
{
    static const struct {
        const char *names, *sentence;
    } cases[] = {
            {"source", "HMAC signature cannot be verified, a valid date or x-date header is "
                       "required."},
            {"x-date nobody",
             "HMAC signature cannot be verified, a valid nobody header is required."},
            {"x-date twice", "HMAC do not support multiple HTTP header."},
            {"date", "HMAC signature cannot be verified, a valid date header is required for HMAC "
                     "Authentication."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = {0};
        struct buf text;

        assert_int_equal(text_of(cases[i].names, now(), &text, &e), -EINVAL);
        assert_string_equal(e.msg, cases[i].sentence);
        buf_done(&text);
    }
}

/* Made with Python's hmac module over "x-date: <DATE>\nsource: AndriodApp", key "secret". */
static void all_four_algorithms_are_checked(void **state)
{
    static const struct {
        const char *algorithm, *signature;
    } cases[] = {
            {"hmac-sha1", "z4RPVas/UrLIIL5NLZg1oJJjEyU="},
            {"hmac-sha256", "lIpiKbCyxIsNZDAYPiDqjuMdclIGFFOOcjPwrzUjpsM="},
            {"hmac-sha384", "ebqH8V/WRtPEFWtOzH32m+IjUkLArQg3jlxVWlkMWbQ7Q8CcEh4X/b0R2GySc+/s"},
            {"hmac-sha512", "fTyyf1JnSGtXNe98IfQbd7uRIG0iofMR0kzynIv8xE2WIrkCl7FUGUW72j46o8cuGJckJd"
                            "PE6pyh+B0GZCkS2Q=="},
    };
    struct str text = S("x-date: " DATE "\nsource: " SOURCE);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct hmac_claim c = {.algorithm = str_of(cases[i].algorithm),
                               .signature = str_of(cases[i].signature)};
        struct err e = {0};

        t_ok(hmac_verify(&c, text, S("secret"), &e), &e);
        assert_int_equal(hmac_verify(&c, text, S("other"), &e), -EACCES);
        assert_string_equal(e.msg, "HMAC signature does not match.");
        c.signature.n--;
        assert_int_equal(hmac_verify(&c, text, S("secret"), &e), -EACCES);
    }
}

static void other_algorithms_are_named_and_refused(void **state)
{
    static const char *const names[] = {"hmac-md5", "sha1", "", "hmac-"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct hmac_claim c = {.algorithm = str_of(names[i]), .signature = S("x")};
        struct err e = {0};
        char want[64];

        (void)snprintf(want, sizeof(want), "HMAC algorithm %s not supported.", names[i]);
        assert_int_equal(hmac_verify(&c, S("t"), S("s"), &e), -EINVAL);
        assert_string_equal(e.msg, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_header_is_taken_apart),
            cmocka_unit_test(each_fault_has_its_sentence),
            cmocka_unit_test(the_signed_text_is_that_of_the_reference),
            cmocka_unit_test(a_date_counts_for_900_seconds),
            cmocka_unit_test(headers_are_there_once_with_a_date_among_them),
            cmocka_unit_test(all_four_algorithms_are_checked),
            cmocka_unit_test(other_algorithms_are_named_and_refused),
    };

    return T_RUN(tests);
}

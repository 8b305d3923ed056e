/* SPDX-License-Identifier: Apache-2.0 */
/* Requests captured from tencentcloud-sdk-nodejs-scf 4.1.151; secret SECRETKEYEXAMPLE. */
#include "t.h"

#include <errno.h>

#include "base/crypto.h"
#include "sign/sign.h"

#define DELETION  "f3b7d60cf5fbff89508e52af0e733bebd49aefc84fb09a3026c8bc7d6c5d74ea"
#define INVOKE    "fcf0e92bd8c353acd3a399d13d3a1e973b47f10edb3d5f30810660858c121d26"
#define START     "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2026-11-21/127/tc3_request, "
#define TIMESTAMP S("1795294231")

static const struct sign_header headers[] = {
        {S("Host"), S("127.0.0.1:18080")},
        {S("X-TC-Action"), S("DeleteFunction")},
        {S("Content-Type"), S("application/json")},
};

static struct sign_request request(struct str body)
{
    return (struct sign_request){.method = S("POST"),
                                 .path = S("/"),
                                 .query = S(""),
                                 .headers = headers,
                                 .nheaders = 3,
                                 .body = body};
}

static const struct sign_tc3 by = {.access_key = S("AKIDEXAMPLE"),
                                   .date = S("2026-11-21"),
                                   .service = S("127"),
                                   .signed_headers = S("content-type;host")};

static void expect(struct sign_request r, struct str host, const char *signature, bool same)
{
    struct err e = {0};
    char got[65];

    t_ok(sign_tc3_expect(&r, &by, TIMESTAMP, host, S("SECRETKEYEXAMPLE"), got, &e), &e);
    assert_int_equal(strcmp(got, signature) == 0, same);
}

static void captured_requests_have_their_signatures(void **state)
{
    (void)state;
    expect(request(S("{\"FunctionName\":\"my-service-dev-hello\",\"Namespace\":\"default\"}")),
           S("127.0.0.1"), DELETION, true);
    expect(request(S(
                   "{\"FunctionName\":\"my-service-dev-hello\",\"InvocationType\":"
                   "\"RequestResponse\",\"Qualifier\":\"$LATEST\",\"ClientContext\":\"{\\\"key\\\":"
                   "\\\"v\\\"}\",\"LogType\":\"Tail\",\"Namespace\":\"default\"}")),
           S("127.0.0.1"), INVOKE, true);
}

static void the_port_is_a_part_of_a_host(void **state)
{
    (void)state;
    expect(request(S("{\"FunctionName\":\"my-service-dev-hello\",\"Namespace\":\"default\"}")),
           S("127.0.0.1:18080"), DELETION, false);
}

static void a_body_may_be_left_out_by_whoever_signs(void **state)
{
    struct sign_header with[4] = {
            headers[0], headers[1], headers[2], {S("x-tc-content-sha256"), S("UNSIGNED-PAYLOAD")}};
    struct sign_request r = request(S("one"));
    char one[65], two[65];

    (void)state;
    r.headers = with;
    r.nheaders = 4;
    assert_int_equal(sign_tc3_expect(&r, &by, TIMESTAMP, S("h"), S("s"), one, NULL), 0);
    r.body = S("two");
    assert_int_equal(sign_tc3_expect(&r, &by, TIMESTAMP, S("h"), S("s"), two, NULL), 0);
    assert_string_equal(one, two);
    r.nheaders = 3; /* and by nobody else */
    assert_int_equal(sign_tc3_expect(&r, &by, TIMESTAMP, S("h"), S("s"), two, NULL), 0);
    assert_string_not_equal(one, two);
}

static void a_signed_header_must_be_there(void **state)
{
    struct sign_request r = request(S("{}"));
    struct sign_tc3 more = by;
    struct err e = {0};
    char got[65];

    (void)state;
    more.signed_headers = S("content-type;host;x-tc-token");
    assert_int_equal(sign_tc3_expect(&r, &more, TIMESTAMP, S("h"), S("s"), got, &e), -EINVAL);
    assert_string_equal(e.msg, "signed header 'x-tc-token' is missing");
    more.signed_headers = S("x-tc-action;host");
    assert_int_equal(sign_tc3_expect(&r, &more, TIMESTAMP, S("h"), S("s"), got, &e), 0);
}

static void an_authorization_is_taken_apart(void **state)
{
    struct sign_tc3 found;

    (void)state;
    assert_int_equal(sign_tc3_parse(S("TC3-HMAC-SHA256 Credential=AK/2026-11-21/localhost:18080/"
                                      "tc3_request, SignedHeaders=content-type;host, Signature=ab"),
                                    &found, NULL),
                     0);
    t_str(found.access_key, S("AK"));
    t_str(found.date, S("2026-11-21"));
    t_str(found.service, S("localhost:18080"));
    t_str(found.signed_headers, S("content-type;host"));
    t_str(found.signature, S("ab"));
    assert_true(sign_tc3_names(&found, S("host")));
    assert_false(sign_tc3_names(&found, S("hos")));
}

static void what_is_none_is_refused(void **state)
{
    static const char *const wrong[] = {
            "",
            "SKIP",
            "TC3-HMAC-SHA256",
            "TC3-HMAC-SHA256 ",
            "TC2-HMAC-SHA256 Credential=a/b/c/tc3_request, SignedHeaders=host, Signature=x",
            "TC3-HMAC-SHA256 Credential=a/b/tc3_request, SignedHeaders=host, Signature=x",
            "TC3-HMAC-SHA256 Credential=a/b/c/tc2_request, SignedHeaders=host, Signature=x",
            "TC3-HMAC-SHA256 Credential=a/b/c/tc3_request/d, SignedHeaders=host, Signature=x",
            START "SignedHeaders=, Signature=x",
            START "Signature=x",
            START "SignedHeaders=host",
            START "SignedHeaders=host, Signature=",
            START "SignedHeaders=host, Signature=x, More=y",
    };
    struct sign_tc3 found;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(sign_tc3_parse(str_of(wrong[i]), &found, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(captured_requests_have_their_signatures),
            cmocka_unit_test(the_port_is_a_part_of_a_host),
            cmocka_unit_test(a_body_may_be_left_out_by_whoever_signs),
            cmocka_unit_test(a_signed_header_must_be_there),
            cmocka_unit_test(an_authorization_is_taken_apart),
            cmocka_unit_test(what_is_none_is_refused),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors were made with the official Python SDK (huaweicloudsdkcore 3.1.219), key AKTEST/SKTEST.
 */
#include "t.h"

#include <errno.h>

#include "sign/sign.h"

#define P       "0123456789abcdef0123456789abcdef"
#define HEADERS "content-type;host;x-project-id;x-sdk-date"

static const struct sign_header headers[] = {
        {S("X-Sdk-Date"), S("20261121T204758Z")},
        {S("Content-Type"), S("application/json")},
        {S("X-Project-Id"), S(P)},
        {S("Host"), S(" 127.0.0.1:8900 ")}, /* values are trimmed */
};

static struct sign_request request(const char *method, const char *path, const char *query,
                                   const char *body)
{
    return (struct sign_request){.method = str_of(method),
                                 .path = str_of(path),
                                 .query = str_of(query),
                                 .headers = headers,
                                 .nheaders = 4,
                                 .body = str_of(body)};
}

static void want(struct sign_request r, const char *signature)
{
    struct err e = {0};
    char got[65];

    t_ok(sign_sdk_compute(&r, S(HEADERS), S("20261121T204758Z"), S("SKTEST"), got, &e), &e);
    assert_string_equal(got, signature);
}

static void signatures_are_those_of_the_official_sdk(void **state)
{
    static const char list[] = "aefe140ba90c075f6384db1ef420f1924713a1e19bdbfa458578b8b7ab1c97f8";
    static const char call[] = "40d387bd203c6e7ccd0ed584f3bed233c862e9b4442270e16d4ce5b25834b366";

    (void)state;
    want(request("GET", "/v2/" P "/fgs/functions", "marker=0&maxitems=10&func_name=h%20e%3Al", ""),
         list);
    want(request("get", "/v2/" P "/fgs/functions/", "func_name=h+e%3al&maxitems=10&marker=0", ""),
         list);
    want(request("POST",
                 "/v2/" P "/fgs/functions/urn:fss:local-1:" P ":function:default:hello:!prod/"
                 "invocations",
                 NULL, "{\"k\":\"v \xc3\xa9\"}"),
         call);
    want(request("POST",
                 "/v2/" P "/fgs/functions/urn%3Afss:local-1:" P
                 ":function:default:hello:%21prod/invocations",
                 "", "{\"k\":\"v \xc3\xa9\"}"),
         call);
    want(request("DELETE", "/v2/" P "/fgs/functions/a%20b", "", ""),
         "9aca4c2c70c8ab16a41d9a69900af8bf918a4ecb7bf30ffe0195d1572df83703");
}

static void the_derived_form_is_that_of_the_official_sdk(void **state)
{
    struct sign_request r = request("POST",
                                    "/v2/" P "/fgs/functions/urn:fss:local-1:" P
                                    ":function:default:hello:!prod/invocations",
                                    NULL, "{\"k\":\"v \xc3\xa9\"}");
    static const char sent[] =
            "V11-HMAC-SHA256 Credential=AKTEST/20261121/local-1/functiongraph, "
            "SignedHeaders=" HEADERS
            ", Signature=d33f5d5746705496326c48a481be815c6658a7deadb2dbc4443d0dd3a30359bf";
    struct err e = {0};
    struct sign_sdk how;
    char got[65];

    (void)state;
    t_ok(sign_sdk_parse(str_of(sent), &how, &e), &e);
    t_str(how.access_key, S("AKTEST"));
    t_str(how.scope, S("20261121/local-1/functiongraph"));
    t_ok(sign_sdk_expect(&r, &how, S("20261121T204758Z"), S("SKTEST"), got, &e), &e);
    t_str(str_of(got), how.signature);

    how.scope = S("20261122/local-1/functiongraph"); /* another day, another key */
    t_ok(sign_sdk_expect(&r, &how, S("20261121T204758Z"), S("SKTEST"), got, &e), &e);
    assert_false(str_eq(str_of(got), how.signature));
}

static void authorize_makes_what_parse_and_compute_accept(void **state)
{
    struct sign_request r = request("DELETE", "/v2/" P "/fgs/functions/a b", "", "");
    struct err e = {0};
    struct sign_sdk sign;
    struct buf out;

    (void)state;
    buf_init(&out, 1024);
    t_ok(sign_sdk_authorize(&r, S("AKTEST"), S("SKTEST"), &out, &e), &e);
    t_str(buf_str(&out), S("SDK-HMAC-SHA256 Access=AKTEST, SignedHeaders=" HEADERS ", Signature="
                           "9aca4c2c70c8ab16a41d9a69900af8bf918a4ecb7bf30ffe0195d1572df83703"));
    t_ok(sign_sdk_parse(buf_str(&out), &sign, &e), &e);
    t_str(sign.access_key, S("AKTEST"));
    t_str(sign.signed_headers, S(HEADERS));
    buf_done(&out);

    r.nheaders = 3; /* no Host */
    buf_init(&out, 1024);
    assert_int_equal(sign_sdk_authorize(&r, S("AKTEST"), S("SKTEST"), &out, &e), -EINVAL);
    buf_done(&out);
}

static void any_change_changes_the_signature(void **state)
{
    const struct sign_request base = request("POST", "/a/b", "x=1&y=2", "body");
    struct sign_request changed[6];
    char first[65], got[65];

    (void)state;
    for (int i = 0; i < 6; i++)
        changed[i] = base;
    changed[0].method = S("PUT");
    changed[1].path = S("/a/b/c");
    changed[2].query = S("x=1&y=3");
    changed[3].query = S("x=1&y=2&z=");
    changed[4].body = S("bodz");
    changed[5].path = S("/a//b");
    assert_int_equal(sign_sdk_compute(&base, S("host"), S("d"), S("s"), first, NULL), 0);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(sign_sdk_compute(&changed[i], S("host"), S("d"), S("s"), got, NULL), 0);
        assert_string_not_equal(got, first);
    }
    assert_int_equal(sign_sdk_compute(&base, S("host"), S("e"), S("s"), got, NULL), 0);
    assert_string_not_equal(got, first);
    assert_int_equal(sign_sdk_compute(&base, S("host"), S("d"), S("t"), got, NULL), 0);
    assert_string_not_equal(got, first);
}

static void a_given_body_hash_stands_in_for_the_body(void **state)
{
    const struct sign_header with_hash[] = {
            {S("host"), S("h")},
            {S("x-sdk-content-sha256"), S("UNSIGNED-PAYLOAD")},
    };
    struct sign_request r = {.method = S("PUT"),
                             .path = S("/"),
                             .query = STR_NONE,
                             .headers = with_hash,
                             .nheaders = 2,
                             .body = S("one")};
    char one[65], two[65];

    (void)state;
    assert_int_equal(sign_sdk_compute(&r, S("host"), S("d"), S("s"), one, NULL), 0);
    r.body = S("two");
    assert_int_equal(sign_sdk_compute(&r, S("host"), S("d"), S("s"), two, NULL), 0);
    assert_string_equal(one, two);
}

static void signed_headers_must_be_there_and_sorted(void **state)
{
    static const struct {
        const char *names;
        const char *says;
    } rows[] = {
            {"host;absent", "not sorted at 'absent'"},
            {"host;host", "not sorted at 'host'"},
            {"host;x-absent", "'x-absent' is missing"},
            {"", "'' is missing"},
            {"host;", "not sorted at ''"},
    };
    struct sign_request r = request("GET", "/", "", "");

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};
        char got[65];

        assert_int_equal(sign_sdk_compute(&r, str_of(rows[i].names), S("d"), S("s"), got, &e),
                         -EINVAL);
        t_has(e.msg, rows[i].says);
    }
}

static void a_canonical_request_has_a_ceiling(void **state)
{
    static char path[256 * 1024 + 1];
    struct sign_request r = request("GET", path, "", "");
    char got[65];

    (void)state;
    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    r.path = (struct str){path, sizeof(path) - 1};
    assert_int_equal(sign_sdk_compute(&r, S("host"), S("d"), S("s"), got, NULL), -EMSGSIZE);
    r.path.n = 250 * 1024;
    assert_int_equal(sign_sdk_compute(&r, S("host"), S("d"), S("s"), got, NULL), 0);
}

static void authorization_of_another_form_is_refused(void **state)
{
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    static const char *const bad[] = {
            "",
            "SDK-HMAC-SHA256",
            "SDK-HMAC-SHA256 ",
            "sdk-hmac-sha256 Access=a, SignedHeaders=h, Signature=" HEX64,
            "SDK-HMAC-SHA256 Access=, SignedHeaders=h, Signature=" HEX64,
            "SDK-HMAC-SHA256 Access=a, SignedHeaders=, Signature=" HEX64,
            "SDK-HMAC-SHA256 SignedHeaders=h, Access=a, Signature=" HEX64,
            "SDK-HMAC-SHA256 Access=a, SignedHeaders=h, Signature=" HEX64 "0",
            "SDK-HMAC-SHA256 Access=a, SignedHeaders=h, Signature=" HEX64 ", More=1",
            "SDK-HMAC-SHA256 Access=a, SignedHeaders=h, Signature=ABC",
            "SDK-HMAC-SHA256 Access=a, SignedHeaders=h",
            "FC a:b",
            "V11-HMAC-SHA256 Access=a, SignedHeaders=h, Signature=" HEX64,
            "V11-HMAC-SHA256 Credential=a, SignedHeaders=h, Signature=" HEX64,
            "V11-HMAC-SHA256 Credential=a/, SignedHeaders=h, Signature=" HEX64,
            "V11-HMAC-SHA256 Credential=/d/r/s, SignedHeaders=h, Signature=" HEX64,
            "SDK-HMAC-SHA256 Credential=a/d/r/s, SignedHeaders=h, Signature=" HEX64,
    };
    struct sign_sdk sign;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sign_sdk_parse(str_of(bad[i]), &sign, NULL), -EINVAL);
    assert_int_equal(
            sign_sdk_parse(S("SDK-HMAC-SHA256 Access=a,SignedHeaders=h;i,Signature=" HEX64), &sign,
                           NULL),
            0);
    t_str(sign.signature, S(HEX64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(signatures_are_those_of_the_official_sdk),
            cmocka_unit_test(the_derived_form_is_that_of_the_official_sdk),
            cmocka_unit_test(authorize_makes_what_parse_and_compute_accept),
            cmocka_unit_test(any_change_changes_the_signature),
            cmocka_unit_test(a_given_body_hash_stands_in_for_the_body),
            cmocka_unit_test(signed_headers_must_be_there_and_sorted),
            cmocka_unit_test(a_canonical_request_has_a_ceiling),
            cmocka_unit_test(authorization_of_another_form_is_refused),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway's request as SCF's apigw event, byte by byte (scf.md 4.1), and what an answer says. */
#include "t.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/scf/scf.h"
#include "dialect/shape.h"

enum { MAX = 8 << 20 };

#define LIST(...)                                                                                  \
    {                                                                                              \
        .at = (const struct shape_pair[]){__VA_ARGS__},                                            \
        .n = sizeof((const struct shape_pair[]){__VA_ARGS__}) / sizeof(struct shape_pair)          \
    }

static struct shape_http sample(void)
{
    return (struct shape_http){
            .request_id = S("c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
            .method = S("POST"),
            .api_method = S("ANY"),
            .path = S("/test/value"),
            .pattern = S("/test/{path}"),
            .group_id = S("service-f94sy04v"),
            .stage = S("release"),
            .source_ip = S("10.0.2.14"),
            .timeout_ms = 15000,
    };
}

static void want(const struct shape_http *h, const char *text)
{
    struct buf out;
    size_t offset = 0;

    buf_init(&out, MAX);
    scf_shape.http_event(h, &out);
    t_str(buf_str(&out), str_of(text));
    assert_true(json_valid(buf_str(&out), &offset));
    buf_done(&out);
}

/* A piece of the event; the rest is as in the tests above. */
static void has(const struct shape_http *h, const char *piece)
{
    struct buf out;

    buf_init(&out, MAX);
    scf_shape.http_event(h, &out);
    assert_true(json_valid(buf_str(&out), NULL));
    t_has(out.p, piece);
    buf_done(&out);
}

#define OWN_HEADERS(first)                                                                         \
    first "\"endpoint-timeout\":\"15\",\"x-anonymous-consumer\":\"true\","                         \
          "\"x-api-requestid\":\"c6af9ac67b6111e69a4193e8deadbeef\","                              \
          "\"x-b3-traceid\":\"c6af9ac67b6111e69a4193e8deadbeef\",\"x-qualifier\":\"$LATEST\"}"

static void a_bare_request_has_no_body(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.method = S("GET");
    want(&h,
         "{\"requestContext\":{\"serviceId\":\"service-f94sy04v\",\"path\":\"/test/{path}\","
         "\"httpMethod\":\"ANY\",\"requestId\":\"c6af9ac6-7b61-11e6-9a41-93e8deadbeef\","
         "\"identity\":{},\"sourceIp\":\"10.0.2.14\",\"stage\":\"release\"},"
         "\"headers\":{" OWN_HEADERS(
                 "") ",\"isBase64Encoded\":false,\"pathParameters\":{},"
                     "\"queryStringParameters\":{},\"headerParameters\":{},\"stageVariables\":{},"
                     "\"path\":\"/test/value\",\"queryString\":{},\"httpMethod\":\"GET\"}");
}

static void everything_has_its_place(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.headers = (struct shape_list)LIST({S("Accept"), S("text/html")}, {S("HOST"), S("a.b:80")});
    h.query = (struct shape_list)LIST({S("foo"), S("bar")}, {S("bob"), S("alice")});
    h.path_params = (struct shape_list)LIST({S("path"), S("value")});
    h.query_params = (struct shape_list)LIST({S("foo"), S("bar")});
    h.header_params = (struct shape_list)LIST({S("Refer"), S("10.0.2.14")});
    h.variables = (struct shape_list)LIST({S("stage"), S("release")});
    h.body = S("{\"test\":\"body\"}");
    want(&h, "{\"requestContext\":{\"serviceId\":\"service-f94sy04v\",\"path\":\"/test/{path}\","
             "\"httpMethod\":\"ANY\",\"requestId\":\"c6af9ac6-7b61-11e6-9a41-93e8deadbeef\","
             "\"identity\":{},\"sourceIp\":\"10.0.2.14\",\"stage\":\"release\"},"
             "\"headers\":{\"accept\":\"text/html\",\"host\":\"a.b:80\"," OWN_HEADERS(
                     "") ",\"body\":\"{\\\"test\\\":\\\"body\\\"}\",\"isBase64Encoded\":false,"
                         "\"pathParameters\":{\"path\":\"value\"},\"queryStringParameters\":{"
                         "\"foo\":\"bar\"},"
                         "\"headerParameters\":{\"Refer\":\"10.0.2.14\"},"
                         "\"stageVariables\":{\"stage\":\"release\"},\"path\":\"/test/value\","
                         "\"queryString\":{\"foo\":\"bar\",\"bob\":\"alice\"},\"httpMethod\":"
                         "\"POST\"}");
}

static void who_signed_is_told_and_not_anonymous(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.headers = (struct shape_list)LIST({S("x-anonymous-consumer"), S("true")});
    h.secret_id = S("AKIDx");
    h.qualifier = S("prod");
    has(&h, "\"identity\":{\"secretId\":\"AKIDx\"}");
    has(&h, "\"x-qualifier\":\"prod\"}");
    has(&h, "\"headers\":{\"endpoint-timeout\":\"15\",\"x-anonymous-consumer\":\"false\",");
}

static void headers_of_the_gateway_are_not_the_clients(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.headers = (struct shape_list)LIST(
            {S("X-Anonymous-Consumer"), S("forged")}, {S("x-api-requestid"), S("forged")},
            {S("X-Qualifier"), S("forged")}, {S("X-B3-TraceId"), S("forged")}, {S("a"), S("b")},
            {S("Endpoint-Timeout"), S("forged")});
    has(&h, "\"headers\":{\"a\":\"b\"," OWN_HEADERS(""));
}

static void repeated_headers_are_joined_whatever_their_case(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.headers = (struct shape_list)LIST({S("X-A"), S("1")}, {S("Cookie"), S("a=1")},
                                        {S("x-a"), S("2")}, {S("cookie"), S("b=2")},
                                        {S("X-a"), S("")}, {S("X-AB"), S("3")});
    has(&h, "\"headers\":{\"x-a\":\"1, 2, \",\"cookie\":\"a=1; b=2\",\"x-ab\":\"3\",");
}

static void repeated_keys_are_lists_and_those_without_value_true(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.query = (struct shape_list)LIST({S("a"), S("1")}, {S("flag"), STR_NONE}, {S("a"), S("2")},
                                      {S("A"), S("3")}, {S("empty"), S("")}, {S("a"), STR_NONE},
                                      {S(""), S("x")});
    has(&h, "\"queryString\":{\"a\":[\"1\",\"2\",true],\"flag\":true,\"A\":\"3\",\"empty\":\"\","
            "\"\":\"x\"}");
}

static void a_body_in_base64_says_so(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.base64 = true;
    h.body = S("\0\xff\n");
    has(&h, ",\"body\":\"AP8K\",\"isBase64Encoded\":true,");
    h.body = STR_NONE;
    has(&h, "\"$LATEST\"},\"isBase64Encoded\":false,");
}

static void bytes_that_are_no_text_are_replaced(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.body = S("a\xff\"\0b");
    has(&h, "\"body\":\"a\xef\xbf\xbd\\\"\\u0000b\"");
    h.path = S("/\xc3\xa9\xff");
    has(&h, "\"path\":\"/\xc3\xa9\xef\xbf\xbd\"");
}

static void ten_thousand_keys_cost_no_more_than_sorting(void **state)
{
    enum { KEYS = 10000 };
    struct shape_pair *at = xcalloc(KEYS, sizeof(*at));
    struct shape_http h = sample();
    char(*names)[8] = xcalloc(KEYS, sizeof(*names));
    struct buf out;

    (void)state;
    for (size_t i = 0; i < KEYS; i++) {
        int n = snprintf(names[i], sizeof(names[i]), "k%zu", i % 5000);

        at[i] = (struct shape_pair){{names[i], (size_t)n}, S("v")};
    }
    h.query = (struct shape_list){at, KEYS};
    buf_init(&out, MAX);
    scf_shape.http_event(&h, &out);
    t_has(out.p, "\"queryString\":{\"k0\":[\"v\",\"v\"],\"k1\":[\"v\",\"v\"],");
    t_has(out.p, "\"k4999\":[\"v\",\"v\"]},\"httpMethod\"");
    assert_true(json_valid(buf_str(&out), NULL));
    buf_done(&out);
    free(names);
    free(at);
}

static void an_event_over_the_ceiling_fails_its_buffer(void **state)
{
    struct shape_http h = sample();
    struct buf out;

    (void)state;
    h.body = S("0123456789");
    for (size_t max = 0; max < 700; max += 7) {
        buf_init(&out, max);
        scf_shape.http_event(&h, &out);
        assert_true(out.n <= max);
        buf_done(&out);
    }
}

/* ---- answers ---- */

static void what_is_passed_through_is_json_with_200(void **state)
{
    static const char *const answers[] = {"{\"statusCode\":404}", "\"hi\"", "null", "[1]", ""};
    struct shape_answer a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        assert_int_equal(scf_shape.http_answer(str_of(answers[i]), false, &a, NULL), 0);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.nheaders, 1);
        t_str(a.headers[0].name, S("Content-Type"));
        t_str(a.headers[0].value, S("application/json"));
        t_str(buf_str(&a.body), str_of(answers[i]));
        shape_answer_done(&a);
    }
}

static void an_integrated_answer_says_status_headers_and_body(void **state)
{
    struct shape_answer a;

    (void)state;
    assert_int_equal(
            scf_shape.http_answer(S("{\"isBase64Encoded\": false, \"statusCode\": 201, \"headers\":"
                                    "{\"Content-Type\":\"text/html\",\"Set-Cookie\":[\"a=1\","
                                    "\"b=2\"]}, \"body\": \"<b>\\u817e</b>\"}"),
                                  true, &a, NULL),
            0);
    assert_int_equal(a.status, 201);
    assert_int_equal(a.nheaders, 3);
    t_str(a.headers[0].value, S("text/html"));
    t_str(a.headers[1].name, S("Set-Cookie"));
    t_str(a.headers[1].value, S("a=1"));
    t_str(a.headers[2].value, S("b=2"));
    t_str(buf_str(&a.body), S("<b>\xe8\x85\xbe</b>"));
    shape_answer_done(&a);

    assert_int_equal(scf_shape.http_answer(S("{\"isBase64Encoded\":true,\"statusCode\":200,"
                                             "\"headers\":{},\"body\":\"AP8K\"}"),
                                           true, &a, NULL),
                     0);
    t_str(buf_str(&a.body), S("\0\xff\n"));
    shape_answer_done(&a);
}

static void what_is_in_no_such_form_is_refused(void **state)
{
    static const char *const answers[] = {
            "",
            "null",
            "[]",
            "7",
            "\"hello\"",
            "{}",
            "{\"body\":\"x\"}",
            "{\"statusCode\":0}",
            "{\"statusCode\":\"ok\"}",
            "{\"statusCode\":199}",
            "{\"statusCode\":600}",
            "{\"statusCode\":200,\"body\":{\"a\":1}}",
            "{\"statusCode\":200,\"body\":7}",
            "{\"statusCode\":200,\"headers\":[]}",
            "{\"statusCode\":200,\"headers\":{\"a\":{}}}",
            "{\"statusCode\":200,\"body\":\"!\",\"isBase64Encoded\":true}",
            "{\"statusCode\":200,\"isBase64Encoded\":7}",
    };
    struct shape_answer a;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        assert_true(scf_shape.http_answer(str_of(answers[i]), true, &a, &e) < 0);
        assert_true(e.msg[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_bare_request_has_no_body),
            cmocka_unit_test(everything_has_its_place),
            cmocka_unit_test(who_signed_is_told_and_not_anonymous),
            cmocka_unit_test(headers_of_the_gateway_are_not_the_clients),
            cmocka_unit_test(repeated_headers_are_joined_whatever_their_case),
            cmocka_unit_test(repeated_keys_are_lists_and_those_without_value_true),
            cmocka_unit_test(a_body_in_base64_says_so),
            cmocka_unit_test(bytes_that_are_no_text_are_replaced),
            cmocka_unit_test(ten_thousand_keys_cost_no_more_than_sorting),
            cmocka_unit_test(an_event_over_the_ceiling_fails_its_buffer),
            cmocka_unit_test(what_is_passed_through_is_json_with_200),
            cmocka_unit_test(an_integrated_answer_says_status_headers_and_body),
            cmocka_unit_test(what_is_in_no_such_form_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

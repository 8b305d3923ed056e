/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP triggers of Function Compute 3.0: who takes an event, what is in it, what an answer means. */
#include "t.h"

#include <errno.h>

#include "base/err.h"
#include "dialect/shape.h"
#include "fn/fn.h"

static struct fn *made(const char *extra, const char *runtime)
{
    struct fn_key key = {DIALECT_FC, S("acc"), S("r"), S("default"), S("f")};
    struct fn *f = fn_new(&key);

    fn_set(&f->extra, str_of(extra));
    fn_set(&f->runtime, str_of(runtime));
    return f;
}

static bool takes_event(const char *extra, const char *runtime)
{
    struct fn *f = made(extra, runtime);
    bool takes = shape_of(DIALECT_FC)->trigger_as_event(f);

    fn_unref(f);
    return takes;
}

static void only_functions_of_3_0_take_an_event(void **state)
{
    (void)state;
    assert_true(takes_event("{\"fcVersion\":\"v3\"}", "python3.10"));
    assert_false(takes_event("{}", "python3.10"));
    assert_false(takes_event("{\"fcVersion\":\"v3\"}", "custom"));
    assert_false(takes_event("{\"fcVersion\":\"v3\"}", "custom.debian10"));
    assert_false(
            takes_event("{\"logConfig\":{\"project\":\"\\\"fcVersion\\\":\\\"v3\\\"\"}}", "go1"));
}

static void an_event_tells_of_the_request(void **state)
{
    const struct shape_pair headers[] = {
            {S("User-Agent"), S("ua")}, {S("A"), S("1")}, {S("a"), S("2")}};
    const struct shape_pair query[] = {{S("x"), S("1")}, {S("x"), S("2")}};
    const struct shape_http h = {.request_id = S("id"),
                                 .method = S("POST"),
                                 .host = S("fn.example.com:80"),
                                 .path = S("/a"),
                                 .headers = {headers, 3},
                                 .query = {query, 2},
                                 .body = S("\xff"),
                                 .source_ip = S("1.2.3.4"),
                                 .now_ms = 1685346000123};
    struct fn *f = made("{\"fcVersion\":\"v3\"}", "python3.10");
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    shape_of(DIALECT_FC)->trigger_event(f, &h, &out);
    t_str(buf_str(&out),
          S("{\"version\":\"v1\",\"rawPath\":\"/a\",\"headers\":{\"User-Agent\":\"ua\",\"A\":\"1, "
            "2\"},"
            "\"queryParameters\":{\"x\":\"2\"},\"body\":\"/w==\",\"isBase64Encoded\":true,"
            "\"requestContext\":{\"accountId\":\"acc\",\"domainName\":\"fn.example.com\","
            "\"domainPrefix\":\"fn\",\"requestId\":\"id\",\"time\":\"2023-05-29T07:40:00Z\","
            "\"timeEpoch\":\"1685346000123\",\"http\":{\"method\":\"POST\",\"path\":\"/a\","
            "\"protocol\":\"HTTP/1.1\",\"sourceIp\":\"1.2.3.4\",\"userAgent\":\"ua\"}}}"));
    buf_done(&out);
    fn_unref(f);
}

static void answers_to(const char *answer, int status, const char *body)
{
    struct shape_answer a = {0};
    struct err e = {0};

    t_ok(shape_of(DIALECT_FC)->trigger_answer(str_of(answer), &a, &e), &e);
    assert_int_equal(a.status, status);
    t_str(buf_str(&a.body), str_of(body));
    shape_answer_done(&a);
}

static void what_is_no_answer_object_is_the_body_of_a_200(void **state)
{
    (void)state;
    answers_to("{\"statusCode\":404,\"body\":\"gone\"}", 404, "gone");
    answers_to("{\"statusCode\":200,\"isBase64Encoded\":true,\"body\":\"aGk=\"}", 200, "hi");
    answers_to("just text", 200, "just text");
    answers_to("{\"a\":1}", 200, "{\"a\":1}");
    answers_to("[1]", 200, "[1]");
    answers_to("", 200, "");
}

static void a_malformed_answer_object_is_refused(void **state)
{
    struct shape_answer a = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(shape_of(DIALECT_FC)->trigger_answer(S("{\"statusCode\":99}"), &a, &e),
                     -EINVAL);
    assert_int_equal(
            shape_of(DIALECT_FC)->trigger_answer(S("{\"statusCode\":200,\"headers\":7}"), &a, &e),
            -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(only_functions_of_3_0_take_an_event),
            cmocka_unit_test(an_event_tells_of_the_request),
            cmocka_unit_test(what_is_no_answer_object_is_the_body_of_a_200),
            cmocka_unit_test(a_malformed_answer_object_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

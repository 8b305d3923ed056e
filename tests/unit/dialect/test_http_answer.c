/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What functions behind a gateway answer, and what becomes of it: one row per case, with the
 * document it follows. FunctionGraph and FC read it alike; SCF's own are in test_scf_shape.c.
 */
#include "t.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "dialect/answer.h"
#include "dialect/fc/fc.h"
#include "dialect/functiongraph/functiongraph.h"
#include "dialect/shape.h"

/* FunctionGraph User Guide, "API Gateway (Dedicated) Trigger", support.huaweicloud.com
 * functiongraph_01_0204, 2025-08-19; its FAQ functiongraph_03_0290, 2022-04-12 */
#define GUIDE "functiongraph_01_0204 2025-08-19"
#define FAQ   "functiongraph_03_0290 2022-04-12"
/* Function Compute, "API Gateway triggers", alibabacloud.com/help/doc-detail/74794, 2026-03-15 */
#define FC_GUIDE "doc-detail/74794 2026-03-15"
#define RFC8259  "RFC 8259 2017-12"
#define RFC4648  "RFC 4648 2006-10"
#define RFC9110  "RFC 9110 2022-06"
#define OURS     "docs/compat/apig.md 2026-11-22"

static const struct {
    const char *document;
    const char *answer;
    int status;          /* 0: refused */
    const char *headers; /* "name: value\n" each */
    const char *body;
} cases[] = {
        /* the form of the guides */
        {GUIDE,
         "{\"isBase64Encoded\":false,\"statusCode\":200,\"headers\":{\"Content-Type\":\"a/b\"},"
         "\"body\":\"hi\"}",
         200, "Content-Type: a/b\n", "hi"},
        {GUIDE, "{\"isBase64Encoded\":true,\"statusCode\":200,\"headers\":{},\"body\":\"aGk=\"}",
         200, "", "hi"},
        {FC_GUIDE,
         "{\"isBase64Encoded\":false,\"statusCode\":404,\"headers\":{\"x\":\"y\"},"
         "\"body\":\"string of response payload\"}",
         404, "x: y\n", "string of response payload"},
        {FAQ, "\"Hello, FunctionGraph with APIG\"", 0, "", ""},
        {FAQ, "hello", 0, "", ""},
        {FAQ, "{\"body\":\"no status\"}", 0, "", ""},
        /* a text of it: json.dumps() in Python's samples */
        {GUIDE, "\"{\\\"statusCode\\\":201,\\\"body\\\":\\\"made\\\"}\"", 201, "", "made"},
        {OURS, " \"{\\\"statusCode\\\":201}\" \r\n", 201, "", ""},
        {OURS, "\"\\\"{}\\\"\"", 0, "", ""},
        {OURS, "\"\"", 0, "", ""},
        /* other values */
        {OURS, "", 0, "", ""},
        {OURS, "null", 0, "", ""},
        {OURS, "5", 0, "", ""},
        {OURS, "true", 0, "", ""},
        {OURS, "[]", 0, "", ""},
        {OURS, "[{\"statusCode\":200}]", 0, "", ""},
        {OURS, "{", 0, "", ""},
        {OURS, "{}", 0, "", ""},
        {OURS, "{\"statusCode\":200} {}", 0, "", ""},
        {OURS, "\xff", 0, "", ""},
        /* status */
        {OURS, "{\"statusCode\":\"200\"}", 200, "", ""},
        {OURS, "{\"statusCode\":\" 200\"}", 0, "", ""},
        {OURS, "{\"statusCode\":\"200 OK\"}", 0, "", ""},
        {OURS, "{\"statusCode\":\"\"}", 0, "", ""},
        {OURS, "{\"statusCode\":null}", 0, "", ""},
        {OURS, "{\"statusCode\":0}", 0, "", ""},
        {OURS, "{\"statusCode\":\"0\"}", 0, "", ""},
        {OURS, "{\"statusCode\":200.0}", 0, "", ""},
        {OURS, "{\"statusCode\":2e2}", 0, "", ""},
        {OURS, "{\"statusCode\":-200}", 0, "", ""},
        {OURS, "{\"statusCode\":true}", 0, "", ""},
        {OURS, "{\"statusCode\":[200]}", 0, "", ""},
        {OURS, "{\"statusCode\":{}}", 0, "", ""},
        {OURS, "{\"StatusCode\":200}", 0, "", ""},
        {RFC9110, "{\"statusCode\":100}", 0, "", ""},
        {RFC9110, "{\"statusCode\":199}", 0, "", ""},
        {RFC9110, "{\"statusCode\":200}", 200, "", ""},
        {RFC9110, "{\"statusCode\":204}", 204, "", ""},
        {RFC9110, "{\"statusCode\":304}", 304, "", ""},
        {RFC9110, "{\"statusCode\":599}", 599, "", ""},
        {RFC9110, "{\"statusCode\":600}", 0, "", ""},
        {OURS, "{\"statusCode\":99999999999999999999999}", 0, "", ""},
        {RFC8259, "{\"status\\u0043ode\":200}", 200, "", ""},
        {RFC8259, "{\"statusCode\":500,\"statusCode\":200}", 200, "", ""},
        {RFC8259, "{\"x\":{\"statusCode\":500},\"statusCode\":200}", 200, "", ""},
        /* headers */
        {OURS, "{\"statusCode\":200,\"headers\":null}", 200, "", ""},
        {OURS, "{\"statusCode\":200,\"headers\":[]}", 0, "", ""},
        {OURS, "{\"statusCode\":200,\"headers\":\"a: b\"}", 0, "", ""},
        {OURS, "{\"statusCode\":200,\"headers\":7}", 0, "", ""},
        {OURS, "{\"statusCode\":200,\"headers\":{\"a\":1,\"b\":-2.50,\"c\":true,\"d\":false}}", 200,
         "a: 1\nb: -2.50\nc: true\nd: false\n", ""},
        {OURS, "{\"statusCode\":200,\"headers\":{\"a\":null,\"b\":\"\"}}", 200, "b: \n", ""},
        {OURS, "{\"statusCode\":200,\"headers\":{\"a\":{}}}", 0, "", ""},
        {OURS, "{\"statusCode\":200,\"headers\":{\"a\":[\"x\",{}]}}", 0, "", ""},
        {OURS, "{\"statusCode\":200,\"headers\":{\"a\":[[\"x\"]]}}", 0, "", ""},
        {RFC9110, "{\"statusCode\":200,\"headers\":{\"Set-Cookie\":[\"a=1\",\"b=2; Path=/\"]}}",
         200, "Set-Cookie: a=1\nSet-Cookie: b=2; Path=/\n", ""},
        {OURS, "{\"statusCode\":200,\"headers\":{\"a\":[1,null,true,\"x\"],\"b\":[]}}", 200,
         "a: 1\na: true\na: x\n", ""},
        {RFC9110,
         "{\"statusCode\":200,\"headers\":{\"Set-Cookie\":\"a=1\",\"set-cookie\":\"b=2\"}}", 200,
         "Set-Cookie: a=1\nset-cookie: b=2\n", ""},
        {RFC8259, "{\"statusCode\":200,\"headers\":{\"a\":\"1\",\"a\":\"2\"}}", 200, "a: 1\na: 2\n",
         ""},
        {RFC8259, "{\"statusCode\":200,\"headers\":{\"a\\u002db\":\"\\u00e9\\\"\"}}", 200,
         "a-b: \xc3\xa9\"\n", ""},
        /* body */
        {OURS, "{\"statusCode\":200,\"body\":null}", 200, "", ""},
        {OURS, "{\"statusCode\":200,\"body\":\"\"}", 200, "", ""},
        {GUIDE, "{\"statusCode\":200,\"body\":{\"a\":1}}", 0, "", ""},
        {GUIDE, "{\"statusCode\":200,\"body\":[1]}", 0, "", ""},
        {GUIDE, "{\"statusCode\":200,\"body\":5}", 0, "", ""},
        {GUIDE, "{\"statusCode\":200,\"body\":false}", 0, "", ""},
        {RFC8259, "{\"statusCode\":200,\"body\":\"<p>\\u4f60\\n\\ud83d\\ude00</p>\"}", 200, "",
         "<p>\xe4\xbd\xa0\n\xf0\x9f\x98\x80</p>"},
        {RFC8259, "{\"statusCode\":200,\"body\":\"half \\ud83d\"}", 200, "", "half \xef\xbf\xbd"},
        /* base64 */
        {OURS, "{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":\"true\"}", 200, "",
         "hi"},
        {OURS, "{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":\"True\"}", 200, "",
         "hi"},
        {OURS, "{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":\"false\"}", 200, "",
         "aGk="},
        {OURS, "{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":null}", 200, "", "aGk="},
        {OURS, "{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":1}", 0, "", ""},
        {OURS, "{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":\"yes\"}", 0, "", ""},
        {OURS, "{\"statusCode\":200,\"isBase64Encoded\":true}", 200, "", ""},
        {OURS, "{\"statusCode\":200,\"body\":\"\",\"isBase64Encoded\":true}", 200, "", ""},
        {RFC4648, "{\"statusCode\":200,\"body\":\"aGk\",\"isBase64Encoded\":true}", 0, "", ""},
        {RFC4648, "{\"statusCode\":200,\"body\":\"a-_=\",\"isBase64Encoded\":true}", 0, "", ""},
        {RFC4648, "{\"statusCode\":200,\"body\":\"not base64!\",\"isBase64Encoded\":true}", 0, "",
         ""},
        {RFC4648, "{\"statusCode\":200,\"body\":\"aG\\nk=\\r\\n\",\"isBase64Encoded\":true}", 200,
         "", "hi"},
        {RFC4648, "{\"statusCode\":200,\"body\":\"\\/\\/79\",\"isBase64Encoded\":true}", 200, "",
         "\xff\xfe\xfd"},
};

static void want_answer(const struct shape_ops *shape, size_t i)
{
    struct shape_answer a;
    struct err e = {0};
    struct buf lines;
    int r = shape->http_answer(str_of(cases[i].answer), false, &a, &e);

    if (cases[i].status == 0) {
        if (r != -EINVAL || !e.msg[0])
            fail_msg("%s: '%s' gave %d '%s'", cases[i].document, cases[i].answer, r, e.msg);
        return;
    }
    if (r != 0)
        fail_msg("%s: '%s' was refused: %s", cases[i].document, cases[i].answer, e.msg);
    assert_int_equal(a.status, cases[i].status);
    buf_init(&lines, 4096);
    for (size_t k = 0; k < a.nheaders; k++) {
        buf_adds(&lines, a.headers[k].name);
        buf_addz(&lines, ": ");
        buf_adds(&lines, a.headers[k].value);
        buf_addc(&lines, '\n');
    }
    t_str(buf_str(&lines), str_of(cases[i].headers));
    t_str(buf_str(&a.body), str_of(cases[i].body));
    buf_done(&lines);
    shape_answer_done(&a);
}

static void an_answer_becomes_http_or_is_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        want_answer(&functiongraph_shape, i);
        want_answer(&fc_shape, i);
    }
}

static void want_refusal(const char *answer, const char *sentence)
{
    struct shape_answer a;
    struct err e = {0};

    assert_int_equal(functiongraph_shape.http_answer(str_of(answer), false, &a, &e), -EINVAL);
    assert_string_equal(e.msg, sentence);
}

#define FORM                                                                                       \
    ", type format must be: "                                                                      \
    "{\"statusCode\":200,\"isBase64Encoded\":false,\"headers\":{},\"body\":\"\"}"

static void functiongraph_refuses_in_the_clouds_words(void **state)
{
    (void)state;
    want_refusal("\"hello\"", "invalid type of APIG trigger invocation result:[\"hello\"]" FORM);
    want_refusal("", "invalid type of APIG trigger invocation result:[]" FORM);
    want_refusal("{\"body\":\"\"}", "'statusCode' of APIG trigger invocation result not specified, "
                                    "statusCode can not be 0");
    want_refusal("{\"statusCode\":200,\"body\":{}}",
                 "invalid type of APIG trigger invocation result:['body' must be text]" FORM);
    /* 64 bytes of it, and no half character */
    want_refusal("\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
                 "invalid type of APIG trigger invocation result:"
                 "[\"012345678901234567890123456789012345678901234567890123456789012]" FORM);
    want_refusal("\"01234567890123456789012345678901234567890123456789012345678901\xe4\xbd\xa0\"",
                 "invalid type of APIG trigger invocation result:"
                 "[\"01234567890123456789012345678901234567890123456789012345678901]" FORM);
}

static void a_body_may_hold_a_nul_and_a_status_may_be_by_rule(void **state)
{
    const struct answer_rules free_rules = {.status = 200, .body_json = true};
    struct shape_answer a;
    struct err e;

    (void)state;
    t_ok(answer_parse(S("{\"body\":\"a\\u0000b\"}"), &free_rules, &a, &e), &e);
    assert_int_equal(a.status, 200);
    t_str(buf_str(&a.body), S("a\0b"));
    shape_answer_done(&a);
    t_ok(answer_parse(S("{\"statusCode\":null,\"body\":{\"a\": [1, 2]}}"), &free_rules, &a, &e),
         &e);
    t_str(buf_str(&a.body), S("{\"a\": [1, 2]}"));
    shape_answer_done(&a);
    assert_int_equal(answer_parse(S("{\"statusCode\":0}"), &free_rules, &a, &e), -ENODATA);
    assert_int_equal(answer_parse(S("[]"), &free_rules, &a, &e), -EBADMSG);
}

static void want_lines(size_t n, int r)
{
    struct shape_answer a;
    struct buf text;
    struct err e;

    buf_init(&text, 64 << 10);
    buf_addz(&text, "{\"statusCode\":200,\"headers\":{\"a\":[");
    for (size_t i = 0; i < n; i++)
        buf_addz(&text, i ? ",1" : "1");
    buf_addz(&text, "]}}");
    assert_int_equal(answer_parse(buf_str(&text), &(struct answer_rules){0}, &a, &e), r);
    if (r == 0) {
        assert_int_equal(a.nheaders, n);
        shape_answer_done(&a);
    }
    buf_done(&text);
}

static void headers_have_a_limit(void **state)
{
    (void)state;
    want_lines(ANSWER_HEADERS, 0);
    want_lines(ANSWER_HEADERS + 1, -EINVAL);
}

static void six_megabytes_are_read_once(void **state)
{
    size_t n = 6 << 20;
    struct shape_answer a;
    struct buf text;
    struct err e;

    (void)state;
    buf_init(&text, n + 64);
    buf_addz(&text, "{\"statusCode\":200,\"body\":\"");
    memset(buf_room(&text, n), 'x', n);
    buf_grew(&text, n);
    buf_addz(&text, "\"}");
    t_ok(answer_parse(buf_str(&text), &(struct answer_rules){0}, &a, &e), &e);
    assert_int_equal(a.body.n, n);
    shape_answer_done(&a);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_answer_becomes_http_or_is_refused_with_a_sentence),
            cmocka_unit_test(functiongraph_refuses_in_the_clouds_words),
            cmocka_unit_test(a_body_may_hold_a_nul_and_a_status_may_be_by_rule),
            cmocka_unit_test(headers_have_a_limit),
            cmocka_unit_test(six_megabytes_are_read_once),
    };

    return T_RUN(tests);
}

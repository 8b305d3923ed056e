/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function behind a gateway is given, byte by byte. Documents:
 *   FunctionGraph  "Supported Event Sources", APIG event: opentelekomcloud-community.github.io
 *                  otc-functiongraph-csharp-runtime/.../trigger_apig_event.html, read 2026-11-22;
 *                  User Guide functiongraph_01_0204, 2025-08-19
 *   FC             "API Gateway triggers", alibabacloud.com/help/doc-detail/74794, 2026-03-15
 * and docs/compat/apig.md for what they leave open.
 */
#include "t.h"

#include "base/buf.h"
#include "base/json.h"
#include "dialect/fc/fc.h"
#include "dialect/functiongraph/functiongraph.h"
#include "dialect/shape.h"

#define LIST(...)                                                                                  \
    {                                                                                              \
        (const struct shape_pair[]){__VA_ARGS__},                                                  \
                sizeof((const struct shape_pair[]){__VA_ARGS__}) / sizeof(struct shape_pair)       \
    }
#define PAIR(name_, value_)                                                                        \
    {                                                                                              \
        {name_, sizeof(name_) - 1},                                                                \
        {                                                                                          \
            value_, sizeof(value_) - 1                                                             \
        }                                                                                          \
    }

static struct shape_http sample(void)
{
    return (struct shape_http){
            .request_id = S("r-1"),
            .method = S("GET"),
            .api_method = S("ANY"),
            .scheme = S("http"),
            .host = S("g.apigw.localhost:8900"),
            .path = S("/test/hello"),
            .raw_path = S("/test/hello"),
            .target = S("/test/hello"),
            .pattern = S("/test/{proxy}"),
            .base64 = true,
            .group_id = S("g"),
            .api_id = S("a-1"),
            .stage = S("RELEASE"),
            .source_ip = S("1.2.3.4"),
            .qualifier = S("latest"),
            .timeout_ms = 5000,
    };
}

static void want_event(const struct shape_ops *shape, const struct shape_http *h, const char *want)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    shape->http_event(h, &out);
    assert_true(json_valid(buf_str(&out), NULL));
    t_str(buf_str(&out), str_of(want));
    buf_done(&out);
}

#define CONTEXT                                                                                    \
    "\"requestContext\":{\"apiId\":\"a-1\",\"requestId\":\"r-1\",\"stage\":\"RELEASE\","           \
    "\"sourceIp\":\"1.2.3.4\"}"
#define FORWARDED                                                                                  \
    "\"x-forwarded-host\":\"g.apigw.localhost\",\"x-forwarded-port\":\"8900\","                    \
    "\"x-forwarded-proto\":\"http\",\"x-real-ip\":\"1.2.3.4\",\"x-request-id\":\"r-1\","           \
    "\"x-stage\":\"RELEASE\""
#define GATEWAYS "\"x-forwarded-for\":\"1.2.3.4\"," FORWARDED

static void functiongraph_has_all_fields_of_the_document(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.method = S("POST");
    h.body = S("{\"name\": \"OpenTelekomCloud\"}");
    h.headers = (struct shape_list)LIST(PAIR("Host", "g.apigw.localhost:8900"),
                                        PAIR("User-Agent", "curl/7"));
    h.query = (struct shape_list)LIST(PAIR("name", "me"));
    h.path_params = (struct shape_list)LIST(PAIR("proxy", "hello"));
    want_event(&functiongraph_shape, &h,
               "{\"body\":\"eyJuYW1lIjogIk9wZW5UZWxla29tQ2xvdWQifQ==\",\"isBase64Encoded\":"
               "true," CONTEXT
               ",\"queryStringParameters\":{\"name\":\"me\"},\"httpMethod\":\"POST\","
               "\"pathParameters\":{\"proxy\":\"hello\"},\"headers\":{"
               "\"host\":\"g.apigw.localhost:8900\",\"user-agent\":\"curl/7\"," GATEWAYS "},"
               "\"path\":\"/test/hello\"}");
}

static void functiongraph_says_base64_of_an_empty_body_too(void **state)
{
    struct shape_http h = sample();

    (void)state;
    want_event(&functiongraph_shape, &h,
               "{\"body\":\"\",\"isBase64Encoded\":true," CONTEXT
               ",\"queryStringParameters\":{},\"httpMethod\":\"GET\",\"pathParameters\":{},"
               "\"headers\":{" GATEWAYS "},\"path\":\"/test/hello\"}");
}

static void functiongraph_sends_a_plain_body_where_the_api_wants_it(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.base64 = false;
    h.body = S("{\"a\":\"\xe4\xbd\xa0\"}\n");
    want_event(
            &functiongraph_shape, &h,
            "{\"body\":\"{\\\"a\\\":\\\"\xe4\xbd\xa0\\\"}\\n\",\"isBase64Encoded\":false," CONTEXT
            ",\"queryStringParameters\":{},\"httpMethod\":\"GET\",\"pathParameters\":{},"
            "\"headers\":{" GATEWAYS "},\"path\":\"/test/hello\"}");
}

static void functiongraph_loses_nothing_of_a_body_that_is_no_text(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.base64 = false;
    h.body = S("\xff\x00\xfe");
    want_event(&functiongraph_shape, &h,
               "{\"body\":\"/wD+\",\"isBase64Encoded\":true," CONTEXT
               ",\"queryStringParameters\":{},\"httpMethod\":\"GET\",\"pathParameters\":{},"
               "\"headers\":{" GATEWAYS "},\"path\":\"/test/hello\"}");
}

static void functiongraph_joins_headers_and_takes_the_last_of_a_query(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.headers = (struct shape_list)LIST(PAIR("Accept", "a/b"), PAIR("Cookie", "x=1"),
                                        PAIR("accept", "c/d"), PAIR("COOKIE", "y=2"),
                                        PAIR("X-\"Odd", "\"\\"));
    h.query = (struct shape_list)LIST(PAIR("a", "1"), PAIR("b", ""), PAIR("a", "2"), PAIR("A", "3"),
                                      {S("bare"), STR_NONE});
    want_event(&functiongraph_shape, &h,
               "{\"body\":\"\",\"isBase64Encoded\":true," CONTEXT
               ",\"queryStringParameters\":{\"a\":\"2\",\"b\":\"\",\"A\":\"3\",\"bare\":\"\"},"
               "\"httpMethod\":\"GET\",\"pathParameters\":{},"
               "\"headers\":{\"accept\":\"a/b, c/d\",\"cookie\":\"x=1; y=2\","
               "\"x-\\\"odd\":\"\\\"\\\\\"," GATEWAYS "},\"path\":\"/test/hello\"}");
}

static void functiongraph_says_who_forwarded_and_lets_no_client_say_it(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.headers = (struct shape_list)LIST(PAIR("X-Forwarded-For", "9.9.9.9"),
                                        PAIR("X-Real-IP", "9.9.9.9"), PAIR("x-stage", "test"),
                                        PAIR("X-Request-Id", "mine"),
                                        PAIR("x-forwarded-for", "8.8.8.8"));
    want_event(&functiongraph_shape, &h,
               "{\"body\":\"\",\"isBase64Encoded\":true," CONTEXT
               ",\"queryStringParameters\":{},\"httpMethod\":\"GET\",\"pathParameters\":{},"
               "\"headers\":{\"x-forwarded-for\":\"9.9.9.9, 8.8.8.8, 1.2.3.4\"," FORWARDED
               "},\"path\":\"/test/hello\"}");
}

static void a_local_socket_is_no_station(void **state)
{
    struct shape_http h = sample();
    struct buf out;

    (void)state;
    h.source_ip = S("");
    h.headers = (struct shape_list)LIST(PAIR("X-Forwarded-For", "9.9.9.9"), PAIR("X-A", ""));
    buf_init(&out, 4096);
    functiongraph_shape.http_event(&h, &out);
    t_has(out.p, "\"x-forwarded-for\":\"9.9.9.9\",");
    buf_reset(&out);
    h.headers.n = 0;
    functiongraph_shape.http_event(&h, &out);
    t_has(out.p, "\"x-forwarded-for\":\"\",");
    buf_done(&out);
}

static void functiongraph_knows_the_port_of_the_scheme(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.host = S("[::1]");
    h.scheme = S("https");
    want_event(&functiongraph_shape, &h,
               "{\"body\":\"\",\"isBase64Encoded\":true," CONTEXT
               ",\"queryStringParameters\":{},\"httpMethod\":\"GET\",\"pathParameters\":{},"
               "\"headers\":{\"x-forwarded-for\":\"1.2.3.4\",\"x-forwarded-host\":\"[::1]\","
               "\"x-forwarded-port\":\"443\",\"x-forwarded-proto\":\"https\","
               "\"x-real-ip\":\"1.2.3.4\",\"x-request-id\":\"r-1\",\"x-stage\":\"RELEASE\"},"
               "\"path\":\"/test/hello\"}");
}

static void functiongraph_tells_an_authorizer_its_user_data(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.user_data = S("{\"k\":1}");
    h.path_params = (struct shape_list)LIST(PAIR("", "helloWorld/Test"));
    h.path = S("/a b/%\xc3\xa9");
    want_event(&functiongraph_shape, &h,
               "{\"body\":\"\",\"isBase64Encoded\":true," CONTEXT
               ",\"queryStringParameters\":{},\"httpMethod\":\"GET\","
               "\"pathParameters\":{\"\":\"helloWorld/Test\"},\"headers\":{" GATEWAYS
               "},\"path\":\"/a b/%\xc3\xa9\",\"user_data\":\"{\\\"k\\\":1}\"}");
}

#define FC_HEADERS                                                                                 \
    "\"X-Forwarded-For\":\"1.2.3.4\",\"X-Forwarded-Proto\":\"http\",\"X-Ca-Request-Id\":\"r-1\""

static void fc_keeps_the_names_of_headers_and_sends_text_as_text(void **state)
{
    struct shape_http h = sample();

    (void)state;
    h.base64 = false;
    h.body = S("<p>");
    h.headers = (struct shape_list)LIST(PAIR("Content-Type", "text/html"), PAIR("X-A", "1"),
                                        PAIR("x-a", "2"));
    h.query = (struct shape_list)LIST(PAIR("q", "1"), PAIR("q", "2"));
    h.path_params = (struct shape_list)LIST(PAIR("proxy", "hello"));
    want_event(&fc_shape, &h,
               "{\"path\":\"/test/hello\",\"httpMethod\":\"GET\",\"headers\":{"
               "\"Content-Type\":\"text/html\",\"X-A\":\"1, 2\"," FC_HEADERS "},"
               "\"queryParameters\":{\"q\":\"2\"},\"pathParameters\":{\"proxy\":\"hello\"},"
               "\"body\":\"<p>\",\"isBase64Encoded\":false}");
}

static void want_fc_body(const char *type, struct str body, bool base64, const char *want)
{
    struct shape_http h = sample();
    const struct shape_pair header = {S("content-type"), str_of(type)};
    struct buf out;

    h.base64 = false;
    h.body = body;
    h.headers = (struct shape_list){&header, type ? 1 : 0};
    buf_init(&out, 4096);
    fc_shape.http_event(&h, &out);
    t_has(out.p, want);
    t_has(out.p, base64 ? ",\"isBase64Encoded\":true}" : ",\"isBase64Encoded\":false}");
    buf_done(&out);
}

static void fc_sends_forms_and_binary_in_base64(void **state)
{
    (void)state;
    want_fc_body("application/x-www-form-urlencoded", S("a=1"), true, "\"body\":\"YT0x\"");
    want_fc_body("Application/X-WWW-Form-urlencoded; charset=UTF-8", S("a=1"), true,
                 "\"body\":\"YT0x\"");
    want_fc_body("multipart/form-data; boundary=x", S("a=1"), true, "\"body\":\"YT0x\"");
    want_fc_body("application/octet-stream", S("a=1"), true, "\"body\":\"YT0x\"");
    want_fc_body("application/json", S("\xff"), true, "\"body\":\"/w==\"");
    want_fc_body(NULL, S("\xff"), true, "\"body\":\"/w==\"");
    want_fc_body("application/json", S("{}"), false, "\"body\":\"{}\"");
    want_fc_body(NULL, S("a=1"), false, "\"body\":\"a=1\"");
    want_fc_body("application/x-www-form-urlencoded", S(""), false, "\"body\":\"\"");
}

/* Every name differs, then all are the same: both cost what they are long, and the last wins. */
static void a_long_query_names_each_name_once(void **state)
{
    enum { MANY = 4000 };
    static struct shape_pair pairs[MANY];
    static char names[MANY][8];
    struct shape_http h = sample();
    struct buf out;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%d", i % (MANY / 2));
        pairs[i] = (struct shape_pair){str_of(names[i]), str_of(i < MANY / 2 ? "old" : "new")};
    }
    h.query = (struct shape_list){pairs, MANY};
    buf_init(&out, 1 << 20);
    functiongraph_shape.http_event(&h, &out);
    assert_true(json_valid(buf_str(&out), NULL));
    assert_null(strstr(out.p, "\"old\""));
    t_has(out.p, "{\"0\":\"new\",\"1\":\"new\",\"2\":\"new\"");
    t_has(out.p, "\"1999\":\"new\"}");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(functiongraph_has_all_fields_of_the_document),
            cmocka_unit_test(functiongraph_says_base64_of_an_empty_body_too),
            cmocka_unit_test(functiongraph_sends_a_plain_body_where_the_api_wants_it),
            cmocka_unit_test(functiongraph_loses_nothing_of_a_body_that_is_no_text),
            cmocka_unit_test(functiongraph_joins_headers_and_takes_the_last_of_a_query),
            cmocka_unit_test(functiongraph_says_who_forwarded_and_lets_no_client_say_it),
            cmocka_unit_test(a_local_socket_is_no_station),
            cmocka_unit_test(functiongraph_knows_the_port_of_the_scheme),
            cmocka_unit_test(functiongraph_tells_an_authorizer_its_user_data),
            cmocka_unit_test(fc_keeps_the_names_of_headers_and_sends_text_as_text),
            cmocka_unit_test(fc_sends_forms_and_binary_in_base64),
            cmocka_unit_test(a_long_query_names_each_name_once),
    };

    return T_RUN(tests);
}

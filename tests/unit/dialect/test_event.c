/* SPDX-License-Identifier: Apache-2.0 */
/* What the dialects say about asynchronous events, byte by byte. */
#include "t.h"

#include "base/buf.h"
#include "dialect/fc/fc.h"
#include "dialect/functiongraph/functiongraph.h"
#include "dialect/shape.h"
#include "fn/fn.h"

static const struct fn sample = {
        .account = (char *)"p1",
        .region = (char *)"local-1",
        .space = (char *)"default",
        .name = (char *)"hello",
};

static const struct shape_timer due = {
        .name = "Timer_001",
        .time = "2023-06-01T08:30:00+08:00",
        .due_ms = 1685579400000,
        .payload = {"{\"a\": \"b\"}\n", 11},
};

static struct shape_told told(enum outcome outcome)
{
    return (struct shape_told){
            .fn = &sample,
            .request_id = S("r-1"),
            .now_ms = 1773742402123, /* 2026-03-17T10:13:22.123Z */
            .outcome = outcome,
            .attempts = 1,
            .payload = S("{\"n\": 1}"),
            .answer = S("\"hi\""),
    };
}

static void want_timer(const struct shape_ops *shape, const char *text)
{
    struct buf out;

    buf_init(&out, 4096);
    shape->timer(&due, &out);
    t_str(buf_str(&out), str_of(text));
    buf_done(&out);
}

static void want_told(const struct shape_ops *shape, struct shape_told t, const char *text)
{
    struct buf out;

    buf_init(&out, 4096);
    shape->told(&t, &out);
    t_str(buf_str(&out), str_of(text));
    buf_done(&out);
}

static void limits_and_retries_are_those_of_the_documents(void **state)
{
    (void)state;
    assert_int_equal(functiongraph_shape.async_max, 262144);
    assert_int_equal(functiongraph_shape.retry->age_s, 3600);
    assert_int_equal(functiongraph_shape.retry->retries, 1);
    assert_false(functiongraph_shape.retry->failures);
    assert_int_equal(fc_shape.async_max, 131072);
    assert_int_equal(fc_shape.retry->age_s, 86400);
    assert_int_equal(fc_shape.retry->retries, 3);
    assert_true(fc_shape.retry->failures);
    assert_int_equal(fc_shape.retry->first_ms, 500);
    assert_int_equal(fc_shape.retry->most_ms, 18000000);
}

static void a_timer_says_when_it_was_due_and_the_users_own_words(void **state)
{
    (void)state;
    want_timer(&functiongraph_shape,
               "{\"version\":\"v1.0\",\"time\":\"2023-06-01T08:30:00+08:00\",\"trigger_type\":"
               "\"TIMER\",\"trigger_name\":\"Timer_001\",\"user_event\":\"{\\\"a\\\": "
               "\\\"b\\\"}\\n\"}");
    want_timer(&fc_shape, "{\"triggerTime\":\"2023-06-01T00:30:00Z\",\"triggerName\":\"Timer_001\","
                          "\"payload\":\"{\\\"a\\\": \\\"b\\\"}\\n\"}");
}

static void a_destination_is_told_of_success(void **state)
{
    struct shape_told t = told(OUTCOME_OK);

    (void)state;
    want_told(&functiongraph_shape, t,
              "{\"timestamp\":\"2026-03-17T10:13:22.123Z\",\"request_context\":{\"request_id\":"
              "\"r-1\",\"function_urn\":\"urn:fss:local-1:p1:function:default:hello:latest\","
              "\"condition\":\"\",\"approximate_invoke_count\":0},\"request_payload\":\"{\\\"n\\\":"
              " 1}\",\"response_context\":{\"status_code\":200,\"function_error\":\"\"},"
              "\"response_payload\":\"\\\"hi\\\"\"}");
    want_told(&fc_shape, t,
              "{\"timestamp\":1773742402123,\"requestContext\":{\"requestId\":\"r-1\","
              "\"functionArn\":\"acs:fc:::services/default.LATEST/functions/hello\",\"condition\":"
              "\"\",\"approximateInvokeCount\":1},\"requestPayload\":\"{\\\"n\\\": 1}\","
              "\"responseContext\":{\"statusCode\":200,\"functionError\":\"\"},"
              "\"responsePayload\":\"\\\"hi\\\"\"}");
}

static void a_destination_is_told_of_failure(void **state)
{
    struct shape_told t = told(OUTCOME_ERROR);

    (void)state;
    t.attempts = 4;
    t.qualifier = S("v2");
    t.answer = S("{}");
    want_told(&functiongraph_shape, t,
              "{\"timestamp\":\"2026-03-17T10:13:22.123Z\",\"request_context\":{\"request_id\":"
              "\"r-1\",\"function_urn\":\"urn:fss:local-1:p1:function:default:hello:v2\","
              "\"condition\":\"UnhandledInvocationError\",\"approximate_invoke_count\":3},"
              "\"request_payload\":\"{\\\"n\\\": 1}\",\"response_context\":{\"status_code\":500,"
              "\"function_error\":\"UnhandledInvocationError\"},\"response_payload\":\"{}\"}");
    want_told(&fc_shape, t,
              "{\"timestamp\":1773742402123,\"requestContext\":{\"requestId\":\"r-1\","
              "\"functionArn\":\"acs:fc:::services/default.v2/functions/hello\",\"condition\":"
              "\"UnhandledInvocationError\",\"approximateInvokeCount\":4},\"requestPayload\":"
              "\"{\\\"n\\\": 1}\",\"responseContext\":{\"statusCode\":200,\"functionError\":"
              "\"UnhandledInvocationError\"},\"responsePayload\":\"{}\"}");
}

static void a_destination_is_told_of_what_grew_too_old(void **state)
{
    struct shape_told t = told(OUTCOME_CANCELLED);

    (void)state;
    t.attempts = 0;
    t.expired = true;
    t.answer = STR_NONE;
    want_told(&functiongraph_shape, t,
              "{\"timestamp\":\"2026-03-17T10:13:22.123Z\",\"request_context\":{\"request_id\":"
              "\"r-1\",\"function_urn\":\"urn:fss:local-1:p1:function:default:hello:latest\","
              "\"condition\":\"EventAgeExceeded\",\"approximate_invoke_count\":0},"
              "\"request_payload\":\"{\\\"n\\\": 1}\",\"response_context\":{\"status_code\":500,"
              "\"function_error\":\"EventAgeExceeded\"},\"response_payload\":\"\"}");
    want_told(&fc_shape, t,
              "{\"timestamp\":1773742402123,\"requestContext\":{\"requestId\":\"r-1\","
              "\"functionArn\":\"acs:fc:::services/default.LATEST/functions/hello\",\"condition\":"
              "\"EventAgeExceeded\",\"approximateInvokeCount\":0},\"requestPayload\":"
              "\"{\\\"n\\\": 1}\",\"responseContext\":{\"statusCode\":500,\"functionError\":"
              "\"EventAgeExceeded\"},\"responsePayload\":\"\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(limits_and_retries_are_those_of_the_documents),
            cmocka_unit_test(a_timer_says_when_it_was_due_and_the_users_own_words),
            cmocka_unit_test(a_destination_is_told_of_success),
            cmocka_unit_test(a_destination_is_told_of_failure),
            cmocka_unit_test(a_destination_is_told_of_what_grew_too_old),
    };

    return T_RUN(tests);
}

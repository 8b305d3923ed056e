/* SPDX-License-Identifier: Apache-2.0 */
/* What SCF code sees and what is said about its runs, text by text. */
#include "t.h"

#include "base/buf.h"
#include "dialect/scf/scf.h"
#include "dialect/shape.h"
#include "fn/fn.h"

enum { MAX = 1 << 20 };

static struct fn_var vars[] = {{(char *)"K", (char *)"v"},
                               {(char *)"SCF_NAMESPACE", (char *)"forged"},
                               {(char *)"TENCENTCLOUD_REGION", (char *)"forged"},
                               {(char *)"QCLOUD_X", (char *)"forged"},
                               {(char *)"Q", (char *)"a\"b"}};

static struct fn sample(void)
{
    return (struct fn){
            .dialect = DIALECT_SCF,
            .account = (char *)"1250000000",
            .region = (char *)"ap-guangzhou",
            .space = (char *)"default",
            .name = (char *)"hello",
            .version = (char *)"latest",
            .runtime = (char *)"Python3.6",
            .handler = (char *)"index.main_handler",
            .description = (char *)"",
            .timeout_ms = 3000,
            .init_timeout_ms = 65000,
            .instance_concurrency = 1,
            .memory_mb = 128,
            .vars = vars,
            .nvars = 5,
    };
}

static struct run sample_run(const struct fn *f)
{
    return (struct run){
            .fn = f,
            .request_id = "r-1",
            .instance_id = "i-1",
            .duration_ns = 2400000,
            .init_ns = 235600000,
            .memory_bytes = 17571840, /* 16.7578 MB */
            .answer = S("{\"a\": 1}"),
    };
}

static void want_log(const struct run *run, enum log_point point, const char *text)
{
    struct buf out;

    buf_init(&out, MAX);
    scf_shape.log(run, point, &out);
    t_str(buf_str(&out), str_of(text));
    buf_done(&out);
}

static void assign_holds_environment_and_context(void **state)
{
    struct fn f = sample();
    struct buf out;

    (void)state;
    buf_init(&out, MAX);
    scf_shape.assign(&f, "i-1", NULL, &out);
    t_str(buf_str(&out),
          S("{\"dialect\":\"scf\",\"instance_id\":\"i-1\",\"runtime\":\"Python3.6\","
            "\"code_root\":\"/var/user\",\"cwd\":\"/var/user\",\"handler\":\"index.main_handler\","
            "\"initializer\":null,\"pre_stop\":null,\"pre_freeze\":null,\"concurrency\":1,\"env\":{"
            "\"K\":\"v\",\"Q\":\"a\\\"b\",\"EVOKE_ENDPOINT\":\"http://127.0.0.1:8900\","
            "\"TENCENTCLOUD_RUNENV\":\"SCF\",\"TENCENTCLOUD_REGION\":\"ap-guangzhou\","
            "\"TENCENTCLOUD_APPID\":\"1250000000\",\"TENCENTCLOUD_UIN\":\"1250000000\","
            "\"SCF_NAMESPACE\":\"default\",\"SCF_FUNCTIONNAME\":\"hello\","
            "\"SCF_FUNCTIONVERSION\":\"$LATEST\",\"USER_CODE_ROOT\":\"/var/user/\","
            "\"PWD\":\"/var/user\",\"PYTHONPATH\":\"/var/user:/opt\","
            "\"PYTHONDONTWRITEBYTECODE\":\"x\","
            "\"NODE_PATH\":\"/var/user:/var/user/node_modules:/opt:/opt/node_modules\"},"
            "\"log_line_bytes\":8192,\"answer_max\":6291456,"
            "\"context\":{\"memory_limit_in_mb\":128,\"time_limit_in_ms\":3000,"
            "\"environment\":\"{\\\"SCF_NAMESPACE\\\":\\\"default\\\",\\\"K\\\":\\\"v\\\","
            "\\\"Q\\\":\\\"a\\\\\\\"b\\\"}\","
            "\"environ\":\"SCF_NAMESPACE=default;K=v;Q=a\\\"b\","
            "\"function_version\":\"$LATEST\",\"function_name\":\"hello\","
            "\"namespace\":\"default\",\"tencentcloud_region\":\"ap-guangzhou\","
            "\"tencentcloud_appid\":\"1250000000\",\"tencentcloud_uin\":\"1250000000\"}}"));
    buf_done(&out);
}

static void a_published_version_is_its_number(void **state)
{
    struct fn f = sample();
    struct buf out;

    (void)state;
    f.version = (char *)"3";
    buf_init(&out, MAX);
    scf_shape.assign(&f, "i-1", NULL, &out);
    t_has(out.p, "\"function_version\":\"3\"");
    t_has(out.p, "\"SCF_FUNCTIONVERSION\":\"3\"");
    buf_done(&out);
}

static void paths_of_the_user_come_before_ours(void **state)
{
    struct fn_var own[] = {{(char *)"NODE_PATH", (char *)"/mine"}};
    struct fn f = sample();
    struct buf out;

    (void)state;
    f.vars = own;
    f.nvars = 1;
    buf_init(&out, MAX);
    scf_shape.assign(&f, "i-1", NULL, &out);
    t_has(out.p, "\"NODE_PATH\":\"/mine\"");
    assert_null(strstr(out.p, "/var/user/node_modules"));
    buf_done(&out);
}

static void log_lines_are_those_of_the_cloud(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);

    (void)state;
    want_log(&run, LOG_LOAD_START, "");
    want_log(&run, LOG_LOAD_END,
             "Init Report RequestId: r-1 Coldstart: 236ms (PullCode: 0ms InitRuntime: 0ms "
             "InitFunction: 236ms) Memory: 128MB MemUsage: 16.76MB\n");
    want_log(&run, LOG_RUN_START, "START RequestId: r-1\nEvent RequestId: r-1\n");
    want_log(&run, LOG_RUN_END,
             "Response RequestId:r-1 RetMsg:{\"a\": 1}\nEND RequestId: r-1\n"
             "Report RequestId:r-1 Duration:2ms Memory:128MB MemUsage:16.7578MB\n");
    run.outcome = OUTCOME_ERROR;
    run.answer = S("{\"errorCode\":-1}");
    want_log(&run, LOG_RUN_END,
             "ERROR RequestId:r-1 Result:{\"errorCode\":-1}\nEND RequestId: r-1\n"
             "Report RequestId:r-1 Duration:2ms Memory:128MB MemUsage:16.7578MB\n");
}

static void an_answer_cannot_make_lines_of_its_own(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);
    struct buf out;

    (void)state;
    run.answer = S("a\nEND RequestId: forged\r\n\033[31m");
    buf_init(&out, MAX);
    scf_shape.log(&run, LOG_RUN_END, &out);
    t_has(out.p, "RetMsg:a END RequestId: forged   [31m\n");
    buf_done(&out);
}

static size_t line_length(const char *answer, size_t n)
{
    struct fn f = sample();
    struct run run = sample_run(&f);
    struct buf out;
    size_t length;

    run.answer = (struct str){answer, n};
    buf_init(&out, MAX);
    scf_shape.log(&run, LOG_RUN_END, &out);
    length = (size_t)(strchr(out.p, '\n') - out.p);
    assert_true(str_utf8(buf_str(&out)));
    buf_done(&out);
    return length - strlen("Response RequestId:r-1 RetMsg:");
}

static void a_long_answer_is_cut_at_a_character(void **state)
{
    enum { ROOM = 8192 - 128 };
    char text[ROOM + 8];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(line_length(text, ROOM), ROOM);
    assert_int_equal(line_length(text, ROOM + 1), ROOM);
    memcpy(text + ROOM - 1, "\xe8\x85\xbe", 3);
    assert_int_equal(line_length(text, ROOM + 2), ROOM - 1);
}

static void each_end_has_its_number_and_words(void **state)
{
    static const struct {
        enum outcome outcome;
        const char *text;
    } cases[] = {
            {OUTCOME_TIMEOUT, "Invoking task timed out after 3 seconds\",\"requestId\":\"r-1\","
                              "\"statusCode\":433}"},
            {OUTCOME_INIT_TIMEOUT, "Initializing task timed out after 65 seconds\",\"requestId\":"
                                   "\"r-1\",\"statusCode\":433}"},
            {OUTCOME_EXITED,
             "User process exit when running\",\"requestId\":\"r-1\",\"statusCode\":439}"},
            {OUTCOME_INIT_EXITED,
             "User process exit when running\",\"requestId\":\"r-1\",\"statusCode\":439}"},
            {OUTCOME_MEMORY,
             "Task memory exceeded 128 MB\",\"requestId\":\"r-1\",\"statusCode\":434}"},
            {OUTCOME_TOO_LARGE,
             "body size is too long\",\"requestId\":\"r-1\",\"statusCode\":407}"},
            {OUTCOME_PROTOCOL, "InternalError\",\"requestId\":\"r-1\",\"statusCode\":500}"},
            {OUTCOME_CANCELLED, "RequestCanceled\",\"requestId\":\"r-1\",\"statusCode\":499}"},
    };
    struct fn f = sample();
    struct run run = sample_run(&f);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out, want;

        buf_init(&out, MAX);
        buf_init(&want, MAX);
        buf_addf(&want, "{\"errorCode\":-1,\"errorMessage\":\"%s", cases[i].text);
        run.outcome = cases[i].outcome;
        scf_shape.failure(&run, &out);
        t_str(buf_str(&out), buf_str(&want));
        buf_done(&out);
        buf_done(&want);
    }
}

static void billed_is_rounded_up_and_cpu_follows_memory(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);

    (void)state;
    assert_int_equal(scf_shape.billed_ms(&run), 3);
    run.duration_ns = 3000000;
    assert_int_equal(scf_shape.billed_ms(&run), 3);
    assert_int_equal(scf_shape.cpu_millis(&f), 125);
    f.memory_mb = 3072;
    assert_int_equal(scf_shape.cpu_millis(&f), 3000);
}

static void limits_and_retries_are_those_of_the_documents(void **state)
{
    (void)state;
    assert_ptr_equal(shape_of(DIALECT_SCF), &scf_shape);
    assert_int_equal(scf_shape.payload_max, 6 << 20);
    assert_int_equal(scf_shape.answer_max, 6 << 20);
    assert_int_equal(scf_shape.async_max, 128 << 10);
    assert_int_equal(scf_shape.tail_bytes, 4096);
    assert_int_equal(scf_shape.retry->age_s, 21600);
    assert_int_equal(scf_shape.retry->retries, 2);
    assert_int_equal(scf_shape.retry->first_ms, 60000);
    assert_true(scf_shape.retry->failures);
}

static void a_timer_says_when_it_was_due_in_utc(void **state)
{
    const struct shape_timer due = {.name = "EveryDay",
                                    .time = "2019-02-21T19:49:00+08:00",
                                    .due_ms = 1550749740000,
                                    .payload = S("user \"words\"")};
    struct buf out;

    (void)state;
    buf_init(&out, MAX);
    scf_shape.timer(&due, &out);
    t_str(buf_str(&out),
          S("{\"Type\":\"Timer\",\"TriggerName\":\"EveryDay\","
            "\"Time\":\"2019-02-21T11:49:00Z\",\"Message\":\"user \\\"words\\\"\"}"));
    buf_done(&out);
}

static void want_told(struct shape_told t, const char *text)
{
    struct buf out;

    buf_init(&out, MAX);
    scf_shape.told(&t, &out);
    t_str(buf_str(&out), str_of(text));
    buf_done(&out);
}

static void a_destination_is_told_the_end(void **state)
{
    struct fn f = sample();
    struct shape_told t = {.fn = &f,
                           .request_id = S("r-1"),
                           .now_ms = 1550749740123,
                           .outcome = OUTCOME_OK,
                           .attempts = 1,
                           .payload = S("{\"n\": 1}"),
                           .answer = S("\"hi\"")};

    (void)state;
    want_told(t,
              "{\"Time\":\"2019-02-21T11:49:00Z\",\"RequestID\":\"r-1\",\"Namespace\":\"default\","
              "\"FunctionName\":\"hello\",\"Qualifier\":\"$LATEST\",\"ErrorCode\":0,"
              "\"ErrorMessage\":\"\",\"RetryNum\":0,\"Event\":\"{\\\"n\\\": 1}\","
              "\"RetMsg\":\"\\\"hi\\\"\"}");
    t.outcome = OUTCOME_TIMEOUT;
    t.attempts = 3;
    t.qualifier = S("7");
    t.answer = STR_NONE;
    want_told(t,
              "{\"Time\":\"2019-02-21T11:49:00Z\",\"RequestID\":\"r-1\",\"Namespace\":\"default\","
              "\"FunctionName\":\"hello\",\"Qualifier\":\"7\",\"ErrorCode\":433,"
              "\"ErrorMessage\":\"InvokeFunctionFailed\",\"RetryNum\":2,"
              "\"Event\":\"{\\\"n\\\": 1}\",\"RetMsg\":\"\"}");
    t.expired = true;
    t.outcome = OUTCOME_CANCELLED;
    t.attempts = 0;
    want_told(t,
              "{\"Time\":\"2019-02-21T11:49:00Z\",\"RequestID\":\"r-1\",\"Namespace\":\"default\","
              "\"FunctionName\":\"hello\",\"Qualifier\":\"7\",\"ErrorCode\":499,"
              "\"ErrorMessage\":\"MsgTTLExceeded\",\"RetryNum\":0,"
              "\"Event\":\"{\\\"n\\\": 1}\",\"RetMsg\":\"\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(assign_holds_environment_and_context),
            cmocka_unit_test(a_published_version_is_its_number),
            cmocka_unit_test(paths_of_the_user_come_before_ours),
            cmocka_unit_test(log_lines_are_those_of_the_cloud),
            cmocka_unit_test(an_answer_cannot_make_lines_of_its_own),
            cmocka_unit_test(a_long_answer_is_cut_at_a_character),
            cmocka_unit_test(each_end_has_its_number_and_words),
            cmocka_unit_test(billed_is_rounded_up_and_cpu_follows_memory),
            cmocka_unit_test(limits_and_retries_are_those_of_the_documents),
            cmocka_unit_test(a_timer_says_when_it_was_due_in_utc),
            cmocka_unit_test(a_destination_is_told_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

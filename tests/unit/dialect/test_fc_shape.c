/* SPDX-License-Identifier: Apache-2.0 */
/* What Function Compute code sees and what is said about its runs, text by text. */
#include "t.h"

#include "base/buf.h"
#include "dialect/fc/fc.h"
#include "dialect/shape.h"
#include "fn/fn.h"

enum { MAX = 1 << 20 };

static struct fn_var vars[] = {{(char *)"A", (char *)"1"},
                               {(char *)"FC_REGION", (char *)"forged"},
                               {(char *)"securityToken", (char *)"forged"}};

static struct fn sample(void)
{
    return (struct fn){
            .dialect = DIALECT_FC,
            .account = (char *)"123456789",
            .region = (char *)"cn-local",
            .space = (char *)"svc",
            .name = (char *)"fn",
            .version = (char *)"latest",
            .runtime = (char *)"python3",
            .handler = (char *)"index.handler",
            .description = (char *)"",
            .timeout_ms = 30000,
            .init_timeout_ms = 3000,
            .instance_concurrency = 1,
            .memory_mb = 128,
            .vars = vars,
            .nvars = 3,
    };
}

static struct run sample_run(const struct fn *f)
{
    return (struct run){
            .fn = f,
            .request_id = "r-1",
            .instance_id = "i-1",
            .duration_ns = 16810000,
            .memory_bytes = 54861496, /* 52.32 MB */
    };
}

static void want_log(const struct run *run, enum log_point point, const char *text)
{
    struct buf out;

    buf_init(&out, MAX);
    fc_shape.log(run, point, &out);
    t_str(buf_str(&out), str_of(text));
    buf_done(&out);
}

static void want_failure(struct run run, enum outcome outcome, const char *text)
{
    struct buf out;

    run.outcome = outcome;
    buf_init(&out, MAX);
    fc_shape.failure(&run, &out);
    t_str(buf_str(&out), str_of(text));
    buf_done(&out);
}

static void assign_holds_environment_and_context(void **state)
{
    struct fn f = sample();
    struct buf out;

    (void)state;
    buf_init(&out, MAX);
    fc_shape.assign(&f, "i-1", NULL, &out);
    t_str(buf_str(&out),
          S("{\"dialect\":\"fc\",\"instance_id\":\"i-1\",\"runtime\":\"python3\","
            "\"code_root\":\"/code\",\"cwd\":\"/code\",\"handler\":\"index.handler\","
            "\"initializer\":null,\"pre_stop\":null,\"pre_freeze\":null,\"concurrency\":1,\"env\":{"
            "\"A\":\"1\",\"EVOKE_ENDPOINT\":\"http://127.0.0.1:8900\",\"FC_FUNC_CODE_PATH\":\"/"
            "code\","
            "\"FC_FUNCTION_NAME\":\"fn\",\"FC_SERVICE_NAME\":\"svc\",\"FC_QUALIFIER\":\"LATEST\","
            "\"FC_VER_ID\":\"\",\"FC_FUNCTION_VERSION\":\"\","
            "\"FC_FUNCTION_HANDLER\":\"index.handler\",\"FC_FUNCTION_MEMORY_SIZE\":\"128\","
            "\"FC_ACCOUNT_ID\":\"123456789\",\"FC_REGION\":\"cn-local\","
            "\"FC_INSTANCE_ID\":\"i-1\",\"FC_RUNTIME_VERSION\":\"python3\"},"
            "\"log_line_bytes\":32768,\"answer_max\":6291456,"
            "\"context\":{\"region\":\"cn-local\",\"account_id\":\"123456789\","
            "\"function\":{\"name\":\"fn\",\"handler\":\"index.handler\",\"memory\":128,"
            "\"timeout\":30,\"initializer\":\"\",\"initialization_timeout\":3},"
            "\"service\":{\"name\":\"svc\",\"log_project\":\"\",\"log_store\":\"\","
            "\"qualifier\":\"LATEST\",\"version_id\":\"\"}}}"));
    buf_done(&out);
}

static void without_network_there_is_no_endpoint(void **state)
{
    struct fn f = sample();
    struct buf out;

    (void)state;
    f.network = FN_NETWORK_NONE;
    buf_init(&out, MAX);
    fc_shape.assign(&f, "i-1", NULL, &out);
    assert_null(strstr(out.p, "EVOKE_ENDPOINT"));
    buf_done(&out);
}

static void a_published_version_is_qualifier_and_version_id(void **state)
{
    struct fn f = sample();
    struct buf out;

    (void)state;
    f.version = (char *)"3";
    f.initializer = (char *)"index.init";
    buf_init(&out, MAX);
    fc_shape.assign(&f, "i-1", NULL, &out);
    t_has(out.p, "\"qualifier\":\"3\",\"version_id\":\"3\"");
    t_has(out.p, "\"FC_QUALIFIER\":\"3\",\"FC_VER_ID\":\"3\"");
    t_has(out.p, "\"initializer\":\"index.init\",\"pre_stop\"");
    t_has(out.p, "\"initializer\":\"index.init\",\"initialization_timeout\"");
    buf_done(&out);
}

static void assign_holds_hooks_concurrency_and_the_keys_of_the_role(void **state)
{
    const struct shape_keys keys = {"STS.a", "s", "t"};
    struct fn f = sample();
    struct buf out;

    (void)state;
    f.pre_stop = (char *)"index.stop";
    f.pre_freeze = (char *)"index.freeze";
    f.instance_concurrency = 32;
    buf_init(&out, MAX);
    fc_shape.assign(&f, "i-1", &keys, &out);
    t_has(out.p, "\"pre_stop\":\"index.stop\",\"pre_freeze\":\"index.freeze\",\"concurrency\":32,"
                 "\"credentials\":{\"access_key\":\"STS.a\",\"secret_key\":\"s\","
                 "\"security_token\":\"t\"},\"env\"");
    buf_done(&out);
}

static void open_is_small_and_credentials_are_there_only_with_a_role(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);
    const struct shape_keys keys = {"STS.a", "s", "t"};
    struct buf out;

    (void)state;
    buf_init(&out, MAX);
    fc_shape.open(&run, &out);
    t_str(buf_str(&out), S("{\"request_id\":\"r-1\",\"timeout_ms\":30000}"));
    buf_reset(&out);
    run.keys = &keys;
    fc_shape.open(&run, &out);
    t_str(buf_str(&out),
          S("{\"request_id\":\"r-1\",\"timeout_ms\":30000,\"credentials\":{\"access_key\":"
            "\"STS.a\",\"secret_key\":\"s\",\"security_token\":\"t\"}}"));
    buf_done(&out);
}

static void open_tells_of_an_http_request(void **state)
{
    static const struct shape_pair headers[] = {{S("cookie"), S("a=1")}, {S("cookie"), S("b=2")}};
    static const struct shape_pair query[] = {{S("k"), S("v")}, {S("flag"), {NULL, 0}}};
    static const struct shape_http http = {
            .method = S("GET"),
            .path = S("/a b"),
            .target = S("/a%20b?k=v&flag"),
            .source_ip = S("10.0.0.1"),
            .headers = {headers, 2},
            .query = {query, 2},
    };
    struct fn f = sample();
    struct run run = sample_run(&f);
    struct buf out;

    (void)state;
    run.http = &http;
    buf_init(&out, MAX);
    fc_shape.open(&run, &out);
    t_str(buf_str(&out),
          S("{\"request_id\":\"r-1\",\"timeout_ms\":30000,\"http\":{\"method\":\"GET\","
            "\"path\":\"/a b\",\"uri\":\"/a%20b?k=v&flag\",\"client_ip\":\"10.0.0.1\","
            "\"headers\":[[\"cookie\",\"a=1\"],[\"cookie\",\"b=2\"]],"
            "\"queries\":[[\"k\",\"v\"],[\"flag\",\"\"]]}}"));
    buf_done(&out);
}

static void log_frames_a_run(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);

    (void)state;
    want_log(&run, LOG_RUN_START, "FC Invoke Start RequestId: r-1\n");
    want_log(&run, LOG_RUN_END,
             "FC Invoke End RequestId: r-1\n\nDuration: 16.81 ms, Billed Duration: 17 ms, Memory "
             "Size: 128 MB, Max Memory Used: 52.32 MB\n");
    run.outcome = OUTCOME_ERROR;
    want_log(&run, LOG_RUN_END,
             "FC Invoke End RequestId: r-1, Error: Unhandled function error\n\nDuration: 16.81 ms, "
             "Billed Duration: 17 ms, Memory Size: 128 MB, Max Memory Used: 52.32 MB\n");
    run.handled = true;
    want_log(&run, LOG_RUN_END,
             "FC Invoke End RequestId: r-1, Error: Handled function error\n\nDuration: 16.81 ms, "
             "Billed Duration: 17 ms, Memory Size: 128 MB, Max Memory Used: 52.32 MB\n");
}

static void log_frames_a_cold_start(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);

    (void)state;
    want_log(&run, LOG_LOAD_START, "FunctionCompute python3 runtime inited.\n");
    want_log(&run, LOG_LOAD_END, "");
    f.initializer = (char *)"index.init";
    want_log(&run, LOG_LOAD_START,
             "FunctionCompute python3 runtime inited.\nFC Initialize Start RequestId: r-1\n");
    want_log(&run, LOG_LOAD_END, "FC Initialize End RequestId: r-1\n");
}

static void failures_have_the_platforms_words(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);

    (void)state;
    run.memory_bytes = 49576673; /* 47.28 MB */
    want_failure(run, OUTCOME_TIMEOUT,
                 "{\"errorMessage\":\"Function timed out after 30 seconds (maxMemoryUsage: "
                 "47.28MB)\"}");
    run.duration_ns = 45900000;
    run.init_ns = 7000000;
    run.memory_bytes = 52240056; /* 49.82 MB */
    want_failure(run, OUTCOME_EXITED,
                 "{\"errorMessage\":\"Process exited unexpectedly before completing request "
                 "(duration: 45ms, maxMemoryUsage: 49.82MB)\"}");
    want_failure(run, OUTCOME_MEMORY,
                 "{\"errorMessage\":\"Process exited unexpectedly before completing request "
                 "(duration: 45ms, maxMemoryUsage: 49.82MB)\"}");
    want_failure(run, OUTCOME_INIT_EXITED,
                 "{\"errorMessage\":\"Process exited unexpectedly before completing request "
                 "(duration: 7ms, maxMemoryUsage: 49.82MB)\"}");
    want_failure(run, OUTCOME_INIT_TIMEOUT,
                 "{\"errorMessage\":\"Function initialization timed out after 3 seconds "
                 "(maxMemoryUsage: 49.82MB)\"}");
    want_failure(run, OUTCOME_TOO_LARGE,
                 "{\"errorMessage\":\"response size exceeds maximum allowed size (6291456 "
                 "bytes)\"}");
}

static void billing_rounds_up_to_the_millisecond(void **state)
{
    struct run run = {.duration_ns = 16000000};

    (void)state;
    assert_int_equal(fc_shape.billed_ms(&run), 16);
    run.duration_ns = 16000001;
    assert_int_equal(fc_shape.billed_ms(&run), 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(assign_holds_environment_and_context),
            cmocka_unit_test(without_network_there_is_no_endpoint),
            cmocka_unit_test(a_published_version_is_qualifier_and_version_id),
            cmocka_unit_test(assign_holds_hooks_concurrency_and_the_keys_of_the_role),
            cmocka_unit_test(open_is_small_and_credentials_are_there_only_with_a_role),
            cmocka_unit_test(open_tells_of_an_http_request),
            cmocka_unit_test(log_frames_a_run),
            cmocka_unit_test(log_frames_a_cold_start),
            cmocka_unit_test(failures_have_the_platforms_words),
            cmocka_unit_test(billing_rounds_up_to_the_millisecond),
    };

    return T_RUN(tests);
}

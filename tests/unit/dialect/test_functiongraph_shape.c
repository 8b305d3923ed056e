/* SPDX-License-Identifier: Apache-2.0 */
/* What FunctionGraph code sees and what is said about its runs, text by text. */
#include "t.h"

#include "base/buf.h"
#include "dialect/functiongraph/functiongraph.h"
#include "dialect/shape.h"
#include "fn/fn.h"

enum { MAX = 1 << 20 };

static struct fn_var vars[] = {{(char *)"GREETING", (char *)"say \"hi\""}};

static struct fn sample(void)
{
    return (struct fn){
            .dialect = DIALECT_FUNCTIONGRAPH,
            .account = (char *)"p1",
            .region = (char *)"local-1",
            .space = (char *)"default",
            .name = (char *)"hello",
            .version = (char *)"latest",
            .runtime = (char *)"Python3.9",
            .handler = (char *)"src/index.handler",
            .description = (char *)"",
            .timeout_ms = 3000,
            .init_timeout_ms = 10000,
            .instance_concurrency = 1,
            .memory_mb = 256,
            .vars = vars,
            .nvars = 1,
    };
}

static struct run sample_run(const struct fn *f)
{
    return (struct run){
            .fn = f,
            .request_id = "r-1",
            .instance_id = "i-1",
            .start_wall_ms = 1773742402000, /* 2026-03-17T10:13:22Z */
            .duration_ns = 2049000,
            .memory_bytes = 38309724, /* 36.535 MB */
    };
}

static void want_log(const struct run *run, enum log_point point, const char *text)
{
    struct buf out;

    buf_init(&out, MAX);
    functiongraph_shape.log(run, point, &out);
    t_str(buf_str(&out), str_of(text));
    buf_done(&out);
}

static void want_failure(struct run run, enum outcome outcome, const char *text)
{
    struct buf out;

    run.outcome = outcome;
    buf_init(&out, MAX);
    functiongraph_shape.failure(&run, &out);
    t_str(buf_str(&out), str_of(text));
    buf_done(&out);
}

static void the_table_knows_which_dialects_are_built_in(void **state)
{
    (void)state;
    assert_ptr_equal(shape_of(DIALECT_FUNCTIONGRAPH), &functiongraph_shape);
    assert_non_null(shape_of(DIALECT_FC));
    assert_non_null(shape_of(DIALECT_SCF));
    assert_null(shape_of(DIALECTS));
    assert_int_equal(functiongraph_shape.payload_max, 6291456);
    assert_int_equal(functiongraph_shape.answer_max, 6291456);
}

static void assign_holds_environment_and_context(void **state)
{
    struct fn f = sample();
    struct buf out;

    (void)state;
    buf_init(&out, MAX);
    functiongraph_shape.assign(&f, "i-1", NULL, &out);
    t_str(buf_str(&out),
          S("{\"dialect\":\"functiongraph\",\"instance_id\":\"i-1\",\"runtime\":\"Python3.9\","
            "\"code_root\":\"/opt/function/code\",\"cwd\":\"/opt/function\","
            "\"handler\":\"src/"
            "index.handler\",\"initializer\":null,\"pre_stop\":null,\"pre_freeze\":null,"
            "\"concurrency\":1,"
            "\"env\":{\"EVOKE_ENDPOINT\":\"http://"
            "127.0.0.1:8900\",\"RUNTIME_PROJECT_ID\":\"p1\",\"RUNTIME_FUNC_NAME\":\"hello\","
            "\"RUNTIME_FUNC_VERSION\":\"latest\",\"RUNTIME_PACKAGE\":\"default\","
            "\"RUNTIME_HANDLER\":\"src/index.handler\",\"RUNTIME_ALIAS\":\"\","
            "\"RUNTIME_TIMEOUT\":\"3\",\"RUNTIME_MEMORY\":\"256\",\"RUNTIME_CPU\":\"400\","
            "\"RUNTIME_USERDATA\":\"{\\\"GREETING\\\":\\\"say \\\\\\\"hi\\\\\\\"\\\"}\","
            "\"RUNTIME_CODE_ROOT\":\"/opt/function/code\","
            "\"RUNTIME_ROOT\":\"/home/snuser/runtime\",\"RUNTIME_LOG_DIR\":\"/home/snuser/log\","
            "\"RUNTIME_MAX_RESP_BODY_SIZE\":\"6291456\","
            "\"RUNTIME_MAX_REQUEST_BODY_SIZE\":\"6291456\"},"
            "\"log_line_bytes\":90000,\"answer_max\":6291456,"
            "\"context\":{\"project_id\":\"p1\",\"package\":\"default\",\"function\":\"hello\","
            "\"version\":\"latest\",\"alias\":\"\",\"timeout_s\":3,\"memory_mb\":256,\"cpu\":400,"
            "\"user_data\":{\"GREETING\":\"say \\\"hi\\\"\"}}}"));
    buf_done(&out);
}

static void initializer_appears_in_assign_and_environment(void **state)
{
    struct fn f = sample();
    struct buf out;

    (void)state;
    f.initializer = (char *)"src/index.init";
    buf_init(&out, MAX);
    functiongraph_shape.assign(&f, "i-1", NULL, &out);
    t_has(out.p, "\"initializer\":\"src/index.init\"");
    t_has(out.p, "\"RUNTIME_INITIALIZER_HANDLER\":\"src/index.init\"");
    t_has(out.p, "\"RUNTIME_INITIALIZER_TIMEOUT\":\"10\"");
    buf_done(&out);
}

static void user_data_is_environment_only_for_processes_of_the_users_own(void **state)
{
    static const struct {
        const char *runtime;
        bool seen;
    } rows[] = {{"Python3.9", false}, {"Node.js18.15", false}, {"native", true},
                {"Custom", true},     {"http", true},          {"Custom Image", true}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fn f = sample();
        struct buf out;

        f.runtime = (char *)rows[i].runtime;
        buf_init(&out, MAX);
        functiongraph_shape.assign(&f, "i-1", NULL, &out);
        assert_int_equal(strstr(out.p, "\"env\":{\"GREETING\":") != NULL, rows[i].seen);
        buf_done(&out);
    }
}

static void assign_holds_hooks_concurrency_and_the_keys_of_the_role(void **state)
{
    const struct shape_keys keys = {"ak", "sk", "st"};
    struct fn f = sample();
    struct buf out;

    (void)state;
    f.pre_stop = (char *)"index.stop";
    f.pre_freeze = (char *)"index.freeze";
    f.instance_concurrency = 32;
    buf_init(&out, MAX);
    functiongraph_shape.assign(&f, "i-1", &keys, &out);
    t_has(out.p, "\"pre_stop\":\"index.stop\",\"pre_freeze\":\"index.freeze\",\"concurrency\":32,"
                 "\"credentials\":{\"access_key\":\"ak\",\"secret_key\":\"sk\","
                 "\"security_token\":\"st\"},\"env\"");
    buf_done(&out);
}

static void open_is_small_and_credentials_are_there_only_with_a_role(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);
    const struct shape_keys keys = {"ak", "sk", "st"};
    struct buf out;

    (void)state;
    buf_init(&out, MAX);
    functiongraph_shape.open(&run, &out);
    t_str(buf_str(&out), S("{\"request_id\":\"r-1\",\"timeout_ms\":3000}"));
    buf_reset(&out);
    run.keys = &keys;
    functiongraph_shape.open(&run, &out);
    t_str(buf_str(&out),
          S("{\"request_id\":\"r-1\",\"timeout_ms\":3000,\"credentials\":{\"access_key\":\"ak\","
            "\"secret_key\":\"sk\",\"security_token\":\"st\"}}"));
    buf_done(&out);
}

static void log_frames_a_run(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);

    (void)state;
    want_log(&run, LOG_RUN_START,
             "2026-03-17T10:13:22Z Start invoke request 'r-1', version: latest\n");
    want_log(&run, LOG_RUN_END,
             "2026-03-17T10:13:22Z Finish invoke request 'r-1', duration: 2.049ms, billing "
             "duration: 3ms, memory used: 36.535MB, billing memory: 256MB\n");
    run.outcome = OUTCOME_TIMEOUT;
    run.duration_ns = 3000000000;
    run.memory_bytes = 0;
    want_log(&run, LOG_RUN_END,
             "2026-03-17T10:13:25Z Finish invoke request 'r-1'(invoke Failed), duration: "
             "3000.000ms, billing duration: 3000ms, memory used: 0.000MB, billing memory: 256MB\n");
}

static void log_frames_a_cold_start(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);

    (void)state;
    run.cold = true;
    run.init_ns = 1500250000;
    want_log(&run, LOG_LOAD_START, "2026-03-17T10:13:22Z Start load request 'r-1'\n");
    want_log(&run, LOG_LOAD_END,
             "2026-03-17T10:13:23Z Finish load request 'r-1', duration: 1500.250ms, memory used: "
             "36.535MB\n");
    want_log(&run, LOG_RUN_START,
             "2026-03-17T10:13:22Z Start invoke request 'r-1', version: latest\n");
    f.initializer = (char *)"index.init";
    want_log(&run, LOG_LOAD_START, "2026-03-17T10:13:22Z Start initialize request 'r-1'\n");
    want_log(&run, LOG_LOAD_END,
             "2026-03-17T10:13:23Z Finish initialize request 'r-1', duration: 1500.250ms, memory "
             "used: 36.535MB\n");
}

static void billing_rounds_up_to_the_millisecond(void **state)
{
    struct run run = {.duration_ns = 1000000};

    (void)state;
    assert_int_equal(functiongraph_shape.billed_ms(&run), 1);
    run.duration_ns = 1000001;
    assert_int_equal(functiongraph_shape.billed_ms(&run), 2);
    run.duration_ns = 0;
    assert_int_equal(functiongraph_shape.billed_ms(&run), 0);
}

static void failures_have_the_platforms_words(void **state)
{
    struct fn f = sample();
    struct run run = sample_run(&f);

    (void)state;
    want_failure(run, OUTCOME_TIMEOUT,
                 "{\"errorMessage\":\"Invocation timed out after 3 seconds\","
                 "\"errorType\":\"InvocationTimedOut\"}");
    want_failure(run, OUTCOME_MEMORY,
                 "{\"errorMessage\":\"runtime memory limit exceeded\","
                 "\"errorType\":\"MemoryLimitExceeded\"}");
    want_failure(run, OUTCOME_TOO_LARGE,
                 "{\"errorMessage\":\"function response is larger than 6291456 bytes\","
                 "\"errorType\":\"FunctionResponseTooLarge\"}");
    want_failure(run, OUTCOME_INIT_TIMEOUT,
                 "{\"errorMessage\":\"Initialization failed: timed out after 10 seconds\","
                 "\"errorType\":\"InitializationTimedOut\"}");
    run.exit_code = 3;
    want_failure(run, OUTCOME_EXITED,
                 "{\"errorMessage\":\"runtime process is exited (exit code 3)\","
                 "\"errorType\":\"RuntimeExited\"}");
    run.exit_code = -1;
    want_failure(
            run, OUTCOME_EXITED,
            "{\"errorMessage\":\"runtime process is exited\",\"errorType\":\"RuntimeExited\"}");
    run.signal = 11;
    want_failure(run, OUTCOME_INIT_EXITED,
                 "{\"errorMessage\":\"Initialization failed: runtime process is exited (signal "
                 "11)\",\"errorType\":\"RuntimeExited\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_table_knows_which_dialects_are_built_in),
            cmocka_unit_test(assign_holds_environment_and_context),
            cmocka_unit_test(initializer_appears_in_assign_and_environment),
            cmocka_unit_test(user_data_is_environment_only_for_processes_of_the_users_own),
            cmocka_unit_test(assign_holds_hooks_concurrency_and_the_keys_of_the_role),
            cmocka_unit_test(open_is_small_and_credentials_are_there_only_with_a_role),
            cmocka_unit_test(log_frames_a_run),
            cmocka_unit_test(log_frames_a_cold_start),
            cmocka_unit_test(billing_rounds_up_to_the_millisecond),
            cmocka_unit_test(failures_have_the_platforms_words),
    };

    return T_RUN(tests);
}

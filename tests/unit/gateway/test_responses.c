/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How faults are said, byte by byte. Documents: APIG User Guide "Creating a Gateway Response"
 * (apig_03_0008, 2024-03-07) and "Error Codes" (apig_03_0048, 2023-12-22); scf.md 4.1 and 5.2;
 * function-compute.md 1.2, 4.7 and 6.
 */
#include "t.h"

#include "base/arena.h"
#include "gateway/call.h"

struct world {
    struct gw_call c;
    struct gw_api api;
    struct gw_group group;
};

static void world_init(struct world *w, enum dialect dialect)
{
    *w = (struct world){
            .group = {.id = (char *)"g-1", .name = (char *)"group", .dialect = dialect},
            .api = {.id = (char *)"a-1",
                    .name = (char *)"api",
                    .stage = (char *)"RELEASE",
                    .fn = {.answer = dialect == DIALECT_FC ? GW_ANSWER_HTTP : GW_ANSWER_OBJECT}},
    };
    w->c = (struct gw_call){.magic = GW_CALL_MAGIC,
                            .arena = arena_new(64 << 10),
                            .request_id = "r-1",
                            .group = &w->group,
                            .api = &w->api,
                            .path = S("/a\"<"),
                            .source_ip = "1.2.3.4",
                            .fault = GW_FAULTS};
}

static void world_done(struct world *w)
{
    arena_free(w->c.arena);
}

/* headers: "name: value\n" each, Content-Type first. */
static void want(struct world *w, enum gw_fault why, const char *detail, int status,
                 const char *headers, const char *body)
{
    struct gw_worded said;
    struct buf lines;

    gw_word(&w->c, why, detail, &said);
    assert_int_equal(said.status, status);
    buf_init(&lines, 4096);
    buf_adds(&lines, said.type);
    buf_addc(&lines, '\n');
    for (size_t i = 0; i < said.headers.n; i++) {
        buf_adds(&lines, said.headers.at[i].name);
        buf_addz(&lines, ": ");
        buf_adds(&lines, said.headers.at[i].value);
        buf_addc(&lines, '\n');
    }
    t_str(buf_str(&lines), str_of(headers));
    t_str(buf_str(&said.body), str_of(body));
    buf_done(&lines);
    buf_done(&said.body);
}

#define JSON "application/json\n"

static void functiongraph_says_code_sentence_and_request(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, DIALECT_FUNCTIONGRAPH);
    want(&w, GW_NO_API, "/x", 404, JSON,
         "{\"error_code\":\"APIG.0101\",\"error_msg\":\"The API does not exist or has not been "
         "published in the environment\",\"request_id\":\"r-1\"}");
    want(&w, GW_BAD_ANSWER, "say \"what\"", 500, JSON,
         "{\"error_code\":\"FSS.1206\",\"error_msg\":\"say \\\"what\\\"\",\"request_id\":\"r-1\"}");
    want(&w, GW_THROTTLED, "policy over ratelimit:api", 429, JSON,
         "{\"error_code\":\"APIG.0308\",\"error_msg\":\"The throttling threshold has been reached: "
         "policy over ratelimit:api\",\"request_id\":\"r-1\"}");
    /* without its detail a sentence ends before it */
    want(&w, GW_THROTTLED, NULL, 429, JSON,
         "{\"error_code\":\"APIG.0308\",\"error_msg\":\"The throttling threshold has been "
         "reached\","
         "\"request_id\":\"r-1\"}");
    w.c.group = NULL;
    w.c.api = NULL;
    want(&w, GW_NO_API, NULL, 404, JSON,
         "{\"error_code\":\"APIG.0101\",\"error_msg\":\"The API does not exist or has not been "
         "published in the environment\",\"request_id\":\"r-1\"}");
    world_done(&w);
}

static void scf_says_a_message_and_has_a_form_for_bad_answers(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, DIALECT_SCF);
    want(&w, GW_PARAMETER, "path variable id is required.", 403, JSON,
         "{\"message\":\"path variable id is required.\"}");
    want(&w, GW_BACKEND_TIMEOUT, NULL, 504, JSON, "{\"message\":\"Gateway Time-out.\"}");
    want(&w, GW_FUNCTION_FAILED, "x", 403, JSON,
         "{\"errno\":403,\"error\":\"requestId r-1 , Invalid scf response. expected scf response "
         "valid JSON.\",\"message\":\"SCF invoke error\"}");
    world_done(&w);
}

static void fc_says_whose_fault_it_was(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, DIALECT_FC);
    want(&w, GW_BODY_TOO_LARGE, "6 MiB", 400, JSON "X-Fc-Error-Type: FcCommonError\n",
         "{\"ErrorCode\":\"InvalidArgument\",\"ErrorMessage\":\"the body is over 6 MiB\"}");
    want(&w, GW_BAD_ANSWER, "no", 502, JSON "X-Fc-Error-Type: UnhandledInvocationError\n",
         "{\"ErrorCode\":\"BadResponse\",\"ErrorMessage\":\"no\"}");
    /* API Gateway before FC: 503 to an answer of any other shape */
    w.api.fn.answer = GW_ANSWER_OBJECT;
    want(&w, GW_BAD_ANSWER, "no", 503, JSON "X-Fc-Error-Type: UnhandledInvocationError\n",
         "{\"ErrorCode\":\"BadResponse\",\"ErrorMessage\":\"no\"}");
    world_done(&w);
}

static void a_group_has_its_own_words(void **state)
{
    struct gw_out headers[] = {
            {.name = (char *)"Content-Type", .value = (char *)"application/problem+json"},
            {.name = (char *)"X-Why", .value = (char *)"$context.error.type on $context.stage"},
            {.name = (char *)"X-User", .value = (char *)"[$context.authorizer.frontend.user]"},
            {.name = (char *)"X-None", .value = (char *)"[$context.authorizer.frontend.none]"},
            {.name = (char *)"X-Odd", .value = (char *)"$context.authorizer.frontend.odd"},
            {.name = (char *)"not a name", .value = (char *)"x"},
    };
    struct gw_response own[] = {
            {.type = (char *)"AUTHORIZER_FAILURE",
             .status = 403,
             .body = (char *)"{\"code\":\"$context.error.code\",\"path\":\"$context.reqPath\","
                             "\"api\":\"$context.apiId $context.apiName\",\"from\":\"$context."
                             "sourceIp\",\"id\":\"$context.requestId\",\"?\":\"$context.what\"}",
             .headers = headers,
             .nheaders = 6},
            {.type = (char *)"DEFAULT_5XX",
             .status = 0,
             .body = (char *)"<h1>$context.error.message"},
            {.type = (char *)"NOT_FOUND", .status = 410, .body = NULL},
    };
    const struct shape_pair context[] = {{S("user"), S("abc")}, {S("odd"), S("a\nb")}};
    struct world w;

    (void)state;
    world_init(&w, DIALECT_FUNCTIONGRAPH);
    w.group.responses = own;
    w.group.nresponses = 3;
    w.c.context = (struct shape_list){context, 2};
    want(&w, GW_DENIED, NULL, 403,
         "application/problem+json\nX-Why: AUTHORIZER_FAILURE on RELEASE\nX-User: [abc]\n"
         "X-None: []\n",
         "{\"code\":\"APIG.0305\",\"path\":\"/a\\\"\\u003c\",\"api\":\"a-1 "
         "api\",\"from\":\"1.2.3.4\","
         "\"id\":\"r-1\",\"?\":\"$context.what\"}");
    want(&w, GW_BAD_ANSWER, "<script>", 500, JSON, "<h1>&lt;script&gt;");
    want(&w, GW_NO_METHOD, NULL, 410, JSON,
         "{\"error_code\":\"APIG.0101\",\"error_msg\":\"The API does not exist or has not been "
         "published in the environment\",\"request_id\":\"r-1\"}");
    world_done(&w);
}

/* A form for each dialect, and no sentence with a hole in it. */
static void every_fault_has_words_in_every_cloud(void **state)
{
    (void)state;
    for (int d = 0; d < DIALECTS; d++)
        for (int f = 0; f < GW_FAULTS; f++) {
            struct gw_worded said;
            struct world w;

            world_init(&w, (enum dialect)d);
            gw_word(&w.c, (enum gw_fault)f, NULL, &said);
            assert_in_range(said.status, 400, 599);
            assert_null(strstr(said.body.p, "%s"));
            assert_int_equal(said.body.p[0], '{');
            buf_done(&said.body);
            world_done(&w);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(functiongraph_says_code_sentence_and_request),
            cmocka_unit_test(scf_says_a_message_and_has_a_form_for_bad_answers),
            cmocka_unit_test(fc_says_whose_fault_it_was),
            cmocka_unit_test(a_group_has_its_own_words),
            cmocka_unit_test(every_fault_has_words_in_every_cloud),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_api.c - the life of a call over a real server on loopback, with two made-up clouds. */
#include "rig.h"

#include <errno.h>

#include "base/json.h"
#include "base/obj.h"
#include "fn/key.h"
#include "observe/health.h"
#include "t.h"

static void a_call_gets_its_captures_its_query_and_its_body(void **state)
{
    const char *a =
            rig_ask(*state, "POST /cloud/a%2Fb/x/urn:c?n=1&na+me=v%20w HTTP/1.1\r\nHost: h\r\n"
                            "Content-Length: 8\r\n\r\n12345678");

    t_has(a, "HTTP/1.1 200 ");
    t_has(a, "X-Cloud-Id: ");
    t_has(a, "X-Bytes: 8\r\n");
    t_has(a, "\r\n\r\n12345678");
    assert_string_equal(seen.captures, "a/b|urn:c");
    assert_string_equal(seen.query, "=v w");
    assert_int_equal(seen.admitted, 1);
    assert_int_equal(seen.verified, 1);
    assert_int_equal(seen.headers, 1);
}

static void sign_as(uint8_t scope, const char *account, const char *dialect)
{
    caller = (struct auth_caller){.name = "tester", .scope = scope};
    memcpy(caller.account, account, strlen(account) + 1);
    memcpy(caller.dialect, dialect, strlen(dialect) + 1);
}

static void a_key_does_what_its_scope_says(void **state)
{
    static const char get[] = "GET /cloud/a/x/b HTTP/1.1\r\nHost: h\r\n\r\n",
                      echo[] = "POST /cloud/a/x/b HTTP/1.1\r\nHost: h\r\nContent-Length: "
                               "0\r\n\r\n";

    sign_as(KEY_READ, "", "");
    t_has(rig_ask(*state, get), "HTTP/1.1 200 ");
    t_has(rig_ask(*state, echo), "HTTP/1.1 403 "); /* its row names no scope: admin's */
    t_has(rig_ask(*state, echo), "key 'tester' has no permission for Echo");
    sign_as(KEY_INVOKE | KEY_DEPLOY | KEY_METRICS, "", "");
    t_has(rig_ask(*state, get), "HTTP/1.1 403 ");
    t_has(rig_ask(*state, get), "needs the scope 'read'");
    sign_as(0, "", "");
    t_has(rig_ask(*state, get), "HTTP/1.1 403 ");
    sign_as(KEY_ADMIN, "", "");
    t_has(rig_ask(*state, get), "HTTP/1.1 200 ");
    t_has(rig_ask(*state, echo), "HTTP/1.1 200 ");
}

/* The made-up cloud's dialect is fc, its account the first capture. */
static void a_key_of_an_account_acts_for_that_one_only(void **state)
{
    static const char a[] = "GET /cloud/a/x/b HTTP/1.1\r\nHost: h\r\n\r\n",
                      ab[] = "GET /cloud/ab/x/b HTTP/1.1\r\nHost: h\r\n\r\n",
                      all[] = "GET /cloud/all HTTP/1.1\r\nHost: h\r\n\r\n",
                      each[] = "GET /cloud/each HTTP/1.1\r\nHost: h\r\n\r\n";

    sign_as(KEY_ADMIN, "a", "");
    t_has(rig_ask(*state, a), "HTTP/1.1 200 ");
    t_has(rig_ask(*state, ab), "HTTP/1.1 403 ");
    t_has(rig_ask(*state, ab), "key 'tester' acts for account 'a' only");
    t_has(rig_ask(*state, all), "HTTP/1.1 403 "); /* it names none, and would tell of all */
    t_has(rig_ask(*state, each), "HTTP/1.1 200 ");
    sign_as(KEY_READ, "a", "fc");
    t_has(rig_ask(*state, a), "HTTP/1.1 200 ");
    sign_as(KEY_READ, "a", "functiongraph");
    t_has(rig_ask(*state, a), "key 'tester' acts for account 'a' of functiongraph only");
}

static void of_sets_with_one_prefix_the_first_that_knows_the_path_has_it(void **state)
{
    t_has(rig_ask(*state, "GET /cloud/x/y/c HTTP/1.1\r\nHost: h\r\n\r\n"), "beside");
    t_has(rig_ask(*state, "POST /cloud/x/y/c HTTP/1.1\r\nHost: h\r\n\r\n"), "inner 404");
    assert_null(strstr(rig_ask(*state, "GET /cloud/each HTTP/1.1\r\nHost: h\r\n\r\n"), "beside"));
    /* what nobody knows is worded by the first */
    t_has(rig_ask(*state, "GET /cloud/x/y/d HTTP/1.1\r\nHost: h\r\n\r\n"), "cloud 404");
}

static void an_absent_query_parameter_is_told_from_an_empty_one(void **state)
{
    (void)rig_ask(*state, "GET /cloud/a/x/b?other=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(seen.query, "absent");
    (void)rig_ask(*state, "GET /cloud/a/x/b?na+me HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(seen.query, "=");
}

static void a_header_value_with_a_line_break_is_left_out(void **state)
{
    const char *a = rig_ask(*state, "GET /cloud/a/x/b HTTP/1.1\r\nHost: h\r\n\r\n");

    t_has(a, "200");
    assert_null(strstr(a, "Set-Cookie"));
}

static void a_refusal_at_the_head_comes_before_the_body_is_sent(void **state)
{
    const char *a;

    refuse_head = true;
    /* the body never comes: an answer proves that nobody waited for it */
    a = rig_ask(*state, "POST /cloud/a/x/b HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n");
    t_has(a, "HTTP/1.1 401 ");
    t_has(a, "cloud 401 Auth: who is that?");
    t_has(a, "X-Cloud-Id: ");
    assert_int_equal(seen.verified + seen.handled, 0);
}

static void a_refusal_of_the_signature_keeps_the_handler_out(void **state)
{
    const char *a;

    refuse_body = true;
    a = rig_ask(*state, "POST /cloud/a/x/b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1");
    t_has(a, "cloud 403 -: signature");
    assert_int_equal(seen.handled, 0);
}

static void
a_body_over_the_limit_of_its_operation_is_refused_in_the_words_of_its_cloud(void **state)
{
    static const char *const requests[] = {
            "POST /cloud/a/x/b HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n",
            "POST /cloud/a/x/b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            "9\r\n123456789\r\n0\r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        const char *a = rig_ask(*state, requests[i]);

        t_has(a, "HTTP/1.1 400 ");
        t_has(a, "cloud 400 TooLarge: Echo takes 8 bytes");
        t_has(a, "X-Cloud-Id: ");
    }
    t_has(rig_ask(*state, "POST /cloud/park HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"),
          "cloud 413 -: ");
    assert_int_equal(seen.handled, 0);
}

static void a_refusal_of_the_server_carries_the_headers_of_its_cloud(void **state)
{
    const char *a = rig_ask(*state, "POST /cloud/a/x/b HTTP/1.1\r\nHost: h\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\nzz\r\n");

    t_has(a, "HTTP/1.1 400 ");
    t_has(a, "cloud 400 -: ");
    t_has(a, "X-Cloud-Id: ");
    assert_int_equal(seen.headers, 1);
}

static void an_unknown_path_is_404_in_the_shape_of_its_cloud(void **state)
{
    const char *a = rig_ask(*state, "GET /cloud/nowhere HTTP/1.1\r\nHost: h\r\n\r\n");

    t_has(a, "HTTP/1.1 404 ");
    t_has(a, "cloud 404 -: there is no API at /cloud/nowhere");
    assert_int_equal(seen.admitted, 0);
}

static void a_wrong_method_is_405_and_says_what_is_allowed(void **state)
{
    const char *a = rig_ask(*state, "DELETE /cloud/a/x/b HTTP/1.1\r\nHost: h\r\n\r\n");

    t_has(a, "HTTP/1.1 405 ");
    t_has(a, "cloud 405 -: ");
    t_has(a, "Allow: GET, POST\r\n");
}

static void a_set_may_hide_its_methods(void **state)
{
    t_has(rig_ask(*state, "DELETE /cloud/inner/thing HTTP/1.1\r\nHost: h\r\n\r\n"),
          "HTTP/1.1 404 ");
}

static void the_longest_prefix_takes_the_request(void **state)
{
    t_has(rig_ask(*state, "GET /cloud/inner/no HTTP/1.1\r\nHost: h\r\n\r\n"), "inner 404");
    t_has(rig_ask(*state, "GET /cloud/innermost HTTP/1.1\r\nHost: h\r\n\r\n"), "cloud 404");
}

static void a_malformed_escape_is_400(void **state)
{
    t_has(rig_ask(*state, "GET /cloud/%zz/x/b HTTP/1.1\r\nHost: h\r\n\r\n"), "cloud 400 -: ");
}

static void what_no_cloud_claims_is_a_plain_404(void **state)
{
    const char *a = rig_ask(*state, "GET /else HTTP/1.1\r\nHost: h\r\n\r\n");

    t_has(a, "HTTP/1.1 404 ");
    t_has(a, "{\"error\":\"not_found\",\"message\":\"");
}

static void a_head_nobody_understands_is_a_plain_400(void **state)
{
    const char *a = rig_ask(*state, "NONSENSE\r\n\r\n");

    t_has(a, "HTTP/1.1 400 ");
    t_has(a, "{\"error\":\"bad_request\",\"message\":\"");
}

static void the_house_answers_for_its_health_and_version(void **state)
{
    t_has(rig_ask(*state, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "\r\n\r\nok\n");
    t_has(rig_ask(*state, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n"),
          "\r\n\r\n{\"ready\":true,\"reasons\":[]}");
    t_has(rig_ask(*state, "GET /version HTTP/1.1\r\nHost: h\r\n\r\n"),
          "\"version\":\"" EVOKE_VERSION "\"");
    t_has(rig_ask(*state, "POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "Allow: GET\r\n");
}

static void version_names_the_commit_and_the_apis(void **state)
{
    struct rig *rig = *state;

    t_has(rig_ask(rig, "GET /version HTTP/1.1\r\nHost: h\r\n\r\n"),
          "{\"name\":\"evoke\",\"version\":\"" EVOKE_VERSION "\",\"apis\":[\"/cloud/\",");
    rig->api.commit = "0123456789ab";
    t_has(rig_ask(rig, "GET /version HTTP/1.1\r\nHost: h\r\n\r\n"), "\"commit\":\"0123456789ab\"");
}

static void readiness_says_what_is_wrong_and_since_when(void **state)
{
    struct rig *rig = *state;
    const char *a;

    rig->api.health = health_new();
    health_set(rig->api.health, "logs", "the disk is \"full\"");
    a = rig_ask(rig, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
    t_has(a, "HTTP/1.1 503 ");
    t_has(a, "{\"ready\":false,\"reasons\":[{\"component\":\"logs\",\"reason\":\"the disk is "
             "\\\"full\\\"\",\"since_ms\":1");
    t_has(rig_ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 200 ");

    health_set(rig->api.health, "logs", NULL);
    t_has(rig_ask(rig, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 200 ");
    rig->api.health = health_free(rig->api.health);
}

static void a_name_that_is_not_ours_is_told_about_health_only(void **state)
{
    struct rig *rig = *state;
    const char *a = rig_ask(rig, "GET /cloud/ab/x/b HTTP/1.1\r\nHost: evil.example\r\n\r\n");

    t_has(a, "HTTP/1.1 421 ");
    t_has(a, "cloud 421 -: this is not evil.example");
    assert_int_equal(seen.admitted, 0);
    t_has(rig_ask(rig, "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "ok\n");
}

static void a_server_that_ends_answers_for_its_health_only(void **state)
{
    struct rig *rig = *state;
    const char *a;

    api_server_refuse(rig->server, "this daemon is ending");
    a = rig_ask(rig, "GET /cloud/none HTTP/1.1\r\nHost: h\r\n\r\n");
    t_has(a, "HTTP/1.1 503 ");
    t_has(a, "Retry-After: 1\r\n");
    t_has(a, "cloud 503 -: this daemon is ending");
    assert_int_equal(seen.admitted, 0);
    t_has(rig_ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "ok\n");
}

static void a_reply_in_a_later_turn_reaches_the_client(void **state)
{
    struct rig *rig = *state;

    rig_dial(rig, "POST /cloud/park HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1");
    loop_run_until(rig->loop, &seen.was_parked);
    call_reply(seen.parked, 200, S("text/plain"), S("late"));
    t_has(rig_hear(rig), "\r\n\r\nlate");
}

static void look_whether_gone(void *user)
{
    struct rig *rig = user;

    if (seen.parked->req)
        loop_defer(rig->loop, look_whether_gone, rig);
    else
        seen.was_cancelled = true;
}

static void a_reply_after_the_client_has_gone_goes_nowhere(void **state)
{
    struct rig *rig = *state;
    struct buf body;

    rig_dial(rig, "POST /cloud/park HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1");
    loop_run_until(rig->loop, &seen.was_parked);
    rig_hang_up(rig);
    loop_defer(rig->loop, look_whether_gone, rig);
    loop_run_until(rig->loop, &seen.was_cancelled);

    /* the handler may go on asking and telling; its reply frees what it gave (see the leak checker)
     */
    assert_null(call_query(seen.parked, S("a")).p);
    call_header(seen.parked, "X-Late", S("1"));
    buf_init(&body, 64);
    buf_addz(&body, "nobody reads this");
    call_reply_buf(seen.parked, 200, S("text/plain"), &body);
    t_has(rig_ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "ok");
}

static void a_client_that_leaves_within_its_body_leaves_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct http_stats stats;

    rig_dial(rig, "POST /cloud/park HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n1");
    do {
        rig_hang_up(rig);
        t_has(rig_ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "ok");
        http_server_stats(rig->http, &stats);
    } while (stats.cancelled == 0);
    assert_int_equal(seen.handled, 0);
}

static void errors_choose_their_status_by_kind(void **state)
{
    static const struct {
        struct err e;
        const char *status;
    } rows[] = {
            {{-EINVAL, ERR_CALLER, "m"}, "HTTP/1.1 400 "},
            {{-ENOENT, ERR_CALLER, "m"}, "HTTP/1.1 404 "},
            {{-EEXIST, ERR_CALLER, "m"}, "HTTP/1.1 409 "},
            {{-EMSGSIZE, ERR_CALLER, "m"}, "HTTP/1.1 413 "},
            {{-EAGAIN, ERR_LIMIT, "m"}, "HTTP/1.1 429 "},
            {{-EIO, ERR_FUNCTION, "m"}, "HTTP/1.1 502 "},
            {{-EIO, ERR_HOST, "m"}, "HTTP/1.1 503 "},
            {{0, ERR_NONE, "m"}, "HTTP/1.1 500 "},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *a;

        to_report = &rows[i].e;
        a = rig_ask(*state, "GET /cloud/report HTTP/1.1\r\nHost: h\r\n\r\n");
        t_has(a, rows[i].status);
        t_has(a, "Code: m");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            WITH_RIG(a_call_gets_its_captures_its_query_and_its_body),
            WITH_RIG(a_key_does_what_its_scope_says),
            WITH_RIG(a_key_of_an_account_acts_for_that_one_only),
            WITH_RIG(of_sets_with_one_prefix_the_first_that_knows_the_path_has_it),
            WITH_RIG(an_absent_query_parameter_is_told_from_an_empty_one),
            WITH_RIG(a_header_value_with_a_line_break_is_left_out),
            WITH_RIG(a_refusal_at_the_head_comes_before_the_body_is_sent),
            WITH_RIG(a_refusal_of_the_signature_keeps_the_handler_out),
            WITH_RIG(a_body_over_the_limit_of_its_operation_is_refused_in_the_words_of_its_cloud),
            WITH_RIG(a_refusal_of_the_server_carries_the_headers_of_its_cloud),
            WITH_RIG(an_unknown_path_is_404_in_the_shape_of_its_cloud),
            WITH_RIG(a_wrong_method_is_405_and_says_what_is_allowed),
            WITH_RIG(a_set_may_hide_its_methods),
            WITH_RIG(the_longest_prefix_takes_the_request),
            WITH_RIG(a_malformed_escape_is_400),
            WITH_RIG(what_no_cloud_claims_is_a_plain_404),
            WITH_RIG(a_head_nobody_understands_is_a_plain_400),
            WITH_RIG(the_house_answers_for_its_health_and_version),
            WITH_RIG(version_names_the_commit_and_the_apis),
            WITH_RIG(readiness_says_what_is_wrong_and_since_when),
            WITH_RIG(a_name_that_is_not_ours_is_told_about_health_only),
            WITH_RIG(a_server_that_ends_answers_for_its_health_only),
            WITH_RIG(a_reply_in_a_later_turn_reaches_the_client),
            WITH_RIG(a_reply_after_the_client_has_gone_goes_nowhere),
            WITH_RIG(a_client_that_leaves_within_its_body_leaves_nothing_behind),
            WITH_RIG(errors_choose_their_status_by_kind),
    };

    return T_RUN(tests);
}

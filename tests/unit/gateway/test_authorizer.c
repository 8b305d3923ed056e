/* SPDX-License-Identifier: Apache-2.0 */
/* The step alone: engine, catalog and the rest of a call's life are the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "t.h"

#include "base/clock.h"
#include "catalog/versions.h"
#include "gateway/call.h"
#include "gateway/guard/guard.h"
#include "invoke/invoke.h"

enum { RUNS = 16, TTL_S = 60 };

struct invocation {
    void (*done)(void *user, const struct invoke_result *result);
    void *user;
    char event[512];
    bool forgotten;
};

static struct {
    struct invocation runs[RUNS];
    size_t nruns;
    bool refuse, missing;
    enum gw_fault fault; /* of the last gw_fail() */
    char detail[128];
    int fails, continued;
    void (*late)(struct gw_call *c); /* of the last gw_deadline() */
    uint32_t late_ms;
} seen;

int invoke(struct invoker *iv, const struct invoke_spec *spec, struct invocation **ret,
           struct err *e)
{
    struct invocation *run = &seen.runs[seen.nruns];

    (void)iv;
    if (seen.refuse)
        return err_set(e, ERR_LIMIT, -EAGAIN, "queue full");
    assert_true(seen.nruns++ < RUNS);
    (void)snprintf(run->event, sizeof(run->event), "%.*s", STR_ARG(buf_str(spec->owned)));
    buf_done(spec->owned);
    run->done = spec->on_done;
    run->user = spec->user;
    *ret = run;
    return 0;
}

void invocation_forget(struct invocation *in)
{
    in->forgotten = true;
}

void invocation_cancel(struct invocation *in)
{
    (void)in; /* integration tests: test_gateway_guide.py */
}

const struct fn *catalog_find(const struct catalog *c, const struct fn_key *key)
{
    static const struct fn fn = {.dialect = DIALECT_FUNCTIONGRAPH};

    (void)c;
    (void)key;
    return seen.missing ? NULL : &fn;
}

const struct fn *catalog_resolve(struct catalog *c, const struct fn_key *key, struct str qualifier,
                                 const struct qualify_ask *ask)
{
    (void)ask;
    assert_string_equal(qualifier.p, "latest");
    return catalog_find(c, key);
}

int gw_describe(struct gw_call *c, struct str user_data, struct shape_http *ret)
{
    *ret = (struct shape_http){.request_id = str_of(c->request_id),
                               .method = S("POST"),
                               .path = S("/x"),
                               .user_data = user_data,
                               .body = S("payload")};
    return 0;
}

void gw_fail(struct gw_call *c, enum gw_fault why, const char *detail, ...)
{
    va_list ap;

    (void)c;
    seen.fault = why;
    seen.fails++;
    seen.detail[0] = '\0';
    va_start(ap, detail);
    if (detail)
        (void)vsnprintf(seen.detail, sizeof(seen.detail), detail, ap);
    va_end(ap);
}

void gw_continue(struct gw_call *c)
{
    (void)c;
    seen.continued++;
}

void gw_deadline(struct gw_call *c, uint32_t ms, void (*late)(struct gw_call *c))
{
    (void)c;
    seen.late = late;
    seen.late_ms = ms;
}

/* ---- the world ---- */

static char auth_id[] = "auth", api_id[] = "api", token[] = "token", user_data[] = "mine",
            latest[] = "latest";
static struct gw_identity identity = {token, GW_IN_HEADER, NULL};
static struct gw_authorizer front, back;
static struct gw_api api;
static struct gw_guard *guard;

static int setup(void **state)
{
    const struct gateway_env env = {0};

    (void)state;
    memset(&seen, 0, sizeof(seen));
    front = (struct gw_authorizer){.refs = 1,
                                   .id = auth_id,
                                   .identities = &identity,
                                   .nidentities = 1,
                                   .ttl_s = TTL_S,
                                   .user_data = user_data,
                                   .qualifier = latest,
                                   .revision = 1};
    back = front;
    back.ttl_s = 0;
    api = (struct gw_api){.id = api_id, .authorizer = &front};
    guard = gw_guard_new(&env);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    guard = gw_guard_free(guard);
    return 0;
}

struct client {
    struct h1_header header;
    struct http_request req;
    struct gw_call call;
};

static void come(struct client *x, const char *value)
{
    x->header = (struct h1_header){.name = S("Token"), .value = str_of(value)};
    x->req = (struct http_request){.headers = &x->header, .nheaders = 1};
    x->call = (struct gw_call){
            .guard = guard, .req = &x->req, .arena = arena_new(1 << 16), .api = &api};
}

static enum gw_step step(struct client *x, const char *value)
{
    come(x, value);
    return gw_authorize(&x->call);
}

static void leave(struct client *x)
{
    gw_authorize_done(&x->call);
    x->call.arena = arena_free(x->call.arena);
}

static void answer(size_t run, const char *body)
{
    struct invoke_result result = {.run.outcome = OUTCOME_OK, .body = str_of(body)};

    seen.runs[run].done(seen.runs[run].user, &result);
}

static void end(size_t run, enum outcome outcome)
{
    struct invoke_result result = {.run.outcome = outcome};

    seen.runs[run].done(seen.runs[run].user, &result);
}

#define ALLOW                                                                                      \
    "{\"statusCode\":200,\"body\":\"{\\\"status\\\":\\\"allow\\\","                                \
    "\\\"context\\\":{\\\"user\\\":\\\"abc\\\"}}\"}"
#define DENY                                                                                       \
    "{\"statusCode\":200,\"body\":\"{\\\"status\\\":\\\"deny\\\","                                 \
    "\\\"context\\\":{\\\"code\\\":1001}}\"}"

/* ---- tests ---- */

static void an_api_without_authorizer_lets_all_pass(void **state)
{
    struct client a;

    (void)state;
    api.authorizer = NULL;
    assert_int_equal(step(&a, "x"), GW_GO_ON);
    assert_int_equal(seen.nruns, 0);
    leave(&a);
}

static void allow_goes_on_with_its_context(void **state)
{
    struct client a;

    (void)state;
    assert_int_equal(step(&a, "x"), GW_WAIT);
    t_has(seen.runs[0].event, "\"user_data\":\"mine\"");
    assert_null(strstr(seen.runs[0].event, "payload")); /* need_body is off */
    answer(0, ALLOW);
    assert_int_equal(seen.continued, 1);
    assert_int_equal(seen.fails, 0);
    t_str(a.call.context.at[0].value, S("abc"));
    assert_null(a.call.cancel);
    assert_false(a.call.authorizer_cached);
    leave(&a);
}

static void deny_fails_with_its_context(void **state)
{
    struct client a;

    (void)state;
    assert_int_equal(step(&a, "x"), GW_WAIT);
    answer(0, DENY);
    assert_int_equal(seen.continued, 0);
    assert_int_equal(seen.fails, 1);
    assert_int_equal(seen.fault, GW_DENIED);
    assert_string_equal(seen.detail, "frontend authorizer");
    t_str(a.call.context.at[0].value, S("1001"));
    leave(&a);
}

static void what_it_said_is_remembered_by_identity(void **state)
{
    struct client a, b, c, d;

    (void)state;
    assert_int_equal(step(&a, "x"), GW_WAIT);
    answer(0, ALLOW);
    assert_int_equal(step(&b, "x"), GW_GO_ON);
    assert_true(b.call.authorizer_cached);
    t_str(b.call.context.at[0].value, S("abc"));
    assert_int_equal(step(&c, "y"), GW_WAIT);
    answer(1, DENY);
    assert_int_equal(step(&d, "y"), GW_ENDED);
    assert_int_equal(seen.fault, GW_DENIED);
    assert_int_equal(seen.nruns, 2);
    leave(&a);
    leave(&b);
    leave(&c);
    leave(&d);
}

static void another_revision_asks_anew(void **state)
{
    struct client a, b;

    (void)state;
    assert_int_equal(step(&a, "x"), GW_WAIT);
    answer(0, ALLOW);
    front.revision++;
    assert_int_equal(step(&b, "x"), GW_WAIT);
    answer(1, ALLOW);
    assert_int_equal(seen.nruns, 2);
    leave(&a);
    leave(&b);
}

static void requests_with_one_identity_share_one_question(void **state)
{
    struct client x[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(step(&x[i], "x"), GW_WAIT);
    assert_int_equal(seen.nruns, 1);
    answer(0, ALLOW);
    assert_int_equal(seen.continued, 4);
    for (size_t i = 0; i < 4; i++) {
        t_str(x[i].call.context.at[0].value, S("abc"));
        leave(&x[i]);
    }
}

static void without_ttl_every_request_asks(void **state)
{
    struct client a, b;

    (void)state;
    front.ttl_s = 0;
    assert_int_equal(step(&a, "x"), GW_WAIT);
    assert_int_equal(step(&b, "x"), GW_WAIT);
    assert_int_equal(seen.nruns, 2);
    answer(1, ALLOW);
    assert_int_equal(seen.continued, 1);
    answer(0, DENY);
    assert_int_equal(seen.fails, 1);
    leave(&a);
    leave(&b);
}

static void who_goes_away_is_not_waited_for(void **state)
{
    struct client a, b, c;

    (void)state;
    assert_int_equal(step(&a, "x"), GW_WAIT);
    assert_int_equal(step(&b, "x"), GW_WAIT);
    a.call.cancel(&a.call);
    leave(&a);
    assert_false(seen.runs[0].forgotten);
    b.call.cancel(&b.call); /* the last one */
    leave(&b);
    assert_true(seen.runs[0].forgotten);
    assert_int_equal(step(&c, "x"), GW_WAIT); /* a question of its own */
    assert_int_equal(seen.nruns, 2);
    answer(1, ALLOW);
    assert_int_equal(seen.continued, 1);
    leave(&c);
}

static void a_function_that_does_not_answer_breaks_it_in_time(void **state)
{
    struct client a, b, c;

    (void)state;
    assert_int_equal(step(&a, "x"), GW_WAIT);
    assert_int_equal(seen.late_ms, 10000);
    api.timeout_ms = 10001;
    assert_int_equal(step(&b, "x"), GW_WAIT);
    assert_int_equal(seen.late_ms, 10001); /* as long as the backend */
    seen.late(&a.call);
    assert_int_equal(seen.fault, GW_AUTHORIZER_BROKEN);
    assert_string_equal(seen.detail, "frontend authorizer");
    assert_null(a.call.cancel);
    assert_false(seen.runs[0].forgotten); /* b waits still */
    seen.late(&b.call);
    assert_int_equal(seen.fails, 2);
    assert_true(seen.runs[0].forgotten);
    assert_int_equal(step(&c, "x"), GW_WAIT); /* a question of its own */
    assert_int_equal(seen.nruns, 2);
    answer(1, ALLOW);
    assert_int_equal(seen.continued, 1);
    leave(&a);
    leave(&b);
    leave(&c);
}

static void a_failure_breaks_and_is_not_remembered(void **state)
{
    static const enum outcome outcomes[] = {OUTCOME_ERROR,  OUTCOME_TIMEOUT,    OUTCOME_EXITED,
                                            OUTCOME_MEMORY, OUTCOME_INIT_ERROR, OUTCOME_TOO_LARGE};
    struct client a;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(step(&a, "x"), GW_WAIT);
        end(i, outcomes[i]);
        assert_int_equal(seen.fault, GW_AUTHORIZER_BROKEN);
        assert_string_equal(seen.detail, "frontend authorizer");
        leave(&a);
    }
    assert_int_equal(step(&a, "x"), GW_WAIT);
    answer(6, "{\"allow\":true}");
    assert_int_equal(seen.fault, GW_AUTHORIZER_BROKEN);
    leave(&a);
    assert_int_equal(seen.nruns, 7);
    assert_int_equal(seen.fails, 7);
}

static void one_that_cannot_be_asked_is_broken_at_once(void **state)
{
    struct client a;

    (void)state;
    seen.refuse = true;
    assert_int_equal(step(&a, "x"), GW_ENDED);
    assert_int_equal(seen.fault, GW_AUTHORIZER_BROKEN);
    leave(&a);
    seen.refuse = false;
    seen.missing = true;
    assert_int_equal(step(&a, "x"), GW_ENDED);
    assert_int_equal(seen.fault, GW_AUTHORIZER_BROKEN);
    leave(&a);
}

static void a_missing_identity_asks_nobody(void **state)
{
    struct client a;

    (void)state;
    assert_int_equal(step(&a, ""), GW_ENDED);
    assert_int_equal(seen.fault, GW_IDENTITY_MISSING);
    assert_int_equal(seen.nruns, 0);
    leave(&a);
}

static void the_backends_authorizer_is_asked_second(void **state)
{
    struct client a;

    (void)state;
    api.backend_authorizer = &back;
    assert_int_equal(step(&a, "x"), GW_WAIT);
    answer(0, ALLOW);
    assert_int_equal(seen.continued, 0);
    assert_int_equal(seen.nruns, 2);
    answer(1, DENY);
    assert_int_equal(seen.fault, GW_DENIED);
    assert_string_equal(seen.detail, "backend authorizer");
    t_str(a.call.context.at[0].value, S("abc"));
    t_str(a.call.backend_context.at[0].value, S("1001"));
    leave(&a);
}

static void the_body_is_sent_where_it_is_needed(void **state)
{
    struct client a;

    (void)state;
    front.need_body = true;
    assert_int_equal(step(&a, "x"), GW_WAIT);
    t_has(seen.runs[0].event, "cGF5bG9hZA=="); /* "payload" */
    answer(0, ALLOW);
    leave(&a);
}

static void counts_tell_functions_and_memory_apart(void **state)
{
    struct gw_guard_stats stats;
    struct client a;

    (void)state;
    assert_int_equal(step(&a, "x"), GW_WAIT);
    answer(0, ALLOW);
    leave(&a);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(step(&a, "x"), GW_GO_ON);
        leave(&a);
    }
    gw_guard_stats(guard, &stats);
    assert_int_equal(stats.authorizer_calls, 1);
    assert_int_equal(stats.authorizer_cached, 3);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(an_api_without_authorizer_lets_all_pass),
            T(allow_goes_on_with_its_context),
            T(deny_fails_with_its_context),
            T(what_it_said_is_remembered_by_identity),
            T(another_revision_asks_anew),
            T(requests_with_one_identity_share_one_question),
            T(without_ttl_every_request_asks),
            T(who_goes_away_is_not_waited_for),
            T(a_function_that_does_not_answer_breaks_it_in_time),
            T(a_failure_breaks_and_is_not_remembered),
            T(one_that_cannot_be_asked_is_broken_at_once),
            T(a_missing_identity_asks_nobody),
            T(the_backends_authorizer_is_asked_second),
            T(the_body_is_sent_where_it_is_needed),
            T(counts_tell_functions_and_memory_apart),
    };

    return T_RUN(tests);
}

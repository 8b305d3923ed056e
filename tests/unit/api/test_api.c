/* SPDX-License-Identifier: Apache-2.0 */
/* test_api.c - the life of a call over a real server on loopback, with two made-up clouds. */
#include "api/api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/obj.h"
#include "fn/key.h"
#include "loop/loop.h"
#include "observe/health.h"
#include "t.h"

/* What the made-up cloud saw. */
static struct seen {
    int admitted, verified, handled, headers;
    struct call *parked;
    bool was_parked, was_cancelled;
    char captures[64], query[64], body[64];
} seen;

static bool refuse_head, refuse_body;

enum { LARGE = 300 * 1024 };

/* A large body is examined when the test opens the gate. */
static pthread_t loop_thread;
static atomic_bool examining;
static sem_t gate;

static struct auth_caller caller; /* who signs */

static bool admit(struct call *c)
{
    seen.admitted++;
    if (!refuse_head) {
        call_signed_by(c, &caller);
        return true;
    }
    call_fail(c, 401, "Auth", "who is %s?", "that");
    return false;
}

static void realm(struct call *c, struct api_realm *ret)
{
    ret->dialect = DIALECT_FC;
    ret->account = c->captures[0];
}

static enum auth_failure verify(const struct keys *k, const struct http_request *r, struct err *e)
{
    (void)k;
    if (r->body.n >= LARGE) { /* on a worker thread */
        assert_false(pthread_equal(pthread_self(), loop_thread));
        atomic_store(&examining, true);
        assert_int_equal(sem_wait(&gate), 0);
    }
    seen.verified++;
    (void)err_set(e, ERR_CALLER, -EACCES, "signature");
    return refuse_body ? AUTH_MISMATCH : AUTH_OK;
}

static void refuse(struct call *c, enum auth_failure why, const struct err *e)
{
    assert_int_equal(why, AUTH_MISMATCH);
    call_fail(c, 403, NULL, "%s", e->msg);
}

static const char *error(struct http_request *r, const char *request_id, int status,
                         const char *code, const char *message, struct buf *out)
{
    (void)r;
    assert_int_equal(strlen(request_id), UUID_TEXT - 1);
    buf_addf(out, "cloud %d %s: %s", status, code ? code : "-", message);
    return "text/plain";
}

static void too_large(const struct api_op *op, struct api_too_large *x)
{
    if (strcmp(op->name, "Park") == 0)
        return;
    x->status = 400;
    x->code = "TooLarge";
    (void)snprintf(x->message, sizeof(x->message), "%s takes %u bytes", op->name,
                   (unsigned)op->body_max);
}

static void headers(struct call *c)
{
    seen.headers++;
    call_header(c, "X-Cloud-Id", str_of(c->request_id));
}

static void on_echo(struct call *c)
{
    struct str v = call_query(c, S("na me"));

    seen.handled++;
    (void)snprintf(seen.captures, sizeof(seen.captures), "%.*s|%.*s", STR_ARG(c->captures[0]),
                   STR_ARG(c->captures[1]));
    (void)snprintf(seen.query, sizeof(seen.query), "%s%.*s", v.p ? "=" : "absent", STR_ARG(v));
    call_headerf(c, "X-Bytes", "%zu", c->req->body.n);
    call_header(c, "X-Broken", S("a\r\nSet-Cookie: b"));
    call_reply(c, 200, S("text/plain"), c->req->body);
}

static void on_park(struct call *c)
{
    seen.handled++;
    seen.was_parked = true;
    seen.parked = c;
}

static void on_document(struct call *c)
{
    struct err e = {0};
    struct cJSON *tree = call_json(c, &e);

    seen.handled++;
    if (!tree)
        call_fail(c, 400, "NotJson", "%s", e.msg);
    else
        call_reply(c, 200, S("text/plain"), S("parsed"));
    json_free(tree);
}

static const struct err *to_report;

static void on_report(struct call *c)
{
    call_fail_err(c, "Code", to_report);
}

static const struct api_op ops[] = {
        {.route = {"POST", "/cloud/{a}/x/{b}"}, .name = "Echo", .body_max = 8, .handle = on_echo},
        {.route = {"GET", "/cloud/{a}/x/{b}"}, .name = "Get", .handle = on_echo, .scope = KEY_READ},
        {.route = {"GET", "/cloud/all"}, .name = "All", .handle = on_echo, .scope = KEY_READ},
        {.route = {"GET", "/cloud/each"},
         .name = "Each",
         .handle = on_echo,
         .scope = KEY_READ,
         .each = true},
        {.route = {"POST", "/cloud/park"}, .name = "Park", .body_max = 8, .handle = on_park},
        {.route = {"POST", "/cloud/document"},
         .name = "Document",
         .body_max = 1 << 20,
         .handle = on_document,
         .json = true},
        {.route = {"GET", "/cloud/report"}, .name = "Report", .handle = on_report},
};

static const struct api_set cloud = {
        .name = "cloud",
        .prefix = "/cloud/",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .admit = admit,
        .realm = realm,
        .verify = verify,
        .refuse = refuse,
        .too_large = too_large,
        .error = error,
        .headers = headers,
};

static const char *inner_error(struct http_request *r, const char *request_id, int status,
                               const char *code, const char *message, struct buf *out)
{
    (void)r, (void)request_id, (void)code, (void)message;
    buf_addf(out, "inner %d", status);
    return "text/plain";
}

static const struct api_op inner_ops[] = {
        {.route = {"GET", "/cloud/inner/thing"}, .name = "Thing", .handle = on_echo},
};

/* Inside the other's prefix, and without methods of its own for wrong ones. */
static const struct api_set inner = {
        .name = "inner",
        .prefix = "/cloud/inner/",
        .ops = inner_ops,
        .nops = ARRAY_LEN(inner_ops),
        .wrong_method = 404,
        .error = inner_error,
};

/* One server and one client on one loop. */
struct rig {
    struct loop *loop;
    struct api api;
    struct api_server *server;
    struct http_server *http;
    int port;
    int fd; /* the client's */
    struct loop_io *io;
    struct buf answer;
    bool complete;
};

static int open_rig(void **state)
{
    static const struct api_set *const sets[] = {&cloud, &inner};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(at);
    struct rig *rig = calloc(1, sizeof(*rig));
    struct http_limits limits;
    struct err e = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memset(&seen, 0, sizeof(seen));
    caller = (struct auth_caller){.name = "tester", .scope = KEY_ADMIN};
    refuse_head = refuse_body = false;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    rig->port = ntohs(at.sin_port);
    rig->loop = loop_new();
    rig->api = (struct api){.loop = rig->loop, .region = "local-1"};
    rig->server = api_server_new(&rig->api, sets, ARRAY_LEN(sets));
    http_limits_default(&limits);
    rig->http = http_server_new(rig->loop, &limits, &api_http_ops, rig->server);
    t_ok(http_server_listen(rig->http, fd, &e), &e);
    rig->fd = -1;
    buf_init(&rig->answer, 1 << 20);
    *state = rig;
    return 0;
}

static void hang_up(struct rig *rig)
{
    rig->io = loop_io_free(rig->io);
    if (rig->fd >= 0)
        close(rig->fd);
    rig->fd = -1;
}

static int close_rig(void **state)
{
    struct rig *rig = *state;

    hang_up(rig);
    http_server_free(rig->http);
    api_server_free(rig->server);
    loop_free(rig->loop);
    buf_done(&rig->answer);
    free(rig);
    return 0;
}

/* Complete when the body of the announced length is there; every answer of ours has one. */
static bool is_complete(const struct buf *b)
{
    ptrdiff_t end = str_find(buf_str(b), S("\r\n\r\n"));
    const char *length = strcasestr(b->p, "\r\nContent-Length:");

    if (end < 0)
        return false;
    return b->n >= (size_t)end + 4 + (length ? strtoul(length + 17, NULL, 10) : 0);
}

static void on_answer(void *user, unsigned ready)
{
    struct rig *rig = user;
    char part[4096];
    ssize_t n = recv(rig->fd, part, sizeof(part), MSG_DONTWAIT);

    (void)ready;
    if (n > 0)
        buf_add(&rig->answer, part, (size_t)n);
    rig->complete = n == 0 || is_complete(&rig->answer);
}

static void dial(struct rig *rig, const char *request)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)rig->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};

    hang_up(rig);
    buf_reset(&rig->answer);
    rig->complete = false;
    rig->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(rig->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(send(rig->fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
}

/* The answer as text. */
static const char *ask(struct rig *rig, const char *request)
{
    dial(rig, request);
    rig->io = loop_io_new(rig->loop, rig->fd, on_answer, rig);
    loop_io_want(rig->io, LOOP_READ);
    loop_run_until(rig->loop, &rig->complete);
    return rig->answer.p;
}

static void a_call_gets_its_captures_its_query_and_its_body(void **state)
{
    const char *a = ask(*state, "POST /cloud/a%2Fb/x/urn:c?n=1&na+me=v%20w HTTP/1.1\r\nHost: h\r\n"
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
    t_has(ask(*state, get), "HTTP/1.1 200 ");
    t_has(ask(*state, echo), "HTTP/1.1 403 "); /* its row names no scope: admin's */
    t_has(ask(*state, echo), "key 'tester' has no permission for Echo");
    sign_as(KEY_INVOKE | KEY_DEPLOY | KEY_METRICS, "", "");
    t_has(ask(*state, get), "HTTP/1.1 403 ");
    t_has(ask(*state, get), "needs the scope 'read'");
    sign_as(0, "", "");
    t_has(ask(*state, get), "HTTP/1.1 403 ");
    sign_as(KEY_ADMIN, "", "");
    t_has(ask(*state, get), "HTTP/1.1 200 ");
    t_has(ask(*state, echo), "HTTP/1.1 200 ");
}

/* The made-up cloud's dialect is fc, its account the first capture. */
static void a_key_of_an_account_acts_for_that_one_only(void **state)
{
    static const char a[] = "GET /cloud/a/x/b HTTP/1.1\r\nHost: h\r\n\r\n",
                      ab[] = "GET /cloud/ab/x/b HTTP/1.1\r\nHost: h\r\n\r\n",
                      all[] = "GET /cloud/all HTTP/1.1\r\nHost: h\r\n\r\n",
                      each[] = "GET /cloud/each HTTP/1.1\r\nHost: h\r\n\r\n";

    sign_as(KEY_ADMIN, "a", "");
    t_has(ask(*state, a), "HTTP/1.1 200 ");
    t_has(ask(*state, ab), "HTTP/1.1 403 ");
    t_has(ask(*state, ab), "key 'tester' acts for account 'a' only");
    t_has(ask(*state, all), "HTTP/1.1 403 "); /* it names none, and would tell of all */
    t_has(ask(*state, each), "HTTP/1.1 200 ");
    sign_as(KEY_READ, "a", "fc");
    t_has(ask(*state, a), "HTTP/1.1 200 ");
    sign_as(KEY_READ, "a", "functiongraph");
    t_has(ask(*state, a), "key 'tester' acts for account 'a' of functiongraph only");
}

static void an_absent_query_parameter_is_told_from_an_empty_one(void **state)
{
    (void)ask(*state, "GET /cloud/a/x/b?other=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(seen.query, "absent");
    (void)ask(*state, "GET /cloud/a/x/b?na+me HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(seen.query, "=");
}

static void a_header_value_with_a_line_break_is_left_out(void **state)
{
    const char *a = ask(*state, "GET /cloud/a/x/b HTTP/1.1\r\nHost: h\r\n\r\n");

    t_has(a, "200");
    assert_null(strstr(a, "Set-Cookie"));
}

static void a_refusal_at_the_head_comes_before_the_body_is_sent(void **state)
{
    const char *a;

    refuse_head = true;
    /* the body never comes: an answer proves that nobody waited for it */
    a = ask(*state, "POST /cloud/a/x/b HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n");
    t_has(a, "HTTP/1.1 401 ");
    t_has(a, "cloud 401 Auth: who is that?");
    t_has(a, "X-Cloud-Id: ");
    assert_int_equal(seen.verified + seen.handled, 0);
}

static void a_refusal_of_the_signature_keeps_the_handler_out(void **state)
{
    const char *a;

    refuse_body = true;
    a = ask(*state, "POST /cloud/a/x/b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1");
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
        const char *a = ask(*state, requests[i]);

        t_has(a, "HTTP/1.1 400 ");
        t_has(a, "cloud 400 TooLarge: Echo takes 8 bytes");
        t_has(a, "X-Cloud-Id: ");
    }
    t_has(ask(*state, "POST /cloud/park HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"),
          "cloud 413 -: ");
    assert_int_equal(seen.handled, 0);
}

static void a_refusal_of_the_server_carries_the_headers_of_its_cloud(void **state)
{
    const char *a = ask(*state, "POST /cloud/a/x/b HTTP/1.1\r\nHost: h\r\n"
                                "Transfer-Encoding: chunked\r\n\r\nzz\r\n");

    t_has(a, "HTTP/1.1 400 ");
    t_has(a, "cloud 400 -: ");
    t_has(a, "X-Cloud-Id: ");
    assert_int_equal(seen.headers, 1);
}

static void an_unknown_path_is_404_in_the_shape_of_its_cloud(void **state)
{
    const char *a = ask(*state, "GET /cloud/nowhere HTTP/1.1\r\nHost: h\r\n\r\n");

    t_has(a, "HTTP/1.1 404 ");
    t_has(a, "cloud 404 -: there is no API at /cloud/nowhere");
    assert_int_equal(seen.admitted, 0);
}

static void a_wrong_method_is_405_and_says_what_is_allowed(void **state)
{
    const char *a = ask(*state, "DELETE /cloud/a/x/b HTTP/1.1\r\nHost: h\r\n\r\n");

    t_has(a, "HTTP/1.1 405 ");
    t_has(a, "cloud 405 -: ");
    t_has(a, "Allow: GET, POST\r\n");
}

static void a_set_may_hide_its_methods(void **state)
{
    t_has(ask(*state, "DELETE /cloud/inner/thing HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 404 ");
}

static void the_longest_prefix_takes_the_request(void **state)
{
    t_has(ask(*state, "GET /cloud/inner/no HTTP/1.1\r\nHost: h\r\n\r\n"), "inner 404");
    t_has(ask(*state, "GET /cloud/innermost HTTP/1.1\r\nHost: h\r\n\r\n"), "cloud 404");
}

static void a_malformed_escape_is_400(void **state)
{
    t_has(ask(*state, "GET /cloud/%zz/x/b HTTP/1.1\r\nHost: h\r\n\r\n"), "cloud 400 -: ");
}

static void what_no_cloud_claims_is_a_plain_404(void **state)
{
    const char *a = ask(*state, "GET /else HTTP/1.1\r\nHost: h\r\n\r\n");

    t_has(a, "HTTP/1.1 404 ");
    t_has(a, "{\"error\":\"not_found\",\"message\":\"");
}

static void a_head_nobody_understands_is_a_plain_400(void **state)
{
    const char *a = ask(*state, "NONSENSE\r\n\r\n");

    t_has(a, "HTTP/1.1 400 ");
    t_has(a, "{\"error\":\"bad_request\",\"message\":\"");
}

static void the_house_answers_for_its_health_and_version(void **state)
{
    t_has(ask(*state, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "\r\n\r\nok\n");
    t_has(ask(*state, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n"),
          "\r\n\r\n{\"ready\":true,\"reasons\":[]}");
    t_has(ask(*state, "GET /version HTTP/1.1\r\nHost: h\r\n\r\n"),
          "\"version\":\"" EVOKE_VERSION "\"");
    t_has(ask(*state, "POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "Allow: GET\r\n");
}

static void version_names_the_commit_and_the_apis(void **state)
{
    struct rig *rig = *state;

    t_has(ask(rig, "GET /version HTTP/1.1\r\nHost: h\r\n\r\n"),
          "{\"name\":\"evoke\",\"version\":\"" EVOKE_VERSION "\",\"apis\":[\"/cloud/\",");
    rig->api.commit = "0123456789ab";
    t_has(ask(rig, "GET /version HTTP/1.1\r\nHost: h\r\n\r\n"), "\"commit\":\"0123456789ab\"");
}

static void readiness_says_what_is_wrong_and_since_when(void **state)
{
    struct rig *rig = *state;
    const char *a;

    rig->api.health = health_new();
    health_set(rig->api.health, "logs", "the disk is \"full\"");
    a = ask(rig, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
    t_has(a, "HTTP/1.1 503 ");
    t_has(a, "{\"ready\":false,\"reasons\":[{\"component\":\"logs\",\"reason\":\"the disk is "
             "\\\"full\\\"\",\"since_ms\":1");
    t_has(ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 200 ");

    health_set(rig->api.health, "logs", NULL);
    t_has(ask(rig, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 200 ");
    rig->api.health = health_free(rig->api.health);
}

static void a_server_that_ends_answers_for_its_health_only(void **state)
{
    struct rig *rig = *state;
    const char *a;

    api_server_refuse(rig->server, "this daemon is ending");
    a = ask(rig, "GET /cloud/none HTTP/1.1\r\nHost: h\r\n\r\n");
    t_has(a, "HTTP/1.1 503 ");
    t_has(a, "Retry-After: 1\r\n");
    t_has(a, "cloud 503 -: this daemon is ending");
    assert_int_equal(seen.admitted, 0);
    t_has(ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "ok\n");
}

static void a_reply_in_a_later_turn_reaches_the_client(void **state)
{
    struct rig *rig = *state;

    dial(rig, "POST /cloud/park HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1");
    loop_run_until(rig->loop, &seen.was_parked);
    rig->io = loop_io_new(rig->loop, rig->fd, on_answer, rig);
    loop_io_want(rig->io, LOOP_READ);
    call_reply(seen.parked, 200, S("text/plain"), S("late"));
    loop_run_until(rig->loop, &rig->complete);
    t_has(rig->answer.p, "\r\n\r\nlate");
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

    dial(rig, "POST /cloud/park HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1");
    loop_run_until(rig->loop, &seen.was_parked);
    hang_up(rig);
    loop_defer(rig->loop, look_whether_gone, rig);
    loop_run_until(rig->loop, &seen.was_cancelled);

    /* the handler may go on asking and telling; its reply frees what it gave (see the leak checker)
     */
    assert_null(call_query(seen.parked, S("a")).p);
    call_header(seen.parked, "X-Late", S("1"));
    buf_init(&body, 64);
    buf_addz(&body, "nobody reads this");
    call_reply_buf(seen.parked, 200, S("text/plain"), &body);
    t_has(ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "ok");
}

static void a_client_that_leaves_within_its_body_leaves_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct http_stats stats;

    dial(rig, "POST /cloud/park HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n1");
    do {
        hang_up(rig);
        t_has(ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "ok");
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
        a = ask(*state, "GET /cloud/report HTTP/1.1\r\nHost: h\r\n\r\n");
        t_has(a, rows[i].status);
        t_has(a, "Code: m");
    }
}

/* ---- large bodies ---- */

struct upload {
    int fd;
    struct buf bytes;
    pthread_t thread;
};

static void *send_all(void *user)
{
    struct upload *u = user;

    for (size_t done = 0; done < u->bytes.n;) {
        ssize_t n = send(u->fd, u->bytes.p + done, u->bytes.n - done, MSG_NOSIGNAL);

        if (n <= 0)
            break; /* the test sees that nothing is examined */
        done += (size_t)n;
    }
    return NULL;
}

static void look_whether_examining(void *user)
{
    struct rig *rig = user;

    if (!atomic_load(&examining))
        loop_defer(rig->loop, look_whether_examining, rig);
    else
        seen.was_parked = true;
}

/* A body of LARGE bytes, from `first` on filled with blanks; returns when a worker has it. */
static void upload(struct rig *rig, const char *first)
{
    struct upload u;

    buf_init(&u.bytes, LARGE + 4096);
    buf_addf(&u.bytes, "POST /cloud/document HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s",
             LARGE, first);
    memset(buf_room(&u.bytes, LARGE - strlen(first)), ' ', LARGE - strlen(first));
    buf_grew(&u.bytes, LARGE - strlen(first));
    loop_thread = pthread_self();
    atomic_store(&examining, false);
    dial(rig, "");
    u.fd = rig->fd;
    assert_int_equal(pthread_create(&u.thread, NULL, send_all, &u), 0);
    loop_defer(rig->loop, look_whether_examining, rig);
    loop_run_until(rig->loop, &seen.was_parked);
    assert_int_equal(pthread_join(u.thread, NULL), 0);
    buf_done(&u.bytes);
}

static const char *answer_of_upload(struct rig *rig, const char *first)
{
    upload(rig, first);
    assert_int_equal(seen.verified + seen.handled, 0);
    assert_int_equal(sem_post(&gate), 0);
    rig->io = loop_io_new(rig->loop, rig->fd, on_answer, rig);
    loop_io_want(rig->io, LOOP_READ);
    loop_run_until(rig->loop, &rig->complete);
    return rig->answer.p;
}

static void a_large_body_is_verified_and_parsed_beside_the_loop(void **state)
{
    t_has(answer_of_upload(*state, "{\"a\":1}"), "\r\n\r\nparsed");
    assert_int_equal(seen.verified, 1);
}

static void a_large_body_that_is_no_json_says_where(void **state)
{
    t_has(answer_of_upload(*state, "{\"a\":}"), "cloud 400 NotJson: ");
}

static void a_large_body_with_a_wrong_signature_keeps_the_handler_out(void **state)
{
    refuse_body = true;
    t_has(answer_of_upload(*state, "{}"), "cloud 403 -: signature");
    assert_int_equal(seen.handled, 0);
}

static void a_client_that_leaves_while_its_body_is_verified_leaves_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct http_stats stats;

    upload(rig, "{}");
    do {
        hang_up(rig);
        t_has(ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "ok");
        http_server_stats(rig->http, &stats);
    } while (stats.cancelled == 0);
    assert_int_equal(stats.body_bytes, LARGE); /* the worker still reads it */
    assert_int_equal(sem_post(&gate), 0);
    do {
        hang_up(rig);
        t_has(ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "ok");
        http_server_stats(rig->http, &stats);
    } while (stats.body_bytes > 0);
    assert_int_equal(seen.handled, 0);
}

static void the_server_may_go_while_a_body_is_verified(void **state)
{
    upload(*state, "{}"); /* the rig is closed next; loop_free() waits for the worker */
    assert_int_equal(sem_post(&gate), 0);
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
            WITH_RIG(a_call_gets_its_captures_its_query_and_its_body),
            WITH_RIG(a_key_does_what_its_scope_says),
            WITH_RIG(a_key_of_an_account_acts_for_that_one_only),
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
            WITH_RIG(a_server_that_ends_answers_for_its_health_only),
            WITH_RIG(a_reply_in_a_later_turn_reaches_the_client),
            WITH_RIG(a_reply_after_the_client_has_gone_goes_nowhere),
            WITH_RIG(a_client_that_leaves_within_its_body_leaves_nothing_behind),
            WITH_RIG(errors_choose_their_status_by_kind),
            WITH_RIG(a_large_body_is_verified_and_parsed_beside_the_loop),
            WITH_RIG(a_large_body_that_is_no_json_says_where),
            WITH_RIG(a_large_body_with_a_wrong_signature_keeps_the_handler_out),
            WITH_RIG(a_client_that_leaves_while_its_body_is_verified_leaves_nothing_behind),
            WITH_RIG(the_server_may_go_while_a_body_is_verified),
    };

    return T_RUN(tests);
}

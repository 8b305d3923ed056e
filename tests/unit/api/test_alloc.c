/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc.c - how many allocations of ours a signed call costs, from the first byte to the
 * answer: a performance check without a clock. The linker sends our own calls of malloc(3) and
 * friends through the counters below; OpenSSL's stay uncounted. */
#include "api/api.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "sign/sign.h"
#include "t.h"
#include "tempdir.h"

static size_t allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    allocations++;
    return __real_realloc(p, n);
}

/* ---- a cloud of one operation, as FunctionGraph signs and answers ---- */

static bool admit(struct call *c)
{
    struct auth_caller caller;
    struct err e = {0};

    if (auth_sdk_head(c->api->keys, c->req, clock_wall_ms(), &caller, &e) != AUTH_OK)
        return false;
    call_signed_by(c, &caller);
    return true;
}

static void refuse(struct call *c, enum auth_failure why, const struct err *e)
{
    (void)c;
    fail_msg("%d: %s", why, e->msg);
}

static const char *error(struct http_request *r, const char *request_id, int status,
                         const char *code, const char *message, struct buf *out)
{
    (void)r, (void)request_id, (void)status, (void)code;
    buf_addz(out, message);
    return "text/plain";
}

static void headers(struct call *c)
{
    call_header(c, "X-Request-Id", str_of(c->request_id));
}

static void on_echo(struct call *c)
{
    call_headerf(c, "X-Bytes", "%zu", c->req->body.n);
    call_header(c, "X-Kind", S("echo"));
    call_reply(c, 200, S("application/json"), c->req->body);
}

static const struct api_op ops[] = {
        {.route = {"POST", "/v2/{project}/fgs/functions/{urn}/invocations"},
         .name = "Invoke",
         .body_max = 1024,
         .handle = on_echo},
};

static const struct api_set cloud = {
        .name = "cloud",
        .prefix = "/v2/",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .admit = admit,
        .verify = auth_sdk_body,
        .refuse = refuse,
        .error = error,
        .headers = headers,
};

/* ---- one server, one client ---- */

#define PATH   "/v2/0123456789abcdef/fgs/functions/urn:fss:r:p:function:default:hello/invocations"
#define BODY   "{\"hello\":\"world\"}"
#define SIGNED "host;x-sdk-date"

static void sign(struct buf *request)
{
    struct sign_header list[2];
    struct sign_request r = {.method = S("POST"), .path = S(PATH), .body = S(BODY)};
    char date[CLOCK_TEXT], signature[65];
    time_t now = time(NULL);
    struct tm tm;

    assert_true(strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm)) > 0);
    list[0] = (struct sign_header){S("host"), S("h")};
    list[1] = (struct sign_header){S("x-sdk-date"), str_of(date)};
    r.headers = list;
    r.nheaders = ARRAY_LEN(list);
    assert_int_equal(sign_sdk_compute(&r, S(SIGNED), str_of(date), S("secret"), signature, NULL),
                     0);
    buf_addf(request,
             "POST " PATH " HTTP/1.1\r\nHost: h\r\nX-Sdk-Date: %s\r\n"
             "Authorization: SDK-HMAC-SHA256 Access=AK, SignedHeaders=" SIGNED ", Signature=%s\r\n"
             "Content-Length: %zu\r\n\r\n" BODY,
             date, signature, strlen(BODY));
}

struct rig {
    struct loop *loop;
    struct http_server *http;
    int fd; /* the client's */
    bool complete;
};

static void on_answer(void *user, unsigned ready)
{
    struct rig *rig = user;
    char answer[4096];
    ssize_t n = recv(rig->fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);

    (void)ready;
    assert_true(n > 0);
    answer[n] = '\0';
    t_has(answer, "HTTP/1.1 200 ");
    rig->complete = strstr(answer, "\r\n\r\n" BODY) != NULL; /* one small write: one read */
}

static int dial(struct rig *rig, const struct api *api, struct api_server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(at);
    struct http_limits limits;
    struct err e = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    http_limits_default(&limits);
    rig->http = http_server_new(api->loop, &limits, &api_http_ops, server);
    t_ok(http_server_listen(rig->http, fd, &e), &e);
    rig->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(rig->fd, (struct sockaddr *)&at, sizeof(at));
}

static size_t allocations_of(struct rig *rig, const struct buf *request, int times)
{
    size_t before = 0;

    for (int i = -5; i < times; i++) { /* the first five warm the free lists */
        if (i == 0)
            before = allocations;
        rig->complete = false;
        assert_int_equal(send(rig->fd, request->p, request->n, MSG_NOSIGNAL), request->n);
        loop_run_until(rig->loop, &rig->complete);
    }
    return allocations - before;
}

static void a_warm_signed_call_costs_two_allocations(void **state)
{
    static const struct api_set *const sets[] = {&cloud};
    char *path = tempdir_new();
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct keys *keys = NULL;
    struct api_server *server;
    struct rig rig = {.loop = loop_new()};
    struct loop_io *io;
    struct buf request;
    struct err e = {0};
    struct api api;
    bool created;

    (void)state;
    t_ok(keys_open(dir, "AK", "secret", &keys, &created, &e), &e);
    api = (struct api){.loop = rig.loop, .keys = keys, .hosts = "h", .region = "r"};
    server = api_server_new(&api, sets, 1);
    assert_int_equal(dial(&rig, &api, server), 0);
    io = loop_io_new(rig.loop, rig.fd, on_answer, &rig);
    loop_io_want(io, LOOP_READ);
    buf_init(&request, 4096);
    sign(&request);

    /* the call itself, and the text that is signed */
    assert_int_equal(allocations_of(&rig, &request, 100), 200);

    buf_done(&request);
    loop_io_free(io);
    close(rig.fd);
    http_server_free(rig.http);
    api_server_free(server);
    loop_free(rig.loop);
    keys_free(keys);
    close(dir);
    tempdir_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_warm_signed_call_costs_two_allocations),
    };

    return T_RUN(tests);
}

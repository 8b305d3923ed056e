/* SPDX-License-Identifier: Apache-2.0 */
/* rig.c - a real server on loopback with two made-up clouds; see rig.h. */
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/obj.h"
#include "fn/key.h"
#include "t.h"

struct seen seen;

bool refuse_head, refuse_body;

pthread_t loop_thread;
atomic_bool examining;
sem_t gate;
struct auth_caller caller;

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

const struct err *to_report;

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

static void on_beside(struct call *c)
{
    call_reply(c, 200, S("text/plain"), S("beside"));
}

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

static const struct api_op beside_ops[] = {
        {.route = {"GET", "/cloud/{a}/{b}/c"}, .name = "Beside", .handle = on_beside},
        {.route = {"GET", "/cloud/each"}, .name = "Never", .handle = on_beside},
};

/* With the other's prefix, behind it. */
static const struct api_set beside = {
        .name = "beside",
        .prefix = "/cloud/",
        .ops = beside_ops,
        .nops = ARRAY_LEN(beside_ops),
        .wrong_method = 404,
        .error = inner_error,
};

int rig_open(void **state)
{
    static const struct api_set *const sets[] = {&cloud, &inner, &beside};
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
    rig->api = (struct api){.loop = rig->loop, .hosts = "h", .region = "local-1"};
    rig->server = api_server_new(&rig->api, sets, ARRAY_LEN(sets));
    http_limits_default(&limits);
    rig->http = http_server_new(rig->loop, &limits, &api_http_ops, rig->server);
    t_ok(http_server_listen(rig->http, fd, &e), &e);
    rig->fd = -1;
    buf_init(&rig->answer, 1 << 20);
    *state = rig;
    return 0;
}

void rig_hang_up(struct rig *rig)
{
    rig->io = loop_io_free(rig->io);
    if (rig->fd >= 0)
        close(rig->fd);
    rig->fd = -1;
}

int rig_close(void **state)
{
    struct rig *rig = *state;

    rig_hang_up(rig);
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

void rig_dial(struct rig *rig, const char *request)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)rig->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};

    rig_hang_up(rig);
    buf_reset(&rig->answer);
    rig->complete = false;
    rig->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(rig->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(send(rig->fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
}

const char *rig_hear(struct rig *rig)
{
    rig->io = loop_io_new(rig->loop, rig->fd, on_answer, rig);
    loop_io_want(rig->io, LOOP_READ);
    loop_run_until(rig->loop, &rig->complete);
    return rig->answer.p;
}

const char *rig_ask(struct rig *rig, const char *request)
{
    rig_dial(rig, request);
    return rig_hear(rig);
}

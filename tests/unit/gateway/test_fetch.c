/* SPDX-License-Identifier: Apache-2.0 */
/* test_fetch.c - requests to a server of our own on the same loop, and to sockets that misbehave. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"
#include "gateway/backend/fetch.h"
#include "http/server.h"
#include "loop/loop.h"
#include "t.h"

enum { WATCHDOG_MS = 10000, LONG_BYTES = 40 * 1000 * 1000, FIRST_STOP = 1000 * 1000 };

static struct loop *l;
static struct fetcher *fetcher;
static struct http_server *server;
static struct loop_timer *watchdog;
static int port;
static uint64_t left_to_send; /* of the answer that streams */
static struct http_request *streaming, *parked;
static char seen_head[4096]; /* of the last request */

static struct { /* what the fetch told */
    int status;
    int64_t length;
    char lines[4096];
    struct buf body;
    uint64_t bytes, stop_at;
    enum fetch_end end;
    char why[256];
    bool over, stopped, refuse;
    struct fetch *fetch;
} heard;

/* ---- a name server that does not answer ---- */

static sem_t asked, may_answer;

/* In place of the C library's, for libcurl too; numbers are no names and do not come here. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    (void)name;
    (void)service;
    (void)hints;
    (void)ret;
    sem_post(&asked);
    sem_wait(&may_answer);
    return EAI_AGAIN;
}

/* ---- a server ---- */

static void on_room(struct http_request *r)
{
    static char piece[16000];

    memset(piece, 's', sizeof piece);
    while (left_to_send) {
        size_t n = left_to_send < sizeof piece ? (size_t)left_to_send : sizeof piece;

        left_to_send -= n;
        if (!http_reply_more(r, (struct str){piece, n}))
            return;
    }
    streaming = NULL;
    http_reply_end(r);
}

static void on_head(struct http_request *r)
{
    r->body_max = 1 << 20;
}

static void on_request(struct http_request *r)
{
    int n = snprintf(seen_head, sizeof seen_head, "%.*s %.*s\n", STR_ARG(r->method),
                     STR_ARG(r->target));

    for (uint32_t i = 0; i < r->nheaders; i++)
        n += snprintf(seen_head + n, sizeof seen_head - (size_t)n, "%.*s: %.*s\n",
                      STR_ARG(r->headers[i].name), STR_ARG(r->headers[i].value));
    if (str_eq(r->path, S("/park"))) {
        parked = r;
    } else if (str_eq(r->path, S("/moved"))) {
        (void)http_add_header(r, "Location", S("/echo"));
        http_reply(r, 302, S("text/plain"), S("there"));
    } else if (str_eq(r->path, S("/long"))) {
        left_to_send = LONG_BYTES;
        streaming = r;
        http_reply_start(r, 200, S("text/plain"), -1);
        on_room(r);
    } else {
        (void)http_add_header(r, "X-Twice", S("one"));
        (void)http_add_header(r, "X-Twice", S("two"));
        (void)http_add_header(r, "Content-Encoding", S("gzip"));
        http_reply(r, 200, S("text/plain"), r->body);
    }
}

static void on_cancel(struct http_request *r)
{
    streaming = parked = NULL;
    (void)r;
}

static const struct http_ops server_ops = {
        .on_head = on_head, .on_request = on_request, .on_cancel = on_cancel, .on_room = on_room};

static int listen_on(int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* ---- what is heard ---- */

static bool heard_head(void *user, int status, struct str lines, int64_t length)
{
    (void)user;
    heard.status = status;
    heard.length = length;
    (void)snprintf(heard.lines, sizeof heard.lines, "%.*s", STR_ARG(lines));
    return !heard.refuse;
}

static void heard_data(void *user, struct str bytes)
{
    (void)user;
    assert_false(heard.stopped);
    heard.bytes += bytes.n;
    if (heard.bytes < 100000)
        buf_adds(&heard.body, bytes);
    if (heard.stop_at && heard.bytes >= heard.stop_at) {
        heard.stopped = true;
        fetch_pause(heard.fetch);
    }
}

static void heard_end(void *user, enum fetch_end end, const char *why)
{
    (void)user;
    assert_false(heard.over);
    heard.over = true;
    heard.end = end;
    heard.fetch = NULL;
    (void)snprintf(heard.why, sizeof heard.why, "%s", why);
}

static const struct fetch_ops ops = {heard_head, heard_data, heard_end};

static void on_watchdog(void *user)
{
    (void)user;
    fail_msg("waited too long");
}

static int setup(void **state)
{
    struct http_limits limits;
    struct err e = {0};

    (void)state;
    l = loop_new();
    http_limits_default(&limits);
    server = http_server_new(l, &limits, &server_ops, NULL);
    t_ok(http_server_listen(server, listen_on(&port), &e), &e);
    fetcher = fetcher_new(l);
    watchdog = loop_timer_new(l, on_watchdog, NULL);
    loop_timer_start(watchdog, WATCHDOG_MS);
    memset(&heard, 0, sizeof heard);
    buf_init(&heard.body, 1 << 20);
    seen_head[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (heard.fetch)
        fetch_cancel(heard.fetch);
    fetcher_free(fetcher);
    http_server_free(server);
    loop_timer_free(watchdog);
    loop_free(l);
    buf_done(&heard.body);
    return 0;
}

static void begin(const char *method, int to_port, const char *path, struct str body)
{
    static const char *const headers[] = {"X-Mine: yes", "X-Empty;", "Content-Type: a/b"};
    char url[200];
    struct fetch_spec spec = {.method = method,
                              .url = url,
                              .headers = headers,
                              .nheaders = ARRAY_LEN(headers),
                              .body = body,
                              .has_body = body.p != NULL,
                              .connect_ms = 5000};

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", to_port, path);
    heard.over = false;
    heard.fetch = fetch_begin(fetcher, &spec, &ops, NULL);
    assert_non_null(heard.fetch);
}

static void finish(void)
{
    loop_run_until(l, &heard.over);
}

static void on_later(void *user)
{
    *(bool *)user = true;
}

static void turn_for(uint64_t ms)
{
    bool turned = false;
    struct loop_timer *later = loop_timer_new(l, on_later, &turned);

    loop_timer_start(later, ms);
    loop_run_until(l, &turned);
    loop_timer_free(later);
}

/* ---- tests ---- */

static void a_request_goes_out_as_it_is_said_and_nothing_is_added(void **state)
{
    (void)state;
    begin("POST", port, "/a/../b?c=%2F&d", S("some bytes"));
    finish();
    assert_int_equal(heard.end, FETCH_WHOLE);
    assert_int_equal(heard.status, 200);
    assert_int_equal(heard.length, 10);
    assert_string_equal(heard.body.p, "some bytes");
    t_has(heard.lines, "X-Twice: one\nX-Twice: two\n");
    t_has(heard.lines, "Content-Encoding: gzip\n"); /* and it was not decoded */
    t_has(seen_head, "POST /a/../b?c=%2F&d\n");
    t_has(seen_head, "X-Mine: yes\n");
    t_has(seen_head, "X-Empty: \n");
    t_has(seen_head, "Content-Type: a/b\n");
    t_has(seen_head, "Content-Length: 10\n");
    assert_null(strstr(seen_head, "Accept"));
    assert_null(strstr(seen_head, "Expect"));
    assert_null(strstr(seen_head, "User-Agent"));
}

static void methods_have_a_body_or_none(void **state)
{
    (void)state;
    begin("DELETE", port, "/", STR_NONE);
    finish();
    t_has(seen_head, "DELETE /\n");
    assert_null(strstr(seen_head, "Content-Length"));
    begin("PUT", port, "/", S(""));
    finish();
    t_has(seen_head, "PUT /\n");
    t_has(seen_head, "Content-Length: 0\n");
    begin("HEAD", port, "/", STR_NONE);
    finish();
    t_has(seen_head, "HEAD /\n");
    assert_int_equal(heard.end, FETCH_WHOLE);
    begin("PURGE", port, "/", S("x"));
    finish();
    t_has(seen_head, "PURGE /\n");
    t_has(seen_head, "Content-Length: 1\n");
}

static void a_connection_is_used_again(void **state)
{
    struct http_stats stats;

    (void)state;
    for (int i = 0; i < 3; i++) {
        begin("GET", port, "/", STR_NONE);
        finish();
    }
    http_server_stats(server, &stats);
    assert_int_equal(stats.requests, 3);
    assert_int_equal(stats.accepted, 1);
}

static void redirects_and_proxies_are_not_followed(void **state)
{
    (void)state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    begin("GET", port, "/moved", STR_NONE);
    finish();
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(heard.status, 302);
    t_has(heard.lines, "Location: /echo\n");
    assert_string_equal(heard.body.p, "there");
}

static void nobody_there_is_told_apart_from_a_broken_answer(void **state)
{
    int nobody, fd = listen_on(&nobody);

    (void)state;
    fd_close(fd);
    begin("GET", nobody, "/", STR_NONE);
    finish();
    assert_int_equal(heard.end, FETCH_NO_CONNECTION);
    assert_true(heard.why[0]);
}

struct peer {
    int listener;
    const char *answer;
};

static void *serve_once(void *user)
{
    const struct peer *p = user;
    char request[4096];
    int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);

    (void)recv(fd, request, sizeof request, 0);
    (void)send(fd, p->answer, strlen(p->answer), MSG_NOSIGNAL);
    fd_close(fd);
    return NULL;
}

static void answer_is(const char *answer, enum fetch_end end)
{
    struct peer p = {.answer = answer};
    pthread_t thread;
    int at;

    p.listener = listen_on(&at);
    assert_int_equal(pthread_create(&thread, NULL, serve_once, &p), 0);
    begin("GET", at, "/", STR_NONE);
    finish();
    assert_int_equal(pthread_join(thread, NULL), 0);
    fd_close(p.listener);
    if (heard.end != end)
        fail_msg("'%.60s' ends as %d (%s), not %d", answer, heard.end, heard.why, end);
}

static void an_answer_that_is_none_is_broken(void **state)
{
    (void)state;
    answer_is("nonsense\r\n\r\n", FETCH_BROKEN);
    answer_is("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", FETCH_BROKEN);
    answer_is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", FETCH_BROKEN);
    answer_is("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbytes", FETCH_BROKEN);
    answer_is("HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 204 Gone\r\nX-Last: 1\r\n\r\n",
              FETCH_WHOLE);
    assert_int_equal(heard.status, 204);
    assert_string_equal(heard.lines, "X-Last: 1\n");
    answer_is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Trailer: "
              "1\r\n\r\n",
              FETCH_WHOLE);
    assert_null(strstr(heard.lines, "Trailer"));
}

static void the_head_of_an_answer_is_bounded(void **state)
{
    struct buf answer;

    (void)state;
    for (int more = 0; more < 2; more++) {
        buf_init(&answer, 1 << 20);
        buf_adds(&answer, S("HTTP/1.1 200 OK\r\n"));
        /* "X-N: ...\n": 64 lines of 2 KiB are the limit */
        for (int i = 0; i < 64; i++)
            buf_addf(&answer, "X-%02d: %0*d\r\n", i, 2048 - 7 + (i == 63 ? more : 0), 0);
        buf_adds(&answer, S("\r\n"));
        answer_is(answer.p, more ? FETCH_TOO_LARGE : FETCH_WHOLE);
        buf_done(&answer);
    }
}

static void a_head_may_be_refused(void **state)
{
    (void)state;
    heard.refuse = true;
    begin("GET", port, "/", STR_NONE);
    finish();
    assert_int_equal(heard.end, FETCH_REFUSED);
    assert_int_equal(heard.bytes, 0);
}

static void a_pause_reaches_the_sender(void **state)
{
    uint64_t left;

    (void)state;
    heard.stop_at = FIRST_STOP;
    begin("GET", port, "/long", STR_NONE);
    while (!heard.stopped)
        turn_for(1);
    do { /* until the server has filled what lies between */
        left = left_to_send;
        turn_for(50);
    } while (left != left_to_send);
    assert_true(left > LONG_BYTES / 2);
    assert_non_null(streaming);
    heard.stop_at = 0;
    heard.stopped = false;
    fetch_go_on(heard.fetch);
    finish();
    assert_int_equal(heard.end, FETCH_WHOLE);
    assert_int_equal(heard.bytes, LONG_BYTES);
}

static void a_fetch_may_be_cancelled(void **state)
{
    (void)state;
    begin("GET", port, "/park", STR_NONE);
    while (!parked)
        turn_for(1);
    fetch_cancel(heard.fetch);
    heard.fetch = NULL;
    while (parked)
        turn_for(1);
    assert_false(heard.over);
}

static void addresses_of_metadata_are_closed(void **state)
{
    struct fetch_spec spec = {
            .method = "GET", .url = "http://169.254.169.254/latest", .connect_ms = 5000};

    (void)state;
    heard.fetch = fetch_begin(fetcher, &spec, &ops, NULL);
    finish();
    assert_int_equal(heard.end, FETCH_CLOSED);
}

/* Whoever waits for it is let go, and the loop goes on. */
static void a_name_that_is_not_found_out_holds_up_nobody(void **state)
{
    struct fetch_spec spec = {.method = "GET", .url = "http://slow.example/", .connect_ms = 200};

    (void)state;
    assert_int_equal(sem_init(&asked, 0, 0), 0);
    assert_int_equal(sem_init(&may_answer, 0, 0), 0);
    (void)alarm(WATCHDOG_MS / 1000); /* a loop that stands still is told by nobody else */
    heard.fetch = fetch_begin(fetcher, &spec, &ops, NULL);
    while (sem_trywait(&asked) < 0)
        turn_for(1);
    fetch_cancel(heard.fetch);
    assert_false(heard.over);

    heard.fetch = fetch_begin(fetcher, &spec, &ops, NULL);
    finish();
    assert_int_equal(heard.end, FETCH_NO_CONNECTION);
    (void)alarm(0);
    sem_post(&may_answer);
    sem_post(&may_answer);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(a_request_goes_out_as_it_is_said_and_nothing_is_added),
            T(methods_have_a_body_or_none),
            T(a_connection_is_used_again),
            T(redirects_and_proxies_are_not_followed),
            T(nobody_there_is_told_apart_from_a_broken_answer),
            T(an_answer_that_is_none_is_broken),
            T(the_head_of_an_answer_is_bounded),
            T(a_head_may_be_refused),
            T(a_pause_reaches_the_sender),
            T(a_fetch_may_be_cancelled),
            T(addresses_of_metadata_are_closed),
            T(a_name_that_is_not_found_out_holds_up_nobody),
    };

    return T_RUN(tests);
}

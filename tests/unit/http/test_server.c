/* SPDX-License-Identifier: Apache-2.0 */
/* test_server.c - requests and answers over real sockets: the life of a request when all goes well.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/obj.h"
#include "strict_cases.h"
#include "t.h"
#include "world.h"

static struct world *w;

static int setup(void **state)
{
    (void)state;
    w = world_new(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free(w);
    return 0;
}

static bool one_parked(struct world *x)
{
    return x->nparked == 1;
}

static bool one_cancelled(struct world *x)
{
    return x->cancels == 1;
}

static void an_answer_carries_date_length_and_type_but_no_server(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "hello");
    assert_true(strncmp(c->got.p, "HTTP/1.1 200 OK\r\nDate: ", 23) == 0);
    t_has(c->got.p, " GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(client_count(c, "Server"), 0);
    assert_int_equal(client_count(c, "Connection"), 0);
}

static void a_connection_serves_one_request_after_the_other(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    for (int i = 0; i < 5; i++) {
        client_send(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nping");
        client_want(c, "\r\n\r\nping");
        client_forget(c);
    }
    assert_int_equal(world_stats(w).accepted, 1);
    assert_int_equal(world_stats(w).requests, 5);
    assert_int_equal(world_stats(w).body_bytes, 0);
}

static int turns_left;

static bool a_turn_later(struct world *x)
{
    (void)x;
    return turns_left-- == 0;
}

static void a_request_may_come_byte_by_byte(void **state)
{
    const char *text = "\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n3;x=y\r\ndef\r\n0\r\nT: 1\r\n\r\n"
                       "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    struct client *c = client_new(w);

    (void)state;
    for (const char *p = text; *p; p++) {
        client_send_bytes(c, (struct str){p, 1});
        turns_left = 2; /* let the server read each byte alone */
        world_until(w, a_turn_later);
    }
    client_want(c, "hello");
    t_has(c->got.p, "\r\n\r\nabcdef");
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
                   "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo"
                   "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "hello");
    assert_true(strstr(c->got.p, "one") < strstr(c->got.p, "two"));
    assert_true(strstr(c->got.p, "two") < strstr(c->got.p, "hello"));
}

static void pipelined_requests_wait_for_a_parked_one(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n"
                   "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo"
                   "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, one_parked);
    assert_int_equal(w->requests, 1);
    assert_int_equal(c->got.n, 0);
    http_reply(w->parked[0], 200, S("text/plain"), S("first"));
    assert_int_equal(w->requests, 1); /* no recursion: the next one comes in a later turn */
    client_want(c, "hello");
    assert_true(strstr(c->got.p, "first") < strstr(c->got.p, "two"));
    assert_int_equal(w->requests, 3);
}

static void head_and_204_have_no_body(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n"
                   "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nend");
    client_want(c, "\r\n\r\nend");
    assert_int_equal(client_count(c, "hello"), 0);
    assert_int_equal(client_count(c, "not sent"), 0);
    assert_int_equal(client_count(c, "Content-Length: 5\r\n\r\nHTTP/1.1 204"), 1);
    assert_int_equal(client_count(c, "Content-Length"), 2); /* none on 204 */
}

static void http10_closes_unless_it_asks_to_stay(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_want(c, "Connection: keep-alive\r\n\r\nhello");
    client_forget(c);
    client_send(c, "GET /x HTTP/1.0\r\n\r\n");
    client_want_end(c);
    t_has(c->got.p, "Connection: close\r\n\r\nhello");
    assert_false(c->reset);
}

static void connection_close_is_honoured(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client_want_end(c);
    t_has(c->got.p, "Connection: close\r\n\r\nhello");
}

static void headers_are_checked_before_they_are_sent(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "GET /headers HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "\r\n\r\nx");
    t_has(c->got.p, "HTTP/1.1 299 ");
    t_has(c->got.p, "X-One: 1\r\nX-One: 2\r\n");
    t_has(c->got.p, "Content-Length: 1\r\n");
    assert_int_equal(client_count(c, "Smuggled"), 0);
    assert_int_equal(client_count(c, "Transfer-Encoding"), 0);
}

static void a_client_is_told_to_continue_when_its_body_is_welcome(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Content-Length: 4\r\n\r\n");
    client_want(c, "HTTP/1.1 100 Continue\r\n\r\n");
    client_send(c, "body");
    client_want(c, "\r\n\r\nbody");
    client_forget(c);
    /* not when nothing is to come */
    client_send(c, "GET /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    client_want(c, "hello");
    assert_int_equal(client_count(c, "100 Continue"), 0);
}

static void a_client_that_waits_is_refused_without_reading(void **state)
{
    struct client *c = client_new(w), *d = client_new(w), *e = client_new(w);

    (void)state;
    client_send(c, "POST /ten HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Content-Length: 11\r\n\r\n");
    client_send(d, "POST /nobody HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n");
    client_send(e, "POST /head HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Content-Length: 11\r\n\r\n");
    client_want_end(c);
    client_want_end(d);
    client_want_end(e);
    assert_true(strncmp(c->got.p, "HTTP/1.1 413 ", 13) == 0);
    assert_true(strncmp(d->got.p, "HTTP/1.1 413 ", 13) == 0);
    assert_true(strncmp(e->got.p, "HTTP/1.1 401 ", 13) == 0);
    assert_int_equal(w->requests, 0);
    assert_int_equal(w->cancels, 2); /* the third was answered by the application */
}

static void an_answer_given_in_on_head_keeps_the_connection_if_no_body_is_due(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "GET /head HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "hello");
    t_has(c->got.p, "HTTP/1.1 401 Unauthorized\r\n");
    assert_int_equal(client_count(c, "Connection: close"), 0);
    assert_int_equal(w->requests, 1);
}

static void a_large_answer_arrives_whole(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET /bigbuf HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "TAIL");
    client_forget(c);
    client_want(c, "TAIL");
    client_forget(c);
    client_send(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "hello");
    assert_int_equal(w->cancels, 0);
}

static void a_client_that_half_closes_after_asking_still_gets_a_large_answer(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_pause(c, true);
    client_send(c, "GET /bigbuf HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
    client_pause(c, false);
    client_want_end(c);
    assert_true(c->got.n > BIG_BYTES);
    assert_int_equal(client_count(c, "TAIL"), 1);
    assert_false(c->reset);
}

static void finish_later(void *user)
{
    struct world *x = user;

    http_reply(x->parked[0], 200, S("text/plain"), S("later"));
}

static void an_answer_may_come_in_a_later_turn(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, one_parked);
    loop_post(w->l, finish_later, w);
    client_want(c, "\r\n\r\nlater");
    client_forget(c);
    client_send(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "hello");
}

static void work_nothing(void *user)
{
    (void)user;
}

static bool work_done;

static void on_work_done(void *user)
{
    struct world *x = user;

    /* the application's duty: a cancelled request is dead */
    if (x->parked[0])
        finish_later(x);
    work_done = true;
}

static bool work_is_done(struct world *x)
{
    (void)x;
    return work_done;
}

static void work_may_finish_after_its_client_has_gone(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, one_parked);
    client_close(c, true);
    world_until(w, one_cancelled);
    work_done = false;
    loop_work(w->l, work_nothing, on_work_done, w);
    world_until(w, work_is_done);
    assert_int_equal(world_stats(w).cancelled, 1);
}

static void the_request_shows_what_was_sent(void **state)
{
    struct client *c = client_new(w);
    struct http_request *r;

    (void)state;
    client_send(c, "FROB /park/../%41?a=b HTTP/1.1\r\nHOST: A.b\r\nx-Y: 1\r\nX-y: 2\r\n\r\n");
    client_want(c, "hello");
    client_send(c, "FROB /park?a=b HTTP/1.1\r\nHOST: A.b\r\nx-Y: 1\r\nX-y: 2\r\n\r\n");
    world_until(w, one_parked);
    r = w->parked[0];
    t_str(r->method, S("FROB"));
    t_str(r->target, S("/park?a=b"));
    t_str(r->path, S("/park"));
    t_str(r->query, S("a=b"));
    t_str(r->host, S("A.b"));
    t_str(r->headers[1].name, S("x-Y"));
    t_str(http_header(r, S("X-Y")), S("1"));
    assert_true(str_starts(r->peer, S("127.0.0.1:")));
    assert_non_null(arena_alloc(r->arena, 200 * 1024));
    assert_null(arena_alloc(r->arena, 100 * 1024)); /* its limit is 256 KiB */
    http_reply(r, 200, S(""), S("ok"));
    client_want(c, "\r\n\r\nok");
}

static void a_unix_socket_is_served_as_well(void **state)
{
    char dir[] = "/tmp/evoke-test-XXXXXX";
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct err e = {0};
    struct client *c;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(a.sun_path, sizeof a.sun_path, "%s/s", dir);
    assert_int_equal(bind(l, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(l, 4), 0);
    t_ok(http_server_listen(w->server, l, &e), &e);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    c = client_on(w, fd);
    client_send(c, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "\r\n\r\nunix");
    (void)unlink(a.sun_path);
    (void)rmdir(dir);
}

static void requests_queued_before_the_socket_was_adopted_are_served(void **state)
{
    struct err e = {0};
    struct client *c;
    int l, old_port = w->port;

    (void)state;
    l = world_listen_tcp(&w->port);
    c = client_new(w); /* the kernel accepts, nobody serves yet */
    client_send(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    t_ok(http_server_listen(w->server, l, &e), &e);
    client_want(c, "hello");
    w->port = old_port;
}

static void a_descriptor_that_does_not_listen_is_refused(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct err e = {0};

    (void)state;
    assert_int_equal(http_server_listen(w->server, fd, &e), -EINVAL);
    t_has(e.msg, "not a listening socket");
    close(fd); /* it was not taken */
}

static void every_smuggling_case_ends_as_the_grammar_says(void **state)
{
    char want[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strict_cases); i++) {
        const struct strict_case *k = &strict_cases[i];
        struct client *c;

        w->nclients = 0;
        memset(w->clients, 0, sizeof w->clients);
        c = client_new(w);
        client_send_bytes(c, k->bytes);
        snprintf(want, sizeof want, "HTTP/1.1 %d ", k->status ? k->status : 200);
        client_want(c, want);
        if (strncmp(c->got.p, want, strlen(want)) != 0)
            fail_msg("'%s' is answered '%.60s'", k->name, c->got.p);
        if (k->status) {
            t_has(c->got.p, "Connection: close\r\n");
            t_has(c->got.p, "Content-Type: application/json\r\n");
            client_want_end(c);
            assert_int_equal(client_count(c, "Content-Length: "), 1); /* nothing smuggled */
        }
        client_close(c, false);
        buf_done(&c->got);
        buf_done(&c->to_send);
        w->nclients = 0;
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(an_answer_carries_date_length_and_type_but_no_server),
            T(a_connection_serves_one_request_after_the_other),
            T(a_request_may_come_byte_by_byte),
            T(pipelined_requests_are_answered_in_order),
            T(pipelined_requests_wait_for_a_parked_one),
            T(head_and_204_have_no_body),
            T(http10_closes_unless_it_asks_to_stay),
            T(connection_close_is_honoured),
            T(headers_are_checked_before_they_are_sent),
            T(a_client_is_told_to_continue_when_its_body_is_welcome),
            T(a_client_that_waits_is_refused_without_reading),
            T(an_answer_given_in_on_head_keeps_the_connection_if_no_body_is_due),
            T(a_large_answer_arrives_whole),
            T(a_client_that_half_closes_after_asking_still_gets_a_large_answer),
            T(an_answer_may_come_in_a_later_turn),
            T(work_may_finish_after_its_client_has_gone),
            T(the_request_shows_what_was_sent),
            T(a_unix_socket_is_served_as_well),
            T(requests_queued_before_the_socket_was_adopted_are_served),
            T(a_descriptor_that_does_not_listen_is_refused),
            T(every_smuggling_case_ends_as_the_grammar_says),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_stream.c - answers in pieces: framing, slow readers, and clients that go away. The linker
 * sends sendmsg(2) through a gate, so that the marks can be met to the byte. */
#include <errno.h>
#include <sys/socket.h>

#include "t.h"
#include "world.h"

enum { HIGH = 256 * 1024 };

static struct world *w;
static bool gate_shut;
static uint64_t gate_queued; /* bytes of the last attempt at the shut gate */

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
    if (!gate_shut)
        return __real_sendmsg(fd, m, flags);
    gate_queued = 0;
    for (size_t i = 0; i < m->msg_iovlen; i++)
        gate_queued += m->msg_iov[i].iov_len;
    errno = EAGAIN;
    return -1;
}

static void short_waits(struct http_limits *l)
{
    l->write_timeout_ms = 120;
}

static int setup(void **state)
{
    (void)state;
    gate_shut = false;
    w = world_new(NULL);
    return 0;
}

static int setup_short(void **state)
{
    (void)state;
    gate_shut = false;
    w = world_new(short_waits);
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

static bool two_parked(struct world *x)
{
    return x->nparked == 2;
}

static bool one_cancelled(struct world *x)
{
    return x->cancels == 1;
}

static bool one_room(struct world *x)
{
    return x->rooms == 1;
}

/* A client whose request waits for its answer. */
static struct client *ask(const char *request)
{
    struct client *c = client_new(w);

    client_send(c, request);
    world_until(w, one_parked);
    return c;
}

static struct client *ask_get(void)
{
    return ask("GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void still_served(struct client *c)
{
    client_forget(c);
    client_send(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "hello");
}

/* ---- framing ---- */

static void an_answer_of_unknown_length_comes_in_chunks(void **state)
{
    struct client *c = ask_get();
    struct http_request *r = w->parked[0];

    (void)state;
    assert_int_equal(http_add_header(r, "X-One", S("1")), 0);
    http_reply_start(r, 201, S("text/plain"), -1);
    assert_true(http_reply_more(r, S("first")));
    client_want(c, "\r\n\r\n5\r\nfirst\r\n"); /* it does not wait for the second */
    assert_true(http_reply_more(r, S("")));
    assert_true(http_reply_more(r, S("sixteen bytes...")));
    http_reply_end(r);
    client_want(c, "first\r\n10\r\nsixteen bytes...\r\n0\r\n\r\n");
    t_has(c->got.p, "HTTP/1.1 201 Created\r\n");
    t_has(c->got.p, "Transfer-Encoding: chunked\r\n");
    t_has(c->got.p, "X-One: 1\r\n");
    assert_null(strstr(c->got.p, "Content-Length"));
    still_served(c);
}

static void the_head_comes_also_while_nothing_follows(void **state)
{
    struct client *c = ask_get();

    (void)state;
    http_reply_start(w->parked[0], 200, S("text/plain"), -1);
    client_want(c, "Transfer-Encoding: chunked\r\n\r\n");
    http_reply_end(w->parked[0]);
    client_want(c, "\r\n\r\n0\r\n\r\n");
}

static void an_announced_length_is_kept(void **state)
{
    struct client *c = ask_get();
    struct http_request *r = w->parked[0];

    (void)state;
    http_reply_start(r, 200, S("text/plain"), 10);
    assert_true(http_reply_more(r, S("01234")));
    assert_true(http_reply_more(r, S("56789 and what is too much")));
    assert_true(http_reply_more(r, S("more of it")));
    http_reply_end(r);
    client_want(c, "\r\n\r\n0123456789");
    t_has(c->got.p, "Content-Length: 10\r\n");
    still_served(c);
    assert_null(strstr(c->got.p, "too much"));
}

static void less_than_announced_is_an_abort(void **state)
{
    struct client *c = ask_get();
    struct http_request *r = w->parked[0];

    (void)state;
    http_reply_start(r, 200, S("text/plain"), 10);
    assert_true(http_reply_more(r, S("012345678")));
    http_reply_end(r);
    client_want_end(c);
    assert_int_equal(w->cancels, 0);
}

static void an_aborted_answer_has_no_end(void **state)
{
    struct client *c = ask_get();
    struct http_request *r = w->parked[0];

    (void)state;
    http_reply_start(r, 200, S("text/plain"), -1);
    assert_true(http_reply_more(r, S("half")));
    http_reply_abort(r);
    client_want_end(c);
    t_has(c->got.p, "4\r\nhalf\r\n");
    assert_null(strstr(c->got.p, "0\r\n\r\n"));
    assert_int_equal(w->cancels, 0);
}

static void head_and_204_have_no_body(void **state)
{
    struct client *c = ask("HEAD /park HTTP/1.1\r\nHost: a\r\n\r\n"), *d;

    (void)state;
    http_reply_start(w->parked[0], 200, S("text/plain"), 5);
    assert_true(http_reply_more(w->parked[0], S("hello")));
    http_reply_end(w->parked[0]);
    client_want(c, "\r\n\r\n");
    t_has(c->got.p, "Content-Length: 5\r\n");
    client_send(c, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "\r\n\r\nHTTP/1.1 204"); /* nothing between the two */
    d = client_new(w);
    client_send(d, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, two_parked);
    http_reply_start(w->parked[1], 204, S("text/plain"), -1);
    assert_true(http_reply_more(w->parked[1], S("not sent")));
    http_reply_end(w->parked[1]);
    client_want(d, "\r\n\r\n");
    assert_null(strstr(d->got.p, "Transfer-Encoding"));
    client_send(d, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(d, "\r\n\r\nHTTP/1.1 204");
}

static void for_http_1_0_the_end_of_the_connection_is_the_end(void **state)
{
    struct client *c = ask("GET /park HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");

    (void)state;
    http_reply_start(w->parked[0], 200, S("text/plain"), -1);
    assert_true(http_reply_more(w->parked[0], S("all of it")));
    http_reply_end(w->parked[0]);
    client_want_end(c);
    assert_false(c->reset);
    assert_true(str_ends(buf_str(&c->got), S("\r\n\r\nall of it")));
    t_has(c->got.p, "Connection: close\r\n");
}

static void for_http_1_0_an_abort_is_a_reset(void **state)
{
    struct client *c = ask("GET /park HTTP/1.0\r\nHost: a\r\n\r\n");

    (void)state;
    http_reply_start(w->parked[0], 200, S("text/plain"), -1);
    assert_true(http_reply_more(w->parked[0], S("half")));
    client_want(c, "half");
    http_reply_abort(w->parked[0]);
    client_want_end(c);
    assert_true(c->reset);
}

static void http_1_0_with_a_length_stays_open(void **state)
{
    struct client *c = ask("GET /park HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");

    (void)state;
    http_reply_start(w->parked[0], 200, S("text/plain"), 3);
    assert_true(http_reply_more(w->parked[0], S("abc")));
    http_reply_end(w->parked[0]);
    client_want(c, "\r\n\r\nabc");
    still_served(c);
}

static void what_is_pipelined_behind_a_stream_waits_for_its_end(void **state)
{
    struct client *c = ask("GET /park HTTP/1.1\r\nHost: a\r\n\r\n"
                           "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    struct http_request *r = w->parked[0];

    (void)state;
    http_reply_start(r, 200, S("text/plain"), -1);
    assert_true(http_reply_more(r, S("x")));
    client_want(c, "1\r\nx\r\n");
    assert_int_equal(w->requests, 1);
    http_reply_end(r);
    client_want(c, "0\r\n\r\nHTTP/1.1 204");
}

static void a_stream_that_begins_before_the_body_closes_the_connection(void **state)
{
    struct client *c = client_new(w), *d = client_new(w);

    (void)state;
    client_send(c, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo");
    client_want_end(c);
    t_has(c->got.p, "HTTP/1.1 401 ");
    t_has(c->got.p, "Connection: close\r\n");
    t_has(c->got.p, "4\r\nwho?\r\n0\r\n\r\n");
    client_send(d, "GET /early HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(d, "4\r\nwho?\r\n0\r\n\r\n");
    still_served(d);
}

/* ---- slow readers ---- */

static void the_high_mark_is_met_to_the_byte(void **state)
{
    static char piece[HIGH];
    struct client *c = ask_get();
    struct http_request *r = w->parked[0];

    (void)state;
    memset(piece, 'p', sizeof piece);
    http_reply_start(r, 200, S("text/plain"), HIGH + 4);
    assert_true(http_reply_more(r, S("abc")));
    client_want(c, "\r\n\r\nabc");
    gate_shut = true;
    assert_true(http_reply_more(r, (struct str){piece, sizeof piece}));
    assert_false(http_reply_more(r, S("!")));
    assert_int_equal(w->rooms, 0);
    gate_shut = false;
    world_until(w, one_room);
    assert_int_equal(gate_queued, HIGH); /* the second was not tried: the first was refused */
    client_want(c, "ppp!");              /* there is no more: on_room ended it */
    still_served(c);
}

static struct client *reader;
static size_t awaited;

static bool all_is_here(struct world *x)
{
    (void)x;
    return reader->got.n >= awaited;
}

static void a_long_stream_to_a_slow_reader_is_not_held_and_arrives_whole(void **state)
{
    enum { BYTES = 20 * 1000 * 1000 };
    const char *body;

    (void)state;
    reader = ask_get();
    client_pause(reader, true);
    http_reply_start(w->parked[0], 200, S("text/plain"), BYTES);
    world_pump(w, BYTES);
    assert_true(w->pump > BYTES / 2); /* the rest is with the sockets, and one queue */
    assert_int_equal(w->rooms, 1);
    client_pause(reader, false);
    client_want(reader, "\r\n\r\n");
    body = strstr(reader->got.p, "\r\n\r\n") + 4;
    awaited = (size_t)(body - reader->got.p) + BYTES;
    world_until(w, all_is_here);
    assert_null(w->parked[0]);
    body = strstr(reader->got.p, "\r\n\r\n") + 4;
    for (size_t i = 0; i < BYTES; i++)
        if (body[i] != world_letter(BYTES - i))
            fail_msg("byte %zu is wrong", i);
    still_served(reader);
}

static void a_reader_that_stops_is_cut_off(void **state)
{
    struct client *c = ask_get();

    (void)state;
    client_pause(c, true);
    http_reply_start(w->parked[0], 200, S("text/plain"), -1);
    world_pump(w, BIG_BYTES);
    world_until(w, one_cancelled);
    assert_true(w->pump > 0);
    assert_int_equal(world_stats(w).connections, 0);
}

static void a_maker_that_pauses_is_not_cut_off(void **state)
{
    struct client *c = ask_get(), *d;

    (void)state;
    http_reply_start(w->parked[0], 200, S("text/plain"), -1);
    assert_true(http_reply_more(w->parked[0], S("abc")));
    client_want(c, "abc");
    d = client_new(w); /* whose time is up later than that of a reader would have been */
    client_send(d, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, two_parked);
    client_pause(d, true);
    http_reply_start(w->parked[1], 200, S("text/plain"), BIG_BYTES);
    while (http_reply_more(w->parked[1], S("some, and again, until nothing is taken any more")))
        ;
    world_until(w, one_cancelled);
    assert_null(w->parked[1]);
    http_reply_end(w->parked[0]);
    client_want(c, "0\r\n\r\n");
}

/* ---- ends ---- */

static void a_client_that_leaves_cancels_the_stream(void **state)
{
    struct client *c = ask_get();

    (void)state;
    http_reply_start(w->parked[0], 200, S("text/plain"), -1);
    assert_true(http_reply_more(w->parked[0], S("abc")));
    client_want(c, "abc");
    client_close(c, false);
    world_until(w, one_cancelled);
    assert_null(w->parked[0]);
}

static void a_client_found_gone_by_more_is_told_of_later(void **state)
{
    struct client *c = ask_get();
    struct http_request *r = w->parked[0];

    (void)state;
    http_reply_start(r, 200, S("text/plain"), -1);
    assert_true(http_reply_more(r, S("abc")));
    client_want(c, "abc");
    client_close(c, true);
    assert_false(http_reply_more(r, S("to nobody")));
    assert_false(http_reply_more(r, S("to nobody")));
    assert_int_equal(w->cancels, 0);
    world_until(w, one_cancelled);
}

static void the_maker_may_end_what_the_client_has_left(void **state)
{
    struct client *c = ask_get();
    struct http_request *r = w->parked[0];

    (void)state;
    http_reply_start(r, 200, S("text/plain"), -1);
    assert_true(http_reply_more(r, S("abc")));
    client_want(c, "abc");
    client_close(c, true);
    assert_false(http_reply_more(r, S("to nobody")));
    http_reply_end(r);
    still_served(client_new(w));
    assert_int_equal(w->cancels, 0);
}

static void draining_waits_for_the_stream(void **state)
{
    struct client *c = ask_get();

    (void)state;
    http_reply_start(w->parked[0], 200, S("text/plain"), -1);
    world_drain(w);
    assert_true(http_reply_more(w->parked[0], S("abc")));
    client_want(c, "abc");
    assert_false(w->drained);
    http_reply_end(w->parked[0]);
    client_want_end(c);
    t_has(c->got.p, "3\r\nabc\r\n0\r\n\r\n");
}

static void freeing_the_server_cancels_the_stream(void **state)
{
    struct client *c = ask_get();

    (void)state;
    http_reply_start(w->parked[0], 200, S("text/plain"), -1);
    w->server = http_server_free(w->server);
    assert_int_equal(w->cancels, 1);
    client_want_end(c);
}

#define T(name)     cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SHORT(name) cmocka_unit_test_setup_teardown(name, setup_short, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(an_answer_of_unknown_length_comes_in_chunks),
            T(the_head_comes_also_while_nothing_follows),
            T(an_announced_length_is_kept),
            T(less_than_announced_is_an_abort),
            T(an_aborted_answer_has_no_end),
            T(head_and_204_have_no_body),
            T(for_http_1_0_the_end_of_the_connection_is_the_end),
            T(for_http_1_0_an_abort_is_a_reset),
            T(http_1_0_with_a_length_stays_open),
            T(what_is_pipelined_behind_a_stream_waits_for_its_end),
            T(a_stream_that_begins_before_the_body_closes_the_connection),
            T(the_high_mark_is_met_to_the_byte),
            T(a_long_stream_to_a_slow_reader_is_not_held_and_arrives_whole),
            SHORT(a_reader_that_stops_is_cut_off),
            SHORT(a_maker_that_pauses_is_not_cut_off),
            T(a_client_that_leaves_cancels_the_stream),
            T(a_client_found_gone_by_more_is_told_of_later),
            T(the_maker_may_end_what_the_client_has_left),
            T(draining_waits_for_the_stream),
            T(freeing_the_server_cancels_the_stream),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_limits.c - clients that send too much, too slowly or not at all, that stop reading or go
 * away; and a server that is drained or freed under their feet. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "t.h"
#include "world.h"

static struct world *w;

static void short_waits(struct http_limits *l)
{
    l->header_timeout_ms = 100;
    l->idle_timeout_ms = 150;
    l->body_base_ms = 100;
    l->body_bytes_per_s = 1000;
    l->write_timeout_ms = 120;
    l->pipeline_bytes = 1000;
    l->body_budget_bytes = 1000;
    l->connections = 4;
}

static int setup(void **state)
{
    (void)state;
    w = world_new(NULL);
    return 0;
}

static int setup_short(void **state)
{
    (void)state;
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

static bool one_head(struct world *x)
{
    return x->heads == 1;
}

static bool one_request(struct world *x)
{
    return x->requests == 1;
}

static bool one_cancelled(struct world *x)
{
    return x->cancels == 1;
}

static bool nobody_connected(struct world *x)
{
    return world_stats(x).connections == 0;
}

static bool is_drained(struct world *x)
{
    return x->drained;
}

static struct buf filler; /* larger than the socket buffers of both ends */

static void fill(size_t n)
{
    buf_init(&filler, n);
    memset(buf_room(&filler, n), 'x', n);
    buf_grew(&filler, n);
}

/* ---- too much ---- */

static void a_body_at_the_limit_passes_and_one_byte_more_does_not(void **state)
{
    struct client *c = client_new(w), *d = client_new(w), *e = client_new(w), *f = client_new(w);

    (void)state;
    client_send(c, "POST /ten HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789");
    client_want(c, "\r\n\r\n0123456789");
    client_send(d, "POST /ten HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890");
    client_want_end(d);
    t_has(d->got.p, "HTTP/1.1 413 ");
    client_send(e, "POST /ten HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n");
    client_want(e, "\r\n\r\n0123456789");
    client_send(f, "POST /ten HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n");
    client_want_end(f);
    t_has(f->got.p, "HTTP/1.1 413 ");
    t_has(f->got.p, "{\"refused\":413,");
    assert_string_equal(w->last_path, "/ten");
    assert_int_equal(w->requests, 2);
    assert_int_equal(w->cancels, 2);
    assert_int_equal(world_stats(w).body_bytes, 0);
}

static void a_refusal_has_the_status_and_the_headers_of_the_application(void **state)
{
    struct client *c = client_new(w), *d = client_new(w);

    (void)state;
    w->refuse_as = 400;
    client_send(c, "POST /ten HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
    client_want_end(c);
    t_has(c->got.p, "HTTP/1.1 400 Bad Request\r\n");
    t_has(c->got.p, "X-Refused: yes\r\n");
    client_send(d, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    client_want_end(d);
    t_has(d->got.p, "X-Refused: yes\r\n");
}

static void a_body_where_none_is_allowed_is_refused(void **state)
{
    struct client *c = client_new(w), *d = client_new(w);

    (void)state;
    client_send(c, "POST /nobody HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "1\r\nx\r\n0\r\n\r\n");
    client_want_end(c);
    t_has(c->got.p, "HTTP/1.1 413 ");
    client_send(d, "POST /nobody HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "0\r\n\r\n");
    client_want(d, "hello"); /* an empty one is not a body */
}

static void a_client_that_is_still_sending_reads_its_413(void **state)
{
    struct client *c = client_new(w), *d = client_new(w);
    char size[32];

    (void)state;
    fill(8 * 1024 * 1024);
    client_send(c, "POST /ten HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n");
    client_send_bytes(c, buf_str(&filler));
    client_want(c, "{\"refused\":413");
    client_want_end(c);
    assert_false(c->reset);
    snprintf(size, sizeof size, "%zx\r\n", filler.n);
    client_send(d, "POST /ten HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client_send(d, size);
    client_send_bytes(d, buf_str(&filler));
    client_want(d, "{\"refused\":413");
    client_want_end(d);
    assert_false(d->reset);
    buf_done(&filler);
}

static void a_head_that_is_too_long_is_refused_in_our_words(void **state)
{
    struct client *c = client_new(w), *d = client_new(w);

    (void)state;
    fill(40000);
    client_send(c, "GET /");
    client_send_bytes(c, buf_str(&filler));
    client_want_end(c);
    t_has(c->got.p, "HTTP/1.1 414 URI Too Long\r\n");
    client_send(d, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    client_send_bytes(d, buf_str(&filler));
    client_want_end(d);
    t_has(d->got.p, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
    assert_string_equal(w->last_path, "");
    assert_int_equal(w->heads, 0);
    assert_int_equal(world_stats(w).refused, 2);
    buf_done(&filler);
}

static void all_bodies_together_have_a_budget(void **state)
{
    struct client *c = client_new(w), *d = client_new(w), *e = client_new(w);

    (void)state;
    fill(1000);
    client_send(c, "POST /park HTTP/1.1\r\nHost: a\r\nContent-Length: 600\r\n\r\n");
    client_send_bytes(c, (struct str){filler.p, 600});
    world_until(w, one_parked);
    assert_int_equal(world_stats(w).body_bytes, 600);
    client_send(d, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n");
    client_send_bytes(d, (struct str){filler.p, 400});
    client_want(d, "\r\n\r\nxxxx");
    client_send(e, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 401\r\n\r\n");
    client_want_end(e);
    t_has(e->got.p, "HTTP/1.1 503 ");
    client_forget(d);
    client_send(d, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n191\r\n");
    client_send_bytes(d, (struct str){filler.p, 401});
    client_want_end(d);
    t_has(d->got.p, "HTTP/1.1 503 ");
    http_reply(w->parked[0], 200, S(""), S("ok"));
    assert_int_equal(world_stats(w).body_bytes, 0);
    buf_done(&filler);
}

static void connections_above_the_limit_are_closed_at_once(void **state)
{
    struct client *c[5];

    (void)state;
    for (int i = 0; i < 4; i++)
        c[i] = client_new(w);
    client_send(c[3], "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, one_parked);
    c[4] = client_new(w);
    client_want_end(c[4]);
    assert_int_equal(c[4]->got.n, 0);
    http_reply(w->parked[0], 200, S(""), S("still here"));
    client_want(c[3], "still here");
}

static void what_is_pipelined_behind_a_parked_request_is_bounded(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    fill(1001);
    client_send(c, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, one_parked);
    client_send_bytes(c, (struct str){filler.p, 1000});
    assert_int_equal(w->cancels, 0);
    client_send_bytes(c, (struct str){filler.p, 1});
    world_until(w, one_cancelled);
    assert_null(w->parked[0]);
    buf_done(&filler);
}

/* ---- too slowly ---- */

static void a_silent_connection_is_closed_without_a_word(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_want_end(c);
    assert_int_equal(c->got.n, 0);
}

static void an_idle_connection_is_closed_after_its_time(void **state)
{
    struct client *c = client_new(w);
    uint64_t start;

    (void)state;
    client_send(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(c, "hello");
    start = clock_mono_ns();
    client_want_end(c);
    assert_true(clock_mono_ns() - start > 100 * 1000000ull); /* not the 100 ms of a head */
    assert_int_equal(world_stats(w).refused, 0);
}

/* One byte every few milliseconds, for as long as the server lets us. */
struct drip {
    struct client *c;
    const char *at;
    struct loop_timer *t;
};

static void on_drip(void *user)
{
    struct drip *d = user;

    client_send_bytes(d->c, (struct str){d->at, 1});
    d->at++;
    loop_timer_start(d->t, 10);
}

static void drip_until_the_end(struct client *c, const char *text)
{
    struct drip d = {c, text, loop_timer_new(w->l, on_drip, &d)};

    loop_timer_start(d.t, 10);
    client_want_end(c);
    loop_timer_free(d.t);
}

static void a_head_that_drips_in_is_cut_off_at_its_deadline(void **state)
{
    struct client *c = client_new(w);
    uint64_t start = clock_mono_ns(), took;

    (void)state;
    drip_until_the_end(c,
                       "GET /abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnop"
                       "qrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh"
                       "ijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    took = (clock_mono_ns() - start) / 1000000;
    t_has(c->got.p, "HTTP/1.1 408 Request Timeout\r\n");
    assert_true(took >= 90 && took < 1000);
}

static void a_body_slower_than_the_least_rate_is_cut_off(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n");
    /* 100 bytes a second where 1000 are due */
    drip_until_the_end(c,
                       "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst"
                       "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst"
                       "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst");
    t_has(c->got.p, "HTTP/1.1 408 ");
    assert_int_equal(w->cancels, 1);
    assert_int_equal(w->requests, 0);
}

static void a_body_that_stops_is_cut_off_however_fast_it_began(void **state)
{
    struct client *c = client_new(w);
    uint64_t start = clock_mono_ns();

    (void)state;
    fill(900); /* worth 900 ms of credit */
    client_send(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 901\r\n\r\n");
    client_send_bytes(c, buf_str(&filler));
    client_want_end(c);
    t_has(c->got.p, "HTTP/1.1 408 ");
    assert_true(clock_mono_ns() - start < 800 * 1000000ull);
    buf_done(&filler);
}

static void a_reader_that_stops_is_cut_off(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_pause(c, true);
    client_send(c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, one_request);
    world_until(w, nobody_connected);
    client_pause(c, false);
    client_want_end(c);
    assert_true(c->got.n < BIG_BYTES);
    assert_int_equal(w->cancels, 0); /* it was answered */
}

static void a_parked_request_has_no_deadline_of_ours(void **state)
{
    struct client *c = client_new(w), *d = client_new(w);

    (void)state;
    client_send(c, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, one_parked);
    client_send(d, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want_end(d); /* the longest of the short waits has passed */
    assert_int_equal(w->cancels, 0);
    http_reply(w->parked[0], 200, S(""), S("late"));
    client_want(c, "late");
}

/* ---- gone ---- */

static void parked_and_then(void (*leave)(struct client *c))
{
    struct client *c = client_new(w);

    client_send(c, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, one_parked);
    leave(c);
    world_until(w, one_cancelled);
    assert_null(w->parked[0]);
    assert_int_equal(world_stats(w).cancelled, 1);
    assert_int_equal(world_stats(w).connections, 0);
}

static void close_it(struct client *c)
{
    client_close(c, false);
}

static void reset_it(struct client *c)
{
    client_close(c, true);
}

static void half_close_it(struct client *c)
{
    assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
}

static void pipeline_and_close_it(struct client *c)
{
    client_send(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_close(c, false);
}

static void a_close_cancels_a_parked_request(void **state)
{
    (void)state;
    parked_and_then(close_it);
}

static void a_reset_cancels_a_parked_request(void **state)
{
    (void)state;
    parked_and_then(reset_it);
}

static void a_half_close_cancels_a_parked_request(void **state)
{
    (void)state;
    parked_and_then(half_close_it);
}

static void a_close_behind_pipelined_bytes_cancels_as_well(void **state)
{
    (void)state;
    parked_and_then(pipeline_and_close_it);
    assert_int_equal(w->requests, 1);
}

static void a_client_that_leaves_in_its_body_cancels(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    world_until(w, one_head);
    client_close(c, false);
    world_until(w, one_cancelled);
    assert_int_equal(w->requests, 0);
    assert_int_equal(world_stats(w).body_bytes, 0);
}

static void broken_chunks_cancel_and_are_refused(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabcX");
    client_want_end(c);
    t_has(c->got.p, "HTTP/1.1 400 ");
    assert_int_equal(w->cancels, 1);
    assert_string_equal(w->last_path, "/echo");
}

/* ---- the end of the server ---- */

static void draining_closes_the_idle_and_finishes_the_busy(void **state)
{
    struct client *idle = client_new(w), *busy = client_new(w), *half = client_new(w);

    (void)state;
    client_send(idle, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want(idle, "hello");
    client_send(half, "GET /x HTTP/1.1\r\nHo");
    client_send(busy, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, one_parked);
    world_drain(w);
    client_want_end(idle);
    assert_false(w->drained);
    client_send(half, "st: a\r\n\r\n");
    client_want_end(half);
    t_has(half->got.p, "Connection: close\r\n\r\nhello");
    assert_false(w->drained);
    http_reply(w->parked[0], 200, S(""), S("done"));
    client_want_end(busy);
    t_has(busy->got.p, "Connection: close\r\n\r\ndone");
    world_until(w, is_drained);
    assert_int_equal(w->cancels, 0);
}

static void draining_an_unused_server_is_over_at_once(void **state)
{
    (void)state;
    world_drain(w);
    assert_false(w->drained); /* never inside the call */
    world_until(w, is_drained);
}

static void draining_may_begin_inside_a_request(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    w->drain_in_request = true;
    client_send(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want_end(c);
    t_has(c->got.p, "Connection: close\r\n\r\nhello");
    world_until(w, is_drained);
}

static void freeing_cancels_what_is_open(void **state)
{
    struct client *c = client_new(w), *d = client_new(w);

    (void)state;
    client_send(d, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    world_until(w, one_head);
    client_send(c, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    world_until(w, one_parked);
    w->server = http_server_free(w->server);
    assert_int_equal(w->cancels, 2);
    client_want_end(c);
    client_want_end(d);
}

static void freeing_may_happen_inside_a_request(void **state)
{
    struct client *c = client_new(w);

    (void)state;
    w->free_in_request = true;
    client_send(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_want_end(c);
    assert_int_equal(w->cancels, 1);
    assert_int_equal(w->requests, 1);
}

#define T(name)     cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SHORT(name) cmocka_unit_test_setup_teardown(name, setup_short, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(a_body_at_the_limit_passes_and_one_byte_more_does_not),
            T(a_refusal_has_the_status_and_the_headers_of_the_application),
            T(a_body_where_none_is_allowed_is_refused),
            T(a_client_that_is_still_sending_reads_its_413),
            T(a_head_that_is_too_long_is_refused_in_our_words),
            SHORT(all_bodies_together_have_a_budget),
            SHORT(connections_above_the_limit_are_closed_at_once),
            SHORT(what_is_pipelined_behind_a_parked_request_is_bounded),
            SHORT(a_silent_connection_is_closed_without_a_word),
            SHORT(an_idle_connection_is_closed_after_its_time),
            SHORT(a_head_that_drips_in_is_cut_off_at_its_deadline),
            SHORT(a_body_slower_than_the_least_rate_is_cut_off),
            SHORT(a_body_that_stops_is_cut_off_however_fast_it_began),
            SHORT(a_reader_that_stops_is_cut_off),
            SHORT(a_parked_request_has_no_deadline_of_ours),
            T(a_close_cancels_a_parked_request),
            T(a_reset_cancels_a_parked_request),
            T(a_half_close_cancels_a_parked_request),
            T(a_close_behind_pipelined_bytes_cancels_as_well),
            T(a_client_that_leaves_in_its_body_cancels),
            T(broken_chunks_cancel_and_are_refused),
            T(draining_closes_the_idle_and_finishes_the_busy),
            T(draining_an_unused_server_is_over_at_once),
            T(draining_may_begin_inside_a_request),
            T(freeing_cancels_what_is_open),
            T(freeing_may_happen_inside_a_request),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_channel.c - frames over a socket, and what credit allows on one stream. */
#include "t.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "loop/loop.h"
#include "pool/channel.h"

struct ear {
    struct loop *loop;
    struct channel *ch;
    struct buf heard; /* payloads, each followed by '.' */
    int frames, flushes;
    bool sent, ended, free_at_first;
    const char *why;
    struct stream stream;
};

static void on_frame(void *user, const struct frame *f)
{
    struct ear *ear = user;

    ear->frames++;
    buf_adds(&ear->heard, f->payload);
    buf_addc(&ear->heard, '.');
    if (ear->free_at_first) {
        ear->ch = channel_free(ear->ch);
        ear->ended = true;
    }
}

static void on_flush(void *user)
{
    struct ear *ear = user;

    ear->flushes++;
    stream_grant(&ear->stream, ear->ch);
}

static void on_sent(void *user)
{
    ((struct ear *)user)->sent = true;
}

static void on_end(void *user, const char *why)
{
    struct ear *ear = user;

    assert_false(ear->ended);
    ear->ended = true;
    ear->why = why;
}

static const struct channel_ops ops = {on_frame, on_flush, on_sent, on_end};

static int open_ear(struct ear *ear)
{
    int pair[2];

    *ear = (struct ear){.loop = loop_new()};
    alarm(20);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    buf_init(&ear->heard, 1 << 20);
    ear->ch = channel_new(ear->loop, pair[0], &ops, ear);
    return pair[1];
}

static void close_ear(struct ear *ear, int peer)
{
    channel_free(ear->ch);
    loop_free(ear->loop);
    buf_done(&ear->heard);
    if (peer >= 0)
        close(peer);
    alarm(0);
}

static void say(int fd, const void *p, size_t n)
{
    assert_int_equal(write(fd, p, n), n);
}

static void what_is_put_in_one_turn_is_written_at_once(void **state)
{
    struct ear ear;
    int peer = open_ear(&ear);
    char bytes[200];

    (void)state;
    channel_put(ear.ch, FRAME_OPEN, 0, 1, S("a"));
    channel_put(ear.ch, FRAME_DATA, 0, 1, S("b"));
    channel_put(ear.ch, FRAME_END, 0, 1, STR_NONE);
    assert_int_equal(recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
    loop_run_until(ear.loop, &ear.sent);
    assert_int_equal(recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT), 3 * FRAME_HEAD + 2);
    assert_int_equal(ear.flushes, 1);
    assert_int_equal(channel_pending(ear.ch), 0);
    close_ear(&ear, peer);
}

static void frames_cut_anywhere_are_put_together(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    frame_put(&b, FRAME_LOG, 0, 0, S("one"));
    frame_put(&b, FRAME_LOG, 0, 0, S(""));
    frame_put(&b, FRAME_LOG, 0, 0, S("three"));
    for (size_t cut = 1; cut < b.n; cut++) {
        struct ear ear;
        int peer = open_ear(&ear);

        say(peer, b.p, cut);
        for (int i = 0; i < 3; i++) {
            bool again = true;

            loop_run_until(ear.loop, &again);
        }
        channel_put(ear.ch, FRAME_LOG, 0, 0, S("x")); /* one turn for what is there */
        loop_run_until(ear.loop, &ear.sent);
        say(peer, b.p + cut, b.n - cut);
        shutdown(peer, SHUT_WR);
        loop_run_until(ear.loop, &ear.ended);
        assert_null(ear.why);
        t_str(buf_str(&ear.heard), S("one..three."));
        close_ear(&ear, peer);
    }
    buf_done(&b);
}

static void the_end_inside_a_frame_is_a_fault(void **state)
{
    struct ear ear;
    int peer = open_ear(&ear);

    (void)state;
    say(peer, "\0\0\0\5", 4);
    close(peer);
    loop_run_until(ear.loop, &ear.ended);
    t_has(ear.why, "inside a frame");
    close_ear(&ear, -1);
}

static void a_channel_may_be_freed_by_its_own_frame(void **state)
{
    struct ear ear;
    int peer = open_ear(&ear);
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    frame_put(&b, FRAME_LOG, 0, 0, S("one"));
    frame_put(&b, FRAME_LOG, 0, 0, S("two"));
    ear.free_at_first = true;
    channel_put(ear.ch, FRAME_LOG, 0, 0, S("x"));
    say(peer, b.p, b.n);
    loop_run_until(ear.loop, &ear.ended);
    assert_int_equal(ear.frames, 1);
    buf_done(&b);
    close_ear(&ear, peer);
}

static void data_is_counted_against_its_credit(void **state)
{
    struct ear ear;
    int peer = open_ear(&ear);

    (void)state;
    stream_open(&ear.stream, ear.ch, 1, S("{}"), STR_NONE);
    for (int i = 0; i < FRAME_WINDOW / FRAME_MAX_DATA; i++)
        assert_null(stream_data(&ear.stream, ear.ch, FRAME_MAX_DATA));
    t_has(stream_data(&ear.stream, ear.ch, 1), "beyond its credit");

    stream_grant(&ear.stream, ear.ch);
    assert_int_equal(ear.stream.receive_left, FRAME_WINDOW);
    assert_int_equal(ear.stream.received, FRAME_WINDOW);
    assert_null(stream_data(&ear.stream, ear.ch, 1));
    stream_grant(&ear.stream, ear.ch);
    assert_int_equal(ear.stream.receive_left, FRAME_WINDOW - 1); /* too little to tell */
    close_ear(&ear, peer);
}

static void credit_may_not_pass_what_a_stream_can_hold(void **state)
{
    struct ear ear;
    int peer = open_ear(&ear);

    (void)state;
    stream_open(&ear.stream, ear.ch, 1, S("{}"), STR_NONE);
    assert_null(stream_credit(&ear.stream, ear.ch, INT32_MAX - FRAME_WINDOW));
    t_has(stream_credit(&ear.stream, ear.ch, 1), "more credit");
    t_has(stream_credit(&ear.stream, ear.ch, UINT32_MAX), "more credit");
    close_ear(&ear, peer);
}

static void a_payload_stops_at_the_window_and_goes_on_with_credit(void **state)
{
    struct ear ear;
    int peer = open_ear(&ear);
    size_t n = FRAME_WINDOW + 10;
    char *bytes = calloc(1, n);

    (void)state;
    stream_open(&ear.stream, ear.ch, 1, S("{}"), (struct str){bytes, n});
    assert_int_equal(ear.stream.rest.n, 10);
    assert_false(ear.stream.end_queued);
    close(peer); /* drop what is queued, so that there is room */
    ear.sent = false;
    loop_run_until(ear.loop, &ear.ended);
    assert_null(stream_credit(&ear.stream, ear.ch, 9));
    assert_int_equal(ear.stream.rest.n, 1);
    assert_null(stream_credit(&ear.stream, ear.ch, 1));
    assert_int_equal(ear.stream.rest.n, 0);
    assert_true(ear.stream.end_queued);
    free(bytes);
    close_ear(&ear, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_put_in_one_turn_is_written_at_once),
            cmocka_unit_test(frames_cut_anywhere_are_put_together),
            cmocka_unit_test(the_end_inside_a_frame_is_a_fault),
            cmocka_unit_test(a_channel_may_be_freed_by_its_own_frame),
            cmocka_unit_test(data_is_counted_against_its_credit),
            cmocka_unit_test(credit_may_not_pass_what_a_stream_can_hold),
            cmocka_unit_test(a_payload_stops_at_the_window_and_goes_on_with_credit),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes both ways (proxy/pump.h), between two socket pairs whose far ends are ours. */
#include "t.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/pump.h"

enum { IDLE_MS = 50 };

struct rig {
    int client, server; /* far ends: what the client and the server hold */
    struct end c, s;    /* near ends: the pump's */
};

static struct rig rig_new(void)
{
    int a[2], b[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
    return (struct rig){a[0], b[0], {a[1], NULL}, {b[1], NULL}};
}

static void rig_done(struct rig *r)
{
    (void)close(r->client);
    (void)close(r->server);
    (void)close(r->c.fd);
    (void)close(r->s.fd);
}

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

static void expect(int fd, const char *text)
{
    char got[256];
    ssize_t n = recv(fd, got, sizeof(got), 0);

    t_str(((struct str){got, n < 0 ? 0 : (size_t)n}), str_of(text));
}

static void bytes_and_ends_go_both_ways(void **state)
{
    struct rig r = rig_new();

    (void)state;
    put(r.client, "question");
    put(r.server, "answer");
    (void)shutdown(r.client, SHUT_WR);
    (void)shutdown(r.server, SHUT_WR);
    assert_int_equal(pump(r.c, r.s, NULL, IDLE_MS), 0);
    expect(r.server, "question");
    expect(r.client, "answer");
    expect(r.server, ""); /* the end */
    expect(r.client, "");
    rig_done(&r);
}

static void silence_has_a_limit(void **state)
{
    struct rig r = rig_new();

    (void)state;
    put(r.client, "question");
    assert_int_equal(pump(r.c, r.s, NULL, IDLE_MS), -ETIMEDOUT);
    expect(r.server, "question");
    rig_done(&r);
}

static void a_body_of_a_length_ends_there(void **state)
{
    struct rig r = rig_new();
    struct body body = {.kind = H1_BODY_LENGTH, .left = 4};

    (void)state;
    put(r.client, "bodyGET http://other/");
    put(r.server, "answer");
    (void)shutdown(r.server, SHUT_WR);
    assert_int_equal(pump(r.c, r.s, &body, IDLE_MS), 0);
    expect(r.server, "body");
    assert_int_equal(recv(r.server, &(char){0}, 1, 0), -1); /* neither more nor an end */
    expect(r.client, "answer");
    rig_done(&r);
}

static void a_chunked_body_ends_with_its_last_chunk(void **state)
{
    struct rig r = rig_new();
    struct body body = {.kind = H1_BODY_CHUNKED};

    (void)state;
    put(r.client, "4\r\nbody\r\n0\r\n\r\nGET http://other/");
    (void)shutdown(r.server, SHUT_WR);
    assert_int_equal(pump(r.c, r.s, &body, IDLE_MS), 0);
    expect(r.server, "4\r\nbody\r\n0\r\n\r\n");
    rig_done(&r);
}

static void a_malformed_chunk_ends_it(void **state)
{
    struct rig r = rig_new();
    struct body body = {.kind = H1_BODY_CHUNKED};

    (void)state;
    put(r.client, "zz\r\nbody");
    assert_int_equal(pump(r.c, r.s, &body, IDLE_MS), -EBADMSG);
    rig_done(&r);
}

static void without_a_body_nothing_of_the_client_goes_on(void **state)
{
    struct rig r = rig_new();
    struct body body = {.kind = H1_BODY_NONE};

    (void)state;
    put(r.client, "GET http://other/");
    put(r.server, "answer");
    (void)shutdown(r.server, SHUT_WR);
    assert_int_equal(pump(r.c, r.s, &body, IDLE_MS), 0);
    assert_int_equal(recv(r.server, &(char){0}, 1, 0), -1);
    expect(r.client, "answer");
    rig_done(&r);
}

static void a_client_that_goes_ends_its_request(void **state)
{
    struct rig r = rig_new();
    struct body body = {.kind = H1_BODY_NONE};

    (void)state;
    (void)close(r.client);
    assert_int_equal(pump(r.c, r.s, &body, 60000), -EPIPE);
    r.client = -1;
    rig_done(&r);
}

static void what_came_with_the_head_counts(void **state)
{
    struct body length = {.kind = H1_BODY_LENGTH, .left = 6}, none = {.kind = H1_BODY_NONE};
    struct body chunks = {.kind = H1_BODY_CHUNKED}, bad = {.kind = H1_BODY_CHUNKED};

    (void)state;
    assert_int_equal(pump_body(&length, S("abcd")), 4);
    assert_int_equal(length.left, 2);
    assert_int_equal(pump_body(&length, S("efgh")), 2);
    assert_int_equal(pump_body(&length, S("x")), 0);
    assert_int_equal(pump_body(&none, S("x")), 0);
    assert_int_equal(pump_body(&chunks, S("1\r\na\r\n0\r\n")), 9);
    assert_int_equal(pump_body(&chunks, S("\r\nrest")), 2);
    assert_int_equal(pump_body(&chunks, S("rest")), 0);
    assert_int_equal(pump_body(&bad, S("g\r\n")), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(bytes_and_ends_go_both_ways),
            cmocka_unit_test(silence_has_a_limit),
            cmocka_unit_test(a_body_of_a_length_ends_there),
            cmocka_unit_test(a_chunked_body_ends_with_its_last_chunk),
            cmocka_unit_test(a_malformed_chunk_ends_it),
            cmocka_unit_test(without_a_body_nothing_of_the_client_goes_on),
            cmocka_unit_test(a_client_that_goes_ends_its_request),
            cmocka_unit_test(what_came_with_the_head_counts),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "launcher/outbox.h"
#include "launcher/proto.h"
#include "t.h"

enum { MANY = 5000 };

static void what_does_not_fit_arrives_later_in_order(void **state)
{
    struct launch_kill m = {.type = LAUNCH_KILL};
    struct outbox o;
    int pair[2];
    uint32_t got = 0;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                     0);
    outbox_init(&o);
    for (m.id = 0; m.id < MANY; m.id++)
        assert_int_equal(outbox_send(&o, pair[0], &m, sizeof m, NULL, 0), 0);
    assert_false(outbox_empty(&o));
    while (got < MANY) {
        size_t nfds = 0;
        ssize_t n = io_recv_fds(pair[1], &m, sizeof m, NULL, &nfds);

        if (n == -EAGAIN) {
            assert_int_equal(outbox_flush(&o, pair[0]), 0);
            continue;
        }
        assert_int_equal(n, sizeof m);
        assert_int_equal(m.id, got++);
    }
    assert_true(outbox_empty(&o));
    close(pair[0]);
    close(pair[1]);
}

static void descriptors_are_closed_whatever_happens(void **state)
{
    struct launch_kill m = {.type = LAUNCH_KILL};
    struct outbox o;
    int pair[2], fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                     0);
    outbox_init(&o);
    while (outbox_empty(&o))
        assert_int_equal(outbox_send(&o, pair[0], &m, sizeof m, NULL, 0), 0);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(outbox_send(&o, pair[0], &m, sizeof m, fds, 2), 0);
    assert_true(fcntl(fds[0], F_GETFD) >= 0); /* still to be sent */
    outbox_done(&o);
    assert_true(fcntl(fds[0], F_GETFD) < 0);
    assert_true(fcntl(fds[1], F_GETFD) < 0);

    close(pair[1]);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_true(outbox_send(&o, pair[0], &m, sizeof m, fds, 2) < 0);
    assert_true(fcntl(fds[0], F_GETFD) < 0);
    close(pair[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_does_not_fit_arrives_later_in_order),
            cmocka_unit_test(descriptors_are_closed_whatever_happens),
    };

    return T_RUN(tests);
}

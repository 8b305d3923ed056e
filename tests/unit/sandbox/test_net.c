/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes of a router without an uplink: alone, clean, given back. What they reach through an uplink is asked from
 * inside a function: tests/integration/test_network.py. */
#include "sandbox/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "t.h"

static struct net *n;

static int set_up(void **state)
{
    struct err e = {0};

    (void)state;
    t_ok(net_open(geteuid() == 0, -EBADF, &n, &e), &e);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    n = net_free(n);
    return 0;
}

static ino_t inode(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static int home(void)
{
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* A client inside the box, as a function would be: connected, or -errno. */
static int dial(const struct net_box *box, uint32_t address, uint16_t port)
{
    const struct sockaddr_in to = {
            .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    cleanup_close int back = home();
    int fd, r;

    assert_int_equal(setns(box->ns, CLONE_NEWNET), 0);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    r = connect(fd, (const struct sockaddr *)&to, sizeof to) < 0 ? -errno : fd;
    assert_int_equal(setns(back, CLONE_NEWNET), 0);
    if (r < 0)
        close(fd);
    return r;
}

static void a_box_is_a_namespace_of_its_own_with_a_listener(void **state)
{
    struct net_box a, b;
    struct err e = {0};
    cleanup_close int at_home = home();
    cleanup_close int client = -EBADF;
    cleanup_close int served = -EBADF;

    (void)state;
    t_ok(net_take(n, &a, &e), &e);
    t_ok(net_take(n, &b, &e), &e);
    assert_true(inode(a.ns) != inode(b.ns));
    assert_true(inode(a.ns) != inode(at_home));
    assert_true(a.index != b.index);

    client = dial(&a, INADDR_LOOPBACK, NET_ENDPOINT_PORT);
    assert_true(client >= 0);
    served = accept4(a.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(served >= 0);
    assert_int_equal(accept4(b.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), -1);
    net_give_back(n, &a);
    net_give_back(n, &b);
    assert_int_equal(a.ns, -EBADF);
    assert_int_equal(a.listener, -EBADF);
}

static void without_an_uplink_there_is_no_egress(void **state)
{
    struct net_box box;
    struct err e = {0};

    (void)state;
    assert_true(net_can(n, NET_NONE));
    assert_true(net_can(n, NET_ENDPOINT));
    assert_false(net_can(n, NET_EGRESS));
    t_ok(net_take(n, &box, &e), &e);
    t_ok(net_set_policy(n, &box, NET_ENDPOINT, &e), &e);
    assert_int_equal(net_set_policy(n, &box, NET_EGRESS, &e), -ENOTSUP);
    assert_true(e.msg[0] != '\0');
    assert_int_equal(dial(&box, 0x01020304, 80), -ENETUNREACH);
    net_give_back(n, &box);
}

static void a_refilled_pool_stops_at_its_size(void **state)
{
    int made = 0;

    (void)state;
    while (net_refill(n)) {
        made++;
        assert_true(made < 1000);
    }
    assert_true(made > 0);
    assert_false(net_refill(n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(a_box_is_a_namespace_of_its_own_with_a_listener, set_up,
                                            tear_down),
            cmocka_unit_test_setup_teardown(without_an_uplink_there_is_no_egress, set_up,
                                            tear_down),
            cmocka_unit_test_setup_teardown(a_refilled_pool_stops_at_its_size, set_up, tear_down),
    };

    if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0) {
        printf("1..0 # SKIP no user namespaces for ordinary users here\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

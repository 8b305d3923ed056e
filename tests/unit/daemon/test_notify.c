/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "t.h"

/* A manager's socket under a name of this process; "@" makes it abstract. */
static int manager(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(at.sun_path, name, strlen(name));
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    (void)unlink(name);
    assert_int_equal(bind(fd, (struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    return fd;
}

static void hears(int fd, const char *text)
{
    char got[2048];
    ssize_t n = recv(fd, got, sizeof(got), 0);

    assert_int_equal(n, (ssize_t)strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

static void say_to(const char *name)
{
    cleanup_close int fd = manager(name);
    struct notify n;

    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    notify_open(&n);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_true(n.fd >= 0);
    notify_send(&n, "READY=%d\nSTATUS=%s", 1, "here");
    hears(fd, "READY=1\nSTATUS=here");
    notify_close(&n);
    notify_send(&n, "STOPPING=1");
    assert_int_equal(recv(fd, &(char){0}, 1, 0), -1);
}

static void a_path_and_an_abstract_name_are_reached(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "/tmp/evoke-notify-%d", getpid());
    say_to(path);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "@evoke-notify-%d", getpid());
    say_to(path);
}

static void without_a_manager_nothing_is_sent(void **state)
{
    char much[200];
    const char *const none[] = {"", "relative", "/", "@", "/nonexistent/socket", much};
    struct notify n;

    (void)state;
    memset(much, 'x', sizeof(much) - 1); /* longer than an address can be */
    much[0] = '/';
    much[sizeof(much) - 1] = '\0';
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    notify_open(&n);
    assert_int_equal(n.fd, -EBADF);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", none[i], 1), 0);
        notify_open(&n);
        assert_true(n.fd < 0);
        assert_int_equal(n.watchdog_ms, 0);
        notify_send(&n, "READY=1");
        notify_close(&n);
    }
}

static uint32_t watchdog(const char *usec, const char *pid)
{
    char name[64];
    struct notify n;

    snprintf(name, sizeof(name), "@evoke-watchdog-%d", getpid());
    int fd = manager(name);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", usec, 1), 0);
    if (pid)
        assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
    notify_open(&n);
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    notify_close(&n);
    close(fd);
    return n.watchdog_ms;
}

static void the_watchdog_is_read_if_it_is_ours(void **state)
{
    char mine[16];

    (void)state;
    snprintf(mine, sizeof(mine), "%d", getpid());
    assert_int_equal(watchdog("60000000", NULL), 60000);
    assert_int_equal(watchdog("60000000", mine), 60000);
    assert_int_equal(watchdog("60000000", "1"), 0);
    assert_int_equal(watchdog("60000000", "me"), 0);
    assert_int_equal(watchdog("1", NULL), 1);
    assert_int_equal(watchdog("0", NULL), 0);
    assert_int_equal(watchdog("-5", NULL), 0);
    assert_int_equal(watchdog("soon", NULL), 0);
}

static void a_manager_that_does_not_listen_blocks_nobody(void **state)
{
    char name[64];
    struct notify n;

    (void)state;
    snprintf(name, sizeof(name), "@evoke-deaf-%d", getpid());
    cleanup_close int fd = manager(name);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    notify_open(&n);
    for (int i = 0; i < 10000; i++)
        notify_send(&n, "WATCHDOG=1");
    hears(fd, "WATCHDOG=1");
    notify_close(&n);
}

static void a_long_line_is_cut(void **state)
{
    char name[64], text[4000], got[4000];
    struct notify n;

    (void)state;
    snprintf(name, sizeof(name), "@evoke-long-%d", getpid());
    cleanup_close int fd = manager(name);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    notify_open(&n);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    notify_send(&n, "STATUS=%s", text);
    assert_int_equal(recv(fd, got, sizeof(got), 0), 1023);
    notify_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_path_and_an_abstract_name_are_reached),
            cmocka_unit_test(without_a_manager_nothing_is_sent),
            cmocka_unit_test(the_watchdog_is_read_if_it_is_ours),
            cmocka_unit_test(a_manager_that_does_not_listen_blocks_nobody),
            cmocka_unit_test(a_long_line_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_uplink.c - the way out of the router, from the launcher's side.
 *
 *   root   a veth pair. The host's end, masquerade and forwarding are the stub's (net_stub.c), since
 *          the launcher has no privilege on the host: it asks once, when the router is there.
 *   user   pasta(1), one for all boxes: it is a process of the host's network that copies bytes for
 *          an interface in the router. We fork it before we leave the host's network and exec it
 *          when the router is there. So it stays in our user and pid namespaces and dies with us.
 *
 * Both are told a range of addresses that the host does not route. The choice is made under a lock
 * on /run, which is held until the host routes it, or two daemons that start at once would choose
 * the same.
 *
 * pasta's traps: its target must be a path that it may open without ptrace rights, hence a
 * descriptor; it refuses to start with SIGPIPE ignored; --no-map-gw, or the gateway's address is the
 * host's loopback. It connects as a process of the host, so the host's own addresses are shut in the
 * router (net_router.c).
 */
#include "sandbox/net_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"
#include "sandbox/rtnl.h"

enum { PASTA_MS = 5000, LOCK_MS = 5000, LOCK_STEP_MS = 10, TARGET_FD = 9, ADDRESS_TEXT = 16 };

static const char *const pastas[] = {"/usr/bin/pasta", "/usr/local/bin/pasta"};

/* Where to look for a free range, in this order. Multiples of 16384 addresses. */
static const struct {
    uint32_t first, n;
} places[] = {
        {0xc6120000, 8},  /* 198.18.0.0/15, for benchmarks: the least likely to be used */
        {0x0ac80000, 64}, /* 10.200.0.0/12 */
        {0xac1c0000, 16}, /* 172.28.0.0/14 */
        {0xc0a8c000, 1},  /* 192.168.192.0/18 */
};

void uplink_none(struct uplink *u)
{
    *u = (struct uplink){.stub = -EBADF,
                         .go = -EBADF,
                         .pasta = -EBADF,
                         .said = -EBADF,
                         .lock = -EBADF,
                         .host_ask = -EBADF,
                         .host_events = -EBADF,
                         .watch = -EBADF};
}

void uplink_done(struct uplink *u)
{
    siginfo_t gone;

    fd_close(u->stub);
    fd_close(u->go);
    if (u->pasta >= 0) {
        (void)pidfd_send_signal(u->pasta, SIGKILL, NULL, 0);
        (void)waitid(P_PIDFD, (id_t)u->pasta, &gone, WEXITED);
    }
    fd_close(u->pasta);
    fd_close(u->said);
    fd_close(u->lock);
    fd_close(u->host_ask);
    fd_close(u->host_events);
    fd_close(u->watch);
    uplink_none(u);
}

/* ---- a range ---- */

struct candidate {
    uint32_t base;
    bool taken;
};

static uint32_t mask_of(uint8_t prefix)
{
    return prefix ? ~0U << (32 - prefix) : 0;
}

static void check_candidate(void *user, uint32_t address, uint8_t prefix, uint32_t index)
{
    struct candidate *c = user;
    uint32_t mask = mask_of(prefix < NET_RANGE_PREFIX ? prefix : NET_RANGE_PREFIX);

    (void)index;
    if (prefix > 0 && (address & mask) == (c->base & mask))
        c->taken = true;
}

static int choose_range(struct uplink *u, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        for (uint32_t k = 0; k < places[i].n; k++) {
            struct candidate c = {.base = places[i].first + (k << (32 - NET_RANGE_PREFIX))};
            int r = rtnl_each(u->host_ask, RTNL_ROUTES, check_candidate, &c, e);

            if (r >= 0)
                r = rtnl_each(u->host_ask, RTNL_ADDRESSES, check_candidate, &c, e);
            if (r < 0)
                return r;
            if (!c.taken) {
                u->base = c.base;
                return 0;
            }
        }
    }
    return err_set(e, ERR_HOST, -EADDRNOTAVAIL, "the host routes every range we know of");
}

/* ---- pasta ---- */

static void address_text(uint32_t address, char text[ADDRESS_TEXT])
{
    snprintf(text, ADDRESS_TEXT, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
             address >> 8 & 255, address & 255);
}

static const char *find_pasta(void)
{
    for (size_t i = 0; i < ARRAY_LEN(pastas); i++) {
        if (access(pastas[i], X_OK) == 0)
            return pastas[i];
    }
    return NULL;
}

static void forget_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The child: still in the host's network, until its parent has left it. */
static _Noreturn void run_pasta(const struct uplink *u, const char *program, int go, int say)
{
    static char *const environment[] = {NULL};
    char ours[ADDRESS_TEXT], theirs[ADDRESS_TEXT], byte;
    const char *argv[] = {"pasta",
                          "--foreground",
                          "--quiet",
                          "--ipv4-only",
                          "--config-net",
                          "--no-map-gw",
                          "--no-dhcp",
                          "--dns",
                          "none",
                          "-t",
                          "none",
                          "-u",
                          "none",
                          "-T",
                          "none",
                          "-U",
                          "none",
                          "--ns-ifname",
                          NET_UPLINK_NAME,
                          "--address",
                          ours,
                          "--netmask",
                          "30",
                          "--gateway",
                          theirs,
                          "--netns-only",
                          "--netns",
                          "/proc/self/fd/9",
                          NULL};
    int null, target;

    address_text(u->base + NET_ROUTER_END, ours);
    address_text(u->base + NET_HOST_END, theirs);
    forget_signals();
    if (read(go, &byte, 1) != 1)
        _exit(1);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    target = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
    if (null < 0 || target < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(say, 2) < 0 ||
        close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 || dup2(target, TARGET_FD) < 0)
        _exit(1);
    if (target == TARGET_FD)
        (void)fcntl(TARGET_FD, F_SETFD, 0);
    (void)execve(program, (char *const *)argv, environment);
    _exit(127);
}

static int fork_pasta(struct uplink *u, struct err *e)
{
    const char *program = find_pasta();
    cleanup_close int go = -EBADF;
    cleanup_close int say = -EBADF;
    int fds[2];
    pid_t pid;

    if (!program)
        return err_set(e, ERR_HOST, -ENOENT, "pasta is missing (package passt)");
    /* Nobody reads the second one but say_why(): what does not fit is lost, and nobody waits. */
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    go = fds[0];
    u->go = fds[1];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_sys(e, "pipe");
    u->said = fds[0];
    say = fds[1];
    pid = fork();
    if (pid < 0)
        return err_sys(e, "fork");
    if (pid == 0) {
        u->go = fd_close(u->go); /* or we would never see our parent's end */
        run_pasta(u, program, go, say);
    }
    u->pasta = pidfd_open(pid, 0);
    if (u->pasta < 0)
        return err_sys(e, "pidfd");
    return 0;
}

/* The first line of what it said that is no complaint about the system log, which it does not find. */
static int say_why(const struct uplink *u, struct err *e)
{
    char text[1024] = "";
    ssize_t n = read(u->said, text, sizeof text - 1);
    struct str rest = {text, n > 0 ? (size_t)n : 0};

    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        if (line.n > 0 && !str_starts(line, S("Failed to send ")))
            return err_set(e, ERR_HOST, -ECHILD, "pasta: %.*s", STR_ARG(line));
    }
    return err_set(e, ERR_HOST, -ECHILD, "pasta ended at once");
}

static void see_default(void *user, uint32_t address, uint8_t prefix, uint32_t index)
{
    (void)address;
    (void)index;
    if (prefix == 0)
        *(bool *)user = true;
}

/* It says nothing when it is ready, but its last step is a default route. */
static int await_pasta(const struct uplink *u, int ask, int events, struct err *e)
{
    uint64_t until = clock_mono_ns() + PASTA_MS * 1000000ULL;
    struct pollfd p[] = {{.fd = events, .events = POLLIN}, {.fd = u->pasta, .events = POLLIN}};
    char drop[8192];

    for (;;) {
        uint64_t now = clock_mono_ns();
        bool there = false;
        int r = rtnl_each(ask, RTNL_ROUTES, see_default, &there, e);

        if (r < 0 || there)
            return r;
        if (now >= until)
            return err_set(e, ERR_HOST, -ETIMEDOUT, "pasta was not ready within %d s",
                           PASTA_MS / 1000);
        if (poll(p, 2, (int)((until - now) / 1000000) + 1) < 0 && errno != EINTR)
            return err_sys(e, "poll");
        if (p[1].revents)
            return say_why(u, e);
        (void)!recv(events, drop, sizeof drop, MSG_DONTWAIT);
    }
}

static int join_pasta(struct uplink *u, struct err *e)
{
    cleanup_close int ask = -EBADF;
    cleanup_close int events = -EBADF;
    int r;

    r = rtnl_open(0, &ask, e);
    if (r >= 0)
        r = rtnl_open(RTMGRP_IPV4_ROUTE, &events, e);
    if (r >= 0 && write(u->go, "g", 1) != 1)
        r = err_sys(e, "release pasta");
    if (r >= 0)
        r = await_pasta(u, ask, events, e);
    u->go = fd_close(u->go);
    return r;
}

/* ---- the stub ---- */

static int join_stub(struct uplink *u, char *note, size_t size, struct err *e)
{
    const struct net_request ask = {.base = u->base};
    cleanup_close int sock = -EBADF;
    struct net_reply said = {0};
    uint32_t index, mtu;
    int r;

    if (send(u->stub, &ask, sizeof ask, MSG_NOSIGNAL) < 0)
        return err_sys(e, "ask the stub for an uplink");
    if (recv(u->stub, &said, sizeof said, 0) != (ssize_t)sizeof said)
        return err_set(e, ERR_HOST, -EPROTO, "the stub did not answer");
    u->stub = fd_close(u->stub);
    said.text[sizeof said.text - 1] = '\0';
    if (said.code < 0)
        return err_set(e, ERR_HOST, said.code, "%s", said.text);
    snprintf(note, size, "%s", said.text);

    r = rtnl_open(0, &sock, e);
    if (r >= 0)
        r = rtnl_index(sock, NET_UPLINK_NAME, &index, &mtu, e);
    if (r >= 0)
        r = rtnl_address(sock, index, u->base + NET_ROUTER_END, 30, e);
    if (r >= 0)
        r = rtnl_up(sock, index, e);
    if (r >= 0)
        r = rtnl_route(sock, index, 0, 0, u->base + NET_HOST_END, e);
    return r;
}

/* ---- both ---- */

/* Everybody may lock /run, so nobody may keep us waiting: after a while we go on without. */
static int lock_run(struct uplink *u, struct err *e)
{
    u->lock = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (u->lock < 0)
        return err_sys(e, "open /run");
    for (int waited = 0; flock(u->lock, LOCK_EX | LOCK_NB) < 0; waited += LOCK_STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_sys(e, "lock /run");
        if (waited >= LOCK_MS)
            break;
        (void)poll(NULL, 0, LOCK_STEP_MS);
    }
    return 0;
}

int uplink_begin(struct uplink *u, bool root, int stub, struct err *e)
{
    int r;

    uplink_none(u);
    u->root = root;
    u->stub = stub;
    r = lock_run(u, e);
    if (r >= 0)
        r = rtnl_open(0, &u->host_ask, e);
    if (r >= 0)
        r = rtnl_open(RTMGRP_IPV4_IFADDR, &u->host_events, e);
    if (r >= 0)
        r = choose_range(u, e);
    if (r >= 0 && !root)
        r = fork_pasta(u, e);
    return r;
}

static int watch(struct uplink *u, struct err *e)
{
    struct epoll_event ev = {.events = EPOLLIN};

    u->watch = epoll_create1(EPOLL_CLOEXEC);
    if (u->watch < 0 || epoll_ctl(u->watch, EPOLL_CTL_ADD, u->host_events, &ev) < 0 ||
        (u->pasta >= 0 && epoll_ctl(u->watch, EPOLL_CTL_ADD, u->pasta, &ev) < 0))
        return err_sys(e, "watch the uplink");
    return 0;
}

int uplink_join(struct uplink *u, char *note, size_t size, struct err *e)
{
    int r = u->root ? join_stub(u, note, size, e) : join_pasta(u, e);

    if (r >= 0)
        r = watch(u, e);
    u->lock = fd_close(u->lock);
    return r;
}

int uplink_hear(struct uplink *u, struct err *e)
{
    struct pollfd pasta = {.fd = u->pasta, .events = POLLIN};
    char drop[8192];

    while (recv(u->host_events, drop, sizeof drop, MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
        ;
    if (poll(&pasta, 1, 0) <= 0)
        return 0;
    (void)epoll_ctl(u->watch, EPOLL_CTL_DEL, u->pasta, NULL); /* or it would be told for ever */
    return err_set(e, ERR_HOST, -ECHILD, "pasta has ended");
}

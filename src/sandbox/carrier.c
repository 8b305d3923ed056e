/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carrier.c - a fork that lands in another place, with nothing in its pockets.
 *
 * Three processes:
 *
 *   Z  the zygote: an interpreter, 20 MiB of warmed memory, capabilities in the launcher's user
 *      namespace U.
 *   C  the carrier: made by clone3(2) in the slot's pid namespace. It shares Z's memory and stack,
 *      as after vfork(2), so making it copies nothing. It enters the slot's cgroups and namespaces
 *      and forks.
 *   R  the runtime: an ordinary fork of C by libc, so that libc and the interpreter see a plain
 *      fork. It is born in the slot's cgroups (every page it copies is charged there) and
 *      namespaces, becomes nobody (become.h), loads the filter, tells the launcher, and returns.
 *
 * C exits at once. R is an orphan then, and belongs to the slot's init, pid 1 of its namespace,
 * exactly like a runtime that init has exec'ed. Z reaps C and has no other children.
 *
 * What always holds:
 *   (1) R does not return from carrier_fork() before it has lost everything, the socket to the
 *       launcher last. If a step fails the launcher hears why and R exits.
 *   (2) Z's own namespaces do not change. Only where its next child's pid lives does, and it goes
 *       home after each order: a slot that ends must not be held by us.
 *   (3) signals are blocked while C runs: a handler would run in Z's memory.
 *
 * Kernel traps: a process cannot change its own pid namespace, only its children's (setns(2)); the
 * memory cgroup charges whoever owns the memory, so what C touches is charged to Z, and only R's
 * copies to the slot; CLONE_VM drops the registration of rseq(2), and so does a fork after it.
 */
#include "sandbox/carrier.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "sandbox/become.h"
#include "sandbox/filter.h"

enum { FD_INIT, FD_CHANNEL, FD_LOG, FD_CGROUPS };

struct carrier {
    int sock;    /* owned */
    int own_pid; /* owned: Z's pid namespace */
    struct filter filter;
    struct carrier_order order;
    int fds[CARRIER_FDS_MAX]; /* owned, of the order */
    size_t nfds;
};

static void drop_order(struct carrier *c)
{
    for (size_t i = 0; i < c->nfds; i++)
        fd_close(c->fds[i]);
    c->nfds = 0;
}

struct carrier *carrier_free(struct carrier *c)
{
    if (!c)
        return NULL;
    drop_order(c);
    fd_close(c->sock);
    fd_close(c->own_pid);
    filter_done(&c->filter);
    free(c);
    return NULL;
}

int carrier_open(int sock, int filter, struct carrier **ret, struct err *e)
{
    cleanup_close int taken = filter;
    struct carrier *c = xnew(struct carrier);
    int r;

    c->sock = sock;
    c->own_pid = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (c->own_pid < 0)
        r = err_sys(e, "open our pid namespace");
    else
        r = filter_restore(taken, &c->filter, e);
    if (r < 0) {
        carrier_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

static int reply(const struct carrier *c, enum carrier_type type, const struct err *why)
{
    struct carrier_reply m = {.type = type, .serial = c->order.serial, .pid = getpid()};

    if (why)
        m.err = *why;
    return send(c->sock, &m, sizeof m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int carrier_ready(struct carrier *c, struct err *e)
{
    int r = reply(c, CARRIER_READY, NULL);

    return r < 0 ? err_set(e, ERR_HOST, r, "tell the launcher") : 0;
}

int carrier_wait(struct carrier *c, struct err *e)
{
    ssize_t n;

    do {
        c->nfds = CARRIER_FDS_MAX;
        n = io_recv_fds(c->sock, &c->order, sizeof c->order, c->fds, &c->nfds);
    } while (n == -EINTR);
    if (n <= 0)
        c->nfds = 0;
    if (n == 0 || n == -ECONNRESET)
        return 0;
    if (n < 0)
        return err_set(e, ERR_HOST, (int)n, "hear the launcher");
    if (n != (ssize_t)sizeof c->order || c->order.type != CARRIER_ORDER ||
        c->order.ntasks > CARRIER_TASKS_MAX ||
        c->nfds != FD_CGROUPS + c->order.ntasks + (c->order.v2 ? 1 : 0))
        return err_set(e, ERR_HOST, -EPROTO, "what the launcher said is no order");
    return 1;
}

/* clone3(2) without a stack of its own: the child goes on in this very frame, as after vfork(2).
 * Inlined, because a return from here in the child would spoil the parent's return address. */
static inline __attribute__((always_inline)) long clone_in_place(const struct clone_args *args)
{
#if defined(__x86_64__)
    long r;

    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "0"((long)SYS_clone3), "D"(args), "S"(sizeof *args)
                     : "rcx", "r11", "memory");
    return r;
#elif defined(__aarch64__)
    register long r __asm__("x0") = (long)args;
    register long size __asm__("x1") = sizeof *args;
    register long nr __asm__("x8") = SYS_clone3;

    __asm__ volatile("svc #0" : "+r"(r) : "r"(size), "r"(nr) : "memory");
    return r;
#else
#error "clone_in_place() is not written for this machine"
#endif
}

/* libc believes that this thread is registered, and would trust a number nobody updates. */
static void register_rseq(void)
{
    if (__rseq_size > 0)
        (void)syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset,
                      sizeof(struct rseq), 0, RSEQ_SIG);
}

/* In R: the way down. */
static int settle(struct carrier *c, struct err *e)
{
    int sock = fcntl(c->sock, F_DUPFD_CLOEXEC, BECOME_HIGH_FD), r;

    if (sock < 0)
        return err_sys(e, "keep the launcher's socket");
    c->sock = sock; /* the descriptor 3 that it was becomes the channel */
    r = become_place(c->fds[FD_CHANNEL], c->fds[FD_LOG], e);
    if (r >= 0)
        r = become_runtime(c->order.uid, &c->order.limits, c->order.hard_memory, e);
    if (r >= 0)
        r = filter_load(&c->filter, e);
    return r;
}

/* In C: into the slot. */
static int enter(const struct carrier *c, struct err *e)
{
    for (uint32_t i = 0; i < c->order.ntasks; i++) {
        if (write(c->fds[FD_CGROUPS + i], "0", 1) < 0)
            return err_sys(e, "enter the slot's cgroups");
    }
    if (setns(c->fds[FD_INIT],
              CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP) < 0)
        return err_sys(e, "enter the slot's namespaces");
    return become_session(e);
}

/* In C, on Z's stack and in Z's memory. Returns in R only. */
static __attribute__((noinline)) int carry(struct carrier *c)
{
    struct err e = {0};
    pid_t pid = -1;

    if (enter(c, &e) >= 0) {
        pid = fork();
        if (pid == 0)
            return 0;
        if (pid < 0)
            (void)err_sys(&e, "fork from the zygote");
    }
    if (pid < 0)
        (void)reply(c, CARRIER_DONE, &e);
    _exit(0);
}

/* Returns C's pid in Z, 0 in R, -errno. Nothing but the system call may be in this frame: C and R
 * run through it too, before Z does. */
static __attribute__((noinline)) long ride(struct carrier *c, const struct clone_args *args)
{
    long r = clone_in_place(args);

    if (r == 0) {
        r = carry(c);
        /* No tail call: it would give up this frame, to which Z still has to return. */
        __asm__ volatile("" : "+r"(r));
    }
    return r;
}

static int become_child(struct carrier *c)
{
    struct err e = {0};

    register_rseq();
    if (settle(c, &e) < 0) {
        (void)reply(c, CARRIER_DONE, &e);
        _exit(127);
    }
    if (reply(c, CARRIER_DONE, NULL) < 0)
        _exit(127);
    /* Ours and whatever the interpreter had open. */
    if (close_range(BECOME_FIRST_FREE_FD, ~0U, 0) < 0)
        _exit(127);
    c->sock = c->own_pid = -EBADF;
    c->nfds = 0;
    return 0;
}

int carrier_fork(struct carrier *c, struct err *e)
{
    struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};
    struct err why = {0};
    sigset_t all, before;
    long pid = -1;

    if (c->order.v2) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)c->fds[FD_CGROUPS + c->order.ntasks];
    }
    sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    if (setns(c->fds[FD_INIT], CLONE_NEWPID) < 0) {
        (void)err_sys(&why, "enter the slot's pid namespace");
    } else {
        pid = ride(c, &args);
        if (pid < 0)
            (void)err_set(&why, ERR_HOST, (int)pid, "clone the carrier");
    }
    if (pid == 0) {
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        return become_child(c);
    }

    if (pid > 0) {
        while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
            ;
    } else {
        (void)reply(c, CARRIER_DONE, &why);
    }
    drop_order(c);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (setns(c->own_pid, CLONE_NEWPID) < 0)
        return err_sys(e, "return to our own pid namespace");
    return 1;
}

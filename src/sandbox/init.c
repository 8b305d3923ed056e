/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init.c - the first process of a slot: prepares it, waits for orders, then only reaps.
 *
 * The launcher clones us into fresh pid, ipc and uts namespaces. We are its copy, so we never exec;
 * we never allocate either. Two processes live in this file:
 *
 *   I  init, pid 1. Uid 0 of the launcher's user namespace U, with all capabilities in U until it
 *      has attached the code. Enters the cgroups first, so that every page after is charged there;
 *      takes a copy of the mount template; tells that it is ready; waits. When the last order is
 *      carried out it drops everything, says so, and waits for R and for orphans. When R ends, I
 *      tells its status and exits, and the kernel kills whatever R had left behind.
 *   R  the runtime. Forked with I's capabilities, gives them all up and execs; or it comes from a
 *      zygote (carrier.c), and all I knows of it is its pid.
 *
 * R may run before the code is there (a spare): it is our own program then, already with nothing,
 * and it waits on a channel whose other end the launcher holds back. No user code runs before both
 * have dropped everything: an R that is exec'ed with the code in place waits at a gate that I opens
 * last, and any other gets its first request after I has said READY.
 *
 * What always holds:
 *   (1) R has descriptors 0 to 3 and nothing else (the rest is close-on-exec).
 *   (2) I reads nothing from inside, so nothing inside can talk to it, and as pid 1 it ignores
 *       every signal from inside. After READY it reads nothing at all.
 *   (3) a step that fails is told once, as SANDBOX_FAILED, and ends the slot.
 *
 * SIGKILL to I from outside ends everything; then no note says SANDBOX_ENDED.
 */
#include "sandbox/init.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "sandbox/become.h"
#include "sandbox/mount.h"
#include "sandbox/net.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp.h"
#include "sandbox/userns.h"

static const char hostname[] = "function";

/* Built from nothing: the daemon sends the rest over the channel. */
static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
                                          "HOME=/tmp", NULL};

enum { ARGS_MAX = 32 };

/* I's state; its plan is the launcher's memory at the moment of the clone. */
struct init {
    const struct init_plan *plan;
    struct init_order order;
    int code, layers, channel, log; /* owned, of the order */
    pid_t runtime;                  /* 0: none yet */
};

static void tell(int sock, enum sandbox_note_type type, int status, const struct err *e)
{
    struct sandbox_note note = {.type = type, .status = status};

    if (e)
        note.err = *e;
    /* The launcher may be gone: then so are we. write(2), which our filter allows. */
    if (write(sock, &note, sizeof note) != (ssize_t)sizeof note)
        _exit(1);
}

static _Noreturn void fail(const struct init *in, const struct err *e)
{
    tell(in->plan->sock, SANDBOX_FAILED, 0, e);
    _exit(0);
}

/* The launcher's other descriptors (sockets of the daemon, other instances) must not stay open in
 * a process that outlives this moment. */
static int close_others(const int *keep, size_t n, struct err *e)
{
    unsigned from = 3;

    while (from <= (unsigned)INT32_MAX) {
        unsigned next = (unsigned)INT32_MAX + 1;

        for (size_t i = 0; i < n; i++) {
            if (keep[i] >= (int)from && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        }
        if (next > from && close_range(from, next - 1, 0) < 0)
            return err_sys(e, "close descriptors");
        from = next + 1;
    }
    return 0;
}

static int build(const struct init_plan *plan, struct err *e)
{
    int r = cgroup_enter(plan->door, true, e);

    if (r < 0)
        return r;
    /* NEWCGROUP only now: it hides the path above the cgroup we are in. */
    if (setns(plan->template_ns, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
        return err_sys(e, "take a copy of the mount template");
    if (plan->net_ns >= 0 && setns(plan->net_ns, CLONE_NEWNET) < 0)
        return err_sys(e, "enter the network namespace");
    if (plan->net_ns < 0)
        r = net_lo_up(e);
    if (r >= 0)
        r = close_others(&plan->sock, 1, e);
    if (r >= 0)
        r = mount_private(plan->tmp_mb, e);
    if (r >= 0 && sethostname(hostname, sizeof hostname - 1) < 0)
        r = err_sys(e, "set the host name");
    if (r >= 0)
        r = become_session(e);
    return r;
}

/* Dispositions set to "ignore" survive exec: whoever started the keeper may have left some. */
static void reset_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int prepare_runtime(const struct init *in, int gate, struct err *e)
{
    const struct init_order *o = &in->order;
    char byte;
    int r;

    reset_signals();
    r = become_place(in->channel, in->log, e);
    if (r >= 0)
        r = become_runtime(o->uid, &o->limits, o->hard_memory, e);
    if (r >= 0 && chdir(o->cwd) < 0)
        r = err_sys(e, "enter '%s' (is the code readable by everybody?)", o->cwd);
    /* EOF: init has dropped everything too, or need not yet. */
    if (r >= 0 && read(gate, &byte, 1) != 0)
        r = err_sys(e, "wait for init");
    if (r >= 0)
        r = filter_load(in->plan->runtime_filter, e);
    return r;
}

static _Noreturn void run_runtime(struct init *in, int gate, int failure)
{
    char *argv[ARGS_MAX + 1] = {NULL}, *p = in->order.argv;
    struct err e = {0};
    int fds[2] = {fcntl(gate, F_DUPFD_CLOEXEC, BECOME_HIGH_FD),
                  fcntl(failure, F_DUPFD_CLOEXEC, BECOME_HIGH_FD)};

    for (size_t i = 0; i < ARGS_MAX && *p; i++, p += strlen(p) + 1)
        argv[i] = p;
    assert(argv[0]); /* runtimes_add() takes no empty command */
    if (fds[0] >= 0 && fds[1] >= 0 && prepare_runtime(in, fds[0], &e) >= 0) {
        (void)execve(argv[0], argv, (char *const *)environment);
        (void)err_sys(&e, "run '%s'", argv[0]);
    }
    if (e.code == 0)
        (void)err_sys(&e, "set up the runtime");
    (void)!write(fds[1], &e, sizeof e);
    _exit(127);
}

/* Forked, with the pipes that go with it: close gate_open to let R go; failure_read then gives an
 * error, or EOF once R has exec'ed. */
static int fork_runtime(struct init *in, int *ret_gate_open, int *ret_failure_read, struct err *e)
{
    cleanup_close int gate_read = -EBADF;
    cleanup_close int gate_write = -EBADF;
    cleanup_close int failure_read = -EBADF;
    cleanup_close int failure_write = -EBADF;
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    gate_read = fds[0];
    gate_write = fds[1];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    failure_read = fds[0];
    failure_write = fds[1];

    pid = fork();
    if (pid < 0)
        return err_sys(e, "fork the runtime");
    if (pid == 0) {
        fd_close(gate_write);
        fd_close(failure_read);
        run_runtime(in, gate_read, failure_write);
    }

    in->runtime = pid;
    in->channel = fd_close(in->channel);
    in->log = fd_close(in->log);
    *ret_gate_open = TAKE_FD(gate_write);
    *ret_failure_read = TAKE_FD(failure_read);
    return 0;
}

/* Open the gate and wait until R has become its program. */
static int let_go(int gate, int failure, struct err *e)
{
    struct err said;

    fd_close(gate);
    if (read(failure, &said, sizeof said) == (ssize_t)sizeof said) {
        *e = said;
        return e->code;
    }
    fd_close(failure);
    return 0;
}

/* Nothing is left to us but our socket and R's failure pipe. */
static int drop_everything(const struct init *in, const int *keep, size_t n, struct err *e)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int r;

    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
        return err_sys(e, "point init's descriptors at /dev/null");
    r = close_others(keep, n, e);
    if (r >= 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        r = err_sys(e, "prctl");
    if (r >= 0)
        r = userns_drop_all(e);
    if (r >= 0)
        r = filter_load(in->plan->init_filter, e);
    return r;
}

static int attach_code(const struct init *in, struct err *e)
{
    int r = mount_attach(in->code, in->order.code_at, e);

    if (r >= 0 && in->layers >= 0)
        r = mount_attach(in->layers, in->order.layers_at, e);
    if (r >= 0)
        r = mount_resize_tmp(in->order.limits.tmp_mb, e);
    return r;
}

/* R is waited for as the last thing we do. */
static _Noreturn void reap(const struct init *in)
{
    int status;
    pid_t pid;

    do {
        pid = waitpid(-1, &status, 0);
    } while (pid != in->runtime && (pid > 0 || errno == EINTR));
    tell(in->plan->sock, SANDBOX_ENDED, status, NULL);
    _exit(0);
}

static void on_run(struct init *in)
{
    int gate = -EBADF, failure = -EBADF;
    struct err e = {0};

    if (fork_runtime(in, &gate, &failure, &e) < 0 || let_go(gate, failure, &e) < 0)
        fail(in, &e);
    tell(in->plan->sock, SANDBOX_RUNNING, 0, NULL);
}

/* A fork of the zygote becomes our child when its carrier has exited. That is at once, but on a busy
 * machine perhaps after R has told that it runs. The launcher's deadline ends a wait in vain. */
static void await_child(pid_t pid)
{
    const struct timespec moment = {.tv_nsec = 100000};

    while (waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
        (void)nanosleep(&moment, NULL);
}

static _Noreturn void on_attach(struct init *in)
{
    const struct init_order *o = &in->order;
    struct err e = {0};

    if (o->runtime > 0)
        in->runtime = o->runtime;
    await_child(in->runtime);
    if (attach_code(in, &e) < 0 || limits_lower(in->runtime, &o->limits, o->hard_memory, &e) < 0 ||
        drop_everything(in, &in->plan->sock, 1, &e) < 0)
        fail(in, &e);
    /* It may have died while nobody needed it. */
    if (waitpid(in->runtime, NULL, WNOHANG) != 0) {
        (void)err_set(&e, ERR_HOST, -ECHILD, "the runtime ended before it was needed");
        fail(in, &e);
    }
    tell(in->plan->sock, SANDBOX_READY, 0, NULL);
    reap(in);
}

static _Noreturn void on_start(struct init *in)
{
    int gate = -EBADF, failure = -EBADF;
    struct err e = {0};

    if (attach_code(in, &e) < 0 || fork_runtime(in, &gate, &failure, &e) < 0 ||
        drop_everything(in, (int[]){in->plan->sock, gate, failure}, 3, &e) < 0 ||
        let_go(gate, failure, &e) < 0)
        fail(in, &e);
    tell(in->plan->sock, SANDBOX_READY, 0, NULL);
    reap(in);
}

static const struct {
    void (*run)(struct init *in);
    size_t nfds; /* in the order channel, log, code; and one more for layers */
    bool channel, code;
} orders[] = {
        [INIT_RUN] = {on_run, 2, .channel = true},
        [INIT_ATTACH] = {on_attach, 1, .code = true},
        [INIT_START] = {on_start, 3, .channel = true, .code = true},
};

static void take_order(struct init *in)
{
    int fds[INIT_ORDER_FDS], *fd = fds;
    size_t nfds = INIT_ORDER_FDS;
    const struct init_order *o = &in->order;
    struct err e = {0};
    bool layers;
    ssize_t n;

    do {
        n = io_recv_fds(in->plan->sock, &in->order, sizeof in->order, fds, &nfds);
    } while (n == -EINTR);
    if (n == 0 || n == -ECONNRESET)
        _exit(0); /* nobody wants this slot any more */
    layers = n == (ssize_t)sizeof *o && o->layers_at[0];
    if (n != (ssize_t)sizeof *o || o->type >= ARRAY_LEN(orders) || !orders[o->type].run ||
        orders[o->type].nfds + layers != nfds || (layers && !orders[o->type].code)) {
        (void)err_set(&e, ERR_HOST, -EPROTO, "init was told something that is no order");
        fail(in, &e);
    }
    if (orders[o->type].channel) {
        in->channel = *fd++;
        in->log = *fd++;
    }
    if (orders[o->type].code)
        in->code = *fd++;
    if (layers)
        in->layers = *fd;
    orders[o->type].run(in);
}

_Noreturn void init_run(const struct init_plan *plan)
{
    struct init in = {
            .plan = plan, .code = -EBADF, .layers = -EBADF, .channel = -EBADF, .log = -EBADF};
    struct err e = {0};

    if (build(plan, &e) < 0)
        fail(&in, &e);
    tell(plan->sock, SANDBOX_MADE, 0, NULL);
    for (;;)
        take_order(&in);
}

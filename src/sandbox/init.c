/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init.c - the first process of an instance builds the rest of it, then only reaps.
 *
 * The launcher clones us into fresh pid, ipc, uts and network namespaces. We are its copy, so we
 * never exec; we never allocate either. Two processes live in this file:
 *
 *   I  init, pid 1. Uid 0 of the launcher's user namespace U, with all capabilities in U until the
 *      runtime is forked. Enters the cgroups first, so that every page after is charged there;
 *      takes a copy of the mount template; attaches code; forks R; drops everything; opens the
 * gate; tells the launcher; then waits for R and orphans. When R ends, I tells its status and
 * exits, and the kernel kills whatever R had left behind. R  the runtime, pid 2. Forked with I's
 * capabilities, gives them all up, waits at the gate and execs. No user code runs before both have
 * dropped everything.
 *
 * What always holds:
 *   (1) R has descriptors 0 to 3 and nothing else (the rest is close-on-exec).
 *   (2) I has only its notes pipe once R runs. It reads nothing from inside, so nothing inside can
 *       talk to it, and as pid 1 it ignores every signal from inside.
 *   (3) a step that fails is told once, as SANDBOX_FAILED, and ends the instance.
 *
 * SIGKILL to I from outside ends everything; then no note says SANDBOX_ENDED.
 */
#include "sandbox/init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"
#include "sandbox/mount.h"
#include "sandbox/net.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp.h"
#include "sandbox/userns.h"

static const char hostname[] = "function";

/* Built from nothing: the daemon sends the rest over the channel. */
static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
                                          "HOME=/tmp", NULL};

enum { FIRST_FREE_FD = 4, CHANNEL_FD = 3, HIGH_FD = 64 };

static _Noreturn void tell_and_exit(int notes, enum sandbox_note_type type, int status,
                                    const struct err *e)
{
    struct sandbox_note note = {.type = type, .status = status};

    if (e)
        note.err = *e;
    /* Smaller than PIPE_BUF, so whole or not at all. The launcher may be gone: then so are we. */
    _exit(write(notes, &note, sizeof note) == (ssize_t)sizeof note ? 0 : 1);
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
    const struct sandbox_spec *spec = plan->spec;
    const int keep[] = {plan->notes, spec->code, spec->channel, spec->log};
    int r;

    r = cgroup_enter(plan->door, true, e);
    if (r < 0)
        return r;
    /* NEWCGROUP only now: it hides the path above the cgroup we are in. */
    if (setns(plan->template_ns, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
        return err_sys(e, "take a copy of the mount template");

    r = close_others(keep, ARRAY_LEN(keep), e);
    if (r >= 0)
        r = net_lo_up(e);
    if (r >= 0)
        r = mount_private(spec->limits.tmp_mb, e);
    if (r >= 0)
        r = mount_attach(spec->code, spec->code_at, e);
    if (r >= 0 && sethostname(hostname, sizeof hostname - 1) < 0)
        r = err_sys(e, "set the host name");
    return r;
}

/* Descriptors of R: /dev/null, log, log, channel. By way of high numbers, since the ones we got
 * may be any, 0 to 3 included. */
static int place_descriptors(const struct sandbox_spec *spec, struct err *e)
{
    int channel = fcntl(spec->channel, F_DUPFD_CLOEXEC, HIGH_FD);
    int log = fcntl(spec->log, F_DUPFD_CLOEXEC, HIGH_FD);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (channel < 0 || log < 0 || null < 0)
        return err_sys(e, "duplicate descriptors");
    if (dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || dup2(channel, CHANNEL_FD) < 0)
        return err_sys(e, "place descriptors");
    if (close_range(FIRST_FREE_FD, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return err_sys(e, "mark descriptors");
    return 0;
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

static int become_runtime(const struct init_plan *plan, int gate, struct err *e)
{
    const struct sandbox_spec *spec = plan->spec;
    char byte;
    int r;

    reset_signals();
    r = userns_become(spec->uid, SANDBOX_INNER_ID, e);
    if (r >= 0)
        r = limits_apply(&spec->limits, plan->hard_memory, e);
    if (r >= 0)
        r = userns_drop_all(e);
    if (r >= 0)
        r = landlock_scope(e);
    if (r >= 0 && chdir(spec->cwd) < 0)
        r = err_sys(e, "enter '%s' (is the code readable by everybody?)", spec->cwd);
    /* EOF: init has dropped everything too. */
    if (r >= 0 && read(gate, &byte, 1) != 0)
        r = err_sys(e, "wait for init");
    if (r >= 0)
        r = filter_load(plan->runtime_filter, e);
    return r;
}

static _Noreturn void run_runtime(const struct init_plan *plan, int gate, int failure)
{
    const struct sandbox_spec *spec = plan->spec;
    struct err e = {0};
    int fds[2] = {fcntl(gate, F_DUPFD_CLOEXEC, HIGH_FD), fcntl(failure, F_DUPFD_CLOEXEC, HIGH_FD)};

    if (fds[0] >= 0 && fds[1] >= 0 && place_descriptors(spec, &e) >= 0 &&
        become_runtime(plan, fds[0], &e) >= 0) {
        (void)execve(spec->argv[0], spec->argv, (char *const *)environment);
        (void)err_sys(&e, "run '%s'", spec->argv[0]);
    }
    if (e.code == 0)
        (void)err_sys(&e, "set up the runtime");
    (void)!write(fds[1], &e, sizeof e);
    _exit(127);
}

/* Forked, with the pipes that go with it: close gate_open to let R go; failure_read then gives an
 * error, or EOF once R has exec'ed. */
static int fork_runtime(const struct init_plan *plan, pid_t *ret_pid, int *ret_gate_open,
                        int *ret_failure_read, struct err *e)
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
        run_runtime(plan, gate_read, failure_write);
    }

    *ret_pid = pid;
    *ret_gate_open = TAKE_FD(gate_write);
    *ret_failure_read = TAKE_FD(failure_read);
    return 0;
}

/* Nothing is left to us but our notes and R's failure pipe. */
static int drop_everything(const struct init_plan *plan, const int *keep, size_t n, struct err *e)
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
        r = filter_load(plan->init_filter, e);
    return r;
}

_Noreturn void init_run(const struct init_plan *plan)
{
    struct sandbox_note ready = {.type = SANDBOX_READY};
    struct err e = {0};
    int gate = -EBADF, failure = -EBADF, status;
    pid_t runtime = -1, pid;

    if (build(plan, &e) < 0 || fork_runtime(plan, &runtime, &gate, &failure, &e) < 0)
        tell_and_exit(plan->notes, SANDBOX_FAILED, 0, &e);
    if (drop_everything(plan, (int[]){plan->notes, gate, failure}, 3, &e) < 0)
        tell_and_exit(plan->notes, SANDBOX_FAILED, 0, &e);

    (void)close(gate);
    if (read(failure, &e, sizeof e) == (ssize_t)sizeof e)
        tell_and_exit(plan->notes, SANDBOX_FAILED, 0, &e);
    (void)close(failure);
    if (write(plan->notes, &ready, sizeof ready) != (ssize_t)sizeof ready)
        _exit(1);

    do {
        pid = waitpid(-1, &status, 0);
    } while (pid != runtime && (pid > 0 || errno == EINTR));
    tell_and_exit(plan->notes, SANDBOX_ENDED, status, NULL);
}

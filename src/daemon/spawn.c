/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.c - fork, then only what is needed before execve.
 *
 * The environment is built from nothing. Descriptors are first moved out of the way (above 100), so
 * that putting them at 3, 4, ... cannot overwrite one that is still wanted; everything else is
 * closed. The death signal is set after the change of user, because that change clears it
 * (prctl(2)). The program's directory is opened before it: a build tree below /root or a private
 * home can be run although the new user could not walk to it.
 */
#include "daemon/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

enum { MAX_FDS = 8, MAX_ENV = 32, ABOVE = 100 };

static const struct log_cx cx = {.component = "spawn"};

static int place_descriptors(const struct spawn *s)
{
    int moved[MAX_FDS];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return -errno;
    for (size_t i = 0; i < s->nfds; i++) {
        moved[i] = fcntl(s->fds[i], F_DUPFD, ABOVE);
        if (moved[i] < 0)
            return -errno;
    }
    for (size_t i = 0; i < s->nfds; i++)
        if (dup2(moved[i], 3 + (int)i) < 0)
            return -errno;
    if (syscall(SYS_close_range, 3 + (unsigned)s->nfds, ~0U, 0) < 0)
        return -errno;
    return 0;
}

static int drop_to(uid_t uid)
{
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return 0;
}

/* Where execveat() will look for the program. Not a descriptor of the program itself: the kernel
 * would name the process after its number (execveat(2)).
 */
static int open_directory_of(const char *program)
{
    const char *slash = strrchr(program, '/');
    cleanup_free char *dir = xasprintf("%.*s", (int)(slash - program), program);

    return open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void build_environment(const struct spawn *s, char *env[MAX_ENV])
{
    size_t n = 0;

    for (size_t i = 0; s->keep && s->keep[i] && n < MAX_ENV - 1; i++) {
        const char *value = getenv(s->keep[i]);

        if (value)
            env[n++] = xasprintf("%s=%s", s->keep[i], value);
    }
    env[n] = NULL;
}

__attribute__((noreturn)) static void be_child(const struct spawn *s, pid_t parent, char **env)
{
    sigset_t none;
    int dir, r;

    log_plain();
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (chdir(s->directory ? s->directory : "/") < 0) {
        log_err(&cx, "enter '%s': %s", s->directory, strerror(errno));
        _exit(127);
    }
    r = place_descriptors(s);
    dir = open_directory_of(s->program);
    if (r == 0 && s->drop)
        r = drop_to(s->uid);
    if (r < 0) {
        log_err(&cx, "prepare '%s': %s", s->argv[0], strerror(-r));
        _exit(127);
    }

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent)
        _exit(127); /* the parent died before the line above */
    execveat(dir, strrchr(s->program, '/') + 1, (char *const *)s->argv, env, 0);
    log_err(&cx, "run '%s': %s", s->program, strerror(errno));
    _exit(127);
}

pid_t spawn_child(const struct spawn *s, int *ret_pidfd, struct err *e)
{
    char *env[MAX_ENV];
    pid_t parent = getpid(), pid;
    int pidfd;

    assert(s->nfds <= MAX_FDS);
    build_environment(s, env);
    pid = fork();
    if (pid == 0)
        be_child(s, parent, env);
    for (size_t i = 0; env[i]; i++)
        free(env[i]);
    if (pid < 0)
        return err_sys(e, "fork for '%s'", s->argv[0]);

    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        int r = err_sys(e, "open a pidfd of '%s'", s->argv[0]);

        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return r;
    }
    *ret_pidfd = pidfd;
    return pid;
}

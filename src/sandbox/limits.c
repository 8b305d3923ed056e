/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.c - rlimits of a runtime.
 *
 * The cgroup is the hard limit where there is one (cgroup.c). These hold as well, per process or,
 * for the number of processes, per user namespace. Where no cgroup can be had they are all there
 * is, and the launcher's HELLO says so.
 */
#include "sandbox/limits.h"

#include <sys/resource.h>

#include "base/err.h"
#include "base/obj.h"

enum {
    FILES_MAX = 2048, /* FunctionGraph's own number */
    /* Not 0: where core_pattern is a pipe the kernel ignores the limit and would run the host's
     * handler, as root, on what a function made of its memory. 1 is the value it starts such
     * handlers with, and no dump at all (fs/coredump.c); for a file it is too small anyway.
     * seccomp.c keeps a function from lowering it to 0. */
    CORE_BYTES = 1,
    MEMLOCK_BYTES = 64 << 10, /* what an ordinary login has */
    STACK_BYTES = 8 << 20,
    SIGNALS_MAX = 1024,
};

int limits_lower(pid_t pid, const struct limits *l, bool hard_memory, struct err *e)
{
    const struct {
        __rlimit_resource_t resource;
        const char *name;
        rlim_t value;
    } wanted[] = {
            {RLIMIT_NPROC, "processes", l->pids},
            {RLIMIT_NOFILE, "open files", FILES_MAX},
            {RLIMIT_CORE, "core size", CORE_BYTES},
            {RLIMIT_MEMLOCK, "locked memory", MEMLOCK_BYTES},
            {RLIMIT_MSGQUEUE, "message queues", 0},
            {RLIMIT_STACK, "stack", STACK_BYTES},
            {RLIMIT_SIGPENDING, "pending signals", SIGNALS_MAX},
            {RLIMIT_RTPRIO, "real-time priority", 0},
            {RLIMIT_DATA, "data", hard_memory ? RLIM_INFINITY : (rlim_t)l->memory_mb << 20},
    };

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        struct rlimit now, next = {wanted[i].value, wanted[i].value};

        if (prlimit(pid, wanted[i].resource, NULL, &now) < 0)
            return err_sys(e, "read the limit of %s", wanted[i].name);

        /* Nobody here may raise a hard limit; the host's stricter one stands. */
        if (next.rlim_max > now.rlim_max)
            next.rlim_cur = next.rlim_max = now.rlim_max;
        if (prlimit(pid, wanted[i].resource, &next, NULL) < 0)
            return err_sys(e, "limit %s", wanted[i].name);
    }

    return 0;
}

int limits_apply(const struct limits *l, bool hard_memory, struct err *e)
{
    return limits_lower(0, l, hard_memory, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h - what an instance may use, and the rlimits that say so per process. */
#ifndef EVOKE_SANDBOX_LIMITS_H
#define EVOKE_SANDBOX_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct limits {
    uint32_t memory_mb;
    uint32_t pids; /* processes and threads of the function, our init not counted */
    uint32_t tmp_mb;
    uint32_t cpu_weight; /* 100 is the default share */
    uint32_t cpu_quota;  /* thousandths of a CPU; 0: none */
};

/*
 * Set the rlimits of the calling process, soft and hard. Call it inside the runtime's own user
 * namespace: RLIMIT_NPROC is counted per user namespace, so set there it holds per instance, set
 * before it would hold for all of them together.
 *
 * hard_memory  a cgroup holds the memory limit; else RLIMIT_DATA does, per process
 */
int limits_apply(const struct limits *l, bool hard_memory, struct err *e);
/* The same for a process that runs already; by who has capabilities above its user namespace. */
int limits_lower(pid_t pid, const struct limits *l, bool hard_memory, struct err *e);

#endif

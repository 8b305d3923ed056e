/* SPDX-License-Identifier: Apache-2.0 */
/* become.h - the last steps of a process that will run what a user wrote. */
#ifndef EVOKE_SANDBOX_BECOME_H
#define EVOKE_SANDBOX_BECOME_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct limits;

enum { BECOME_CHANNEL_FD = 3, BECOME_FIRST_FREE_FD, BECOME_HIGH_FD = 64 };

/*
 * For the parent of a runtime: a session, and with it a process group, of the slot. Two things hang
 * on them. kill(0) reaches a whole group, through every pid namespace: where one uid is all that is
 * mapped, the launcher's group would be the daemon, the keeper and the user's shell. And without a
 * cgroup the scheduler shares the CPU by sessions (autogroup), so that a thousand processes of one
 * slot count as one. By the parent, so that the runtime is no leader and may call setsid() itself.
 */
int become_session(struct err *e);

/*
 * Descriptors of a runtime: /dev/null, log, log, channel. All others are marked close-on-exec.
 * Descriptors that are still needed must be at BECOME_HIGH_FD or above by then.
 */
int become_place(int channel, int log, struct err *e);

/*
 * From uid 0 with capabilities in the launcher's user namespace to an ordinary uid, alone in a
 * namespace that owns nothing: rlimits, no capabilities, no_new_privs, Landlock. Only the system
 * call filter is left for the caller to load, who may have something to wait for.
 *
 * uid  in the launcher's namespace; 0 where it is the only one mapped
 */
int become_runtime(uint32_t uid, const struct limits *limits, bool hard_memory, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * become.c - what every runtime goes through, whether it was exec'ed by init or forked by a zygote.
 *
 * The order matters: the uid first, since it needs capabilities; then a user namespace of its own;
 * rlimits in it (RLIMIT_NPROC counts per user namespace); capabilities and the way back to them;
 * Landlock, which needs no_new_privs.
 */
#include "sandbox/become.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "sandbox/filter.h"
#include "sandbox/limits.h"
#include "sandbox/sandbox.h"
#include "sandbox/userns.h"

/* By way of high numbers, since the ones we got may be any, 0 to 3 included. */
int become_place(int channel, int log, struct err *e)
{
    int high_channel = fcntl(channel, F_DUPFD_CLOEXEC, BECOME_HIGH_FD);
    int high_log = fcntl(log, F_DUPFD_CLOEXEC, BECOME_HIGH_FD);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (high_channel < 0 || high_log < 0 || null < 0)
        return err_sys(e, "duplicate descriptors");
    if (dup2(null, 0) < 0 || dup2(high_log, 1) < 0 || dup2(high_log, 2) < 0 ||
        dup2(high_channel, BECOME_CHANNEL_FD) < 0)
        return err_sys(e, "place descriptors");
    if (close_range(BECOME_FIRST_FREE_FD, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return err_sys(e, "mark descriptors");
    return 0;
}

int become_session(struct err *e)
{
    return setsid() < 0 ? err_sys(e, "begin a session") : 0;
}

int become_runtime(uint32_t uid, const struct limits *limits, bool hard_memory, struct err *e)
{
    int r = userns_become(uid, SANDBOX_INNER_ID, e);

    if (r >= 0)
        r = limits_apply(limits, hard_memory, e);
    if (r >= 0)
        r = userns_drop_all(e);
    if (r >= 0)
        r = landlock_scope(e);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* launch.h - the daemon's end of the launcher's socket: start and kill instances, hear of their
 * end. */
#ifndef EVOKE_POOL_LAUNCH_H
#define EVOKE_POOL_LAUNCH_H

#include "launcher/proto.h"

struct launch; /* opaque */
struct launched;
struct loop;

struct launch *launch_new(struct loop *l);
struct launch *launch_free(struct launch *la);
/* A socket to a (new) launcher; taken. Whatever ran under the one before is reported as exited. */
void launch_adopt(struct launch *la, int sock);
const struct launch_hello *launch_hello(const struct launch *la); /* NULL before the first HELLO */
/* What it keeps ready, runtime by runtime from 0 on; NULL: no more, or it has not told. */
const struct launch_stock *launch_stock(const struct launch *la, size_t i);
/* Called at each HELLO, and with NULL when a launcher that said it is gone. */
void launch_on_hello(struct launch *la, void (*fn)(void *user, const struct launch_hello *h),
                     void *user);

/* What STARTED brings: owned descriptors, -EBADF for what is not there. */
struct launched_fds {
    int channel, output, memory_peak, freezer, endpoint;
    enum launch_how how;
};
void launched_fds_close(struct launched_fds *fds);

struct launched_ops {
    /* Descriptors that are kept are set to -EBADF; the others are closed afterwards. */
    void (*on_started)(void *user, struct launched_fds *fds);
    void (*on_refused)(void *user, int code, const char *why);
    /* Last callback of this start; also when the launcher itself died. */
    void (*on_exited)(void *user, const struct launch_exited *how);
};

enum { NETWORK_BEST = LAUNCH_NETWORKS }; /* want.network: egress where it can be enforced */

/* want.id and .type are filled in here. Callbacks come later: on_refused alone, or on_started then
 * on_exited (no launcher at the moment: the request waits for it, at most 10 s). */
struct launched *launch_start(struct launch *la, const struct launch_start *want,
                              const struct launched_ops *ops, void *user);
void launch_kill(struct launched *in); /* on_exited follows */
/* A hint: keep so many spares of a worker ready. Lost when no launcher is there to hear it: say it
 * again at its HELLO. */
void launch_warm(struct launch *la, const char *worker, uint32_t spares);
/* Owner goes away: no callback any more; the instance is killed. */
struct launched *launched_drop(struct launched *in);

#endif

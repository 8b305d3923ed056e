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
/* Called at each HELLO. */
void launch_on_hello(struct launch *la, void (*fn)(void *user, const struct launch_hello *h),
                     void *user);

struct launched_ops {
    /* Descriptors are taken: channel, output, memory_peak (-EBADF when not there). */
    void (*on_started)(void *user, int channel, int output, int memory_peak);
    void (*on_refused)(void *user, int code, const char *why);
    /* Last callback of this start; also when the launcher itself died. */
    void (*on_exited)(void *user, const struct launch_exited *how);
};

/* want.id and .type are filled in here. Callbacks come later: on_refused alone, or on_started then
 * on_exited (no launcher at the moment: the request waits for it, at most 10 s). */
struct launched *launch_start(struct launch *la, const struct launch_start *want,
                              const struct launched_ops *ops, void *user);
void launch_kill(struct launched *in); /* on_exited follows */
/* Owner goes away: no callback any more; the instance is killed. */
struct launched *launched_drop(struct launched *in);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.h - messages to the daemon that its socket could not take yet. */
#ifndef EVOKE_LAUNCHER_OUTBOX_H
#define EVOKE_LAUNCHER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/*
 * A queue in front of a non-blocking SOCK_SEQPACKET socket. It is bounded by its user: while it
 * is not empty the launcher takes no requests, so at most one answer and one EXITED per live
 * instance can be waiting.
 */
struct outbox {
    struct list letters;     /* oldest first */
    uint64_t stuck_since_ns; /* when the oldest could not be sent; meaningless while empty */
};

enum { OUTBOX_FDS = 5 };

void outbox_init(struct outbox *o);
void outbox_done(struct outbox *o); /* closes what was to be passed */
bool outbox_empty(const struct outbox *o);

/* Send now, or keep. fds are taken in any case. 0, or -errno: the peer is gone or broken. */
int outbox_send(struct outbox *o, int sock, const void *message, size_t n, const int *fds,
                size_t nfds);
int outbox_flush(struct outbox *o, int sock); /* the same, for what was kept */

#endif

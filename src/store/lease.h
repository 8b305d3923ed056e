/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.h - who may work on the queue: one holder per name, told apart by fencing tokens.
 *
 * A campaign that wins gets a token greater than every token given before under that name, and the
 * lease until ttl_ms from then. Whoever held it before is fenced off from that moment: its guarded
 * writes (queue.h) answer -ESTALE, however late they come. A lease that ran out is still its last
 * holder's until somebody else wins; a holder that asks to keep it after that is told -ESTALE.
 * Time is the monotonic clock: jumps of the wall clock take no lease away. Tokens are never given
 * twice in a store, whatever the name. Whoever opens a store that one process has at a time (SQLite)
 * is alone with it: every lease is free then.
 */
#ifndef EVOKE_STORE_LEASE_H
#define EVOKE_STORE_LEASE_H

#include <stdint.h>

#include "store/queue.h"

/* r: 0; -EBUSY somebody else holds it; else as in queue.h. token: 0 unless r is 0. */
static inline void lease_campaign(struct queue *q, struct str name, uint32_t ttl_ms, lease_fn *fn,
                                  void *user)
{
    q->ops->campaign(q, name, ttl_ms, fn, user);
}

/* r: 0, or -ESTALE: it is somebody else's. */
static inline void lease_keep(struct queue *q, struct str name, uint64_t token, uint32_t ttl_ms,
                              lease_fn *fn, void *user)
{
    q->ops->keep(q, name, token, ttl_ms, fn, user);
}

/* Free for the next campaign at once. r: 0, or -ESTALE. */
static inline void lease_revoke(struct queue *q, struct str name, uint64_t token, lease_fn *fn,
                                void *user)
{
    q->ops->revoke(q, name, token, fn, user);
}

#endif

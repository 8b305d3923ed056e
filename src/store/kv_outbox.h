/* SPDX-License-Identifier: Apache-2.0 */
/* kv_outbox.h - from a backend to the caller's loop: completions, and changes for who watches. Not
 * for other rooms. */
#ifndef EVOKE_STORE_KV_OUTBOX_H
#define EVOKE_STORE_KV_OUTBOX_H

#include "base/str.h"
#include "store/kv.h"
#include "store/kv_history.h"

struct list;
struct loop;
struct kv_outbox; /* opaque; owned by a backend */

/* history: moved in; it ends with the revision the backend starts from. stats: the backend's. */
struct kv_outbox *kv_outbox_new(struct loop *l, struct kv_history *history, struct kv_stats *stats);
/* Any thread. Takes every job of the list; one message to the loop for all that wait together.
 * Committed txns come in the order of their revisions, a listing after exactly those it saw. */
void kv_outbox_push(struct kv_outbox *box, struct list *jobs);
/* Loop thread. See kv_watch(). */
struct kv_watch *kv_outbox_watch(struct kv_outbox *box, struct str prefix, uint64_t from_rev,
                                 kv_watch_fn *fn, void *user);
/* Loop thread. Completes what is still there, in order, and ends the watches, before it returns;
 * NULL is fine. */
struct kv_outbox *kv_outbox_free(struct kv_outbox *box);

#endif

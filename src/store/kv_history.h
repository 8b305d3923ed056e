/* SPDX-License-Identifier: Apache-2.0 */
/* kv_history.h - which keys the last txns touched, bounded. Not for other rooms. */
#ifndef EVOKE_STORE_KV_HISTORY_H
#define EVOKE_STORE_KV_HISTORY_H

#include "store/kv.h"

/*
 * The keys of one txn, as they lie in memory and on disk.
 *
 * Shape: per key u8 deleted | u16 length, little endian | bytes
 */
struct kv_past {
    uint32_t n; /* bytes */
    char bytes[];
};

/* Owned by the caller (free()). Of several operations on one key, the last. */
struct kv_past *kv_past_new(const struct kv_op *ops, uint32_t n);
struct kv_past *kv_past_copy(struct str bytes); /* NULL when they are not well-formed */
/* The keys under the prefix, as views; returns how many. */
uint32_t kv_past_keys(const struct kv_past *past, struct str prefix,
                      struct kv_change changes[KV_OPS]);

/* Revisions first .. first + n - 1 without a gap. At least one once there was one. */
struct kv_history {
    uint64_t first;
    uint32_t n;
    size_t bytes;        /* of all n */
    struct kv_past **at; /* owned ring of owned */
    uint32_t head, cap;  /* cap is a power of two, or 0 */
};

void kv_history_init(struct kv_history *h, uint64_t rev); /* nothing known before or at rev */
void kv_history_done(struct kv_history *h);
void kv_history_add(struct kv_history *h, struct kv_past *past); /* takes it */
void kv_history_trim(struct kv_history *h);                      /* to the limits of kv.h */
uint64_t kv_history_rev(const struct kv_history *h);             /* the last one */
const struct kv_past *kv_history_at(const struct kv_history *h, uint64_t rev); /* must be there */
/* Whether all that happened after this revision, and nothing else, is there. */
bool kv_history_reaches(const struct kv_history *h, uint64_t rev);
/* Whether a key under the prefix may have changed after this revision. */
bool kv_history_touched(const struct kv_history *h, struct str prefix, uint64_t since);

/* The bounds, for who keeps a history elsewhere. */
static inline bool kv_history_over(uint64_t n, size_t bytes)
{
    return n > KV_HISTORY || bytes > KV_HISTORY_BYTES;
}

#endif

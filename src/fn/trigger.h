/* SPDX-License-Identifier: Apache-2.0 */
/* trigger.h - what binds a source to a function: plain data. Immutable once shared, like a function
 * record. */
#ifndef EVOKE_FN_TRIGGER_H
#define EVOKE_FN_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/str.h"
#include "fn/key.h"

struct err;

enum {
    TRIGGER_NAME = 128,
    TRIGGER_CONFIG = 64 << 10,   /* bytes of config and of extra, each */
    TRIGGERS_PER_FUNCTION = 100, /* of all dialects the most; each has its own below */
    TRIGGER_CONCURRENCY = 1000,
};

struct trigger {
    uint32_t refs; /* loop thread only */
    char id[UUID_TEXT];
    enum dialect dialect;
    char *account, *region, *space, *function; /* whose */
    char *qualifier;                           /* version or alias; "latest" */
    char *source;                              /* "timer" */
    char *name;
    bool enabled;
    uint32_t concurrency; /* most of its events that are tried at once; 0: as its function allows */
    char *config;         /* JSON object text: the source's own form (source/source.h) */
    char *extra;          /* JSON object text: the dialect's own form, given back; never NULL */
    int64_t created_ms, modified_ms;
    uint64_t revision; /* of the store; 0 while it is a draft */
};

struct trigger *trigger_new(const struct fn_key *function, struct str source); /* with a new id */
struct trigger *trigger_copy(const struct trigger *t); /* a draft, revision kept */
const struct trigger *trigger_ref(const struct trigger *t);
void trigger_unref(const struct trigger *t);
struct fn_key trigger_key(const struct trigger *t); /* of its function; borrowed */
/* Stored form: JSON. Decoding refuses what encoding cannot have written (-EINVAL). */
void trigger_encode(const struct trigger *t, struct buf *out);
int trigger_decode(struct str json, uint64_t revision, struct trigger **ret, struct err *e);

#endif

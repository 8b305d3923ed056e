/* SPDX-License-Identifier: Apache-2.0 */
/* alias.h - a name that points at a version of a function, or of all functions of a space; with a
 * share of the calls, or those that rules pick, for other versions. Plain data; immutable once
 * shared. */
#ifndef EVOKE_FN_ALIAS_H
#define EVOKE_FN_ALIAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "fn/key.h"

struct err;

enum {
    ALIAS_NAME = 128,
    ALIAS_OTHERS = 8, /* of all dialects the most; each cloud allows one */
    ALIAS_RULES = 32, /* of one other version */
    ALIAS_EXTRA = 64 << 10,
    ALIAS_WHOLE = 10000, /* a share is so many parts of this: 500 is 5 % */
};

/* Where a rule looks: a header, cookie or query parameter of the request; SCF's RoutingKey. */
enum alias_part { ALIAS_HEADER, ALIAS_COOKIE, ALIAS_QUERY, ALIAS_ROUTING_KEY, ALIAS_PARTS };
extern const char
        *const alias_part_names[ALIAS_PARTS]; /* "header", "cookie", "query", "routing_key" */

/* IN: value is a list, separated by commas. PERCENT: a share of the values, by their hash (FC).
 * RANGE: whole numbers, "(1,10)" open, "[1,10]" closed, mixed (SCF). What is not there matches
 * nothing, also with NOT_EQUAL. */
enum alias_op {
    ALIAS_EQUAL,
    ALIAS_NOT_EQUAL,
    ALIAS_ABOVE,
    ALIAS_BELOW,
    ALIAS_AT_LEAST,
    ALIAS_AT_MOST,
    ALIAS_IN,
    ALIAS_PERCENT,
    ALIAS_RANGE,
    ALIAS_OPS
};
extern const char *const alias_op_names[ALIAS_OPS]; /* "=", "!=", ">", "<", ">=", "<=", "in", ... */

struct alias_rule {
    enum alias_part part;
    enum alias_op op;
    char *key, *value;
};

struct alias_other { /* a second version: by share, or by rules if it has some */
    char *version;
    uint32_t share; /* of ALIAS_WHOLE */
    bool any;       /* one rule is enough; else all of them */
    struct alias_rule *rules;
    uint32_t nrules;
};

struct alias {
    uint32_t refs; /* loop thread only */
    enum dialect dialect;
    char *account, *region, *space;
    char *function; /* "": of the space, for all its functions (FC 2016-08-15) */
    char *name;
    char *version;     /* where it points; "latest" is one */
    char *description; /* never NULL */
    struct alias_other *others;
    uint32_t nothers;
    char *extra; /* JSON object text: the dialect's own form, given back; never NULL */
    int64_t created_ms, modified_ms;
    uint64_t revision; /* of the store; 0 while it is a draft */
};

/* owner: the function, or with an empty name its space. */
struct alias *alias_new(const struct fn_key *owner, struct str name);
struct alias *alias_copy(const struct alias *a); /* a draft, revision kept */
const struct alias *alias_ref(const struct alias *a);
void alias_unref(const struct alias *a);
struct fn_key alias_owner(const struct alias *a); /* borrowed */
/* For drafts. The rule is the last other's. */
void alias_set_others_done(struct alias *a); /* forget all others */
void alias_add_other(struct alias *a, struct str version, uint32_t share, bool any);
void alias_add_rule(struct alias *a, enum alias_part part, struct str key, enum alias_op op,
                    struct str value);
/* Stored form: JSON. Decoding refuses what encoding cannot have written (-EINVAL). */
void alias_encode(const struct alias *a, struct buf *out);
int alias_decode(struct str json, uint64_t revision, struct alias **ret, struct err *e);

#endif

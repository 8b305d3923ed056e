/* SPDX-License-Identifier: Apache-2.0 */
/* resource.h - one object of the gateway's control plane (a group, an API, an authorizer, ...) as
 * plain data. Immutable once shared, like a function record. What may stand in the body of which
 * kind is gateway/plane/kinds.h; here it is only known to be a JSON object. */
#ifndef EVOKE_FN_RESOURCE_H
#define EVOKE_FN_RESOURCE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "fn/key.h"

struct err;

enum {
    RESOURCE_KIND = 32,
    RESOURCE_ID = 1024,   /* a domain name is one, and the path of a function with a qualifier */
    RESOURCE_NAME = 1024, /* 255 characters of any script */
    RESOURCE_BODY = 128 << 10, /* bytes */
};

struct resource {
    uint32_t refs; /* loop thread only */
    char *kind;    /* "group", "api", ...: a name of gateway/plane/kinds.h */
    char *id;      /* unique within its kind, over all accounts */
    enum dialect dialect;
    char *account, *region; /* whose */
    char *parent;           /* id of what it belongs to: an API's group, a publication's API; "" */
    char *name;             /* what people call it; "" where the kind has no names */
    char *body;             /* JSON object text; never NULL */
    int64_t created_ms, modified_ms;
    uint64_t revision; /* of the store; 0 while it is a draft */
};

/* dialect and account, region, parent, name, body are the caller's to fill: "", "{}" at first. */
struct resource *resource_new(struct str kind, struct str id);
struct resource *resource_copy(const struct resource *r); /* a draft, revision kept */
const struct resource *resource_ref(const struct resource *r);
void resource_unref(const struct resource *r);
void resource_unrefp(const struct resource **r); /* for cleanup_with() */
/* Stored form: JSON. Decoding refuses what encoding cannot have written (-EINVAL). */
void resource_encode(const struct resource *r, struct buf *out);
int resource_decode(struct str json, uint64_t revision, struct resource **ret, struct err *e);

#endif

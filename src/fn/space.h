/* SPDX-License-Identifier: Apache-2.0 */
/* space.h - what groups functions (package, service, namespace), for dialects where it is an object
 * of its own. */
#ifndef EVOKE_FN_SPACE_H
#define EVOKE_FN_SPACE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "fn/key.h"

struct err;

struct space {
    uint32_t refs;
    enum dialect dialect;
    char *account, *region, *name;
    char *id;    /* uuid made at creation */
    char *extra; /* JSON object text of the dialect's fields. never NULL */
    int64_t created_ms, modified_ms;
    uint64_t revision;
};

struct space *space_new(const struct fn_key *key); /* key->name is ignored, key->space names it */
struct space *space_copy(const struct space *s);   /* a draft, revision kept */
const struct space *space_ref(const struct space *s);
void space_unref(const struct space *s);
void space_encode(const struct space *s, struct buf *out);
int space_decode(struct str json, uint64_t revision, struct space **ret, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* pairs.h - a request's lists of names and values, and its body, as JSON: for the shapes' events. */
#ifndef EVOKE_DIALECT_PAIRS_H
#define EVOKE_DIALECT_PAIRS_H

#include <stdbool.h>

#include "dialect/shape.h"

struct jw;

/* What becomes of a name that comes several times. */
enum pairs_again {
    PAIRS_LAST,   /* its last value */
    PAIRS_JOIN,   /* all of them, as RFC 9110 joins headers: ", "; cookies by "; " */
    PAIRS_VALUES, /* a list; and true for a name without '=' */
};

struct pairs_rules {
    enum pairs_again again;
    bool headers; /* names without case: written in lower case */
    bool cased;   /* ... no: as the first one is spelt */
    /* Written last, and instead of what has their names. */
    struct shape_list extra;
};

/* "key":{...} into an object that is open. Every name once, in the order of their first coming.
 * Cost: that of the list's length, whatever a stranger puts into it. */
void pairs_write(struct jw *w, const char *key, struct shape_list list,
                 const struct pairs_rules *rules);
/* "body":"...","isBase64Encoded":... into an object that is open. */
void pairs_body(struct jw *w, struct str body, bool base64);
/* First value of that name, any case, or STR_NONE. */
struct str pairs_find(struct shape_list list, struct str name);
/* X-Forwarded-For as it goes on: all stations that came with it, and the one it came from (empty: a
 * local socket). The text is in room, fresh or empty, which is the caller's. */
struct str pairs_way(struct shape_list headers, struct str source_ip, struct buf *room);

#endif

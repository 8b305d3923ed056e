/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_walk.h - through a JSON text without a tree: for payloads that stay bytes. Only for texts
 * that passed json_valid(); of anything else it makes no sense, but stays inside.
 */
#ifndef EVOKE_BASE_JSON_WALK_H
#define EVOKE_BASE_JSON_WALK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_OBJECT };

/* What the first byte that is not white space says. */
enum json_kind json_kind(struct str value);

/* The members of an object, or the elements of a list, one at a time. */
struct json_walk {
    struct str rest;
    bool keyed;
};
struct json_walk json_walk(struct str value); /* of anything else: there are none */
/* False at the end. Key (STR_NONE in a list) and value are raw: quotes and escapes as they stand, no
 * white space around. */
bool json_next(struct json_walk *w, struct str *ret_key, struct str *ret_value);

/* A raw text, quotes included, as the bytes it means; white space around it does not count. Half a surrogate pair becomes U+FFFD. Never
 * more bytes than it has itself. */
void json_unquote(struct str quoted, struct buf *out);
/* Does it mean these bytes? */
bool json_is(struct str quoted, struct str bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* uri.h - percent encoding, RFC 3986. */
#ifndef EVOKE_BASE_URI_H
#define EVOKE_BASE_URI_H

#include "base/buf.h"
#include "base/str.h"

/* Encode everything but the unreserved A-Za-z0-9-._~ ; upper-case hex. Bytes in `keep` stay. */
void uri_encode(struct str s, const char *keep, struct buf *out);
/* 0 or -EINVAL for a malformed escape or an encoded NUL. `plus` turns '+' into a space (queries).
 */
int uri_decode(struct str s, bool plus, struct buf *out);

/* One pair of a raw query at a time: false at the end. Views are raw (not decoded); value.p is NULL
 * when there is no '='. Empty pairs ("a&&b") are passed over. */
bool uri_query_next(struct str *query, struct str *ret_name, struct str *ret_value);

#endif

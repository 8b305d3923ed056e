/* SPDX-License-Identifier: Apache-2.0 */
/* canon.h - the parts that canonical requests of several clouds are made of; inside sign/ only. */
#ifndef EVOKE_SIGN_CANON_H
#define EVOKE_SIGN_CANON_H

#include "sign/sign.h"

enum { CANON_MAX = 256 * 1024, CANON_PAIRS = 4096 };

/* The first of that name, trimmed; STR_NONE only when there is none: an empty value is one. */
struct str canon_header(const struct sign_request *r, struct str name);
/* "a=1&b=2", decoded, sorted by name and value, escaped again. -EMSGSIZE: over CANON_PAIRS. */
int canon_query(const struct sign_request *r, struct buf *out);
/* "name:value\n" of each of names ("a;b;c", sorted). -EINVAL: not sorted, or one is missing. */
int canon_headers(const struct sign_request *r, struct str names, struct buf *out, struct err *e);
void canon_lower(struct str s, struct buf *out);

#endif

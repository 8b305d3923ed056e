/* SPDX-License-Identifier: Apache-2.0 */
/* chunked.h - a body of S3 in pieces (Content-Encoding: aws-chunked). */
#ifndef EVOKE_STORAGE_CHUNKED_H
#define EVOKE_STORAGE_CHUNKED_H

#include <stdbool.h>

#include "auth/auth.h"
#include "base/str.h"

struct chunks {
    struct str rest;
    const struct auth_storage *auth; /* borrowed; NULL: the pieces are not signed */
    char before[65];                 /* the signature before */
    bool over;
};
void chunks_init(struct chunks *c, struct str body, const struct auth_storage *auth);
/* 1: a piece, borrowed from the body; 0: that was all. -EINVAL: malformed, or cut off; -EACCES: a
 * signature does not match. */
int chunks_next(struct chunks *c, struct str *ret);

#endif

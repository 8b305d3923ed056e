/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - the older digests that storage protocols use, made of pieces. Nothing of ours trusts
 * them. */
#ifndef EVOKE_BASE_DIGEST_H
#define EVOKE_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { DIGEST_MOST = 20, DIGEST_HEX = 41, MD5_LEN = 16, MD5_HEX = 33, SHA1_LEN = 20 };
enum digest_kind { DIGEST_MD5, DIGEST_SHA1 };

struct digest; /* opaque */
struct digest *digest_new(enum digest_kind kind);
void digest_add(struct digest *d, const void *p, size_t n);
size_t digest_end(struct digest *d, uint8_t out[DIGEST_MOST]); /* its length; frees d */

size_t digest_of(enum digest_kind kind, struct str data, uint8_t out[DIGEST_MOST]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* nonces.h - numbers that are good for one request, remembered as long as the date that was signed with
 * them would be taken. Thread-safe. */
#ifndef EVOKE_AUTH_NONCES_H
#define EVOKE_AUTH_NONCES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct nonces; /* opaque */

/* Of more than this within NONCES_LIFE_MS the oldest are forgotten: 24 bytes each. */
enum { NONCES_MOST = 1 << 16, NONCES_LIFE_MS = 30 * 60 * 1000 };

struct nonces *nonces_new(void); /* holds next to nothing until the first one */
struct nonces *nonces_free(struct nonces *n);
/* False: this key was seen with it before. */
bool nonces_first(struct nonces *n, struct str access_key, struct str nonce, int64_t now_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* crypto.h - digests, MACs, randomness and their text forms (OpenSSL 3). */
#ifndef EVOKE_BASE_CRYPTO_H
#define EVOKE_BASE_CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { SHA256_LEN = 32, SHA256_HEX = 65, SHA512_LEN = 64, SHA512_HEX = 129, UUID_TEXT = 37 };

void sha256(struct str data, uint8_t out[SHA256_LEN]);
void sha256_hex(struct str data, char out[SHA256_HEX]);
void sha512_hex(struct str data, char out[SHA512_HEX]);
void hmac_sha256(struct str key, struct str data, uint8_t out[SHA256_LEN]);
/* name: "sha1", "sha256", "sha384", "sha512". Bytes of the MAC; 0: there is none of that name. */
enum { HMAC_MOST = 64 };
size_t hmac_named(struct str name, struct str key, struct str data, uint8_t out[HMAC_MOST]);

struct sha256_stream; /* incremental */
struct sha256_stream *sha256_stream_new(void);
void sha256_stream_add(struct sha256_stream *s, const void *p, size_t n);
void sha256_stream_end(struct sha256_stream *s, char out[SHA256_HEX]); /* frees s */

/* CRC-64/ECMA-182 in the reflected form the clouds print (poly 0xC96C5795D7870F42, init and xorout
 * all ones, check value of "123456789" = 0x995DC9BBDF1939FA). Chain with the previous value, first
 * 0. */
uint64_t crc64_ecma(uint64_t crc, const void *p, size_t n);
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

bool same_secret(struct str a, struct str b); /* constant time in the contents */
void random_bytes(void *p, size_t n);         /* getrandom(2); aborts if the kernel refuses */
void uuid4(char out[UUID_TEXT]);              /* lower case, RFC 9562 version 4 */
/* Version 7: in the order of unix_ms, so that what is stored by id is stored side by side. Whoever
 * sees one learns when it was made. */
void uuid7(int64_t unix_ms, char out[UUID_TEXT]);

void hex_encode(const void *p, size_t n, char *out); /* lower case, terminated: 2n + 1 bytes */
bool is_hex(struct str s, size_t n);                 /* exactly n lower-case hex digits */
void base64_encode(struct str data, struct buf *out);
/* RFC 4648 section 4, padding required, no white space. 0 or -EINVAL; -EMSGSIZE when out is full.
 */
int base64_decode(struct str text, struct buf *out);

#endif

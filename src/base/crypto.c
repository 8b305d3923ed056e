/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto.c - digests and MACs by OpenSSL 3, text forms and checksums by us.
 *
 * OpenSSL 3 looks an algorithm up by name each time it is used through the old one-shot functions,
 * which costs more than hashing a header. So digests are fetched once per process and shared:
 * fetched objects are immutable. HMAC is written out (RFC 2104), because a MAC context of OpenSSL's
 * is four objects to allocate and free around two short hashes. None of these calls fails but for
 * lack of memory or a broken installation; neither has an answer at run time, so they abort like
 * alloc.c does.
 *
 * The two CRCs differ only in their tables: a reflected CRC of 32 bits run through 64-bit tables
 * has zeros above, so one slicing-by-8 loop serves both (8 input bytes per step).
 */
#include "base/crypto.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/obj.h"

enum { SHA256_BLOCK = 64 };

static struct {
    EVP_MD *sha256, *sha512;
} shared;
static pthread_once_t shared_once = PTHREAD_ONCE_INIT;

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "evoke: OpenSSL: %s failed, aborting\n", what);
    abort();
}

static void fetch(void)
{
    shared.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    shared.sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
    must(shared.sha256 && shared.sha512, "fetch of SHA-2");
}

static void digest(struct str data, const EVP_MD *md, uint8_t *out)
{
    must(EVP_Digest(data.p ? data.p : "", data.n, out, NULL, md, NULL) == 1, "digest");
}

void sha256(struct str data, uint8_t out[SHA256_LEN])
{
    (void)pthread_once(&shared_once, fetch);
    digest(data, shared.sha256, out);
}

void sha256_hex(struct str data, char out[SHA256_HEX])
{
    uint8_t raw[SHA256_LEN];

    sha256(data, raw);
    hex_encode(raw, sizeof(raw), out);
}

void sha512_hex(struct str data, char out[SHA512_HEX])
{
    uint8_t raw[SHA512_LEN];

    (void)pthread_once(&shared_once, fetch);
    digest(data, shared.sha512, raw);
    hex_encode(raw, sizeof(raw), out);
}

/* SHA-256 of a block and what follows it. */
static void hash_two(EVP_MD_CTX *ctx, const uint8_t block[SHA256_BLOCK], struct str data,
                     uint8_t out[SHA256_LEN])
{
    (void)pthread_once(&shared_once, fetch);
    must(EVP_DigestInit_ex2(ctx, shared.sha256, NULL) == 1 &&
                 EVP_DigestUpdate(ctx, block, SHA256_BLOCK) == 1 &&
                 EVP_DigestUpdate(ctx, data.p ? data.p : "", data.n) == 1 &&
                 EVP_DigestFinal_ex(ctx, out, NULL) == 1,
         "HMAC");
}

void hmac_sha256(struct str key, struct str data, uint8_t out[SHA256_LEN])
{
    uint8_t inner[SHA256_BLOCK] = {0}, outer[SHA256_BLOCK];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    must(ctx, "HMAC");
    if (key.n > SHA256_BLOCK)
        sha256(key, inner);
    else if (key.n > 0)
        memcpy(inner, key.p, key.n);
    for (size_t i = 0; i < SHA256_BLOCK; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    hash_two(ctx, inner, data, out);
    hash_two(ctx, outer, (struct str){(const char *)out, SHA256_LEN}, out);
    OPENSSL_cleanse(inner, sizeof(inner));
    OPENSSL_cleanse(outer, sizeof(outer));
    EVP_MD_CTX_free(ctx);
}

size_t hmac_named(struct str name, struct str key, struct str data, uint8_t out[HMAC_MOST])
{
    static const char *const names[] = {"sha1", "sha256", "sha384", "sha512"};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(name, str_of(names[i])))
            must(EVP_Q_mac(NULL, "HMAC", NULL, names[i], NULL, key.p ? key.p : "", key.n,
                           (const unsigned char *)(data.p ? data.p : ""), data.n, out, HMAC_MOST,
                           &n),
                 "HMAC");
    return n;
}

struct sha256_stream {
    EVP_MD_CTX *ctx; /* owned */
};

struct sha256_stream *sha256_stream_new(void)
{
    struct sha256_stream *s = xnew(struct sha256_stream);

    (void)pthread_once(&shared_once, fetch);
    s->ctx = EVP_MD_CTX_new();
    must(s->ctx && EVP_DigestInit_ex2(s->ctx, shared.sha256, NULL) == 1, "digest");
    return s;
}

void sha256_stream_add(struct sha256_stream *s, const void *p, size_t n)
{
    must(n == 0 || EVP_DigestUpdate(s->ctx, p, n) == 1, "digest");
}

void sha256_stream_end(struct sha256_stream *s, char out[SHA256_HEX])
{
    uint8_t raw[SHA256_LEN];

    must(EVP_DigestFinal_ex(s->ctx, raw, NULL) == 1, "digest");
    hex_encode(raw, sizeof(raw), out);
    EVP_MD_CTX_free(s->ctx);
    free(s);
}

/* [k][b]: what byte b does to the remainder when k more bytes follow it in the same step. */
static uint64_t crc64_tables[8][256], crc32c_tables[8][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void fill(uint64_t tables[8][256], uint64_t reflected_poly)
{
    for (unsigned b = 0; b < 256; b++) {
        uint64_t crc = b;

        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ reflected_poly : crc >> 1;
        tables[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (unsigned b = 0; b < 256; b++) {
            uint64_t before = tables[k - 1][b];

            tables[k][b] = before >> 8 ^ tables[0][before & 0xff];
        }
}

static void fill_all(void)
{
    fill(crc64_tables, 0xc96c5795d7870f42u);
    fill(crc32c_tables, 0x82f63b78u);
}

static uint64_t crc_run(const uint64_t tables[8][256], uint64_t crc, const uint8_t *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;

        memcpy(&word, p, 8);
        crc ^= le64toh(word);
        crc = tables[7][crc & 0xff] ^ tables[6][crc >> 8 & 0xff] ^ tables[5][crc >> 16 & 0xff] ^
              tables[4][crc >> 24 & 0xff] ^ tables[3][crc >> 32 & 0xff] ^
              tables[2][crc >> 40 & 0xff] ^ tables[1][crc >> 48 & 0xff] ^ tables[0][crc >> 56];
    }
    for (; n > 0; p++, n--)
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
    return crc;
}

uint64_t crc64_ecma(uint64_t crc, const void *p, size_t n)
{
    (void)pthread_once(&crc_once, fill_all);
    return ~crc_run(crc64_tables, ~crc, p, n);
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
    (void)pthread_once(&crc_once, fill_all);
    return ~(uint32_t)crc_run(crc32c_tables, (uint32_t)~crc, p, n);
}

bool same_secret(struct str a, struct str b)
{
    /* Lengths are no secret: every scheme we check has a fixed one. */
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void random_bytes(void *p, size_t n)
{
    char *to = p;

    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fprintf(stderr, "evoke: getrandom: %s, aborting\n", strerror(errno));
            abort();
        }
        to += got;
        n -= (size_t)got;
    }
}

/*
 * Bytes for ids, a page of them at a time: an id per request is not worth a system call each. The
 * page is one per thread and wiped in a child (MADV_WIPEONFORK, also after a bare clone(2)), where
 * `left` is zero then: parent and child never hand out the same id. Where the kernel does not wipe,
 * nothing is kept.
 */
struct id_bytes {
    size_t left;
    uint8_t bytes[4096 - sizeof(size_t)];
};

static void id_bytes(void *p, size_t n)
{
    static _Thread_local struct id_bytes *page;

    if (!page) {
        void *m = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                       0);

        if (m == MAP_FAILED || madvise(m, sizeof(*page), MADV_WIPEONFORK) < 0) {
            if (m != MAP_FAILED)
                (void)munmap(m, sizeof(*page));
            random_bytes(p, n);
            return;
        }
        page = m;
    }
    if (page->left < n) {
        random_bytes(page->bytes, sizeof(page->bytes));
        page->left = sizeof(page->bytes);
    }
    page->left -= n;
    memcpy(p, page->bytes + page->left, n);
}

static void write_uuid(uint8_t raw[16], uint8_t version, char out[UUID_TEXT])
{
    size_t n = 0;

    raw[6] = (uint8_t)((raw[6] & 0x0f) | version << 4);
    raw[8] = (raw[8] & 0x3f) | 0x80;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[n++] = '-';
        hex_encode(raw + i, 1, out + n);
        n += 2;
    }
    assert(n + 1 == UUID_TEXT);
}

void uuid4(char out[UUID_TEXT])
{
    uint8_t raw[16];

    id_bytes(raw, sizeof(raw));
    write_uuid(raw, 4, out);
}

void uuid7(int64_t unix_ms, char out[UUID_TEXT])
{
    uint8_t raw[16];

    for (int i = 0; i < 6; i++)
        raw[i] = (uint8_t)((uint64_t)unix_ms >> (40 - 8 * i));
    id_bytes(raw + 6, sizeof(raw) - 6);
    write_uuid(raw, 7, out);
}

void hex_encode(const void *p, size_t n, char *out)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *from = p;

    for (size_t i = 0; i < n; i++) {
        *out++ = hex[from[i] >> 4];
        *out++ = hex[from[i] & 15];
    }
    *out = '\0';
}

bool is_hex(struct str s, size_t n)
{
    if (s.n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return true;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct str data, struct buf *out)
{
    size_t n = data.n < SIZE_MAX / 2 ? (data.n + 2) / 3 * 4 : SIZE_MAX;
    char *to = buf_room(out, n);

    if (!to)
        return;
    for (size_t i = 0; i < data.n; i += 3) {
        size_t left = data.n - i;
        uint32_t v = (uint32_t)(uint8_t)data.p[i] << 16;

        if (left > 1)
            v |= (uint32_t)(uint8_t)data.p[i + 1] << 8;
        if (left > 2)
            v |= (uint8_t)data.p[i + 2];
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        *to++ = (char)(left > 1 ? alphabet[v >> 6 & 63] : '=');
        *to++ = (char)(left > 2 ? alphabet[v & 63] : '=');
    }
    buf_grew(out, n);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct str text, struct buf *out)
{
    size_t pad = 0, n;
    char *to;

    if (text.n % 4 != 0)
        return -EINVAL;
    while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=')
        pad++;
    n = text.n / 4 * 3 - pad;
    to = buf_room(out, n);
    if (!to)
        return -EMSGSIZE;

    for (size_t i = 0, done = 0; i < text.n; i += 4) {
        uint32_t v = 0;

        for (size_t k = i; k < i + 4; k++) {
            int six = k < text.n - pad ? base64_value(text.p[k]) : 0;

            if (six < 0)
                return -EINVAL;
            v = v << 6 | (uint32_t)six;
        }
        /* Bits that pad the last byte must be 0, or two texts would mean the same bytes. */
        if (i + 4 == text.n && (v & ((1u << (8 * pad)) - 1)))
            return -EINVAL;
        for (int shift = 16; shift >= 0 && done < n; shift -= 8)
            to[done++] = (char)(v >> shift & 0xff);
    }
    buf_grew(out, n);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - MD5 and SHA-1 of OpenSSL. Fetched when they are first wanted: most daemons never do. */
#include "base/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

struct digest { /* is an EVP_MD_CTX; never looked into */
    int unused;
};

static void must(int ok)
{
    if (ok == 1)
        return;
    fprintf(stderr, "evoke: OpenSSL: MD5 or SHA-1 failed, aborting\n");
    abort();
}

struct digest *digest_new(enum digest_kind kind)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    must(ctx && EVP_DigestInit_ex(ctx, kind == DIGEST_MD5 ? EVP_md5() : EVP_sha1(), NULL) == 1);
    return (struct digest *)(void *)ctx;
}

void digest_add(struct digest *d, const void *p, size_t n)
{
    must(n == 0 || EVP_DigestUpdate((EVP_MD_CTX *)(void *)d, p, n) == 1);
}

size_t digest_end(struct digest *d, uint8_t out[DIGEST_MOST])
{
    EVP_MD_CTX *ctx = (EVP_MD_CTX *)(void *)d;
    unsigned n = 0;

    must(EVP_DigestFinal_ex(ctx, out, &n));
    EVP_MD_CTX_free(ctx);
    return n;
}

size_t digest_of(enum digest_kind kind, struct str data, uint8_t out[DIGEST_MOST])
{
    struct digest *d = digest_new(kind);

    digest_add(d, data.p, data.n);
    return digest_end(d, out);
}

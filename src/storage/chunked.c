/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunked.c - a body of S3 in pieces, each with its size and perhaps a signature before it.
 *
 *   size in hex [;chunk-signature=<64 hex>] CRLF  bytes CRLF  ...  0 [...] CRLF  [trailers] CRLF
 *
 * Each signature goes over the one before, so that no piece can be left out, added or moved; the first
 * one follows that of the request's head. Trailers are passed over: what they say (a checksum of the
 * client's own) is not kept.
 */
#include "storage/chunked.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/crypto.h"

void chunks_init(struct chunks *c, struct str body, const struct auth_storage *auth)
{
    *c = (struct chunks){.rest = body, .auth = auth};
    if (auth)
        memcpy(c->before, auth->seed, sizeof(c->before));
}

static int read_size(struct str text, uint64_t *ret)
{
    uint64_t n = 0;

    if (text.n == 0 || text.n > 10)
        return -EINVAL;
    for (size_t i = 0; i < text.n; i++) {
        char d = str_lower(text.p[i]);

        if (!((d >= '0' && d <= '9') || (d >= 'a' && d <= 'f')))
            return -EINVAL;
        n = n << 4 | (uint64_t)(d <= '9' ? d - '0' : d - 'a' + 10);
    }
    *ret = n;
    return 0;
}

/* "AWS4-HMAC-SHA256-PAYLOAD", Amazon's guide "Signature calculations: transferring payload in multiple
 * chunks". */
static bool signature_holds(struct chunks *c, struct str data, struct str signature)
{
    cleanup_with(buf_done) struct buf text;
    char hash[SHA256_HEX], want[SHA256_HEX];
    uint8_t mac[SHA256_LEN];

    buf_init(&text, 1024);
    buf_addf(&text, "AWS4-HMAC-SHA256-PAYLOAD\n%s\n%s\n%s\n", c->auth->date, c->auth->scope,
             c->before);
    sha256_hex(S(""), hash);
    buf_addf(&text, "%s\n", hash);
    sha256_hex(data, hash);
    buf_addz(&text, hash);
    hmac_sha256((struct str){(const char *)c->auth->key, sizeof(c->auth->key)}, buf_str(&text),
                mac);
    hex_encode(mac, sizeof(mac), want);
    memcpy(c->before, want, sizeof(c->before));
    return same_secret(str_of(want), signature);
}

int chunks_next(struct chunks *c, struct str *ret)
{
    ptrdiff_t end = str_find((struct str){c->rest.p, c->rest.n < 256 ? c->rest.n : 256}, S("\r\n"));
    struct str line, data;
    uint64_t size;

    if (c->over)
        return 0;
    if (end < 0)
        return -EINVAL;
    line = (struct str){c->rest.p, (size_t)end};
    c->rest = str_from(c->rest, (size_t)end + 2);
    if (read_size(str_cut(&line, ';'), &size) < 0 || size > c->rest.n)
        return -EINVAL;
    data = (struct str){c->rest.p, (size_t)size};
    c->rest = str_from(c->rest, (size_t)size);
    if (c->auth && (!str_starts(line, S("chunk-signature=")) ||
                    !signature_holds(c, data, str_from(line, strlen("chunk-signature=")))))
        return -EACCES;
    c->over = size == 0;
    if (!c->over) {
        if (!str_starts(c->rest, S("\r\n")))
            return -EINVAL;
        c->rest = str_from(c->rest, 2);
    }
    *ret = data;
    return c->over ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * code_link.c - URLs by which stored packages are fetched: who has one may, until it expires.
 *
 * The signature is a MAC over digest, name and end, by a key derived from the root secret; nothing is
 * kept. So a new root secret makes all of them void, as it does the keys of roles.
 */
#include <errno.h>
#include <stdio.h>

#include "api/api.h"
#include "api/code_source.h"
#include "auth/keys.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/uri.h"

enum { NAME_MAX_BYTES = 255 };

static void sign(const struct keys *k, struct str sha, struct str filename, uint64_t until_s,
                 char out[SHA256_HEX])
{
    struct role_root root = keys_role_root(k);
    cleanup_with(buf_done) struct buf text;
    uint8_t mac[SHA256_LEN];

    buf_init(&text, 4096);
    buf_addf(&text, "code link %.*s %llu ", STR_ARG(sha), (unsigned long long)until_s);
    buf_adds(&text, filename);
    hmac_sha256((struct str){(const char *)root.key, sizeof(root.key)}, buf_str(&text), mac);
    hex_encode(mac, sizeof(mac), out);
    explicit_bzero(&root, sizeof(root));
}

/* A name that is safe in a header and at the end of a path. */
static void plain_name(struct str filename, char out[NAME_MAX_BYTES + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < filename.n && n < NAME_MAX_BYTES; i++) {
        char c = filename.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || (c == '.' && n > 0);

        if (!fine)
            c = '_';
        out[n++] = c;
    }
    if (n == 0)
        n = (size_t)snprintf(out, NAME_MAX_BYTES + 1, "code.zip");
    out[n] = '\0';
}

void code_link(const struct call *c, const char *sha, struct str filename, struct buf *out)
{
    uint64_t until_s = (uint64_t)clock_wall_ms() / 1000 + CODE_LINK_S;
    struct str host = c->req ? c->req->host : STR_NONE;
    char name[NAME_MAX_BYTES + 1], signature[SHA256_HEX];

    plain_name(filename, name);
    sign(c->api->keys, str_of(sha), str_of(name), until_s, signature);
    buf_addf(out, "http://%.*s/.evoke/code/%s/%s?expires=%llu&signature=%s",
             STR_ARG(host.n ? host : S("localhost")), sha, name, (unsigned long long)until_s,
             signature);
}

bool code_link_holds(const struct keys *k, struct str sha, struct str filename, struct str expires,
                     struct str signature, int64_t now_ms)
{
    char want[SHA256_HEX];
    uint64_t until_s;

    if (str_u64(expires, 0, INT64_MAX / 1000, &until_s) < 0)
        return false;
    sign(k, sha, filename, until_s, want);
    return same_secret(str_of(want), signature) && now_ms <= (int64_t)until_s * 1000;
}

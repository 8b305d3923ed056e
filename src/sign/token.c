/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.c - makes and recognises the tokens of key pairs.
 *
 * Who reads a token looks up the secret of the access key in it, then asks token_holds(): the MAC
 * covers every byte before it, the order of parts is fixed and no part has a space, so there is one
 * text for one meaning.
 */
#include "sign/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypto.h"

static bool part_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    return s.n < TOKEN_PART;
}

static void mac_of(struct str text, struct str secret_key, char out[65])
{
    uint8_t key[SHA256_LEN], mac[SHA256_LEN];

    hmac_sha256(secret_key, S("evoke auth token, version 1"), key);
    hmac_sha256((struct str){(const char *)key, sizeof(key)}, text, mac);
    hex_encode(mac, sizeof(mac), out);
    explicit_bzero(key, sizeof(key));
}

int token_issue(struct str access_key, struct str secret_key, struct str account, int64_t now_ms,
                struct buf *out)
{
    char text[TOKEN_TEXT], mac[65];
    int n;

    if (access_key.n == 0 || !part_ok(access_key) || !part_ok(account) || str_eq(account, S("*")) ||
        now_ms < 0)
        return -EINVAL;
    n = snprintf(text, sizeof(text), "1 %lld %.*s %.*s", (long long)(now_ms / 1000),
                 STR_ARG(account.n ? account : S("*")), STR_ARG(access_key));
    mac_of((struct str){text, (size_t)n}, secret_key, mac);
    n += snprintf(text + n, sizeof(text) - (size_t)n, " %s", mac);
    base64_encode((struct str){text, (size_t)n}, out);
    return 0;
}

static bool copy(struct str from, char to[TOKEN_PART])
{
    if (from.n == 0 || !part_ok(from))
        return false;
    memcpy(to, from.p, from.n);
    to[from.n] = '\0';
    return true;
}

int token_read(struct str token, struct token *ret)
{
    cleanup_with(buf_done) struct buf text;
    struct token t = {0};
    struct str rest, version, issued, account, access, mac;
    uint64_t seconds = 0;

    buf_init(&text, TOKEN_TEXT - 1);
    if (base64_decode(token, &text) < 0 || str_has(buf_str(&text), '\0'))
        return -EBADMSG;
    rest = buf_str(&text);
    version = str_cut(&rest, ' ');
    issued = str_cut(&rest, ' ');
    account = str_cut(&rest, ' ');
    access = str_cut(&rest, ' ');
    mac = rest;
    if (!str_eq(version, S("1")) || str_u64(issued, 0, INT64_MAX / 2000, &seconds) < 0 ||
        !copy(account, t.account) || !copy(access, t.access_key) || !is_hex(mac, 64))
        return -EBADMSG;
    if (strcmp(t.account, "*") == 0)
        t.account[0] = '\0';
    t.issued_ms = (int64_t)seconds * 1000;
    t.expires_ms = t.issued_ms + TOKEN_LIFE_MS;
    memcpy(t.mac, mac.p, mac.n);
    memcpy(t.text, text.p, text.n - mac.n - 1);
    *ret = t;
    return 0;
}

bool token_holds(const struct token *t, struct str secret_key)
{
    char mac[65];

    mac_of(str_of(t->text), secret_key, mac);
    return same_secret(str_of(mac), str_of(t->mac));
}

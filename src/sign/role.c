/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role.c - derives a function's temporary keys, and recognises them again.
 *
 * Both ways go through derive(): what is issued and what is expected cannot differ. The three texts
 * under the MAC begin with a word of their own, so that none of them can stand for another.
 */
#include "sign/role.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/obj.h"

enum { TEXT_MAX = ROLE_FUNCTION + 32, MAC_TEXT_MAX = TEXT_MAX + ROLE_ACCESS + 16 };
enum { ID_LETTERS = 20, SECRET_LETTERS = ROLE_SECRET - 1, PREFIX_MAX = 8 };

static_assert(ROLE_TOKEN > (TEXT_MAX + 2) / 3 * 4, "the longest text fits in base64");
static_assert(SECRET_LETTERS * 5 <= SHA256_LEN * 8, "five bits of the MAC for each letter");

struct role_root role_root_of(struct str root_secret)
{
    struct role_root root;

    hmac_sha256(root_secret, S("evoke role credentials, version 1"), root.key);
    return root;
}

/* n letters of five bits each, of those that keys.c makes its own keys of; terminated. */
static void letters_of(const uint8_t *mac, size_t n, char *out)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    uint32_t bits = 0, have = 0;

    for (size_t i = 0; i < n; i++) {
        if (have < 5) {
            bits = bits << 8 | *mac++;
            have += 8;
        }
        have -= 5;
        out[i] = letters[bits >> have & 31];
    }
    out[n] = '\0';
}

/* Letters of HMAC(root, "<what> <name> <text>"). */
static void mac_letters(const struct role_root *root, const char *what, struct str name,
                        struct str text, size_t n, char *out)
{
    uint8_t mac[SHA256_LEN];
    char all[MAC_TEXT_MAX];
    int len = snprintf(all, sizeof(all), "%s %.*s %.*s", what, STR_ARG(name), STR_ARG(text));

    assert(len > 0 && (size_t)len < sizeof(all));
    hmac_sha256((struct str){(const char *)root->key, sizeof(root->key)},
                (struct str){all, (size_t)len}, mac);
    letters_of(mac, n, out);
    explicit_bzero(mac, sizeof(mac));
}

static void derive(const struct role_root *root, struct str prefix, struct str text,
                   char access[ROLE_ACCESS], char secret[ROLE_SECRET])
{
    memcpy(access, prefix.p, prefix.n);
    mac_letters(root, "id", prefix, text, ID_LETTERS, access + prefix.n);
    mac_letters(root, "secret", str_of(access), text, SECRET_LETTERS, secret);
}

int role_issue(const struct role_root *root, const char *prefix, struct str function,
               int64_t now_ms, struct role_keys *ret)
{
    int64_t expires_ms = (now_ms + ROLE_STEP_MS - 1) / ROLE_STEP_MS * ROLE_STEP_MS + ROLE_LIFE_MS;

    return role_issue_until(root, prefix, function, expires_ms, ret);
}

int role_issue_until(const struct role_root *root, const char *prefix, struct str subject,
                     int64_t expires_ms, struct role_keys *ret)
{
    cleanup_with(buf_done) struct buf token;
    char text[TEXT_MAX];
    int n;

    buf_init(&token, sizeof(ret->token) - 1);
    assert(strlen(prefix) <= PREFIX_MAX);
    if (subject.n == 0 || subject.n >= ROLE_FUNCTION)
        return -EMSGSIZE;
    n = snprintf(text, sizeof(text), "1 %lld %.*s", (long long)(expires_ms / 1000),
                 STR_ARG(subject));
    base64_encode((struct str){text, (size_t)n}, &token);
    assert(buf_ok(&token));
    memcpy(ret->token, token.p, token.n + 1);
    derive(root, str_of(prefix), (struct str){text, (size_t)n}, ret->access_key, ret->secret_key);
    return 0;
}

/* "1 <seconds> <path>" */
static int read_text(struct str text, struct role_claim *ret)
{
    struct str rest = text, version = str_cut(&rest, ' '), until = str_cut(&rest, ' ');
    uint64_t seconds = 0;

    if (!str_eq(version, S("1")) || str_u64(until, 0, INT64_MAX / 1000, &seconds) < 0)
        return -EBADMSG;
    if (rest.n == 0 || rest.n >= ROLE_FUNCTION || memchr(rest.p, '\0', rest.n))
        return -EBADMSG;
    memcpy(ret->function, rest.p, rest.n);
    ret->function[rest.n] = '\0';
    ret->expires_ms = (int64_t)seconds * 1000;
    return 0;
}

int role_check(const struct role_root *root, struct str access_key, struct str token,
               int64_t now_ms, struct role_claim *ret)
{
    cleanup_with(buf_done) struct buf text;
    char access[ROLE_ACCESS];
    struct role_claim claim;
    struct str prefix;

    buf_init(&text, TEXT_MAX - 1);
    if (access_key.n < ID_LETTERS || access_key.n > ID_LETTERS + PREFIX_MAX ||
        base64_decode(token, &text) < 0 || read_text(buf_str(&text), &claim) < 0)
        return -EBADMSG;
    prefix = (struct str){access_key.p, access_key.n - ID_LETTERS};
    derive(root, prefix, buf_str(&text), access, claim.secret_key);
    if (!same_secret(str_of(access), access_key))
        return -EBADMSG;
    if (now_ms >= claim.expires_ms)
        return -EKEYEXPIRED;
    *ret = claim;
    return 0;
}

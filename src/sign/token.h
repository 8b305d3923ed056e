/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h - bearer tokens for a key pair (Huawei Cloud's X-Auth-Token): derived, checked from what the
 * request carries, kept nowhere.
 *
 *   token  base64 of "1 <issued, Unix seconds> <account, or *> <access key> <MAC>"
 *   MAC    hex of HMAC-SHA256(HMAC-SHA256(secret key, words of our own), the text before it)
 *
 * The key is the pair's own secret, so another secret or no pair makes the token void. Pure: nothing
 * here looks at a clock or a key store.
 */
#ifndef EVOKE_SIGN_TOKEN_H
#define EVOKE_SIGN_TOKEN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum {
    TOKEN_LIFE_MS = 24 * 60 * 60 * 1000,
    TOKEN_AHEAD_MS = 60 * 1000, /* issued by a clock that has been set back since */
    TOKEN_PART = 129,           /* bytes of an account or access key, terminated */
    TOKEN_TEXT = 512,           /* base64 of the longest */
};

/* Appends the token. account: outside it the token opens nothing; "": as far as the pair goes.
 * -EINVAL: a part is too long, or has a space. */
int token_issue(struct str access_key, struct str secret_key, struct str account, int64_t now_ms,
                struct buf *out);

struct token {
    char access_key[TOKEN_PART];
    char account[TOKEN_PART]; /* "": any */
    int64_t issued_ms, expires_ms;
    char text[TOKEN_TEXT]; /* what is under the MAC; for token_holds() */
    char mac[65];
};
/* Reads it; says nothing about who made it. -EBADMSG: it is not of our form. */
int token_read(struct str token, struct token *ret);
/* Was it made with this secret? Constant time. */
bool token_holds(const struct token *t, struct str secret_key);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role.h - the temporary keys a function sees: derived from the root secret when they are needed,
 * checked from what the request carries, and kept nowhere in between.
 *
 *   token      base64 of "1 <expiry, Unix seconds> <path of the function>": who this is, until when
 *   access key prefix of the cloud, then 20 letters of HMAC(root, prefix and token's text)
 *   secret key 40 letters of HMAC(root, access key and token's text)
 *
 * The token says nothing secret and proves nothing: whoever changes it gets another access key.
 * Pure: nothing here looks at a clock or a key store. docs/compat/roles.md
 */
#ifndef EVOKE_SIGN_ROLE_H
#define EVOKE_SIGN_ROLE_H

#include <stdint.h>

#include "base/crypto.h"
#include "base/str.h"

enum {
    ROLE_LIFE_MS = 24 * 60 * 60 * 1000, /* at least so much is left when a run begins */
    ROLE_STEP_MS = 10 * 60 * 1000,      /* runs within one step see the same keys */
    ROLE_FUNCTION = 640,                /* bytes of a function's path, terminated */
    ROLE_ACCESS = 32,
    ROLE_SECRET = 41,
    ROLE_TOKEN = 928, /* base64 of the longest text */
};

/* What all of them are derived from; never the root secret itself. */
struct role_root {
    uint8_t key[SHA256_LEN];
};
struct role_root role_root_of(struct str root_secret);

struct role_keys {
    char access_key[ROLE_ACCESS], secret_key[ROLE_SECRET], token[ROLE_TOKEN];
};

/* The keys `function` (a path, fn_key_path()) has at this time. prefix: "STS.", at most 8 bytes.
 * -EMSGSIZE: the path is too long. */
int role_issue(const struct role_root *root, const char *prefix, struct str function,
               int64_t now_ms, struct role_keys *ret);

/* The same for something else that may be done until then: a subject of its own form, which is the path of
 * no function. */
int role_issue_until(const struct role_root *root, const char *prefix, struct str subject,
                     int64_t expires_ms, struct role_keys *ret);

struct role_claim {
    char secret_key[ROLE_SECRET];
    char function[ROLE_FUNCTION];
    int64_t expires_ms;
};

/* Is this pair of ours? ret is filled on success only. -EBADMSG: the token is not of our form, or
 * not this access key's; -EKEYEXPIRED: it was. now_ms INT64_MIN: however old. */
int role_check(const struct role_root *root, struct str access_key, struct str token,
               int64_t now_ms, struct role_claim *ret);

#endif

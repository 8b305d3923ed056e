/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.h - is this request signed by a key we know, now? Two halves: *_head looks at the headers
 * alone, before a body is read; *_body recomputes the signature over the whole request, in constant
 * time.
 */
#ifndef EVOKE_AUTH_AUTH_H
#define EVOKE_AUTH_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/keys.h"
#include "base/str.h"
#include "sign/role.h"
#include "sign/storage.h"

struct err;
struct http_request;

enum { AUTH_SKEW_MS = 15 * 60 * 1000 }; /* both clouds */

enum auth_failure { /* why, so that each dialect can use its own code */
                    AUTH_OK,
                    AUTH_MISSING,   /* no Authorization, or no date; err names the header */
                    AUTH_MALFORMED, /* not of the scheme's form */
                    AUTH_UNKNOWN_KEY,
                    AUTH_STALE,     /* clock differs by more than AUTH_SKEW_MS */
                    AUTH_MISMATCH,  /* signature or body hash */
                    AUTH_BAD_TOKEN, /* the security token is not this access key's */
                    AUTH_EXPIRED,   /* the security token was */
};

/* Who signed: a key of this installation, or a function with the keys of its role. */
struct auth_caller {
    char access_key[KEY_ACCESS];
    char function[ROLE_FUNCTION]; /* "": a key of this installation; else the path of the function
                                     whose role it is, and nothing below counts */
    char name[KEY_NAME];
    char account[KEY_ACCOUNT], dialect[KEY_DIALECT]; /* "": any */
    uint8_t scope;                                   /* enum key_scope */
};

/* SDK-HMAC-SHA256. now_ms: Unix time. ret is filled on AUTH_OK. */
enum auth_failure auth_sdk_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                                struct auth_caller *ret, struct err *e);
enum auth_failure auth_sdk_body(const struct keys *k, const struct http_request *r, struct err *e);
/* Is it signed in that form with this secret, whoever's it is? Key and date are the caller's to
 * judge. */
enum auth_failure auth_sdk_holds(const struct http_request *r, struct str secret, struct err *e);
/* The same, or without an Authorization header a token in X-Auth-Token (sign/token.h). auth_token(): the
 * token alone. */
enum auth_failure auth_iam_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                                struct auth_caller *ret, struct err *e);
enum auth_failure auth_iam_body(const struct keys *k, const struct http_request *r, struct err *e);
enum auth_failure auth_token(const struct keys *k, struct str text, int64_t now_ms,
                             struct auth_caller *ret, struct err *e);
/* FC. Tries the decoded path, then the raw one. */
enum auth_failure auth_fc_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                               struct auth_caller *ret, struct err *e);
enum auth_failure auth_fc_body(const struct keys *k, const struct http_request *r, struct err *e);
/* Both halves for an HTTP trigger, also behind a domain: the query is signed. */
enum auth_failure auth_fc_trigger(const struct keys *k, const struct http_request *r,
                                  int64_t now_ms, struct auth_caller *ret, struct err *e);
/* A signed URL (x-fc-signature and its like in the query). AUTH_MISSING, without e: it is none. */
enum auth_failure auth_fc_url(const struct keys *k, const struct http_request *r, int64_t now_ms,
                              struct auth_caller *ret, struct err *e);

/* ACS3-HMAC-SHA256. A nonce that was used before: AUTH_STALE, e->code -EALREADY. */
enum auth_failure auth_acs3_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                                 struct auth_caller *ret, struct err *e);
enum auth_failure auth_acs3_body(const struct keys *k, const struct http_request *r, struct err *e);

/* TC3-HMAC-SHA256 (Tencent Cloud). Its clocks may differ by AUTH_TC_SKEW_MS. */
enum { AUTH_TC_SKEW_MS = 5 * 60 * 1000 };
enum auth_failure auth_tc3_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                                struct auth_caller *ret, struct err *e);
enum auth_failure auth_tc3_body(const struct keys *k, const struct http_request *r, struct err *e);
/* The earlier scheme, HmacSHA1 and HmacSHA256: who signs stands in the form (body or query), so that the
 * first half wants the whole request as well. A signature that was used before: AUTH_STALE, e->code
 * -EALREADY. */
enum auth_failure auth_tc1_form(const struct keys *k, const struct http_request *r, int64_t now_ms,
                                struct auth_caller *ret, struct err *e);
enum auth_failure auth_tc1_body(const struct keys *k, const struct http_request *r, struct err *e);

/* Object storage (sign/storage.h): all of it at the head; t says what the request is about. -ETIME in e
 * with AUTH_STALE: a signed URL, or COS's own time, is over. */
struct auth_storage {
    struct auth_caller caller;
    enum storage_scheme scheme;
    bool in_query;
    bool seeded; /* S3: what follows is there, for a body in signed pieces */
    uint8_t key[32];
    char date[20], scope[160], seed[65];
};
enum auth_failure auth_storage_head(const struct keys *k, const struct http_request *r,
                                    const struct storage_target *t, int64_t now_ms,
                                    struct auth_storage *ret, struct err *e);

/* HTTP Basic, for scrapers that cannot sign: access key and secret of a key with this scope (or
 * admin), of every account. Constant time in the secret. */
bool auth_basic(const struct keys *k, const struct http_request *r, enum key_scope scope,
                int64_t now_ms);

#endif

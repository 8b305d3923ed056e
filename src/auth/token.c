/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.c - Huawei Cloud's requests: signed, or with a token in X-Auth-Token instead.
 *
 * A request with an Authorization header is judged by that alone. A token proves itself in the head;
 * the body half looks at it again, for who changes a key between the two.
 */
#include "auth/auth.h"

#include <errno.h>

#include "base/clock.h"
#include "base/err.h"
#include "http/server.h"
#include "sign/token.h"

static bool by_token(const struct http_request *r)
{
    return !http_header(r, S("authorization")).p && http_header(r, S("x-auth-token")).p;
}

static bool made_with(const struct token *t, const struct key *key)
{
    if (token_holds(t, str_of(key->secret_key)))
        return true;
    return key->old_secret[0] && clock_wall_ms() < key->ends_ms &&
           token_holds(t, str_of(key->old_secret));
}

static void describe(const struct key *key, const struct token *t, struct auth_caller *ret)
{
    *ret = (struct auth_caller){.scope = key->scope};
    memcpy(ret->access_key, key->access_key, sizeof(ret->access_key));
    memcpy(ret->name, key->name, sizeof(ret->name));
    memcpy(ret->account, key->account, sizeof(ret->account));
    memcpy(ret->dialect, key->dialect, sizeof(ret->dialect));
    if (key->account[0] || !t->account[0])
        return;
    memcpy(ret->account, t->account, sizeof(ret->account));
    memcpy(ret->dialect, "functiongraph", sizeof("functiongraph"));
}

enum auth_failure auth_token(const struct keys *k, struct str text, int64_t now_ms,
                             struct auth_caller *ret, struct err *e)
{
    enum auth_failure why = AUTH_BAD_TOKEN;
    struct token t;
    struct key key;

    if (token_read(text, &t) == 0 && strlen(t.account) < sizeof(ret->account) &&
        keys_find(k, str_of(t.access_key), &key) == 0) {
        bool other = key.account[0] && t.account[0] && strcmp(key.account, t.account) != 0;

        if (!other && made_with(&t, &key) && t.issued_ms <= now_ms + TOKEN_AHEAD_MS)
            why = now_ms < t.expires_ms ? AUTH_OK : AUTH_EXPIRED;
        if (why == AUTH_OK) {
            describe(&key, &t, ret);
            keys_used(k, &key, now_ms);
        }
        key_wipe(&key);
    }
    if (why != AUTH_OK)
        (void)err_set(e, ERR_CALLER, -EACCES, "decrypt token fail%s",
                      why == AUTH_EXPIRED ? ": the token has expired" : "");
    return why;
}

enum auth_failure auth_iam_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                                struct auth_caller *ret, struct err *e)
{
    if (by_token(r))
        return auth_token(k, http_header(r, S("x-auth-token")), now_ms, ret, e);
    return auth_sdk_head(k, r, now_ms, ret, e);
}

enum auth_failure auth_iam_body(const struct keys *k, const struct http_request *r, struct err *e)
{
    struct auth_caller caller;

    if (by_token(r))
        return auth_token(k, http_header(r, S("x-auth-token")), clock_wall_ms(), &caller, e);
    return auth_sdk_body(k, r, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage.c - is this request to object storage signed by a key we know, now?
 *
 * None of these signatures is over the body, so all of it is checked at the head: a stranger does not
 * make us hold a byte. Whether a body is what its named hashes say is the handler's to see.
 *
 * A header is good for AUTH_SKEW_MS around its date; COS says itself from when to when, and a signed URL
 * until when. As in the clouds, what is signed may be sent again within that time: these are requests
 * that come to the same end when they are repeated.
 */
#include <errno.h>

#include "auth/internal.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/obj.h"
#include "http/server.h"

enum { ROOM = 64 * 1024 };

static enum auth_failure check_time(const struct sign_storage *how, int64_t now_ms, struct err *e)
{
    bool window = how->in_query || how->scheme == STORAGE_COS;

    if (how->from_ms != INT64_MIN && how->from_ms > now_ms + AUTH_SKEW_MS)
        return auth_fail(AUTH_STALE, e, -ESTALE, "the signature is not good yet");
    if (how->until_ms + (window ? 0 : AUTH_SKEW_MS) < now_ms)
        return auth_fail(AUTH_STALE, e, window ? -ETIME : -ESTALE, "the signature has expired");
    return AUTH_OK;
}

static enum auth_failure try_all(const struct sign_request *what, const struct sign_storage *how,
                                 const struct storage_target *t, const struct signer *signer,
                                 struct str *ret_secret, struct err *e)
{
    char want[STORAGE_SIGNATURE];

    for (int i = 0; signer_secret(signer, i).n; i++) {
        for (int spelling = 0; spelling < STORAGE_SPELLINGS; spelling++) {
            if (sign_storage_expect(what, how, t, spelling, signer_secret(signer, i), want, e) < 0)
                return AUTH_MALFORMED;
            if (!same_secret(str_of(want), how->signature))
                continue;
            *ret_secret = signer_secret(signer, i);
            return AUTH_OK;
        }
    }
    return auth_mismatch(e);
}

/* What the pieces of a body that is sent in signed pieces are checked with. */
static void keep_seed(const struct sign_storage *how, struct str secret, struct auth_storage *ret)
{
    if (how->scheme != STORAGE_AWS4 || how->date.n >= sizeof(ret->date) ||
        how->scope.n >= sizeof(ret->scope))
        return;
    sign_aws4_key(secret, how->scope, ret->key);
    memcpy(ret->date, how->date.p, how->date.n);
    memcpy(ret->scope, how->scope.p, how->scope.n);
    memcpy(ret->seed, how->signature.p, sizeof(ret->seed) - 1);
    ret->seeded = true;
}

enum auth_failure auth_storage_head(const struct keys *k, const struct http_request *r,
                                    const struct storage_target *t, int64_t now_ms,
                                    struct auth_storage *ret, struct err *e)
{
    struct sign_header list[H1_MAX_HEADERS];
    struct sign_request what = auth_to_sign(r, list);
    cleanup_with(buf_done) struct buf room;
    struct auth_storage found = {0};
    struct sign_storage how;
    struct signer signer;
    struct str secret = STR_NONE;
    enum auth_failure why;
    int res;

    buf_init(&room, ROOM);
    res = sign_storage_parse(&what, &room, &how, e);
    if (res < 0)
        return res == -ENOENT ? AUTH_MISSING : AUTH_MALFORMED;
    why = signer_find(k, how.access_key, how.token, now_ms, &signer, e);
    if (why == AUTH_OK)
        why = check_time(&how, now_ms, e);
    if (why == AUTH_OK)
        why = try_all(&what, &how, t, &signer, &secret, e);
    if (why == AUTH_OK) {
        found.caller = signer.caller;
        found.scheme = how.scheme;
        found.in_query = how.in_query;
        keep_seed(&how, secret, &found);
        *ret = found;
        why = signer_proved(k, &signer);
    }
    signer_done(&signer);
    return why;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_role.c - temporary keys of functions. The first byte picks which of both is tried:
 * whatever a stranger sends as a pair, "access key \n token", is refused; and what is issued for a
 * path is accepted until its time and not after, by its root only, and with no bit of the token
 * changed.
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "sign/role.h"

static const int64_t now_ms = 1763757000000, day_ms = 24 * 60 * 60 * 1000;

static void a_stranger_is_refused(const struct role_root *root, struct str text)
{
    struct str access_key = str_cut(&text, '\n');
    struct buf token;
    struct role_claim claim;

    buf_init(&token, 4096);
    holds(role_check(root, access_key, text, INT64_MIN, &claim) == -EBADMSG);
    /* The same as the text of a token: what is inside the base64 is reached more often. */
    base64_encode(text, &token);
    holds(role_check(root, access_key, buf_str(&token), INT64_MIN, &claim) == -EBADMSG);
    buf_done(&token);
}

static void issued_is_accepted(const struct role_root *root, struct str path, size_t where, int bit)
{
    const struct role_root other = role_root_of(S("another secret"));
    struct role_keys keys;
    struct role_claim claim;
    struct str id, token;
    int r = role_issue(root, "STS.", path, now_ms, &keys);

    holds(r == (path.n > 0 && path.n < ROLE_FUNCTION ? 0 : -EMSGSIZE));
    if (r < 0)
        return;
    id = str_of(keys.access_key);
    token = str_of(keys.token);
    holds(role_check(root, id, token, now_ms + day_ms - 1, &claim) == 0);
    holds(str_eq(str_of(claim.function), path));
    holds(strcmp(claim.secret_key, keys.secret_key) == 0);
    holds(claim.expires_ms >= now_ms + day_ms);
    holds(role_check(root, id, token, claim.expires_ms, &claim) == -EKEYEXPIRED);
    holds(role_check(&other, id, token, now_ms, &claim) == -EBADMSG);
    keys.token[where % token.n] ^= (char)(1 << bit % 7);
    holds(role_check(root, id, token, now_ms, &claim) == -EBADMSG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct role_root root;
    static bool made;
    struct str text = {(const char *)data, n};

    if (!made)
        root = role_root_of(S("a secret"));
    made = true;
    if (n < 3 || n > 2048)
        return 0;
    if (data[0] & 1)
        a_stranger_is_refused(&root, str_from(text, 1));
    else if (!str_has(text, '\0')) /* a path has none; callers have checked that */
        issued_is_accepted(&root, str_from(text, 3), data[1], data[2]);
    return 0;
}

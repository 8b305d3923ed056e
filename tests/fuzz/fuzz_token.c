/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_token.c - tokens of key pairs. Whatever a stranger sends, as it is or inside base64, is refused
 * or does not hold; what is issued is read back and holds, by its secret only.
 */
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "fuzz.h"
#include "sign/token.h"

static void a_stranger_is_refused(struct str text)
{
    struct token t;
    struct buf b;

    buf_init(&b, 4096);
    if (token_read(text, &t) == 0)
        holds(!token_holds(&t, S("a secret nobody has")));
    base64_encode(text, &b);
    if (token_read(buf_str(&b), &t) == 0)
        holds(!token_holds(&t, S("a secret nobody has")));
    buf_done(&b);
}

/* "access key \n account" */
static void issued_is_accepted(struct str text)
{
    struct str access = str_cut(&text, '\n'), account = text.p ? text : S("");
    struct token t;
    struct buf b;

    buf_init(&b, TOKEN_TEXT);
    if (token_issue(access, S("a secret"), account, 1763757000000, &b) == 0) {
        holds(buf_ok(&b) && token_read(buf_str(&b), &t) == 0);
        holds(str_eq(str_of(t.access_key), access) && str_eq(str_of(t.account), account));
        holds(token_holds(&t, S("a secret")) && !token_holds(&t, S("another")));
    }
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};

    if (n < 1 || n > 2048)
        return 0;
    if (data[0] & 1)
        a_stranger_is_refused(str_from(text, 1));
    else if (!str_has(text, '\0'))
        issued_is_accepted(str_from(text, 1));
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_authorizer.c - what an authorizer's function answers. Whatever it is: taken or refused with a
 * reason; what is taken has good names and terminated texts, the same text is read the same way
 * twice, and as a JSON string of itself it means the same (unless it is one already).
 */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "fuzz.h"
#include "gateway/guard/authorizer_answer.h"

static bool same(const struct authorizer_answer *a, const struct authorizer_answer *b)
{
    if (a->allow != b->allow || a->context.n != b->context.n)
        return false;
    for (size_t i = 0; i < a->context.n; i++)
        if (!str_eq(a->context.at[i].name, b->context.at[i].name) ||
            !str_eq(a->context.at[i].value, b->context.at[i].value))
            return false;
    return true;
}

static void is_well_formed(const struct authorizer_answer *a)
{
    for (size_t i = 0; i < a->context.n; i++) {
        const struct shape_pair *p = &a->context.at[i];

        holds(p->name.n >= 1 && p->name.n <= AUTHORIZER_NAME_MAX);
        holds(p->name.p[p->name.n] == '\0' && p->value.p[p->value.n] == '\0');
        holds(strlen(p->name.p) == p->name.n && strlen(p->value.p) == p->value.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct authorizer_answer *a = NULL, *b = NULL;
    struct err e = {0};
    struct buf quoted;
    int r = authorizer_answer_parse(text, &a, &e);

    holds((r == 0) == (a != NULL));
    holds(r == 0 || e.msg[0]);
    if (r < 0)
        return 0;
    is_well_formed(a);
    holds(authorizer_answer_parse(text, &b, &e) == 0 && same(a, b));
    authorizer_answer_unref(b);
    b = NULL;
    buf_init(&quoted, 8ul * AUTHORIZER_ANSWER_MAX);
    json_quote(&quoted, text);
    if (str_trim(text).p[0] == '{' && buf_ok(&quoted) && quoted.n <= AUTHORIZER_ANSWER_MAX)
        holds(authorizer_answer_parse(buf_str(&quoted), &b, &e) == 0 && same(a, b));
    buf_done(&quoted);
    authorizer_answer_unref(a);
    authorizer_answer_unref(b);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expression.c - PCRE2 with a count of its own.
 *
 * Each expression is compiled with callouts before all of its items: they are the only thing that PCRE2
 * counts through a whole pcre2_match(). Its match limit begins anew wherever a match may begin.
 */
#include "gateway/model/expression.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"

enum { HEAP_LIMIT_KIB = 1024 };

struct gw_expression {
    pcre2_code *code;
};

struct gw_matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    uint32_t left; /* steps */
};

struct gw_expression *gw_expression_new(struct str text, enum gw_expression_of what, struct err *e)
{
    uint32_t options = what == GW_OF_TEXT ? PCRE2_UTF | PCRE2_MATCH_INVALID_UTF : PCRE2_DOTALL;
    PCRE2_UCHAR why[128] = "";
    PCRE2_SIZE offset;
    struct gw_expression *x;
    pcre2_code *code;
    int fault;

    code = pcre2_compile((PCRE2_SPTR)text.p, text.n,
                         options | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT, &fault, &offset,
                         NULL);
    if (!code) {
        (void)pcre2_get_error_message(fault, why, sizeof(why));
        (void)err_set(e, ERR_CALLER, -EINVAL, "%s at offset %zu", (const char *)why, offset);
        return NULL;
    }
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it, it is slower */
    x = xnew(struct gw_expression);
    x->code = code;
    return x;
}

struct gw_expression *gw_expression_free(struct gw_expression *x)
{
    if (!x)
        return NULL;
    pcre2_code_free(x->code);
    free(x);
    return NULL;
}

static int on_step(pcre2_callout_block *block, void *user)
{
    struct gw_matcher *m = user;

    (void)block;
    if (m->left == 0)
        return PCRE2_ERROR_CALLOUT;
    m->left--;
    return 0;
}

struct gw_matcher *gw_matcher_new(void)
{
    struct gw_matcher *m = xnew(struct gw_matcher);

    m->data = pcre2_match_data_create(GW_EXPRESSION_GROUPS, NULL);
    m->context = pcre2_match_context_create(NULL);
    if (!m->data || !m->context)
        abort(); /* as base/alloc.c */
    (void)pcre2_set_match_limit(m->context, GW_EXPRESSION_STEPS);
    (void)pcre2_set_heap_limit(m->context, HEAP_LIMIT_KIB);
    (void)pcre2_set_callout(m->context, on_step, m);
    gw_matcher_begin(m);
    return m;
}

struct gw_matcher *gw_matcher_free(struct gw_matcher *m)
{
    if (!m)
        return NULL;
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    free(m);
    return NULL;
}

void gw_matcher_begin(struct gw_matcher *m)
{
    m->left = GW_EXPRESSION_STEPS;
}

size_t gw_matcher_match(struct gw_matcher *m, const struct gw_expression *x, struct str text)
{
    int n = pcre2_match(x->code, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, 0, m->data,
                        m->context);

    if (n < 0)
        return 0;
    return n == 0 ? (size_t)GW_EXPRESSION_GROUPS : (size_t)n; /* 0: there are more groups */
}

struct str gw_matcher_group(const struct gw_matcher *m, struct str text, size_t i)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(m->data) + 2 * i;

    if (at[0] == PCRE2_UNSET || at[1] < at[0]) /* "\K" may end before it begins */
        return STR_NONE;
    return (struct str){text.p + at[0], at[1] - at[0]};
}

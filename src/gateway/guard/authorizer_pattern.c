/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorizer_pattern.c - regular expressions that users wrote, on text that strangers sent.
 *
 * PCRE2 with limits on steps and memory: an expression that would take longer has not matched. A
 * compiled one is kept by its text, since a request must not pay for compiling. When there are too
 * many all of them go: whoever edits authorizers that fast pays.
 */
#include "gateway/guard/authorizer_identity.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/map.h"

enum { MOST_PATTERNS = 512, MATCH_LIMIT = 50000, HEAP_LIMIT_KIB = 1024 };

struct gw_patterns {
    struct map *codes; /* text -> pcre2_code */
    pcre2_match_data *data;
    pcre2_match_context *context;
};

struct gw_patterns *gw_patterns_new(void)
{
    struct gw_patterns *p = xnew(struct gw_patterns);

    p->codes = map_new();
    p->data = pcre2_match_data_create(1, NULL);
    p->context = pcre2_match_context_create(NULL);
    if (!p->data || !p->context)
        abort(); /* as base/alloc.c: no memory at start */
    (void)pcre2_set_match_limit(p->context, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(p->context, HEAP_LIMIT_KIB);
    return p;
}

static void forget_all(struct gw_patterns *p)
{
    size_t cursor = 0;
    struct str text;
    void *code;

    while (map_next(p->codes, &cursor, &text, &code))
        pcre2_code_free(code);
    p->codes = map_free(p->codes);
}

struct gw_patterns *gw_patterns_free(struct gw_patterns *p)
{
    if (!p)
        return NULL;
    forget_all(p);
    pcre2_match_data_free(p->data);
    pcre2_match_context_free(p->context);
    free(p);
    return NULL;
}

static pcre2_code *compile(struct gw_patterns *p, struct str expression, struct err *e)
{
    PCRE2_UCHAR why[128];
    PCRE2_SIZE offset;
    pcre2_code *code;
    int fault;

    if (expression.n > GW_PATTERN_TEXT) {
        (void)err_set(e, ERR_CALLER, -EINVAL, "the expression has %zu bytes, at most %d are taken",
                      expression.n, GW_PATTERN_TEXT);
        return NULL;
    }
    code = pcre2_compile((PCRE2_SPTR)expression.p, expression.n,
                         PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &fault,
                         &offset, NULL);
    if (!code) {
        (void)pcre2_get_error_message(fault, why, sizeof(why));
        (void)err_set(e, ERR_CALLER, -EINVAL, "the expression is none: %s at offset %zu",
                      (const char *)why, offset);
        return NULL;
    }
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it, it is slower */
    if (map_count(p->codes) >= MOST_PATTERNS) {
        forget_all(p);
        p->codes = map_new();
    }
    (void)map_put(p->codes, expression, code);
    return code;
}

int gw_patterns_match(struct gw_patterns *p, struct str expression, struct str text, struct err *e)
{
    pcre2_code *code = map_get(p->codes, expression);

    if (!code)
        code = compile(p, expression, e);
    if (!code)
        return -EINVAL;
    return pcre2_match(code, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, 0, p->data,
                       p->context) >= 0;
}

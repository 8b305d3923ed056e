/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expression.h - regular expressions that users wrote, on text that strangers sent.
 *
 * All that is tried for one request is counted together: over every place of the text where a match
 * could begin, and over every expression of a list. What would take more steps than that has not
 * matched. The limits that PCRE2 has of its own hold for one such place only: on a path of 4 KiB
 * they let one expression run for seconds, in the thread that serves everybody.
 */
#ifndef EVOKE_GATEWAY_EXPRESSION_H
#define EVOKE_GATEWAY_EXPRESSION_H

#include <stddef.h>

#include "base/str.h"

struct err;
struct gw_expression; /* opaque; exactly one owner */
struct gw_matcher;    /* opaque; for any number of expressions, in one thread */

enum {
    GW_EXPRESSION_STEPS = 50000, /* from one gw_matcher_begin() to the next; about 10 ms at most */
    GW_EXPRESSION_GROUPS = 10,   /* the whole match counted: $0 to $9 */
};
enum gw_expression_of { GW_OF_TEXT /* UTF-8 or not */, GW_OF_BYTES /* '.' is a line end too */ };

/* NULL: it is none, e says why and where. */
struct gw_expression *gw_expression_new(struct str text, enum gw_expression_of what, struct err *e);
struct gw_expression *gw_expression_free(struct gw_expression *x); /* NULL is fine */

struct gw_matcher *gw_matcher_new(void);
struct gw_matcher *gw_matcher_free(struct gw_matcher *m); /* NULL is fine */
/* Another request: its steps are counted from zero. */
void gw_matcher_begin(struct gw_matcher *m);
/* How many groups were set if it matches somewhere in text, the whole match counted; 0: it does not,
 * or there are no steps left to tell. */
size_t gw_matcher_match(struct gw_matcher *m, const struct gw_expression *x, struct str text);
/* Of the last match, i below what it returned: STR_NONE for a group that took no part. A view into
 * its text. */
struct str gw_matcher_group(const struct gw_matcher *m, struct str text, size_t i);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorizer_answer.h - what an authorizer's function said, read once and kept: allow or deny, and
 * the context as text. Pure.
 */
#ifndef EVOKE_GATEWAY_GUARD_AUTHORIZER_ANSWER_H
#define EVOKE_GATEWAY_GUARD_AUTHORIZER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "dialect/shape.h"

struct err;

enum {
    AUTHORIZER_ANSWER_MAX = 1 << 20, /* bytes of the function's answer */
    AUTHORIZER_NAME_MAX = 32,        /* of a name in the context */
};

/* Immutable, one block of memory, reference counted: the calls it let in and the cache share it. */
struct authorizer_answer {
    uint32_t refs;
    bool allow;
    struct shape_list context; /* names as sent; values as text */
    size_t bytes;              /* of the block */
};

/*
 * {"statusCode":200,"body":"{\"status\":\"allow\",\"context\":{\"user\":\"abc\"}}"}, or a JSON
 * string of that. Values of the context may be strings, numbers, true, false and null.
 *
 * 0; -EMSGSIZE: over AUTHORIZER_ANSWER_MAX; -EINVAL: not of that form, and e says what is wrong
 * with it. *ret is one reference of the caller's.
 */
int authorizer_answer_parse(struct str text, struct authorizer_answer **ret, struct err *e);
struct authorizer_answer *authorizer_answer_ref(struct authorizer_answer *a);
void authorizer_answer_unref(struct authorizer_answer *a); /* NULL is fine */

#endif

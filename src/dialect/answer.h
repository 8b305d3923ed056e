/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h - what a function behind a gateway answers, as all three clouds spell it:
 *
 *   {"statusCode":200,"headers":{"name":"value"},"body":"text","isBase64Encoded":false}
 *
 * or a JSON text of it. Shared by the shapes' http_answer; what differs is in the rules.
 */
#ifndef EVOKE_DIALECT_ANSWER_H
#define EVOKE_DIALECT_ANSWER_H

#include <stdbool.h>

#include "base/str.h"

struct err;
struct shape_answer;

enum { ANSWER_HEADERS = 1000 };

struct answer_rules {
    int status;     /* where the answer names none; 0: it must name one */
    bool body_json; /* a body that is no text goes out as the JSON it is; else it is wrong */
};

/*
 * statusCode       200 to 599, as a number or its digits in a text
 * headers          values: text, number, bool (as text), null (left out), or a list of these: the
 *                  name then comes several times. Any bytes: what HTTP does not allow is the
 *                  gateway's affair
 * body             text; missing or null: empty
 * isBase64Encoded  true, false, or these words as a text; missing or null: false. Line ends in
 *                  base64 are passed over
 *
 * A member that comes twice counts as it comes last; unknown ones do not count. 0, or with a sentence
 * -EBADMSG (no object), -ENODATA (there is no status, or it is 0), -EINVAL (a member is not as
 * above). ret: shape_answer_done(), only after success.
 */
int answer_parse(struct str answer, const struct answer_rules *rules, struct shape_answer *ret,
                 struct err *e);

#endif

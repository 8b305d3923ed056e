/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_gw_answer.c - an answer that was understood, written down again in full, is understood as the
 * same by every cloud's shape; one that was not has a sentence.
 */
#include <errno.h>
#include <string.h>

#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "dialect/answer.h"
#include "dialect/shape.h"
#include "fuzz.h"

/* Every header a line of its own, the body in base64. */
static void write_answer(const struct shape_answer *a, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "statusCode", a->status);
    jw_key(&w, "headers");
    jw_obj(&w);
    for (size_t i = 0; i < a->nheaders; i++) {
        jw_name(&w, a->headers[i].name);
        jw_arr(&w);
        jw_str(&w, a->headers[i].value);
        jw_arr_end(&w);
    }
    jw_obj_end(&w);
    jw_key(&w, "body");
    jw_raw(&w, S("\""));
    base64_encode(buf_str(&a->body), out);
    buf_addc(out, '"');
    jw_kbool(&w, "isBase64Encoded", true);
    jw_obj_end(&w);
}

static void holds_same(const struct shape_answer *a, const struct shape_answer *b)
{
    holds(a->status == b->status && a->nheaders == b->nheaders);
    for (size_t i = 0; i < a->nheaders; i++) {
        holds(str_eq(a->headers[i].name, b->headers[i].name));
        holds(str_eq(a->headers[i].value, b->headers[i].value));
    }
    holds(str_eq(buf_str(&a->body), buf_str(&b->body)));
}

static void again(const struct shape_answer *a)
{
    const struct shape_ops *shape;
    struct shape_answer b;
    struct buf text;
    struct err e;

    buf_init(&text, 1 << 20);
    write_answer(a, &text);
    holds(buf_ok(&text));
    for (int d = 0; d < DIALECTS; d++) {
        shape = shape_of((enum dialect)d);
        if (!shape || !shape->http_answer)
            continue;
        holds(shape->http_answer(buf_str(&text), true, &b, &e) == 0);
        holds_same(a, &b);
        shape_answer_done(&b);
    }
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    const struct answer_rules rules[] = {{0}, {.status = 200, .body_json = true}};
    struct shape_answer a;
    int r;

    if (n > 16384)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        struct err e = {0};

        r = answer_parse(text, &rules[i], &a, &e);
        holds(r == 0 || r == -EINVAL || r == -ENODATA || r == -EBADMSG);
        if (r < 0) {
            holds(e.msg[0]);
            continue;
        }
        holds(a.status >= 200 && a.status <= 599);
        holds(a.nheaders <= ANSWER_HEADERS && a.body.n <= n && a.texts.n <= n);
        again(&a);
        shape_answer_done(&a);
    }
    return 0;
}

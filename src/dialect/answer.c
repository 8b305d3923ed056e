/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.c - the parser of function answers that all shapes share.
 *
 * The text is checked once and then walked where it stands (base/json_walk.h): a body may be six
 * megabytes and hold a NUL. The texts of headers lie in one buffer that has room for all of them
 * from the start, so views into it stay good.
 *
 * What the documents leave open is decided for whoever moves a working function here: it works. So
 * "200" is a status and a number is a header's value, though typed languages on the other side
 * might refuse them. What no cloud could send as HTTP is refused: a status below 200 is no final
 * answer.
 */
#include "dialect/answer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_walk.h"
#include "dialect/shape.h"

enum { STATUS_LEAST = 200, STATUS_MOST = 599, DETAIL = 60 };

/* The members, raw; STR_NONE: not there. */
struct members {
    struct str status, headers, body, encoded;
};

static bool is_absent(struct str value)
{
    return value.n == 0 || json_kind(value) == JSON_NULL;
}

static void find_members(struct str object, struct members *ret)
{
    const struct {
        struct str name;
        struct str *at;
    } known[] = {
            {S("statusCode"), &ret->status},
            {S("headers"), &ret->headers},
            {S("body"), &ret->body},
            {S("isBase64Encoded"), &ret->encoded},
    };
    struct json_walk w = json_walk(object);
    struct str key, value;

    while (json_next(&w, &key, &value))
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (json_is(key, known[i].name))
                *known[i].at = value;
}

/* The inside of a text without escapes; else as it stands. */
static struct str inside(struct str value)
{
    if (json_kind(value) != JSON_TEXT)
        return value;
    return (struct str){value.p + 1, value.n - 2};
}

static int read_status(struct str value, const struct answer_rules *rules, int *ret, struct err *e)
{
    struct str digits = inside(value);
    uint64_t status;
    int r;

    if (is_absent(value) && rules->status > 0) {
        *ret = rules->status;
        return 0;
    }
    if (is_absent(value) || str_eq(digits, S("0")))
        return err_set(e, ERR_FUNCTION, -ENODATA, "the answer has no 'statusCode'");
    r = str_u64(digits, STATUS_LEAST, STATUS_MOST, &status);
    if (r < 0)
        return err_set(e, ERR_FUNCTION, -EINVAL, "'statusCode' must be between %d and %d, not %.*s",
                       STATUS_LEAST, STATUS_MOST, (int)(value.n < DETAIL ? value.n : DETAIL),
                       value.p);
    *ret = (int)status;
    return 0;
}

static int read_encoded(struct str value, bool *ret, struct err *e)
{
    *ret = false;
    if (is_absent(value) || str_ieq(inside(value), S("false")))
        return 0;
    if (!str_ieq(inside(value), S("true")))
        return err_set(e, ERR_FUNCTION, -EINVAL, "'isBase64Encoded' must be true or false");
    *ret = true;
    return 0;
}

/* How many lines the headers make at most; -1: one is neither plain nor a list of plain ones. */
static ptrdiff_t count_lines(struct str headers, struct str *ret_wrong)
{
    struct json_walk w = json_walk(headers), in;
    struct str key, value, none, item;
    ptrdiff_t n = 0;

    while (json_next(&w, &key, &value)) {
        enum json_kind kind = json_kind(value);

        *ret_wrong = key;
        if (kind == JSON_OBJECT)
            return -1;
        if (kind != JSON_LIST) {
            n++;
            continue;
        }
        for (in = json_walk(value); json_next(&in, &none, &item); n++)
            if (json_kind(item) == JSON_OBJECT || json_kind(item) == JSON_LIST)
                return -1;
    }
    return n;
}

/* The plain value as text, into room that is there. */
static struct str keep_text(struct buf *texts, struct str value)
{
    struct str at = {texts->p + texts->n, 0};

    if (json_kind(value) == JSON_TEXT)
        json_unquote(value, texts);
    else
        buf_adds(texts, value);
    at.n = (size_t)(texts->p + texts->n - at.p);
    return at;
}

static void add_line(struct shape_answer *a, struct str name, struct str value)
{
    if (json_kind(value) == JSON_NULL)
        return;
    a->headers[a->nheaders++] = (struct shape_pair){name, keep_text(&a->texts, value)};
}

static int read_headers(struct str headers, struct shape_answer *a, struct err *e)
{
    struct json_walk w = json_walk(headers), in;
    struct str key, value, none, item, wrong = STR_NONE;
    ptrdiff_t lines;

    if (is_absent(headers))
        return 0;
    if (json_kind(headers) != JSON_OBJECT)
        return err_set(e, ERR_FUNCTION, -EINVAL, "'headers' must be an object");
    lines = count_lines(headers, &wrong);
    if (lines < 0)
        return err_set(e, ERR_FUNCTION, -EINVAL, "header %.*s must be text or a list of texts",
                       (int)(wrong.n < DETAIL ? wrong.n : DETAIL), wrong.p);
    if (lines > ANSWER_HEADERS)
        return err_set(e, ERR_FUNCTION, -EINVAL, "%td headers are more than the %d allowed", lines,
                       ANSWER_HEADERS);
    if (!buf_room(&a->texts, headers.n))
        return err_set(e, ERR_HOST, -ENOMEM, "no memory for the headers");
    a->headers = xcalloc((size_t)lines + 1, sizeof(*a->headers));
    while (json_next(&w, &key, &value)) {
        struct str name = keep_text(&a->texts, key);

        if (json_kind(value) != JSON_LIST)
            add_line(a, name, value);
        else
            for (in = json_walk(value); json_next(&in, &none, &item);)
                add_line(a, name, item);
    }
    return 0;
}

static void drop_line_ends(struct buf *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        if (b->p[i] != '\r' && b->p[i] != '\n')
            b->p[n++] = b->p[i];
    b->n = n;
    b->p[n] = '\0';
}

static int decode_body(struct str text, struct buf *body, struct err *e)
{
    cleanup_with(buf_done) struct buf plain;
    struct str code = inside(text);
    int r;

    buf_init(&plain, text.n);
    if (memchr(code.p, '\\', code.n)) {
        json_unquote(text, &plain);
        drop_line_ends(&plain);
        code = buf_str(&plain);
    }
    r = buf_ok(&plain) ? base64_decode(code, body) : -ENOMEM;
    if (r == -EINVAL)
        return err_set(e, ERR_FUNCTION, r,
                       "'body' is not base64, though 'isBase64Encoded' is true");
    if (r < 0 || !buf_ok(body))
        return err_set(e, ERR_HOST, -ENOMEM, "no memory for the body");
    return 0;
}

static int read_body(const struct members *m, const struct answer_rules *rules, struct buf *body,
                     struct err *e)
{
    bool encoded;
    int r = read_encoded(m->encoded, &encoded, e);

    if (r < 0 || is_absent(m->body))
        return r;
    if (json_kind(m->body) != JSON_TEXT) {
        if (!rules->body_json)
            return err_set(e, ERR_FUNCTION, -EINVAL, "'body' must be text");
        buf_adds(body, m->body);
        return buf_ok(body) ? 0 : err_set(e, ERR_HOST, -ENOMEM, "no memory for the body");
    }
    if (encoded)
        return decode_body(m->body, body, e);
    json_unquote(m->body, body);
    return buf_ok(body) ? 0 : err_set(e, ERR_HOST, -ENOMEM, "no memory for the body");
}

static int parse_object(struct str object, const struct answer_rules *rules, struct shape_answer *a,
                        struct err *e)
{
    struct members m = {.status = STR_NONE};
    int r;

    if (json_kind(object) != JSON_OBJECT)
        return err_set(e, ERR_FUNCTION, -EBADMSG, "the answer must be an object");
    find_members(object, &m);
    buf_init(&a->body, m.body.n);
    buf_init(&a->texts, m.headers.n);
    r = read_status(m.status, rules, &a->status, e);
    if (r == 0)
        r = read_headers(m.headers, a, e);
    if (r == 0)
        r = read_body(&m, rules, &a->body, e);
    if (r < 0)
        shape_answer_done(a);
    return r;
}

int answer_parse(struct str answer, const struct answer_rules *rules, struct shape_answer *ret,
                 struct err *e)
{
    cleanup_with(buf_done) struct buf inner;
    struct shape_answer a = {0};
    int r;

    buf_init(&inner, answer.n);
    if (!json_valid(answer, NULL))
        return err_set(e, ERR_FUNCTION, -EBADMSG, "the answer is not JSON");
    if (json_kind(answer) == JSON_TEXT) {
        json_unquote(answer, &inner);
        answer = buf_str(&inner);
        if (!buf_ok(&inner) || !json_valid(answer, NULL))
            return err_set(e, ERR_FUNCTION, -EBADMSG, "the answer is a text that is not JSON");
    }
    r = parse_object(answer, rules, &a, e);
    if (r == 0)
        *ret = a;
    return r;
}

void shape_answer_done(struct shape_answer *a)
{
    free(a->headers);
    a->headers = NULL;
    a->nheaders = 0;
    buf_done(&a->body);
    buf_done(&a->texts);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_walk.c - members of a JSON text, one after the other, where they stand.
 *
 * An answer of a function is looked at once: five members, one of which may be six megabytes. A
 * tree would copy all of it and cannot hold a NUL; here nothing is copied but what is asked for.
 * The text has been checked by json_valid() before, so there is no grammar in this file: a value
 * ends where its bracket closes, its quote, or the next comma.
 */
#include "base/json_walk.h"

#include "base/json.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static struct str skip_space(struct str s)
{
    while (s.n > 0 && is_space(s.p[0]))
        s = str_from(s, 1);
    return s;
}

static struct str trim(struct str s)
{
    s = skip_space(s);
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

enum json_kind json_kind(struct str value)
{
    value = skip_space(value);
    switch (value.n > 0 ? value.p[0] : 'n') {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_LIST;
    case '"':
        return JSON_TEXT;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

static const char *find(const char *p, const char *end, char c)
{
    const char *at = p < end ? memchr(p, c, (size_t)(end - p)) : NULL;

    return at ? at : end;
}

/* Length of the text at its opening quote, both quotes included. Each byte is looked at twice at
 * most, however many escapes there are. */
static size_t text_length(struct str s)
{
    const char *p = s.p + 1, *end = s.p + s.n, *quote = find(p, end, '"');

    for (;;) {
        const char *escape = find(p, quote, '\\');

        if (escape == quote)
            return (size_t)(quote < end ? quote - s.p + 1 : end - s.p);
        p = escape + 2;
        if (p > quote)
            quote = find(p < end ? p : end, end, '"');
    }
}

static size_t nested_length(struct str s)
{
    size_t depth = 0, i = 0;

    while (i < s.n) {
        char c = s.p[i];

        if (c == '"') {
            i += text_length(str_from(s, i));
            continue;
        }
        i++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return i;
}

static size_t plain_length(struct str s)
{
    size_t i = 0;

    while (i < s.n && !str_has(S(",]} \t\r\n"), s.p[i]))
        i++;
    return i;
}

/* Cut the value off the front of *rest. */
static struct str take_value(struct str *rest)
{
    struct str s = skip_space(*rest), value = {s.p, 0};

    if (s.n == 0)
        value.n = 0;
    else if (s.p[0] == '"')
        value.n = text_length(s);
    else if (s.p[0] == '{' || s.p[0] == '[')
        value.n = nested_length(s);
    else
        value.n = plain_length(s);
    *rest = str_from(s, value.n);
    return value;
}

struct json_walk json_walk(struct str value)
{
    struct str s = skip_space(value);
    bool keyed = s.n > 0 && s.p[0] == '{';

    if (!keyed && !(s.n > 0 && s.p[0] == '['))
        return (struct json_walk){.rest = STR_NONE};
    return (struct json_walk){.rest = str_from(s, 1), .keyed = keyed};
}

bool json_next(struct json_walk *w, struct str *ret_key, struct str *ret_value)
{
    struct str s = skip_space(w->rest);

    if (s.n > 0 && s.p[0] == ',')
        s = skip_space(str_from(s, 1));
    if (s.n == 0 || s.p[0] == '}' || s.p[0] == ']')
        return false;
    *ret_key = STR_NONE;
    if (w->keyed) {
        *ret_key = take_value(&s);
        s = str_from(skip_space(s), 1); /* the colon */
    }
    *ret_value = take_value(&s);
    w->rest = s;
    return true;
}

static unsigned int hex4(const char *p)
{
    unsigned int v = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];

        v = v << 4 | (unsigned int)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

static void add_character(struct buf *out, unsigned int c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
    } else if (c < 0x800) {
        buf_add(out, (char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))}, 2);
    } else if (c < 0x10000) {
        buf_add(out,
                (char[]){(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
                         (char)(0x80 | (c & 0x3f))},
                3);
    } else {
        buf_add(out,
                (char[]){(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)),
                         (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))},
                4);
    }
}

/* s begins with "\u"; how long what was read is. */
static size_t unquote_code(struct str s, struct buf *out)
{
    unsigned int c, low;

    if (s.n < 6)
        return s.n;
    c = hex4(s.p + 2);
    if (c >= 0xd800 && c <= 0xdbff && s.n >= 12 && s.p[6] == '\\' && s.p[7] == 'u') {
        low = hex4(s.p + 8);
        if (low >= 0xdc00 && low <= 0xdfff) {
            add_character(out, 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff));
            return 12;
        }
    }
    add_character(out, c >= 0xd800 && c <= 0xdfff ? 0xfffd : c);
    return 6;
}

/* s begins with a backslash. */
static size_t unquote_escape(struct str s, struct buf *out)
{
    const struct str from = S("bfnrt"), to = S("\b\f\n\r\t");
    ptrdiff_t at;

    if (s.n < 2)
        return s.n;
    if (s.p[1] == 'u')
        return unquote_code(s, out);
    at = str_find(from, (struct str){s.p + 1, 1});
    if (at >= 0)
        buf_addc(out, to.p[at]);
    else
        buf_addc(out, s.p[1]);
    return 2;
}

void json_unquote(struct str quoted, struct buf *out)
{
    struct str s = trim(quoted);

    s = s.n < 2 ? STR_NONE : (struct str){s.p + 1, s.n - 2};

    while (s.n > 0) {
        size_t run = (size_t)(find(s.p, s.p + s.n, '\\') - s.p);

        buf_add(out, s.p, run);
        s = str_from(s, run);
        if (s.n > 0)
            s = str_from(s, unquote_escape(s, out));
    }
}

bool json_is(struct str quoted, struct str bytes)
{
    struct buf b;
    bool same;

    quoted = trim(quoted);
    if (quoted.n < 2)
        return false;
    if (!memchr(quoted.p, '\\', quoted.n))
        return str_eq((struct str){quoted.p + 1, quoted.n - 2}, bytes);
    buf_init(&b, quoted.n);
    json_unquote(quoted, &b);
    same = buf_ok(&b) && str_eq(buf_str(&b), bytes);
    buf_done(&b);
    return same;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_scan.c - is this JSON? Without building anything.
 *
 * Payloads pass through us as bytes; all we owe the other side is that they are what the content
 * type says. The scan is one loop over tokens with a bit per open bracket (object or array), so it
 * needs no memory and its depth is a number, not our stack. Nothing that is valid here breaks the
 * tree builder behind json_parse(), which sees only text that passed.
 *
 * What always holds in the loop: text[0..i) is a prefix of some valid JSON text.
 *
 * Strings are most of most payloads, so they are skipped eight plain bytes at a time.
 * Source: RFC 8259; the depth limit is ours (section 9 allows one).
 */
#include "base/json_scan.h"

#include "base/json.h"
#include "base/utf8.h"

struct scan {
    const char *p;
    size_t n, i;
    uint32_t depth;
    uint64_t in_object[JSON_DEPTH / 64]; /* one bit per level, else it is an array */
};

static const char too_short[] = "the text ends too early";

static void skip_space(struct scan *s)
{
    while (s->i < s->n &&
           (s->p[s->i] == ' ' || s->p[s->i] == '\n' || s->p[s->i] == '\r' || s->p[s->i] == '\t'))
        s->i++;
}

/* True when none of the eight bytes is below 0x20, a quote, a backslash or above 0x7f. */
static bool all_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, tops = ones * 0x80;
    uint64_t word, quote, backslash;

    memcpy(&word, p, sizeof(word));
    quote = word ^ ones * '"';
    backslash = word ^ ones * '\\';
    return (((word - ones * 0x20) | (quote - ones) | (backslash - ones) | word) & tops) == 0;
}

static bool is_hex4(const struct scan *s, size_t at)
{
    for (size_t k = at; k < at + 4; k++) {
        char c = (char)(k < s->n ? s->p[k] : '\0');

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return true;
}

/* After a backslash. */
static const char *scan_escape(struct scan *s)
{
    if (s->i + 1 >= s->n) {
        s->i = s->n;
        return too_short;
    }
    switch (s->p[s->i + 1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        s->i += 2;
        return NULL;
    case 'u':
        if (!is_hex4(s, s->i + 2))
            return "\\u needs four hexadecimal digits";
        s->i += 6;
        return NULL;
    default:
        return "unknown escape in a string";
    }
}

static const char *scan_string(struct scan *s)
{
    const char *wrong;

    for (s->i++; s->i < s->n;) {
        uint8_t c = (uint8_t)s->p[s->i];
        size_t step;

        if (s->n - s->i >= 8 && all_plain(s->p + s->i)) {
            s->i += 8;
        } else if (c == '"') {
            s->i++;
            return NULL;
        } else if (c == '\\') {
            wrong = scan_escape(s);
            if (wrong)
                return wrong;
        } else if (c < 0x20) {
            return "control character in a string (escape it)";
        } else {
            step = utf8_step(s->p + s->i, s->n - s->i);
            if (step == 0)
                return "bytes that are not UTF-8";
            s->i += step;
        }
    }
    return too_short;
}

static bool skip_digits(struct scan *s)
{
    size_t start = s->i;

    while (s->i < s->n && s->p[s->i] >= '0' && s->p[s->i] <= '9')
        s->i++;
    return s->i > start;
}

static bool skip_one(struct scan *s, char a, char b)
{
    if (s->i >= s->n || (s->p[s->i] != a && s->p[s->i] != b))
        return false;
    s->i++;
    return true;
}

static const char *scan_number(struct scan *s)
{
    bool ok;

    (void)skip_one(s, '-', '-');
    ok = skip_one(s, '0', '0') || skip_digits(s);
    if (ok && skip_one(s, '.', '.'))
        ok = skip_digits(s);
    if (ok && skip_one(s, 'e', 'E')) {
        (void)skip_one(s, '+', '-');
        ok = skip_digits(s);
    }
    if (ok)
        return NULL;
    return s->i < s->n ? "a digit is missing in a number" : too_short;
}

static const char *scan_word(struct scan *s, struct str word)
{
    struct str rest = {s->p + s->i, s->n - s->i};

    if (str_starts(rest, word)) {
        s->i += word.n;
        return NULL;
    }
    if (str_starts(word, rest)) {
        s->i = s->n;
        return too_short;
    }
    return "unknown word (true, false and null are known)";
}

static const char *scan_scalar(struct scan *s)
{
    switch (s->p[s->i]) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, S("true"));
    case 'f':
        return scan_word(s, S("false"));
    case 'n':
        return scan_word(s, S("null"));
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return scan_number(s);
    default:
        return "a value is missing here";
    }
}

static bool in_object(const struct scan *s)
{
    return s->in_object[(s->depth - 1) / 64] >> ((s->depth - 1) % 64) & 1;
}

static const char *open_bracket(struct scan *s)
{
    uint64_t bit = (uint64_t)1 << (s->depth % 64);

    if (s->depth == JSON_DEPTH)
        return "nested deeper than 128 levels";
    if (s->p[s->i] == '{')
        s->in_object[s->depth / 64] |= bit;
    else
        s->in_object[s->depth / 64] &= ~bit;
    s->depth++;
    s->i++;
    return NULL;
}

/* "key": */
static const char *scan_key(struct scan *s)
{
    const char *wrong;

    if (s->i >= s->n)
        return too_short;
    if (s->p[s->i] != '"')
        return "a key in double quotes is missing here";
    wrong = scan_string(s);
    if (wrong)
        return wrong;
    skip_space(s);
    if (s->i >= s->n)
        return too_short;
    if (s->p[s->i] != ':')
        return "a colon is missing here";
    s->i++;
    skip_space(s);
    return NULL;
}

/* After a value: close what closes here; then either all is closed or a comma was passed. */
static const char *close_brackets(struct scan *s)
{
    for (skip_space(s); s->depth > 0; skip_space(s)) {
        if (s->i >= s->n)
            return too_short;
        if (s->p[s->i] == ',') {
            s->i++;
            skip_space(s);
            return in_object(s) ? scan_key(s) : NULL;
        }
        if (s->p[s->i] != (in_object(s) ? '}' : ']'))
            return in_object(s) ? "a comma or } is missing here" : "a comma or ] is missing here";
        s->depth--;
        s->i++;
    }
    return NULL;
}

/* At a value: pass it, or its opening bracket and what must follow that. */
static const char *scan_value(struct scan *s)
{
    const char *wrong;

    if (s->i >= s->n)
        return too_short;
    if (s->p[s->i] != '{' && s->p[s->i] != '[') {
        wrong = scan_scalar(s);
        return wrong ? wrong : close_brackets(s);
    }
    wrong = open_bracket(s);
    if (wrong)
        return wrong;
    skip_space(s);
    if (s->i < s->n && s->p[s->i] == (in_object(s) ? '}' : ']'))
        return close_brackets(s);
    return in_object(s) ? scan_key(s) : NULL;
}

const char *json_scan(struct str text, size_t *ret_offset)
{
    struct scan s = {.p = text.p, .n = text.n};
    const char *wrong;

    skip_space(&s);
    do
        wrong = scan_value(&s);
    while (!wrong && s.depth > 0);
    if (!wrong && s.i < s.n)
        wrong = "more text after the value";
    if (wrong)
        *ret_offset = s.i;
    return wrong;
}

bool json_valid(struct str text, size_t *ret_offset)
{
    size_t offset;

    return !json_scan(text, ret_offset ? ret_offset : &offset);
}

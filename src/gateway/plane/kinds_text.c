/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds_text.c - alphabets. Sources: the model documentation of huaweicloudsdkapig 3.1.219 (names,
 * keys, codes, headers), API reference of APIG "Creating an API" (support.huaweicloud.com,
 * CreateApiV2, 2024-11-11).
 *
 * "Chinese" is any ideograph of Unicode's CJK blocks. Where the documents speak of characters, so do
 * we: a text of three ideographs has three, not nine.
 */
#include "gateway/plane/kinds_text.h"

#include <stdint.h>

#include "gateway/plane/kinds.h"

static bool is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_ideograph(uint32_t c)
{
    return (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0x20000 && c <= 0x3ffff);
}

/* The next character of well-formed UTF-8 (whoever made the text has checked that). */
static uint32_t next(struct str *rest)
{
    uint8_t first = (uint8_t)rest->p[0];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t c = len == 1 ? first : first & (0x7fU >> len);

    for (size_t i = 1; i < len && i < rest->n; i++)
        c = c << 6 | ((uint8_t)rest->p[i] & 0x3f);
    *rest = str_from(*rest, len < rest->n ? len : rest->n);
    return c;
}

size_t gw_characters(struct str s)
{
    size_t n = 0;

    while (s.n > 0) {
        (void)next(&s);
        n++;
    }
    return n;
}

enum { LETTER = 1, DIGIT = 2, IDEOGRAPH = 4 };

/* Each character is of one of the classes or among `also`, and the first one likewise. */
static bool is_of(struct str s, int first, const char *first_also, int rest, const char *also)
{
    bool begun = false;

    if (s.n == 0)
        return false;
    while (s.n > 0) {
        int class = begun ? rest : first;
        const char *more = begun ? also : first_also;
        uint32_t c = next(&s);

        if (!((class & LETTER && is_letter(c)) || (class & DIGIT && is_digit(c)) ||
              (class & IDEOGRAPH && is_ideograph(c)) ||
              (c > 0 && c < 0x80 && strchr(more, (int)c))))
            return false;
        begun = true;
    }
    return true;
}

/* Full-width brackets, colon and the ideographic comma go with ideographs. */
static bool is_wide_mark(uint32_t c)
{
    return c == 0xff08 || c == 0xff09 || c == 0xff1a || c == 0x3001;
}

bool gw_is_title(struct str s)
{
    bool begun = false;

    while (s.n > 0) {
        uint32_t c = next(&s);

        if (!is_letter(c) && !is_digit(c) && !is_ideograph(c) &&
            !(begun && ((c < 0x80 && strchr("-_./:()", (int)c)) || is_wide_mark(c))))
            return false;
        begun = true;
    }
    return begun;
}

bool gw_is_name(struct str s)
{
    return is_of(s, LETTER | IDEOGRAPH, "", LETTER | DIGIT | IDEOGRAPH, "_");
}

bool gw_is_env_name(struct str s)
{
    return is_of(s, LETTER, "", LETTER | DIGIT, "_");
}

bool gw_is_variable(struct str s)
{
    return is_of(s, LETTER, "", LETTER | DIGIT, "_-");
}

bool gw_is_variable_value(struct str s)
{
    return is_of(s, LETTER | DIGIT, "_-/.:", LETTER | DIGIT, "_-/.:");
}

bool gw_is_param(struct str s)
{
    struct str head = {s.p, s.n < 7 ? s.n : 7};

    return is_of(s, LETTER, "", LETTER | DIGIT, "-_.") && !str_ieq(head, S("x-apig-")) &&
           !str_ieq((struct str){s.p, s.n < 6 ? s.n : 6}, S("x-sdk-")) && !str_ieq(s, S("x-stage"));
}

bool gw_is_identity(struct str s)
{
    return is_of(s, LETTER | DIGIT, "_", LETTER | DIGIT, "-_.");
}

bool gw_is_response_name(struct str s)
{
    return is_of(s, LETTER | DIGIT, "_-", LETTER | DIGIT, "_-");
}

bool gw_is_header_name(struct str s)
{
    return is_of(s, LETTER | DIGIT, "-", LETTER | DIGIT, "-");
}

bool gw_is_header_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((uint8_t)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return true;
}

bool gw_is_app_key(struct str s)
{
    return is_of(s, LETTER | DIGIT, "", LETTER | DIGIT, "_-");
}

bool gw_is_app_secret(struct str s)
{
    return is_of(s, LETTER | DIGIT, "", LETTER | DIGIT, "_-!@#$%");
}

bool gw_is_app_code(struct str s)
{
    return is_of(s, LETTER | DIGIT, "+/", LETTER | DIGIT, "+_!@#$%-/=");
}

bool gw_is_tag(struct str s)
{
    return is_of(s, LETTER | IDEOGRAPH, "", LETTER | DIGIT | IDEOGRAPH, "-*#%.:_");
}

static bool is_label(struct str label)
{
    return label.n >= 1 && label.n <= 63 &&
           is_of(label, LETTER | DIGIT, "_", LETTER | DIGIT, "-_") && label.p[label.n - 1] != '-';
}

/* At least two labels, the last of letters only: a name, not an address. */
bool gw_is_host(struct str s)
{
    struct str rest = s, label = STR_NONE;
    size_t labels = 0;

    while (rest.n > 0) {
        label = str_cut(&rest, '.');
        if (!is_label(label) && !(labels == 0 && str_eq(label, S("*"))))
            return false;
        labels++;
    }
    return labels >= 2 && s.p[s.n - 1] != '.' && label.n >= 2 &&
           is_of(label, LETTER, "", LETTER, "");
}

bool gw_is_endpoint(struct str s)
{
    return is_of(s, LETTER | DIGIT, "#[", LETTER | DIGIT, "-_.:#[]");
}

bool gw_is_path(struct str s)
{
    int depth = 0;

    if (s.n == 0 || s.p[0] != '/')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= ' ' || c == 0x7f || strchr("?\\\"<>^`|", c))
            return false;
        depth += (c == '{') - (c == '}');
        if (depth < 0 || depth > 1)
            return false;
    }
    return depth == 0;
}

bool gw_is_mapped_path(struct str s)
{
    return gw_is_path(s) && !str_has(s, '{') && !str_has(s, '%') &&
           (s.n == 1 || s.p[s.n - 1] != '/');
}

bool gw_is_function(struct str s)
{
    struct gw_function f;

    return gw_function_of(s, &f) == 0;
}

bool gw_is_retry(struct str s)
{
    int64_t v;

    return str_i64(s, -1, 10, &v) == 0;
}

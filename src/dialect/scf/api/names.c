/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - the alphabets of SCF's names; see the field rules of the API, 2018-04-16. */
#include "dialect/scf/api/names.h"

static bool is_letter(char c)
{
    return str_lower(c) >= 'a' && str_lower(c) <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters, digits, '-' and '_', a letter first. */
static bool is_word(struct str s, size_t min, size_t max)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    return s.n >= min && s.n <= max && is_letter(s.p[0]);
}

bool scf_is_function_name(struct str s)
{
    return is_word(s, 2, SCF_NAME_MAX) && (is_letter(s.p[s.n - 1]) || is_digit(s.p[s.n - 1]));
}

bool scf_is_namespace(struct str s)
{
    return is_word(s, 1, SCF_NAMESPACE_MAX);
}

bool scf_is_alias(struct str s)
{
    return is_word(s, 1, 64);
}

bool scf_is_trigger(struct str s)
{
    return is_word(s, 1, 100);
}

/* "index.main_handler", "main", "example.Hello::mainHandler": two parts of 2 to 60 characters, or more
 * of them in Java. The cloud's Go functions have one part. */
bool scf_is_handler(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && !is_digit(s.p[i]) &&
            (s.p[i] == '\0' || !strchr("-_.:/$", s.p[i])))
            return false;
    return s.n >= 2 && s.n <= 128 && is_letter(s.p[0]) &&
           (is_letter(s.p[s.n - 1]) || is_digit(s.p[s.n - 1]));
}

size_t scf_characters(struct str utf8)
{
    size_t n = 0;

    for (size_t i = 0; i < utf8.n; i++)
        n += ((unsigned char)utf8.p[i] & 0xc0) != 0x80;
    return n;
}

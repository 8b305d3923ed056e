/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - one step of UTF-8 and places in a text; shared inside base/, not for other rooms. */
#ifndef EVOKE_BASE_UTF8_H
#define EVOKE_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Length of the well-formed sequence at p (n bytes are there), 0 if there is none.
 * Source: RFC 3629 section 4 (no overlong forms, no surrogates, nothing above U+10FFFF). */
static inline size_t utf8_step(const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text;
    uint8_t low = 0x80, high = 0xbf;
    size_t len;

    if (n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len > n)
        return 0;

    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* Line and column (both from 1, columns in characters) of a byte, for messages people read. */
static inline void utf8_place(struct str text, size_t offset, size_t *ret_line, size_t *ret_column)
{
    size_t line = 1, column = 1;

    for (size_t i = 0; text.p && i < offset && i < text.n; i++) {
        if (text.p[i] == '\n') {
            line++;
            column = 1;
        } else if (((uint8_t)text.p[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    *ret_line = line;
    *ret_column = column;
}

#endif

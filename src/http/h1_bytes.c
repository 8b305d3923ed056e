/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1_bytes.h"

/* Ranges first, the exceptions behind them: a later initialiser replaces an earlier one, which the
 * compilers would warn of, so every byte appears once. */
enum {
    ALNUM = H1_TOKEN | H1_VALUE | H1_TARGET | H1_HOST, /* g-z, G-Z */
    HEX = ALNUM | H1_IPV6,                             /* 0-9, a-f, A-F */
    MARK = ALNUM,                                      /* tchar and reg-name alike */
    TOKEN = H1_TOKEN | H1_VALUE | H1_TARGET,           /* tchar only */
    HOST = H1_VALUE | H1_TARGET | H1_HOST,             /* reg-name only */
    OTHER = H1_VALUE | H1_TARGET,
};

const uint8_t h1_bytes[256] = {
        ['\t'] = H1_VALUE,
        [' '] = H1_VALUE,
        ['#'] = H1_TOKEN | H1_VALUE,
        ['!'] = MARK,
        ['$' ... '\''] = MARK,
        ['*'] = MARK,
        ['+'] = MARK,
        ['-'] = MARK,
        ['.'] = MARK | H1_IPV6,
        ['_'] = MARK,
        ['~'] = MARK,
        ['^'] = TOKEN,
        ['`'] = TOKEN,
        ['|'] = TOKEN,
        ['('] = HOST,
        [')'] = HOST,
        [';'] = HOST,
        ['='] = HOST,
        [':'] = OTHER | H1_IPV6,
        ['"'] = OTHER,
        [','] = OTHER,
        ['/'] = OTHER,
        ['<'] = OTHER,
        ['>' ... '@'] = OTHER,
        ['[' ... ']'] = OTHER,
        ['{'] = OTHER,
        ['}'] = OTHER,
        ['0' ... '9'] = HEX,
        ['A' ... 'F'] = HEX,
        ['a' ... 'f'] = HEX,
        ['G' ... 'Z'] = ALNUM,
        ['g' ... 'z'] = ALNUM,
        [0x80 ... 0xff] = OTHER,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_term.c - whatever a function printed, what reaches a terminal is UTF-8 without a control
 * character but '\n' and '\t', is left alone by a second pass, and is cut where it should be. */
#include "base/buf.h"
#include "base/obj.h"
#include "cli/term.h"
#include "fuzz.h"

enum { MAX_INPUT = 4096 };

/* Not one of these, in UTF-8, may be in a safe text. */
static const struct str never[] = {
        {"\xc2\x85", 2},     {"\xc2\x9b", 2},     {"\xe2\x80\xaa", 3}, {"\xe2\x80\xae", 3},
        {"\xe2\x81\xa6", 3}, {"\xe2\x81\xa9", 3}, {"\xe2\x80\x8b", 3}, {"\xef\xbb\xbf", 3},
};

static void check(struct str in, enum term_keep keep)
{
    struct buf safe, again, cell;
    struct str text;

    buf_init(&safe, 4 * MAX_INPUT + 1);
    buf_init(&again, 4 * MAX_INPUT + 1);
    buf_init(&cell, 8 * MAX_INPUT);
    term_safe(in, keep, &safe);
    holds(buf_ok(&safe));
    text = buf_str(&safe);
    holds(str_utf8(text));
    for (size_t i = 0; i < text.n; i++)
        holds((uint8_t)text.p[i] >= ' ' ||
              (keep == TERM_TEXT && (text.p[i] == '\n' || text.p[i] == '\t')));
    holds(!str_has(text, '\x7f'));
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        holds(str_find(text, never[i]) < 0);
    term_safe(text, keep, &again);
    holds(str_eq(buf_str(&again), text));
    if (keep == TERM_LINE) {
        struct str part = term_cut(text, 20);

        holds(str_starts(text, part) && str_utf8(part) && term_columns(part) <= 20);
        term_cell(text, 20, &cell);
        holds(str_utf8(buf_str(&cell)) && term_columns(buf_str(&cell)) == 20);
    }
    buf_done(&safe);
    buf_done(&again);
    buf_done(&cell);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str in = {(const char *)data, n};

    if (n > MAX_INPUT)
        return 0;
    check(in, TERM_TEXT);
    check(in, TERM_LINE);
    return 0;
}

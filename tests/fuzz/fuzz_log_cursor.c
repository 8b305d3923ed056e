/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_log_cursor.c - a cursor that is taken is printed as it came; and an expression of whatever
 * bytes is compiled or refused with a sentence, and finds lines that are in the text. */
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "observe/logs/query.h"

static void try_expression(struct str grep)
{
    static const char text[] = "one\ntwo words\n\nand \xff what is no text\n";
    struct log_record r = {.text = {text, sizeof(text) - 1}};
    cleanup_with(buf_done) struct buf lines;
    struct log_match *m = NULL;
    struct err e = {0};
    struct logs_query q;
    struct str found;
    int rc;

    buf_init(&lines, sizeof(text));
    logs_query_init(&q);
    q.grep = grep;
    if (log_match_new(&q, &m, &e) < 0) {
        holds(e.kind == ERR_CALLER && e.msg[0]);
        return;
    }
    rc = log_match_record(m, &r, &lines, &found, &e);
    holds(rc <= 1 && (rc >= 0 || e.msg[0]) && found.n <= r.text.n);
    holds(rc <= 0 || grep.n == 0 || found.p[found.n - 1] == '\n');
    log_match_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    char again[LOGS_CURSOR_TEXT];
    uint64_t seq;

    if (logs_cursor_parse(text, &seq) == 0) {
        logs_cursor_print(seq, again);
        holds(str_eq(text, str_of(again)));
    }
    try_expression(text);
    return 0;
}

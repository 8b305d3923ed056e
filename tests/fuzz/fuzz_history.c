/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_history.c - a day's file of the history. Whatever its bytes, reading ends, every byte is
 * either part of a frame or lost, and a row that was read is written as it reads.
 */
#include "fuzz.h"
#include "observe/metrics/history_file.h"

#include <string.h>

static void check_row(uint64_t id, const struct span *s)
{
    struct span again;
    struct buf b;
    struct str rest;

    buf_init(&b, 1 << 20);
    history_put_row(&b, id, s);
    rest = str_from(buf_str(&b), 8);
    holds(buf_ok(&b) && span_decode(&rest, &again) && rest.n == 0);
    holds(memcmp(s, &again, sizeof(again)) == 0);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = {(const char *)data, n};
    struct history_frame f;
    uint64_t lost = 0, kept = 0, id;
    struct span s;

    while (history_next_frame(&rest, &f, &lost)) {
        kept += f.whole.n;
        while (history_next_row(&f, &id, &s))
            check_row(id, &s);
    }
    holds(kept + lost == n && rest.n == 0);
    rest = (struct str){(const char *)data,
                        n}; /* and rows without a frame: checksums are hard to guess */
    f = (struct history_frame){.nrows = n, .rows = rest};
    while (history_next_row(&f, &id, &s))
        check_row(id, &s);
    return 0;
}

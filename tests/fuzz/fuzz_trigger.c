/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_trigger.c - stored records of triggers.
 *
 * Properties: what is decoded encodes to the same bytes; a record made from any UTF-8 text encodes
 * to something that is decoded to the same bytes again.
 */
#include <errno.h>

#include "fn/trigger.h"
#include "fuzz.h"

enum { MAX_INPUT = 16 * 1024, MAX_TEXT = 1024 * 1024 };

static void check_decoded(struct str text)
{
    struct trigger *t;
    struct buf again;
    int r = trigger_decode(text, 7, &t, NULL);

    holds(r == 0 || r == -EINVAL);
    if (r < 0)
        return;
    buf_init(&again, MAX_TEXT);
    trigger_encode(t, &again);
    holds(str_eq(buf_str(&again), text));
    holds(t->revision == 7);
    buf_done(&again);
    trigger_unref(t);
}

static void check_made(struct str text)
{
    struct str account = str_cut(&text, '|'), name = str_cut(&text, '|');
    struct fn_key key = {DIALECT_SCF, account, STR_NONE, S("s"), name};
    struct trigger *t = trigger_new(&key, str_cut(&text, '|'));
    struct buf first;

    buf_init(&first, MAX_TEXT);
    trigger_encode(t, &first);
    holds(buf_ok(&first));
    check_decoded(buf_str(&first));
    buf_done(&first);
    trigger_unref(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};

    if (n > MAX_INPUT)
        return 0;
    check_decoded(text);
    if (str_utf8(text) && !str_has(text, '\0'))
        check_made(text);
    return 0;
}

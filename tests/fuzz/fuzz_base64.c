/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_base64.c - encoding and decoding undo each other, in both orders: one text per value. */
#include "base/buf.h"
#include "base/crypto.h"
#include "fuzz.h"

enum { MAX_INPUT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str in = {(const char *)data, n};
    struct buf text, back;

    if (n > MAX_INPUT)
        return 0;
    buf_init(&text, 2 * MAX_INPUT);
    buf_init(&back, 2 * MAX_INPUT);
    base64_encode(in, &text);
    holds(buf_ok(&text));
    holds(base64_decode(buf_str(&text), &back) == 0);
    holds(str_eq(buf_str(&back), in));

    buf_reset(&text);
    buf_reset(&back);
    if (base64_decode(in, &back) == 0) {
        base64_encode(buf_str(&back), &text);
        holds(str_eq(buf_str(&text), in));
    }
    buf_done(&text);
    buf_done(&back);
    return 0;
}

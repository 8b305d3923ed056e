/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_uri.c - what was encoded decodes to itself (but NUL, which decoding refuses), and walking a
 * query visits bytes of it only. */
#include <string.h>

#include "base/buf.h"
#include "base/uri.h"
#include "fuzz.h"

enum { MAX_INPUT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str in = {(const char *)data, n}, query = in, name, value;
    struct buf text, back;
    size_t seen = 0;

    if (n > MAX_INPUT)
        return 0;
    buf_init(&text, 3 * MAX_INPUT);
    buf_init(&back, 3 * MAX_INPUT);
    uri_encode(in, "", &text);
    holds(buf_ok(&text));
    if (!str_has(in, '\0')) {
        holds(uri_decode(buf_str(&text), false, &back) == 0);
        holds(str_eq(buf_str(&back), in));
        buf_reset(&back);
        holds(uri_decode(buf_str(&text), true, &back) == 0);
        holds(str_eq(buf_str(&back), in));
    }
    buf_reset(&back);
    if (uri_decode(in, false, &back) == 0)
        holds(back.n <= n);
    while (uri_query_next(&query, &name, &value)) {
        holds(name.n == 0 || (name.p >= in.p && name.p + name.n <= in.p + in.n));
        holds(value.n == 0 || (value.p >= in.p && value.p + value.n <= in.p + in.n));
        seen += name.n + value.n + 1;
        holds(seen <= n + 1);
    }
    buf_done(&text);
    buf_done(&back);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_audit.c - walking a segment ends, stays inside it, and finds what audit_line() wrote whatever
 * stands before it. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "observe/audit/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str json = S("{\"sequence\":77,\"time_ms\":5,\"op\":\"x\"}");
    struct str text = {(const char *)data, n}, rest = text;
    struct audit_item item = {0};
    struct buf with;
    int r, last = 0;

    while ((r = audit_next(&rest, &item)) != 0) {
        holds(r == 1 || r == -EBADMSG);
        holds(rest.p + rest.n == text.p + text.n);
        if (r == 1)
            holds(item.json.p >= text.p && item.json.p + item.json.n <= rest.p);
    }
    holds(!rest.n || !memchr(rest.p, '\n', rest.n));

    buf_init(&with, n + 256);
    buf_adds(&with, text);
    buf_addc(&with, '\n');
    audit_line(json, &with);
    for (rest = buf_str(&with); (r = audit_next(&rest, &item)) != 0;)
        last = r;
    holds(last == 1 && item.sequence == 77 && item.time_ms == 5 && str_eq(item.json, json));
    holds(rest.n == 0);
    buf_done(&with);
    return 0;
}

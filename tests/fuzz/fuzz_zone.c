/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_zone.c - time zone files.
 *
 * Properties: whatever is taken answers every moment with a stretch that holds it, whose ends meet
 * their neighbours, and whose offsets are ones a clock can have.
 */
#include <errno.h>

#include "fuzz.h"
#include "schedule/zone.h"

/* -25 h is refused of a file; a rule may say -24 h and an hour of daylight saving time more. */
static void check_offset(int32_t offset)
{
    holds(offset >= OFFSET_LEAST && offset <= OFFSET_MOST);
}

static void check(const struct zone *z, int64_t s)
{
    struct zone_span span = zone_at(z, s);

    holds(span.from <= s && s < span.until);
    check_offset(span.offset);
    check_offset(span.before);
    if (span.from > INT64_C(-100000000000)) {
        struct zone_span earlier = zone_at(z, span.from - 1);

        holds(earlier.until == span.from);
        holds(earlier.offset == span.before);
    }
    if (span.until < INT64_C(300000000000))
        holds(zone_at(z, span.until).from == span.until);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct zone *z = NULL;
    int r = zone_parse((struct str){(const char *)data, n}, &z);

    holds(r == 0 || r == -EINVAL);
    if (r < 0)
        return 0;
    for (int64_t s = -3000000000; s < 20000000000; s += 86400 * 91 + 12345)
        check(z, s);
    zone_free(z);
    return 0;
}

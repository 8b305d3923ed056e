/* SPDX-License-Identifier: Apache-2.0 */
/* units.c - quantities for people. */
#include "cli/units.h"

#include <stdio.h>
#include <string.h>

static const char *three_digits(double v, const char *unit, char out[UNITS_TEXT])
{
    (void)snprintf(out, UNITS_TEXT, "%.*f %s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, unit);
    return out;
}

const char *units_bytes(uint64_t n, char out[UNITS_TEXT])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double v = (double)n / 1024;
    size_t i = 0;

    if (n < 1024) {
        (void)snprintf(out, UNITS_TEXT, "%u B", (unsigned)n);
        return out;
    }
    for (; v >= 999.5 && i < 3; i++)
        v /= 1024;
    return three_digits(v, units[i], out);
}

const char *units_time(uint64_t ns, char out[UNITS_TEXT])
{
    double us = (double)ns / 1e3;

    if (us < 999.5)
        return three_digits(us, "us", out);
    if (us < 999.5e3)
        return three_digits(us / 1e3, "ms", out);
    if (us < 9999.5e6)
        return three_digits(us / 1e6, "s", out);
    (void)snprintf(out, UNITS_TEXT, "%llu s", (unsigned long long)(ns / 1000000000));
    return out;
}

const char *units_number(uint64_t n, char out[UNITS_TEXT])
{
    char digits[UNITS_TEXT];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), at = 0;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ' ';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

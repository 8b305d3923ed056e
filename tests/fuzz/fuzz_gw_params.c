/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_gw_params.c - every condition more lets through the same or less, and what is refused has a
 * reason. The first line is the list of values, the second the bounds, the rest the value.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "gateway/map/params.h"

static char *text_of(struct str s)
{
    char *p = malloc(s.n + 1);

    holds(p != NULL);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static bool passes(const struct gw_param *p, struct str value)
{
    const char *why = gw_param_check(p, value);

    holds(!why || why[0]);
    return !why;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str value = {(const char *)data, n}, values = str_cut(&value, '\n'),
               bounds = str_cut(&value, '\n');
    struct gw_param p = {.validate = true};
    bool any, listed, number, within;

    if (n > 1024 || str_has(values, '\0'))
        return 0;
    any = passes(&p, value);
    holds(any); /* no condition at all */

    p.enumerations = text_of(values);
    listed = passes(&p, value);
    if (listed && values.n > 0)
        holds(str_find(values, value) >= 0);
    free(p.enumerations);
    p.enumerations = NULL;

    p.min_size = bounds.n > 0 ? (uint8_t)bounds.p[0] : 0;
    p.max_size = bounds.n > 1 ? (uint8_t)bounds.p[1] : 0;
    if (passes(&p, value))
        holds(p.max_size == 0 || value.n <= 4 * (size_t)p.max_size || !str_utf8(value));

    p.number = true;
    number = passes(&p, value);
    p.has_min = p.has_max = true;
    p.min_num = bounds.n > 0 ? (int8_t)bounds.p[0] : 0;
    p.max_num = bounds.n > 1 ? (int8_t)bounds.p[1] : 0;
    within = passes(&p, value);
    holds(!within || number);
    holds(!within || p.min_num <= p.max_num);
    if (number)
        holds(value.n > 0 && value.n < 64 && !str_has(value, 'x') && !str_has(value, ' '));
    return 0;
}

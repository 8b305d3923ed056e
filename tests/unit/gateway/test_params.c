/* SPDX-License-Identifier: Apache-2.0 */
/* Which values a declared parameter takes: APIG API Reference, "Registering an API" (CreateApiV2,
 * 2024-11-11): enumerations, min_num, max_num, min_size, max_size. */
#include "t.h"

#include "gateway/map/params.h"

static void want(const struct gw_param *p, const char *value, const char *why)
{
    const char *got = gw_param_check(p, str_of(value));

    if (!why ? got != NULL : !got || strcmp(got, why) != 0)
        fail_msg("'%s' %s, not: %s", value, got ? got : "is right", why ? why : "is right");
}

static void a_number_is_digits_and_within_its_bounds(void **state)
{
    const struct gw_param any = {.number = true};
    const struct gw_param p = {
            .number = true, .has_min = true, .has_max = true, .min_num = -1, .max_num = 10.5};
    static const char *const no[] = {"",    "x",  "1x",  "0x10", " 1", "1 ", "inf", "nan",
                                     "--1", "1e", "1,5", "+",    ".",  "e5", "1_0", "1\n"};
    static const char *const yes[] = {"0", "-0", "+1", "1.", ".5", "1e3", "-2.5E-3", "007"};

    (void)state;
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        want(&any, no[i], "must be a number");
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        want(&any, yes[i], NULL);
    want(&any, "123456789012345678901234567890123456789012345678901234567890123", NULL);
    want(&any, "1234567890123456789012345678901234567890123456789012345678901234",
         "must be a number");
    want(&p, "-1", NULL);
    want(&p, "-1.01", "is below its minimum");
    want(&p, "10.5", NULL);
    want(&p, "10.51", "is above its maximum");
    want(&p, "1e99999", "is above its maximum");
}

static void a_text_is_counted_in_characters(void **state)
{
    const struct gw_param p = {.min_size = 2, .max_size = 3}, any = {0};

    (void)state;
    want(&p, "a", "is too short");
    want(&p, "ab", NULL);
    want(&p, "abc", NULL);
    want(&p, "abcd", "is too long");
    want(&p, "\xe4\xbd\xa0", "is too short");
    want(&p, "\xe4\xbd\xa0\xe5\xa5\xbd\xe5\x95\x8a", NULL);
    want(&p, "\xe4\xbd\xa0\xe5\xa5\xbd\xe5\x95\x8a!", "is too long");
    want(&any, "", NULL);
    want(&any, "anything at all", NULL);
}

static void a_list_of_values_is_all_there_is(void **state)
{
    const struct gw_param p = {.enumerations = (char *)"a,b c, d"};
    const struct gw_param n = {.enumerations = (char *)"1,2", .number = true};
    const struct gw_param none = {.enumerations = (char *)""};

    (void)state;
    want(&p, "a", NULL);
    want(&p, "b c", NULL);
    want(&p, "d", NULL);
    want(&p, "A", "is none of its values");
    want(&p, "a,b c", "is none of its values");
    want(&p, "", "is none of its values");
    want(&n, "1", NULL);
    want(&n, "1.0", "is none of its values");
    want(&none, "x", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_number_is_digits_and_within_its_bounds),
            cmocka_unit_test(a_text_is_counted_in_characters),
            cmocka_unit_test(a_list_of_values_is_all_there_is),
    };

    return T_RUN(tests);
}

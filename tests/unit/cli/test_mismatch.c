/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends do not fit: what is said of it. */
#include "t.h"

#include <errno.h>

#include "base/clock.h"
#include "cli/mismatch.h"

static void the_last_number_of_a_version_does_not_matter(void **state)
{
    (void)state;
    assert_int_equal(mismatch_order(S("1.2.3"), S("1.2.9")), 0);
    assert_int_equal(mismatch_order(S("1.2"), S("1.2.9")), 0);
    assert_int_equal(mismatch_order(S("1.2.3"), S("1.3.0")), -1);
    assert_int_equal(mismatch_order(S("1.10.0"), S("1.9.0")), 1);
    assert_int_equal(mismatch_order(S("2.0.0"), S("1.9.0")), 1);
    assert_int_equal(mismatch_order(S("0.1.0"), S("1.0.0")), -1);
    assert_int_equal(mismatch_order(S(""), S("1.0.0")), 0);
    assert_int_equal(mismatch_order(S("next"), S("1.0.0")), 0);
    assert_int_equal(mismatch_order(S("1"), S("1.0.0")), 0);
}

static void an_unknown_path_of_the_same_version_stays_what_it_was(void **state)
{
    struct err e = {.code = -ENOENT, .msg = "before"};

    (void)state;
    mismatch_unknown(S(EVOKE_VERSION), &e);
    assert_string_equal(e.msg, "before");
    mismatch_unknown(S("0.0.9"), &e);
    t_has(e.msg, "the daemon is version 0.0.9, this command needs " EVOKE_VERSION);
    assert_int_equal(e.code, -ENOSYS);
    mismatch_unknown(STR_NONE, &e);
    t_has(e.msg, "the daemon is version 0.1.0 or older, this command needs");
}

static void a_clock_is_named_when_it_is_off_by_more_than_allowed(void **state)
{
    static const int64_t now_ms = 1795294078000;
    static const struct {
        int64_t ahead_s; /* the daemon's clock */
        const char *says;
    } rows[] = {
            {0, NULL},
            {890, NULL},
            {-890, NULL},
            {1020, "your clock is 17 min behind the daemon's"},
            {-1020, "your clock is 17 min ahead of the daemon's"},
            {3 * 3600, "your clock is 3 h behind"},
            {-86400 * 12, "your clock is 12 days ahead"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {.code = -EACCES, .msg = "before"};
        char date[CLOCK_TEXT];

        mismatch_clock(str_of(clock_http(now_ms + rows[i].ahead_s * 1000, date)), now_ms, &e);
        t_has(e.msg, rows[i].says ? rows[i].says : "before");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_last_number_of_a_version_does_not_matter),
            cmocka_unit_test(an_unknown_path_of_the_same_version_stays_what_it_was),
            cmocka_unit_test(a_clock_is_named_when_it_is_off_by_more_than_allowed),
    };

    return T_RUN(tests);
}

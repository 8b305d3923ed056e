/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/trace/trace.h"

#include <errno.h>

#include "t.h"

#define IDS "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"

static void a_parent_is_read_as_the_standard_says(void **state)
{
    static const struct {
        const char *text;
        int r;
        bool sampled;
    } rows[] = {
            {"00-" IDS "-01", 0, true},
            {"00-" IDS "-00", 0, false},
            {"00-" IDS "-03", 0, true}, /* unknown flags are ignored */
            {"cc-" IDS "-01", 0, true}, /* of a version to come: what 00 knows */
            {"cc-" IDS "-01-what-else", 0, true},
            {"cc-" IDS "-01.what-else", -EINVAL, false},
            {"00-" IDS "-01-what-else", -EINVAL, false},
            {"00-" IDS "-01 ", -EINVAL, false},
            {"ff-" IDS "-01", -EINVAL, false},
            {"00-" IDS "-1", -EINVAL, false},
            {"00-" IDS, -EINVAL, false},
            {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", -EINVAL, false},
            {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", -EINVAL, false},
            {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", -EINVAL, false},
            {"", -EINVAL, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run_trace t = {0};

        assert_int_equal(trace_parse(str_of(rows[i].text), &t), rows[i].r);
        assert_int_equal(t.sampled, rows[i].sampled);
        if (rows[i].r == 0) {
            assert_int_equal(t.trace_id[0], 0x4b);
            assert_int_equal(t.parent_id[7], 0xb7);
        }
    }
}

static void the_state_is_a_list_of_members(void **state)
{
    char many[512] = "a0=1", one[16];

    (void)state;
    assert_true(trace_state_ok(S("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")));
    assert_true(trace_state_ok(S("a=1, , b@c=x y")));
    assert_false(trace_state_ok(S("")));
    assert_false(trace_state_ok(S("a=1,a=2")));
    assert_false(trace_state_ok(S("A=1")));
    assert_false(trace_state_ok(S("a")));
    assert_false(trace_state_ok(S("a=")));
    assert_false(trace_state_ok(S("a=b=c")));
    assert_false(trace_state_ok(S("a=\x7f")));
    for (int i = 1; i < 32; i++) {
        (void)snprintf(one, sizeof(one), ",a%d=1", i);
        strncat(many, one, sizeof(many) - strlen(many) - 1);
    }
    assert_true(trace_state_ok(str_of(many)));
    strncat(many, ",b=1", sizeof(many) - strlen(many) - 1);
    assert_false(trace_state_ok(str_of(many)));
}

static void ids_are_carried_on_and_ratios_kept(void **state)
{
    struct tracer all, none;
    struct run_trace t;
    char text[TRACE_PARENT];
    uint64_t ratio;
    int sampled = 0;

    (void)state;
    assert_int_equal(trace_ratio(S("1"), &ratio), 0);
    tracer_init(&all, ratio);
    assert_int_equal(trace_ratio(S("0.000"), &ratio), 0);
    tracer_init(&none, ratio);
    assert_int_equal(trace_ratio(S("1.1"), &ratio), -EINVAL);
    assert_int_equal(trace_ratio(S(".5"), &ratio), -EINVAL);
    assert_int_equal(trace_ratio(S("0.0000000001"), &ratio), -EINVAL);

    tracer_begin(&none, S("00-" IDS "-01"), S("a=1"), false, &t);
    assert_true(t.sampled);
    trace_print(&t, text);
    assert_memory_equal(text, "00-4bf92f3577b34da6a3ce929d0e0e4736-", 36);
    assert_string_equal(text + 52, "-01");
    assert_memory_not_equal(t.span_id, t.parent_id, 8);
    for (int i = 0; i < 1000; i++) {
        tracer_begin(&all, STR_NONE, STR_NONE, false, &t);
        assert_true(t.sampled);
        tracer_begin(&none, S("nonsense"), S("a=1"), false, &t);
        assert_false(t.sampled);
        assert_null(t.state.p);
        tracer_begin(&none, STR_NONE, STR_NONE, true, &t);
        assert_true(t.sampled);
    }
    tracer_begin(&all, S("00-" IDS "-00"), STR_NONE, true, &t);
    assert_false(t.sampled); /* the caller's word counts, always */
    assert_int_equal(trace_ratio(S("0.25"), &all.ratio), 0);
    for (int i = 0; i < 10000; i++) {
        tracer_begin(&all, STR_NONE, STR_NONE, false, &t);
        sampled += t.sampled;
    }
    assert_in_range(sampled, 2200, 2800); /* seven standard deviations */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_parent_is_read_as_the_standard_says),
            cmocka_unit_test(the_state_is_a_list_of_members),
            cmocka_unit_test(ids_are_carried_on_and_ratios_kept),
    };

    return T_RUN(tests);
}

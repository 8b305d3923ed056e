/* SPDX-License-Identifier: Apache-2.0 */
/* test_retry.c - how often and when again; whose rules hold. */
#include "rig.h"
#include "t.h"

#include "base/alloc.h"
#include "delivery/internal.h"

static void waits_double_up_to_the_most(void **state)
{
    struct retry r = {.first_ms = 1000, .most_ms = 5000};

    (void)state;
    assert_int_equal(retry_wait_ms(&r, 1, 7), 1000);
    assert_int_equal(retry_wait_ms(&r, 2, 7), 2000);
    assert_int_equal(retry_wait_ms(&r, 3, 7), 4000);
    assert_int_equal(retry_wait_ms(&r, 4, 7), 5000);
    assert_int_equal(retry_wait_ms(&r, 4000000000u, 7), 5000);
}

static void jitter_is_between_half_and_all(void **state)
{
    struct retry r = {.first_ms = 1000, .most_ms = 1000, .jitter = true};
    uint64_t least = UINT64_MAX, most = 0;

    (void)state;
    for (uint32_t i = 0; i < 5000; i++) {
        uint64_t ms = retry_wait_ms(&r, 1, i);

        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    assert_int_equal(least, 500);
    assert_int_equal(most, 1000);
}

static void a_functions_own_rules_go_before_its_clouds(void **state)
{
    struct fn *f =
            fn_new(&(struct fn_key){DIALECT_FUNCTIONGRAPH, S("p"), S("r"), S("default"), S("f")});
    struct fn_async rules = {.max_age_s = 60, .max_retries = 3};
    struct retry r;

    (void)state;
    rig_retry = (struct shape_retry){.age_s = 10, .retries = 1, .first_ms = 5, .most_ms = 6};
    r = retry_of(f);
    assert_int_equal(r.age_ms, 10000);
    assert_int_equal(r.retries, 1);
    assert_false(r.failures);
    f->async = fn_async_copy(&rules);
    r = retry_of(f);
    assert_int_equal(r.age_ms, 60000);
    assert_int_equal(r.retries, 3);
    assert_true(r.failures);
    assert_int_equal(r.first_ms, 5); /* its pace is the cloud's */
    fn_unref(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(waits_double_up_to_the_most),
            cmocka_unit_test(jitter_is_between_half_and_all),
            cmocka_unit_test(a_functions_own_rules_go_before_its_clouds),
    };

    return T_RUN(tests);
}

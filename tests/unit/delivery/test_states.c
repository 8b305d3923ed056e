/* SPDX-License-Identifier: Apache-2.0 */
/* test_states.c - what follows what: the table has no hole, and says what people are told. */
#include "t.h"

#include "delivery/states.h"

static void every_ending_has_a_next(void **state)
{
    (void)state;
    for (int what = 0; what < WHATS; what++)
        for (int left = 0; left < LEFTS; left++) {
            const struct step *s = states_step((enum what)what, (enum left)left);

            assert_true(s->next < NEXTS);
            assert_non_null(s->reason);
            /* Who waits again must have time for it, but for who was not tried at all. */
            if (left == LEFT_NO_TIME)
                assert_true(s->next != NEXT_RETRY);
        }
}

static void only_what_was_tried_counts(void **state)
{
    (void)state;
    for (int what = 0; what < WHATS; what++)
        if (states_step((enum what)what, LEFT_TRIES)->next == NEXT_RELEASE)
            assert_false(states_counted((enum what)what));
    assert_true(states_counted(RAN_OK));
    assert_true(states_counted(RAN_FAILED));
    assert_false(states_counted(RAN_LATE));
    assert_false(states_counted(RAN_GONE));
}

static void who_hears_of_it(void **state)
{
    (void)state;
    assert_int_equal(states_next(NEXT_DONE)->told, TOLD_SUCCESS);
    assert_int_equal(states_next(NEXT_DEAD)->told, TOLD_FAILURE);
    assert_int_equal(states_next(NEXT_EXPIRED)->told, TOLD_FAILURE);
    assert_int_equal(states_next(NEXT_CANCELLED)->told, TOLD_NOBODY);
    assert_false(states_next(NEXT_RETRY)->ends);
    assert_false(states_next(NEXT_RELEASE)->ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_ending_has_a_next),
            cmocka_unit_test(only_what_was_tried_counts),
            cmocka_unit_test(who_hears_of_it),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "source/due.h"

#include <stdbool.h>

#include "t.h"

enum { N = 300, STEPS = 20000 };

static uint64_t seed = 1;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

/* Against a look at all of them. */
static void the_first_is_the_earliest_whatever_was_moved_or_removed(void **state)
{
    static struct due all[N];
    static bool in[N];
    struct due_heap h = {0};

    (void)state;
    assert_null(due_first(&h));
    for (int step = 0; step < STEPS; step++) {
        unsigned i = draw(N);
        int64_t least = INT64_MAX;

        in[i] = draw(3) > 0;
        if (in[i])
            due_set(&h, &all[i], draw(1000));
        else
            due_remove(&h, &all[i]);
        for (unsigned k = 0; k < N; k++)
            if (in[k] && all[k].ms < least)
                least = all[k].ms;
        if (least == INT64_MAX)
            assert_null(due_first(&h));
        else
            assert_int_equal(due_first(&h)->ms, least);
    }
    while (due_first(&h)) {
        int64_t ms = due_first(&h)->ms;

        due_remove(&h, due_first(&h));
        assert_true(!due_first(&h) || due_first(&h)->ms >= ms);
    }
    due_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_first_is_the_earliest_whatever_was_moved_or_removed),
    };
    return T_RUN(tests);
}

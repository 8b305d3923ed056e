/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/health.h"

#include <string.h>

#include "base/clock.h"
#include "t.h"

static int changes;

static void on_change(void *user)
{
    (void)user;
    changes++;
}

static void without_a_registry_all_is_well(void **state)
{
    struct health_fault f;

    (void)state;
    health_set(NULL, "logs", "the disk is full");
    assert_true(health_ready(NULL));
    assert_false(health_fault(NULL, 0, &f));
}

static void faults_come_and_go_each_with_its_time(void **state)
{
    struct health *h = health_new();
    int64_t before = clock_wall_ms();
    struct health_fault f;

    (void)state;
    assert_true(health_ready(h));
    health_set(h, "launcher", "there is none");
    health_set(h, "logs", "the disk is full");
    assert_false(health_ready(h));
    assert_true(health_fault(h, 0, &f));
    assert_string_equal(f.component, "launcher");
    assert_string_equal(f.reason, "there is none");
    assert_in_range(f.since_ms, before, clock_wall_ms());
    assert_true(health_fault(h, 1, &f));
    assert_string_equal(f.component, "logs");
    assert_false(health_fault(h, 2, &f));

    health_set(h, "launcher", NULL);
    assert_false(health_ready(h));
    assert_true(health_fault(h, 0, &f));
    assert_string_equal(f.component, "logs");
    health_set(h, "logs", NULL);
    assert_true(health_ready(h));
    assert_false(health_fault(h, 0, &f));
    health_free(h);
}

static void only_what_is_new_is_a_change(void **state)
{
    struct health *h = health_new();
    char longer[HEALTH_REASON + 20];
    struct health_fault f;

    (void)state;
    changes = 0;
    health_on_change(h, on_change, NULL);
    health_set(h, "store", NULL);
    assert_int_equal(changes, 0);
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    for (int i = 0; i < 3; i++)
        health_set(h, "store", longer);
    assert_int_equal(changes, 1);
    assert_true(health_fault(h, 0, &f));
    assert_int_equal(strlen(f.reason), HEALTH_REASON - 1);

    health_set(h, "store", "another reason");
    assert_int_equal(changes, 2);
    health_set(h, "store", NULL);
    health_set(h, "store", NULL);
    assert_int_equal(changes, 3);
    health_free(h);
}

static void another_reason_keeps_the_time_of_the_first(void **state)
{
    struct health *h = health_new();
    struct health_fault a, b;

    (void)state;
    health_set(h, "audit", "cannot write");
    assert_true(health_fault(h, 0, &a));
    for (int64_t since = clock_wall_ms(); clock_wall_ms() == since;)
        ;
    health_set(h, "audit", "cannot open");
    assert_true(health_fault(h, 0, &b));
    assert_string_equal(b.reason, "cannot open");
    assert_int_equal(a.since_ms, b.since_ms);
    health_free(h);
}

static void as_many_components_as_there_is_room_for(void **state)
{
    static const char *const names[HEALTH_COMPONENTS] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                                         "i", "j", "k", "l", "m", "n", "o", "p"};
    struct health *h = health_new();
    struct health_fault f;

    (void)state;
    for (int i = 0; i < HEALTH_COMPONENTS; i++)
        health_set(h, names[i], "wrong");
    assert_true(health_fault(h, HEALTH_COMPONENTS - 1, &f));
    assert_string_equal(f.component, "p");
    assert_false(health_fault(h, HEALTH_COMPONENTS, &f));
    health_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(without_a_registry_all_is_well),
            cmocka_unit_test(faults_come_and_go_each_with_its_time),
            cmocka_unit_test(only_what_is_new_is_a_change),
            cmocka_unit_test(another_reason_keeps_the_time_of_the_first),
            cmocka_unit_test(as_many_components_as_there_is_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

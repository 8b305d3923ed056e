/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdio.h>

#include "t.h"

enum { MANY = 5000 };

static int values[MANY];

static struct str key_of(int i, char out[16])
{
    return (struct str){out, (size_t)snprintf(out, 16, "key-%d", i)};
}

static void keeps_many_keys_through_growth_and_deletion(void **state)
{
    struct map *m = map_new();
    char k[16];

    (void)state;
    for (int i = 0; i < MANY; i++)
        assert_null(map_put(m, key_of(i, k), &values[i]));
    for (int i = 0; i < MANY; i += 3)
        assert_ptr_equal(map_del(m, key_of(i, k)), &values[i]);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(map_get(m, key_of(i, k)), i % 3 ? &values[i] : NULL);
    assert_int_equal(map_count(m), MANY - (MANY + 2) / 3);
    assert_null(map_free(m));
}

static void putting_again_replaces_and_returns_the_old_value(void **state)
{
    struct map *m = map_new();

    (void)state;
    assert_null(map_get(m, S("a")));
    assert_null(map_del(m, S("a")));
    assert_null(map_put(m, S("a"), &values[0]));
    assert_ptr_equal(map_put(m, S("a"), &values[1]), &values[0]);
    assert_int_equal(map_count(m), 1);
    assert_ptr_equal(map_del(m, S("a")), &values[1]);
    assert_int_equal(map_count(m), 0);
    assert_null(map_del(m, S("a")));
    map_free(m);
}

static void keys_are_bytes_and_copied(void **state)
{
    struct map *m = map_new();
    char key[] = {'a', 0, 'b'};

    (void)state;
    map_put(m, (struct str){key, 3}, &values[0]);
    map_put(m, (struct str){key, 1}, &values[1]);
    map_put(m, STR_NONE, &values[2]);
    key[0] = 'x';
    assert_ptr_equal(map_get(m, S("a\0b")), &values[0]);
    assert_ptr_equal(map_get(m, S("a")), &values[1]);
    assert_ptr_equal(map_get(m, S("")), &values[2]);
    map_free(m);
}

static void a_walk_meets_every_key_once(void **state)
{
    struct map *m = map_new();
    bool seen[100] = {false};
    size_t cursor = 0, n = 0;
    struct str key;
    void *value;
    char k[16];

    (void)state;
    assert_false(map_next(m, &cursor, &key, &value));
    for (int i = 0; i < 100; i++)
        map_put(m, key_of(i, k), &values[i]);
    while (map_next(m, &cursor, &key, &value)) {
        int i = (int)((int *)value - values);

        assert_false(seen[i]);
        t_str(key, key_of(i, k));
        seen[i] = true;
        n++;
    }
    assert_int_equal(n, 100);
    map_free(m);
    assert_null(map_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(keeps_many_keys_through_growth_and_deletion),
            cmocka_unit_test(putting_again_replaces_and_returns_the_old_value),
            cmocka_unit_test(keys_are_bytes_and_copied),
            cmocka_unit_test(a_walk_meets_every_key_once),
    };

    return T_RUN(tests);
}

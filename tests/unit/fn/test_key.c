/* SPDX-License-Identifier: Apache-2.0 */
#include "fn/key.h"

#include <errno.h>

#include "base/cleanup.h"
#include "t.h"

static void path_is(struct fn_key key, const char *want)
{
    struct buf out;

    buf_init(&out, 4096);
    fn_key_path(&key, &out);
    assert_true(buf_ok(&out));
    t_str(buf_str(&out), str_of(want));
    buf_done(&out);
}

static void a_path_has_one_part_for_each_part_of_the_key(void **state)
{
    (void)state;
    path_is((struct fn_key){DIALECT_FUNCTIONGRAPH, S("acc"), S("cn-north-4"), S("default"),
                            S("hello")},
            "functiongraph/acc/cn-north-4/default/hello");
    path_is((struct fn_key){DIALECT_SCF, S("1"), S("ap"), S("ns"), S("f")}, "scf/1/ap/ns/f");
}

static void an_empty_name_gives_the_path_of_the_space(void **state)
{
    (void)state;
    path_is((struct fn_key){DIALECT_FC, S("a"), S("r"), S("svc"), STR_NONE}, "fc/a/r/svc");
}

static void separators_and_percent_signs_inside_a_part_are_encoded(void **state)
{
    (void)state;
    path_is((struct fn_key){DIALECT_FC, S("a/b"), S("%2F"), S("s p"), S("\xc3\xa9")},
            "fc/a%2Fb/%252F/s%20p/%C3%A9");
    path_is((struct fn_key){DIALECT_FC, S("a"), S("b"), S(".."), S("A-Z_a.z~")},
            "fc/a/b/../A-Z_a.z~");
}

static void two_keys_never_share_a_path(void **state)
{
    static const char *const odd[] = {"", "a", "/", "%", "%2F", "a/b", "a%2Fb", "a//b", "\x01"};
    enum { N = sizeof(odd) / sizeof(odd[0]), KEYS = N * N * N };
    struct buf paths[KEYS];
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            for (size_t k = 0; k < N; k++) {
                struct fn_key key = {DIALECT_FC, str_of(odd[i]), str_of(odd[j]), S("s"),
                                     str_of(odd[k])};

                buf_init(&paths[n], 256);
                fn_key_path(&key, &paths[n]);
                for (size_t m = 0; m < n; m++)
                    assert_false(str_eq(buf_str(&paths[m]), buf_str(&paths[n])));
                n++;
            }
    for (size_t i = 0; i < n; i++)
        buf_done(&paths[i]);
}

static void every_dialect_is_found_by_its_name_and_no_other(void **state)
{
    enum dialect d = DIALECTS;

    (void)state;
    for (int i = 0; i < DIALECTS; i++) {
        assert_int_equal(dialect_of(str_of(dialect_names[i]), &d), 0);
        assert_int_equal(d, i);
    }
    assert_int_equal(dialect_of(S("FC"), &d), -EINVAL);
    assert_int_equal(dialect_of(S("f"), &d), -EINVAL);
    assert_int_equal(dialect_of(STR_NONE, &d), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_path_has_one_part_for_each_part_of_the_key),
            cmocka_unit_test(an_empty_name_gives_the_path_of_the_space),
            cmocka_unit_test(separators_and_percent_signs_inside_a_part_are_encoded),
            cmocka_unit_test(two_keys_never_share_a_path),
            cmocka_unit_test(every_dialect_is_found_by_its_name_and_no_other),
    };
    return T_RUN(tests);
}

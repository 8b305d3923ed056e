/* SPDX-License-Identifier: Apache-2.0 */
/* test_table.c - the names of the clouds, and what is said where there is no worker. */
#include "t.h"

#include "base/obj.h"
#include "runtime/runtime.h"

static const struct interpreter none[] = {{0}};

static void every_cloud_knows_its_python_its_node_and_the_native_worker(void **state)
{
    static const struct {
        enum dialect dialect;
        const char *name, *worker;
    } rows[] = {
            {DIALECT_FUNCTIONGRAPH, "Python3.6", "python"},
            {DIALECT_FUNCTIONGRAPH, "Python3.10", "python"},
            {DIALECT_FUNCTIONGRAPH, "Node.js6.10", "node"},
            {DIALECT_FUNCTIONGRAPH, "Node.js20.15", "node"},
            {DIALECT_FUNCTIONGRAPH, "native", "native"},
            {DIALECT_FC, "python3", "python"},
            {DIALECT_FC, "python3.10", "python"},
            {DIALECT_FC, "nodejs12", "node"},
            {DIALECT_FC, "native", "native"},
            {DIALECT_SCF, "Python3.7", "python"},
            {DIALECT_SCF, "Nodejs18.15", "node"},
            {DIALECT_SCF, "native", "native"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct runtime *rt = runtime_find(rows[i].dialect, str_of(rows[i].name));

        assert_non_null(rt);
        assert_string_equal(rt->worker, rows[i].worker);
        assert_string_equal(runtime_worker(rt)->id, rows[i].worker);
    }
}

static void names_are_a_clouds_own_and_exact(void **state)
{
    (void)state;
    assert_null(runtime_find(DIALECT_FC, S("Python3.9")));
    assert_null(runtime_find(DIALECT_FUNCTIONGRAPH, S("python3.9")));
    assert_null(runtime_find(DIALECT_FUNCTIONGRAPH, S("Python3.9 ")));
    assert_null(runtime_find(DIALECT_FUNCTIONGRAPH, S("Python3")));
    assert_null(runtime_find(DIALECT_FUNCTIONGRAPH, STR_NONE));
}

static void a_known_name_without_worker_says_so(void **state)
{
    static const char *const names[] = {"Python2.7", "PHP8.3", "Java17", "C#(.NET Core 6.0)",
                                        "Custom Image"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct runtime *rt = runtime_find(DIALECT_FUNCTIONGRAPH, str_of(names[i]));
        char why[200], want[200];

        assert_non_null(rt);
        assert_null(runtime_worker(rt));
        assert_false(runtime_available(rt, none, why, sizeof(why)));
        (void)snprintf(want, sizeof(want), "runtime '%s' has no worker in this version", names[i]);
        assert_string_equal(why, want);
    }
}

static void the_native_worker_needs_nothing_of_the_host(void **state)
{
    char why[200];

    (void)state;
    assert_true(runtime_available(runtime_find(DIALECT_FC, S("native")), none, why, sizeof(why)));
    assert_null(runtime_worker(runtime_find(DIALECT_FC, S("native")))->program);
}

static void an_interpreter_that_was_chosen_is_the_one_that_must_be_there(void **state)
{
    static const struct interpreter there[] = {{"python", "/bin/sh"}, {0}},
                                    missing[] = {{"python", "/nonexistent/python3"}, {0}};
    const struct runtime *rt = runtime_find(DIALECT_FC, S("python3"));
    char why[200];

    (void)state;
    assert_string_equal(runtime_program(runtime_worker(rt), none), "/usr/bin/python3");
    assert_string_equal(runtime_program(runtime_worker(rt), there), "/bin/sh");
    assert_true(runtime_available(rt, there, why, sizeof why));
    assert_false(runtime_available(rt, missing, why, sizeof why));
    assert_string_equal(why, "runtime 'python3' needs '/nonexistent/python3', which --python "
                             "names: no such program");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_cloud_knows_its_python_its_node_and_the_native_worker),
            cmocka_unit_test(names_are_a_clouds_own_and_exact),
            cmocka_unit_test(a_known_name_without_worker_says_so),
            cmocka_unit_test(the_native_worker_needs_nothing_of_the_host),
            cmocka_unit_test(an_interpreter_that_was_chosen_is_the_one_that_must_be_there),
    };

    return T_RUN(tests);
}

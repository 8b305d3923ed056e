/* SPDX-License-Identifier: Apache-2.0 */
/* test_name.c - short names and the one function they mean. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/name.h"
#include "t.h"

static const char list_text[] = "{\"functions\":["
                                "{\"dialect\":\"functiongraph\",\"account\":\"local\",\"region\":"
                                "\"r\",\"space\":\"default\","
                                "\"name\":\"hello\"},"
                                "{\"dialect\":\"fc\",\"account\":\"1\",\"region\":\"r\",\"space\":"
                                "\"svc\",\"name\":\"hello\"},"
                                "{\"dialect\":\"fc\",\"account\":\"1\",\"region\":\"r\",\"space\":"
                                "\"svc\",\"name\":\"only\"}]}";

static int pick(const char *word, struct buf *path, struct buf *candidates, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *list = json_parse(str_of(list_text), NULL);
    struct name want, found;
    int r = name_parse(str_of(word), &want, e);

    assert_non_null(list);
    if (r >= 0)
        r = name_pick(&want, list, &found, candidates, e);
    if (r >= 0)
        name_path(&found, path);
    return r;
}

static void picks(const char *word, const char *want_path)
{
    cleanup_with(buf_done) struct buf path, candidates;
    struct err e = {0};

    buf_init(&path, 4096);
    buf_init(&candidates, 4096);
    t_ok(pick(word, &path, &candidates, &e), &e);
    t_str(buf_str(&path), str_of(want_path));
}

static void a_unique_short_name_is_enough(void **state)
{
    (void)state;
    picks("only", "/evoke/v1/functions/fc/1/r/svc/only");
}

static void a_space_tells_two_functions_apart(void **state)
{
    (void)state;
    picks("svc/hello", "/evoke/v1/functions/fc/1/r/svc/hello");
    picks("default/hello", "/evoke/v1/functions/functiongraph/local/r/default/hello");
}

static void an_ambiguous_name_lists_the_candidates(void **state)
{
    cleanup_with(buf_done) struct buf path, candidates;
    struct err e = {0};

    (void)state;
    buf_init(&path, 4096);
    buf_init(&candidates, 4096);
    assert_int_equal(pick("hello", &path, &candidates, &e), -ENOTUNIQ);
    t_has(e.msg, "'hello' means 2 functions");
    t_str(buf_str(&candidates), S("functiongraph/local/r/default/hello\nfc/1/r/svc/hello\n"));
}

static void an_unknown_name_is_not_found(void **state)
{
    cleanup_with(buf_done) struct buf path, candidates;
    struct err e = {0};

    (void)state;
    buf_init(&path, 4096);
    buf_init(&candidates, 4096);
    assert_int_equal(pick("svc/nosuch", &path, &candidates, &e), -ENOENT);
    t_has(e.msg, "there is no function 'svc/nosuch'");
    assert_int_equal(pick("nosuch", &path, &candidates, &e), -ENOENT);
}

static void other_numbers_of_parts_are_refused(void **state)
{
    static const char *const bad[] = {"",      "/",       "a/",          "/a",
                                      "a/b/c", "a/b/c/d", "a/b/c/d/e/f", "a//c/d/e"};
    struct name n;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(name_parse(str_of(bad[i]), &n, NULL), -EINVAL);
}

static void a_full_name_keeps_every_part_and_is_encoded_in_a_path(void **state)
{
    cleanup_with(buf_done) struct buf path;
    struct err e = {0};
    struct name n;

    (void)state;
    buf_init(&path, 4096);
    t_ok(name_parse(S("fc/12/r-1/my svc/h?"), &n, &e), &e);
    name_path(&n, &path);
    t_str(buf_str(&path), S("/evoke/v1/functions/fc/12/r-1/my%20svc/h%3F"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_unique_short_name_is_enough),
            cmocka_unit_test(a_space_tells_two_functions_apart),
            cmocka_unit_test(an_ambiguous_name_lists_the_candidates),
            cmocka_unit_test(an_unknown_name_is_not_found),
            cmocka_unit_test(other_numbers_of_parts_are_refused),
            cmocka_unit_test(a_full_name_keeps_every_part_and_is_encoded_in_a_path),
    };

    return T_RUN(tests);
}

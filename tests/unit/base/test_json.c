/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "t.h"

static void refused(struct str text, const char *why)
{
    struct err e = {0};

    if (json_parse(text, &e))
        fail_msg("'%.*s' was accepted", STR_ARG(text));
    assert_int_equal(e.kind, ERR_CALLER);
    assert_int_equal(e.code, -EINVAL);
    t_has(e.msg, why);
}

static void what_is_parsed_prints_the_same(void **state)
{
    static const char *const texts[] = {"null",
                                        "true",
                                        "[]",
                                        "{}",
                                        "[[],{}]",
                                        "{\"a\":[1,-2,0.1,1e+300],\"b\":{\"c\":\"\"}}",
                                        "\"\\\"\\\\/\\n\\u0001\xc3\xa9\xf0\x9f\x98\x80\"",
                                        "9007199254740992",
                                        "{\"a\":1,\"a\":2}"};
    struct err e = {0};
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        cleanup_with(json_freep) struct cJSON *tree = json_parse(str_of(texts[i]), &e);

        if (!tree)
            fail_msg("%s: %s", texts[i], e.msg);
        buf_reset(&b);
        json_print(tree, &b);
        t_str(buf_str(&b), str_of(texts[i]));
    }
    buf_done(&b);
}

static void a_print_that_does_not_fit_fails_the_buffer(void **state)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(S("[1,2]"), NULL);
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    json_print(tree, &b);
    assert_false(buf_ok(&b));
    buf_done(&b);
}

static void errors_name_line_and_column_in_characters(void **state)
{
    (void)state;
    refused(S("{\n  \"\xc3\xa9\": x\n}"), "line 2, column 8: a value is missing here");
    refused(S(""), "line 1, column 1: the text ends too early");
    refused(S("1 2"), "line 1, column 3: more text");
    assert_null(json_parse(S("x"), NULL));
}

static void valid_text_the_tree_cannot_hold_is_refused_in_words(void **state)
{
    char number[66];
    cleanup_with(json_freep) struct cJSON *tree = NULL;

    (void)state;
    refused(S("{\"a\":\"x\\u0000\"}"), "line 1, column 8: \\u0000");
    refused(S("[\"\\ud800\"]"), "line 1, column 3: half a surrogate");
    refused(S("\"\\udc00\""), "surrogate");
    refused(S("\"\\ud800\\ud800\""), "surrogate");
    refused(S("\"\\ud800\\n12345\""), "surrogate");
    refused(S("{\"\\u0000\":1}"), "\\u0000");
    memset(number, '1', sizeof(number));
    number[0] = number[64 + 1] = ' ';
    refused((struct str){number, 66}, "line 1, column 2: a number longer than 63");
    tree = json_parse((struct str){number, 64}, NULL);
    assert_non_null(tree);
}

static void escapes_that_only_look_like_nul_are_text(void **state)
{
    cleanup_with(json_freep) struct cJSON *tree =
            json_parse(S("[\"\\\\u0000\",\"\\ud83d\\ude00\"]"), NULL);

    (void)state;
    assert_string_equal(cJSON_GetArrayItem(tree, 0)->valuestring, "\\u0000");
    assert_string_equal(cJSON_GetArrayItem(tree, 1)->valuestring, "\xf0\x9f\x98\x80");
}

static void depth_is_128_and_not_129(void **state)
{
    char text[258];

    (void)state;
    memset(text, '[', 129);
    memset(text + 129, ']', 129);
    refused((struct str){text, 258}, "nested deeper than 128");
    json_free(json_parse((struct str){text + 1, 256}, NULL));
}

static void keys_are_found_exactly_or_without_case(void **state)
{
    cleanup_with(json_freep) struct cJSON *tree =
            json_parse(S("{\"Name\":\"x\",\"none\":null}"), NULL);

    (void)state;
    assert_null(json_get(tree, "name"));
    assert_non_null(json_get(tree, "Name"));
    assert_non_null(json_geti(tree, "nAME"));
    assert_null(json_get(tree, "none"));
    assert_null(json_geti(tree, "None"));
    assert_null(json_get(NULL, "a"));
    assert_null(json_geti(json_get(tree, "Name"), "a"));
}

static void the_first_name_that_is_not_known_is_found(void **state)
{
    static const char *const known[] = {"a", "b"};
    cleanup_with(json_freep) struct cJSON *tree = json_parse(S("{\"b\":1,\"A\":2,\"c\":3}"), NULL);
    cleanup_with(json_freep) struct cJSON *fine = json_parse(S("{\"b\":null,\"a\":1}"), NULL);

    (void)state;
    assert_ptr_equal(json_stranger(tree, known, 2), json_get(tree, "A"));
    assert_ptr_equal(json_stranger(tree, known, 0), json_get(tree, "b"));
    assert_null(json_stranger(fine, known, 2));
}

static void getters_leave_absent_keys_alone_and_explain_wrong_ones(void **state)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(
            S("{\"s\":\"text\",\"i\":10,\"f\":1.5,\"big\":1e300,\"b\":false,\"n\":null}"), NULL);
    struct err e = {0};
    struct str s = S("default");
    int64_t i = 5;
    bool b = true;

    (void)state;
    t_ok(json_str(tree, "x", false, &s, &e), &e);
    t_ok(json_str(tree, "n", false, &s, &e), &e);
    t_str(s, S("default"));
    t_ok(json_str(tree, "S", true, &s, &e), &e);
    t_str(s, S("text"));
    t_ok(json_int(tree, "x", false, 0, 9, &i, &e), &e);
    assert_int_equal(i, 5);
    t_ok(json_int(tree, "i", false, 10, 10, &i, &e), &e);
    assert_int_equal(i, 10);
    t_ok(json_bool(tree, "b", false, &b, &e), &e);
    assert_false(b);

    assert_int_equal(json_int(tree, "i", false, 0, 9, &i, &e), -EINVAL);
    assert_string_equal(e.msg, "'i' must be between 0 and 9, not 10");
    assert_int_equal(json_int(tree, "i", false, 11, 20, &i, &e), -EINVAL);
    assert_int_equal(json_int(tree, "f", false, 0, 9, &i, &e), -EINVAL);
    t_has(e.msg, "'f' must be an integer");
    assert_int_equal(json_int(tree, "big", false, INT64_MIN, INT64_MAX, &i, &e), -EINVAL);
    assert_int_equal(json_int(tree, "s", false, 0, 9, &i, &e), -EINVAL);
    assert_int_equal(json_str(tree, "i", false, &s, &e), -EINVAL);
    t_has(e.msg, "'i' must be a string");
    assert_int_equal(e.kind, ERR_CALLER);
    assert_int_equal(json_bool(tree, "i", false, &b, &e), -EINVAL);
    assert_int_equal(i, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_parsed_prints_the_same),
            cmocka_unit_test(a_print_that_does_not_fit_fails_the_buffer),
            cmocka_unit_test(errors_name_line_and_column_in_characters),
            cmocka_unit_test(valid_text_the_tree_cannot_hold_is_refused_in_words),
            cmocka_unit_test(escapes_that_only_look_like_nul_are_text),
            cmocka_unit_test(depth_is_128_and_not_129),
            cmocka_unit_test(keys_are_found_exactly_or_without_case),
            cmocka_unit_test(the_first_name_that_is_not_known_is_found),
            cmocka_unit_test(getters_leave_absent_keys_alone_and_explain_wrong_ones),
    };

    return T_RUN(tests);
}

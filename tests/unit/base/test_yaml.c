/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "t.h"

static void becomes(const char *text, const char *json)
{
    struct err e = {0};
    cleanup_with(json_freep) struct cJSON *tree = yaml_parse(str_of(text), &e);
    struct buf b;

    if (!tree)
        fail_msg("'%s': %s", text, e.msg);
    buf_init(&b, 10000);
    json_print(tree, &b);
    t_str(buf_str(&b), str_of(json));
    buf_done(&b);
}

static void refused(struct str text, const char *why)
{
    struct err e = {0};

    if (yaml_parse(text, &e))
        fail_msg("'%.*s' was accepted", STR_ARG(text));
    t_has(e.msg, why);
    assert_true(e.code < 0);
}

static void reads_maps_lists_and_block_text(void **state)
{
    (void)state;
    becomes("name: thumb\nlimits:\n  memory: 128\nlist:\n- a\n- {b: c}\ncode: |\n  x = 1\n  y\n",
            "{\"name\":\"thumb\",\"limits\":{\"memory\":128},\"list\":[\"a\",{\"b\":\"c\"}],"
            "\"code\":\"x = 1\\ny\\n\"}");
    becomes("---\n...\n", "null");
    becomes("# only a comment before\n--- x\n...\n", "\"x\"");
    becomes("\xef\xbb\xbf"
            "a: \xc3\xa9",
            "{\"a\":\"\xc3\xa9\"}");
    becomes("1: a\ntrue: b\n~: c", "{\"1\":\"a\",\"true\":\"b\",\"~\":\"c\"}");
}

static void plain_scalars_follow_the_core_schema(void **state)
{
    (void)state;
    becomes("[~, null, Null, NULL, nUll, ]", "[null,null,null,null,\"nUll\"]");
    becomes("[true, True, TRUE, false, yes, no, on, tRue]",
            "[true,true,true,false,\"yes\",\"no\",\"on\",\"tRue\"]");
    becomes("[0, -1, +12, 0o17, 0x1F, 010]", "[0,-1,12,15,31,10]");
    becomes("[1.5, .5, 5., -1e3, 1E-2, 1.2.3, 1e, ., -, 0x, 0xg, 0o8, -0x1, 1_000, 12:30]",
            "[1.5,0.5,5,-1000,0.01,\"1.2.3\",\"1e\",\".\",\"-\",\"0x\",\"0xg\",\"0o8\",\"-0x1\","
            "\"1_000\",\"12:30\"]");
    becomes("['1', \"true\", '', \"\\u00e9\"]", "[\"1\",\"true\",\"\",\"\xc3\xa9\"]");
    becomes("a: |\n  1\nb: >-\n  true\n", "{\"a\":\"1\\n\",\"b\":\"true\"}");
}

static void numbers_that_would_change_ask_for_quotes(void **state)
{
    (void)state;
    becomes("9007199254740992", "9007199254740992");
    becomes("'123456789012345678901'", "\"123456789012345678901\"");
    refused(S("id: 9007199254740994"), "line 1, column 5: this number cannot be kept exactly");
    refused(S("0xffffffffffffffffffff"), "cannot be kept exactly");
    refused(S(".inf"), "cannot be kept exactly");
    refused(S("-.Inf"), "cannot be kept exactly");
    refused(S(".nan"), "cannot be kept exactly");
    refused(S("1e999"), "cannot be kept exactly");
}

static void refuses_the_surprising_half_of_yaml(void **state)
{
    (void)state;
    refused(S("a: &x 1\nb: *x"), "line 1, column 4: anchors and aliases");
    refused(S("a: *x"), "anchors and aliases");
    refused(S("- &x [1]"), "anchors and aliases");
    refused(S("a: !!str 1"), "line 1, column 4: tags");
    refused(S("!x {a: 1}"), "tags");
    refused(S("! [1]"), "tags");
    refused(S("a: 1\nb: 2\na: 3"), "line 3, column 1: key 'a' is given twice");
    refused(S("a: 1\n'a': 3"), "key 'a' is given twice");
    refused(S("{x: {k: 1, k: 2}}"), "line 1, column 12: key 'k'");
    refused(S("? [a]\n: 1"), "a key must be a scalar");
    refused(S("a\n---\nb"), "only one document");
    refused(S(""), "the document is empty");
    refused(STR_NONE, "the document is empty");
    refused(S("# nothing\n"), "the document is empty");
    refused(S("\"a\\0b\""), "NUL");
}

static void syntax_errors_have_a_place(void **state)
{
    (void)state;
    refused(S("a: 1\n b: 2"), "line 2, column 3: ");
    refused(S("a: [1, 2"), "line 2, column 1: did not find expected"); /* libyaml ends the line */
    refused(S("x: 1\ny: \x80"), "line 2, column 4: ");
    refused(S("a: \x01"), "line 1, column 4: ");
    refused(S("a\0b"), "line 1, column 2: ");
    refused(S("\tx: 1"), "line 1, column 1: ");
}

static void nests_32_levels_and_not_33(void **state)
{
    char text[66], json[66];

    (void)state;
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    refused((struct str){text, 66}, "line 1, column 33: nested deeper than 32 levels");
    memcpy(json, text + 1, 64);
    json[64] = '\0';
    becomes(json, json);
}

static void takes_a_mebibyte_and_not_one_byte_more(void **state)
{
    size_t max = 1024 * 1024;
    char *text = malloc(max + 1);
    struct err e = {0};
    struct cJSON *tree;

    (void)state;
    memset(text, ' ', max + 1);
    text[0] = 'a';
    tree = yaml_parse((struct str){text, max}, &e);
    assert_non_null(tree);
    json_free(tree);
    assert_null(yaml_parse((struct str){text, max + 1}, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(e.code, -EMSGSIZE);
    free(text);
}

static void the_outermost_keys_have_their_lines(void **state)
{
    struct str text = S("# first\na: 1\n\nb:\n  a: 2\n  c: [3]\na: 4\nd: 5\n'a': 6\n");
    const size_t lines[] = {2, 4, 7, 8, 9}, firsts[] = {0, 0, 2, 0, 2};
    struct yaml_keys keys;
    struct err e = {0};
    cleanup_with(json_freep) struct cJSON *tree = yaml_parse_keys(text, &keys, &e);

    (void)state;
    assert_non_null(tree);
    assert_int_equal(keys.n, 5);
    for (size_t i = 0; i < keys.n; i++) {
        assert_int_equal(keys.list[i].line, lines[i]);
        assert_int_equal(keys.list[i].first_line, firsts[i]);
        assert_non_null(keys.list[i].value);
    }
    assert_string_equal(keys.list[3].value->string, "d");
    assert_int_equal(keys.list[4].value->valueint, 6);
    yaml_keys_done(&keys);
    yaml_keys_done(&keys);
}

static void keys_below_the_outermost_map_are_still_given_once(void **state)
{
    struct yaml_keys keys;
    struct err e = {0};

    (void)state;
    assert_null(yaml_parse_keys(S("a:\n  b: 1\n  b: 2\n"), &keys, &e));
    t_has(e.msg, "line 3, column 3: key 'b' is given twice");
    assert_null(keys.list);
    assert_int_equal(keys.n, 0);
}

static void many_keys_are_read(void **state)
{
    struct cJSON *tree;
    struct err e = {0};
    struct buf b;

    (void)state;
    buf_init(&b, 1024 * 1024);
    for (int i = 0; i < 20000; i++)
        buf_addf(&b, "key%d: %d\n", i, i);
    tree = yaml_parse(buf_str(&b), &e);
    assert_non_null(tree);
    json_free(tree);
    buf_addz(&b, "key777: 1\n");
    refused(buf_str(&b), "line 20001, column 1: key 'key777' is given twice");
    buf_done(&b);
}

static void a_path_of_keys_has_a_line(void **state)
{
    static const char text[] = "a:\n"
                               "  - b: 1\n"
                               "  - c: 2\n"
                               "b:\n"
                               "  b: {c: [1, {b: x}],\n"
                               "      d.e: b}\n"
                               "  \"f\": b\n";
    static const struct {
        const char *path[4];
        size_t n, line;
    } cases[] = {
            {{"a"}, 1, 1},
            {{"b"}, 1, 4},
            {{"b", "b"}, 2, 5},
            {{"b", "b", "c"}, 3, 5},
            {{"b", "b", "d.e"}, 3, 6},
            {{"b", "f"}, 2, 7},
            {{"b", "z"}, 2, 4}, /* as far as it goes */
            {{"a", "b"}, 2, 1}, /* not into lists */
            {{"b", "b", "c", "b"}, 4, 5},
            {{"z"}, 1, 0},
            {{"a"}, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(yaml_line(str_of(text), cases[i].path, cases[i].n), cases[i].line);
    assert_int_equal(yaml_line(S("a: ["), (const char *const[]){"b"}, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(reads_maps_lists_and_block_text),
            cmocka_unit_test(plain_scalars_follow_the_core_schema),
            cmocka_unit_test(numbers_that_would_change_ask_for_quotes),
            cmocka_unit_test(refuses_the_surprising_half_of_yaml),
            cmocka_unit_test(syntax_errors_have_a_place),
            cmocka_unit_test(nests_32_levels_and_not_33),
            cmocka_unit_test(takes_a_mebibyte_and_not_one_byte_more),
            cmocka_unit_test(the_outermost_keys_have_their_lines),
            cmocka_unit_test(keys_below_the_outermost_map_are_still_given_once),
            cmocka_unit_test(many_keys_are_read),
            cmocka_unit_test(a_path_of_keys_has_a_line),
    };

    return T_RUN(tests);
}

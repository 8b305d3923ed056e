/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/json.h"
#include "t.h"

static const char *const good[] = {
        "null",
        " true ",
        "\t\r\nfalse\n",
        "0",
        "-0",
        "-0.0e-0",
        "1E+2",
        "123.456",
        "\"\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1,2]",
        "[[],{}]",
        "{\"a\":1,\"a\":2}",
        "{\"\":{\"b\":[null]}}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"\x7f\"",
        "\"\xc3\xa9\xf0\x9f\x98\x80 plain text of more than eight bytes\"",
        "[1e999]",
        "[0.1, -1 , {\"k\" : [ ] } ]"};

/* Text and the byte where it goes wrong. */
static const struct {
    const char *text;
    size_t offset;
} bad[] = {{"", 0},
           {"  ", 2},
           {"nul", 3},
           {"nulL", 0},
           {"True", 0},
           {"01", 1},
           {"-", 1},
           {"+1", 0},
           {".5", 0},
           {"1.", 2},
           {"1.e3", 2},
           {"1e", 2},
           {"1e+", 3},
           {"0x10", 1},
           {"NaN", 0},
           {"Infinity", 0},
           {"-x", 1},
           {"'a'", 0},
           {"\"", 1},
           {"\"abc", 4},
           {"\"\\", 2},
           {"\"\\x\"", 1},
           {"\"\\u12g4\"", 1},
           {"\"\\u12\"", 1},
           {"\"a\nb\"", 2},
           {"\"\t\"", 1},
           {"\"\x80\"", 1},
           {"\"\xc0\x80\"", 1},
           {"\"\xed\xa0\x80\"", 1},
           {"\"long enough \xff\"", 13},
           {"[", 1},
           {"[1", 2},
           {"[1,", 3},
           {"[1,]", 3},
           {"[,1]", 1},
           {"[1 2]", 3},
           {"[1}", 2},
           {"]", 0},
           {"{", 1},
           {"{\"a\"", 4},
           {"{\"a\":", 5},
           {"{\"a\":}", 5},
           {"{\"a\" 1}", 5},
           {"{a:1}", 1},
           {"{1:1}", 1},
           {"{\"a\":1,}", 7},
           {"{\"a\":1]", 6},
           {"{,}", 1},
           {"1 2", 2},
           {"[] []", 3},
           {"{}x", 2},
           {"// c\n1", 0},
           {"[1]/**/", 3},
           {"\xef\xbb\xbf{}", 0},
           {"\f1", 0},
           {"\xc2\xa0"
            "1",
            0}};

static void accepts_json(void **state)
{
    size_t offset = 99;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (!json_valid(str_of(good[i]), &offset))
            fail_msg("'%s' was refused at %zu", good[i], offset);
    assert_int_equal(offset, 99);
}

static void refuses_everything_else_at_the_right_byte(void **state)
{
    size_t offset;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (json_valid(str_of(bad[i].text), &offset))
            fail_msg("'%s' was accepted", bad[i].text);
        if (offset != bad[i].offset)
            fail_msg("'%s' is wrong at %zu, not %zu", bad[i].text, bad[i].offset, offset);
    }
    assert_false(json_valid(STR_NONE, NULL));
    assert_false(json_valid(S("1\0"), NULL));
    assert_false(json_valid(S("\"\0\""), NULL));
}

/* Sanitizers and valgrind see a read past the end: the copies are exactly as long as the text. */
static void every_cut_of_a_text_is_refused_without_reading_on(void **state)
{
    static const char text[] =
            "[{\"key\":\"a longer text \\u00e9 \xc3\xa9\",\"n\":[-1.5e+3,true,null]}]";

    (void)state;
    for (size_t n = 0; n < sizeof(text); n++) {
        char *copy = malloc(n ? n : 1);

        memcpy(copy, text, n);
        assert_int_equal(json_valid((struct str){copy, n}, NULL), n == sizeof(text) - 1);
        free(copy);
    }
}

static void nests_128_levels_and_not_129(void **state)
{
    char text[129 * 6 + 1 + 129];
    size_t offset;

    (void)state;
    for (size_t depth = 128; depth <= 129; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(json_valid((struct str){text, 2 * depth}, &offset), depth == 128);
        for (size_t i = 0; i < depth; i++)
            memcpy(text + 5 * i, "{\"a\":", 5);
        text[5 * depth] = '1';
        memset(text + 5 * depth + 1, '}', depth);
        assert_int_equal(json_valid((struct str){text, 6 * depth + 1}, &offset), depth == 128);
    }
    assert_int_equal(offset, 5 * 128);
}

/* Depth is bits: brackets of both kinds in every order must close in reverse. */
static void mixed_brackets_close_in_order(void **state)
{
    (void)state;
    assert_true(json_valid(S("[{\"a\":[{\"b\":[]},{}]},[{}]]"), NULL));
    assert_false(json_valid(S("[{\"a\":[{\"b\":[]},{}]},[{}}]"), NULL));
    assert_false(json_valid(S("[{\"a\":[}]"), NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(accepts_json),
            cmocka_unit_test(refuses_everything_else_at_the_right_byte),
            cmocka_unit_test(every_cut_of_a_text_is_refused_without_reading_on),
            cmocka_unit_test(nests_128_levels_and_not_129),
            cmocka_unit_test(mixed_brackets_close_in_order),
    };

    return T_RUN(tests);
}

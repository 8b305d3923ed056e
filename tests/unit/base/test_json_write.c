/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/json.h"
#include "t.h"

static void places_commas_at_every_depth(void **state)
{
    struct buf b;
    struct jw w;

    (void)state;
    buf_init(&b, 1000);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kint(&w, "i", INT64_MIN);
    jw_kstrz(&w, "z", NULL);
    jw_kbool(&w, "b", true);
    jw_key(&w, "a");
    jw_arr(&w);
    jw_null(&w);
    jw_obj(&w);
    jw_obj_end(&w);
    jw_arr(&w);
    jw_arr_end(&w);
    jw_raw(&w, S("{\"r\":1}"));
    jw_arr_end(&w);
    jw_kstr(&w, "s", S("x"));
    jw_obj_end(&w);
    assert_true(buf_ok(&b));
    assert_int_equal(w.depth, 0);
    t_str(buf_str(&b), S("{\"i\":-9223372036854775808,\"z\":\"\",\"b\":true,"
                         "\"a\":[null,{},[],{\"r\":1}],\"s\":\"x\"}"));
    assert_true(json_valid(buf_str(&b), NULL));
    buf_done(&b);
}

static void numbers_lose_their_trailing_zeros(void **state)
{
    static const struct {
        uint64_t v;
        unsigned decimals;
        const char *text;
    } cases[] = {
            {1500, 3, "1.5"},
            {10000, 2, "100"},
            {100, 0, "100"},
            {0, 3, "0"},
            {1, 3, "0.001"},
            {1234567, 3, "1234.567"},
            {UINT64_MAX, 9, "18446744073.709551615"},
    };
    struct buf b;
    struct jw w;

    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        buf_reset(&b);
        jw_init(&w, &b);
        jw_fix(&w, cases[i].v, cases[i].decimals);
        t_str(buf_str(&b), str_of(cases[i].text));
    }
    buf_done(&b);
}

static void quotes_what_must_be_quoted(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    json_quote(&b, S("\"\\/\b\f\n\r\t\0\x1f\x7f\xc3\xa9"));
    t_str(buf_str(&b), S("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\xc3\xa9\""));
    buf_reset(&b);
    json_quote(&b, S("a\xff\xc3z\xed\xa0\x80"));
    t_str(buf_str(&b), S("\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
    buf_reset(&b);
    json_quote(&b, STR_NONE);
    t_str(buf_str(&b), S("\"\""));
    buf_done(&b);
}

static void any_bytes_become_one_valid_string(void **state)
{
    struct buf b;
    uint32_t x = 1;
    char raw[40];

    (void)state;
    buf_init(&b, 1000);
    for (int round = 0; round < 5000; round++) {
        for (size_t i = 0; i < sizeof(raw); i++)
            raw[i] = (char)((x = x * 1664525u + 1013904223u) >> 24);
        buf_reset(&b);
        json_quote(&b, (struct str){raw, x % sizeof(raw)});
        assert_true(json_valid(buf_str(&b), NULL));
    }
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(places_commas_at_every_depth),
            cmocka_unit_test(numbers_lose_their_trailing_zeros),
            cmocka_unit_test(quotes_what_must_be_quoted),
            cmocka_unit_test(any_bytes_become_one_valid_string),
    };

    return T_RUN(tests);
}

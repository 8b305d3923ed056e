/* SPDX-License-Identifier: Apache-2.0 */
#include "t.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/json_walk.h"

/* "key=value;" of each member, as they stand. */
static void want_members(const char *json, const char *want)
{
    struct json_walk w = json_walk(str_of(json));
    struct str key, value;
    struct buf out;

    assert_true(json_valid(str_of(json), NULL));
    buf_init(&out, 4096);
    while (json_next(&w, &key, &value)) {
        buf_adds(&out, key);
        buf_addc(&out, '=');
        buf_adds(&out, value);
        buf_addc(&out, ';');
    }
    t_str(buf_str(&out), str_of(want));
    buf_done(&out);
}

static void members_come_one_by_one_as_they_stand(void **state)
{
    (void)state;
    want_members("{}", "");
    want_members(" [ ] ", "");
    want_members("{\"a\":1}", "\"a\"=1;");
    want_members(" { \"a\" : 1 , \"b\"\n:\t\"x\" } ", "\"a\"=1;\"b\"=\"x\";");
    want_members("{\"a\":{\"b\":[1,2,{\"c\":\"}]\"}]},\"d\":null}",
                 "\"a\"={\"b\":[1,2,{\"c\":\"}]\"}]};\"d\"=null;");
    want_members("[1,-2.5e3,true,\"a,b\",[],{}]", "=1;=-2.5e3;=true;=\"a,b\";=[];={};");
    want_members("{\"a\\\"\":\"\\\\\",\"b\":\"\\\"\"}", "\"a\\\"\"=\"\\\\\";\"b\"=\"\\\"\";");
    want_members("7", "");
    want_members("\"{\"", "");
}

static void a_value_is_told_by_its_first_byte(void **state)
{
    (void)state;
    assert_int_equal(json_kind(S(" {}")), JSON_OBJECT);
    assert_int_equal(json_kind(S("[]")), JSON_LIST);
    assert_int_equal(json_kind(S("\"\"")), JSON_TEXT);
    assert_int_equal(json_kind(S("-1")), JSON_NUMBER);
    assert_int_equal(json_kind(S("true")), JSON_BOOL);
    assert_int_equal(json_kind(S("false")), JSON_BOOL);
    assert_int_equal(json_kind(S("null")), JSON_NULL);
    assert_int_equal(json_kind(S("")), JSON_NULL);
}

static void want_text(const char *quoted, struct str want)
{
    struct buf out;

    buf_init(&out, 4096);
    json_unquote(str_of(quoted), &out);
    t_str(buf_str(&out), want);
    assert_true(out.n <= strlen(quoted));
    assert_true(json_is(str_of(quoted), want));
    assert_false(json_is(str_of(quoted), S("something else")));
    buf_done(&out);
}

static void a_text_is_read_as_the_bytes_it_means(void **state)
{
    (void)state;
    want_text("\"\"", S(""));
    want_text("\"plain\"", S("plain"));
    want_text(" \"plain\"\n", S("plain"));
    want_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", S("\"\\/\b\f\n\r\t"));
    want_text("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"",
              S("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    want_text("\"a\\u0000b\"", S("a\0b"));
    want_text("\"\\ud83d\"", S("\xef\xbf\xbd"));
    want_text("\"\\ude00x\"", S("\xef\xbf\xbdx"));
    want_text("\"\\ud83d\\u0041\"", S("\xef\xbf\xbd"
                                      "A"));
    want_text("\"\\ud83d\\n\"", S("\xef\xbf\xbd\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(members_come_one_by_one_as_they_stand),
            cmocka_unit_test(a_value_is_told_by_its_first_byte),
            cmocka_unit_test(a_text_is_read_as_the_bytes_it_means),
    };

    return T_RUN(tests);
}

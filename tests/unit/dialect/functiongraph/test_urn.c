/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/functiongraph/api/urn.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/obj.h"
#include "t.h"

static struct fg_urn parsed(const char *text)
{
    struct fg_urn u;
    struct err e = {0};

    t_ok(fg_urn_parse(str_of(text), S("here-1"), S("mine"), &u, &e), &e);
    return u;
}

static void printed(const char *text, const char *want)
{
    cleanup_with(buf_done) struct buf b;
    struct fg_urn u = parsed(text);

    buf_init(&b, 1024);
    fg_urn_print(&u, &b);
    assert_string_equal(b.p, want);
}

static void the_long_form_names_every_part(void **state)
{
    struct fg_urn u = parsed("urn:fss:r-1:p0:function:pk:fn:v1.2");

    (void)state;
    t_str(u.region, S("r-1"));
    t_str(u.project, S("p0"));
    t_str(u.package, S("pk"));
    t_str(u.name, S("fn"));
    t_str(u.version, S("v1.2"));
    t_str(u.alias, S(""));
    assert_true(u.qualified);
}

static void without_a_version_it_is_latest(void **state)
{
    struct fg_urn u = parsed("urn:fss:r-1:p0:function:pk:fn");

    (void)state;
    t_str(u.version, S("latest"));
    assert_false(u.qualified);
}

static void an_exclamation_mark_makes_an_alias(void **state)
{
    struct fg_urn u = parsed("urn:fss:r-1:p0:function:pk:fn:!prod");

    (void)state;
    t_str(u.alias, S("prod"));
    t_str(u.version, S(""));
    assert_true(u.qualified);
}

static void a_short_form_is_the_tail_of_the_long_one(void **state)
{
    (void)state;
    printed("fn", "urn:fss:here-1:mine:function:default:fn:latest");
    printed("fn:v1", "urn:fss:here-1:mine:function:default:fn:v1");
    printed("fn:!a", "urn:fss:here-1:mine:function:default:fn:!a");
    printed("pk:fn:v1", "urn:fss:here-1:mine:function:pk:fn:v1");
    printed("function:pk:fn:v1", "urn:fss:here-1:mine:function:pk:fn:v1");
    printed("urn:fss:r:p:function:pk:fn", "urn:fss:r:p:function:pk:fn:latest");
    printed("urn:fss:r:p:function:pk:fn:!a", "urn:fss:r:p:function:pk:fn:!a");
}

static void each_malformed_urn_is_told_why(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
            {"", "is empty"},
            {":", "malformed function name"},
            {"1fn", "malformed function name"},
            {"fn_", "malformed function name"},
            {"f n", "malformed function name"},
            {"fn:", "malformed version"},
            {"fn:-v", "malformed version"},
            {"fn:!", "malformed alias"},
            {"fn:!a!", "malformed alias"},
            {"-p:fn:v", "malformed package"},
            {"service:pk:fn:v", "does not say 'function'"},
            {"a:b:c:d:e", "5 or 6 segments"},
            {"a:b:c:d:e:f", "5 or 6 segments"},
            {"a:b:c:d:e:f:g:h:i", "more than 8 segments"},
            {"arn:fss:r:p:function:pk:fn", "does not start with urn:fss"},
            {"urn:fgs:r:p:function:pk:fn", "does not start with urn:fss"},
            {"urn:fss::p:function:pk:fn", "malformed region"},
            {"urn:fss:r::function:pk:fn", "malformed project"},
            {"urn:fss:r:p/q:function:pk:fn", "malformed project"},
            {"urn:fss:r:p:workflow:pk:fn", "does not say 'function'"},
            {"urn:fss:r:p:function::fn", "malformed package"},
            {"urn:fss:r:p:function:pk:", "malformed function name"},
            {"urn:fss:r:p:function:pk:fn:", "malformed version"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fg_urn u;
        struct err e = {0};

        assert_int_equal(fg_urn_parse(str_of(rows[i].text), S("r"), S("p"), &u, &e), -EINVAL);
        assert_int_equal(e.kind, ERR_CALLER);
        t_has(e.msg, rows[i].why);
    }
}

static void parts_and_whole_end_at_their_limits(void **state)
{
    static const struct {
        const char *format;
        int max;
    } rows[] = {
            {"%.*s", FG_NAME_MAX},
            {"%.*s:fn:v", FG_NAME_MAX},
            {"fn:%.*s", FG_VERSION_MAX},
            {"fn:!%.*s", FG_ALIAS_MAX},
            {"urn:fss:%.*s:p:function:pk:fn", FG_PART_MAX},
            {"urn:fss:r:%.*s:function:pk:fn", FG_PART_MAX},
    };
    char fill[512], text[600];
    struct fg_urn u;

    (void)state;
    memset(fill, 'a', sizeof(fill));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(text, sizeof(text), rows[i].format, rows[i].max, fill);
        assert_int_equal(fg_urn_parse(str_of(text), S("r"), S("p"), &u, NULL), 0);
        (void)snprintf(text, sizeof(text), rows[i].format, rows[i].max + 1, fill);
        assert_int_equal(fg_urn_parse(str_of(text), S("r"), S("p"), &u, NULL), -EINVAL);
    }
#pragma GCC diagnostic pop
}

static void a_urn_over_269_characters_is_refused_before_it_is_read(void **state)
{
    char text[FG_URN_MAX + 2];
    struct fg_urn u;
    struct err e = {0};

    (void)state;
    memset(text, 'a', sizeof(text));
    text[FG_URN_MAX + 1] = '\0';
    (void)fg_urn_parse((struct str){text, FG_URN_MAX}, S("r"), S("p"), &u, &e);
    t_has(e.msg, "malformed function name"); /* 269 characters are read */
    (void)fg_urn_parse((struct str){text, FG_URN_MAX + 1}, S("r"), S("p"), &u, &e);
    t_has(e.msg, "270 characters, 269 are allowed");
}

static void names_follow_their_rule(void **state)
{
    (void)state;
    assert_true(fg_name_ok(S("a")));
    assert_true(fg_name_ok(S("a-_9")));
    assert_false(fg_name_ok(S("")));
    assert_false(fg_name_ok(S("9a")));
    assert_false(fg_name_ok(S("a-")));
    assert_false(fg_name_ok(S("a\0b")));
    assert_false(fg_name_ok(S("h\xc3\xa9llo")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_long_form_names_every_part),
            cmocka_unit_test(without_a_version_it_is_latest),
            cmocka_unit_test(an_exclamation_mark_makes_an_alias),
            cmocka_unit_test(a_short_form_is_the_tail_of_the_long_one),
            cmocka_unit_test(each_malformed_urn_is_told_why),
            cmocka_unit_test(parts_and_whole_end_at_their_limits),
            cmocka_unit_test(a_urn_over_269_characters_is_refused_before_it_is_read),
            cmocka_unit_test(names_follow_their_rule),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What an action is asked: flattened names to a tree, and whether a tree keeps to its model. */
#include "t.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/scf/api/scf_api.h"

enum { TEXT_MAX = 1 << 20, LIST_MAX = 1000 };

static const struct scf_object objects[] = {
        {"Inner", "Key! Value List:[i]"},
        {"Outer", "Inner:Inner Many:[Inner]"},
};
static const struct scf_service service = {
        .name = "test", .objects = objects, .nobjects = ARRAY_LEN(objects)};
static const char model[] = "Name! Count:i Share:f Flag:b Words:[s] Outer:Outer";

/* The tree as JSON; or the code it is refused with. */
static void told(struct str form, struct buf *out)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    const char *code = NULL;
    struct err e = {0};
    int r = scf_form_tree(&service, model, form, &tree, &code, &e);

    buf_reset(out);
    if (r == 0)
        r = scf_model_check(&service, model, tree, &code, &e);
    if (r == 0) {
        json_print(tree, out);
        return;
    }
    assert_int_equal(r, -EINVAL);
    assert_non_null(code);
    assert_true(e.msg[0] != '\0');
    buf_addz(out, code);
}

static void forms_become_trees_or_are_refused(void **state)
{
    static const struct {
        const char *form, *want;
    } rows[] = {
            {"Name=a", "{\"Name\":\"a\"}"},
            {"Action=X&Version=Y&Token=Z&Name=a%20b%2Bc", "{\"Name\":\"a b+c\"}"},
            {"Name=a&Count=-3&Share=0.5&Flag=TRUE",
             "{\"Name\":\"a\",\"Count\":-3,\"Share\":0.5,\"Flag\":true}"},
            {"Name=a&Flag=0", "{\"Name\":\"a\",\"Flag\":false}"},
            {"Name=a&Words.1=y&Words.0=x", "{\"Name\":\"a\",\"Words\":[\"x\",\"y\"]}"},
            {"Name=a&Outer.Many.0.Key=k&Outer.Many.0.List.0=1&Outer.Inner.Key=i",
             "{\"Name\":\"a\",\"Outer\":{\"Many\":[{\"Key\":\"k\",\"List\":[1]}],\"Inner\":{"
             "\"Key\":\"i\"}}}"},
            {"", "MissingParameter"},
            {"Name=a&Outer.Inner.Value=v", "MissingParameter"},
            {"Name=a&Nobody=1", "UnknownParameter"},
            {"Name=a&Outer.Nobody=1", "UnknownParameter"},
            {"Name.x=a", "UnknownParameter"},
            {"Name=a&.=1", "UnknownParameter"},
            {"Name=a&Words.0.0=1", "UnknownParameter"},
            {"Name=a&Name=b", "InvalidParameter"},
            {"Name=a&Words=x", "InvalidParameter"},
            {"Name=a&Words.=x", "InvalidParameter"},
            {"Name=a&Words.-1=x", "InvalidParameter"},
            {"Name=a&Words.x=x", "InvalidParameter"},
            {"Name=a&Words.1=x", "InvalidParameter"}, /* a gap */
            {"Name=a&Words.1000=x", "InvalidParameter"},
            {"Name=a&Words.18446744073709551616=x", "InvalidParameter"},
            {"Name=a&Words.0=x&Words.0=y", "InvalidParameter"},
            {"Name=a&Outer=x", "InvalidParameter"},
            {"Name=a&Outer.Many.0=x", "InvalidParameter"},
            {"Name=a&Outer.Inner.Key.0=x", "UnknownParameter"},
            {"Name=a&Count=", "InvalidParameter"},
            {"Name=a&Count=x", "InvalidParameter"},
            {"Name=a&Count=1.5", "InvalidParameter"},
            {"Name=a&Count=+-1", "InvalidParameter"},
            {"Name=a&Count=nan", "InvalidParameter"},
            {"Name=a&Share=inf", "InvalidParameter"},
            {"Name=a&Share=1e999", "InvalidParameter"},
            {"Name=a&Count=0x10", "InvalidParameter"},
            {"Name=a&Count=9007199254740992", "{\"Name\":\"a\",\"Count\":9007199254740992}"},
            {"Name=a&Count=9007199254740994", "InvalidParameter"},
            {"Name=a&Flag=yes", "InvalidParameter"},
            {"Name=%ff", "InvalidParameter"},
            {"Name=%zz", "InvalidParameter"},
            {"Name=%00", "InvalidParameter"},
    };
    cleanup_with(buf_done) struct buf out;

    (void)state;
    buf_init(&out, TEXT_MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_with(json_freep) struct cJSON *want = json_parse(str_of(rows[i].want), NULL);

        told(str_of(rows[i].form), &out);
        if (!want) {
            if (!str_eq(buf_str(&out), str_of(rows[i].want)))
                fail_msg("%s: %.*s", rows[i].form, (int)out.n, out.p);
            continue;
        }
        cleanup_with(buf_done) struct buf text;

        buf_init(&text, TEXT_MAX);
        json_print(want, &text);
        if (!str_eq(buf_str(&out), buf_str(&text)))
            fail_msg("%s: %.*s", rows[i].form, (int)out.n, out.p);
    }
}

/* n fields "Words.<i>=x", from the last to the first. */
static void words(unsigned n, struct buf *ret)
{
    buf_reset(ret);
    buf_addz(ret, "Name=a");
    while (n-- > 0)
        buf_addf(ret, "&Words.%u=x", n);
}

static void a_list_has_1000_elements_and_no_more(void **state)
{
    cleanup_with(buf_done) struct buf form;
    cleanup_with(buf_done) struct buf out;

    (void)state;
    buf_init(&form, TEXT_MAX);
    buf_init(&out, TEXT_MAX);
    words(LIST_MAX, &form);
    told(buf_str(&form), &out);
    assert_true(str_starts(buf_str(&out), S("{")));
    words(LIST_MAX + 1, &form);
    told(buf_str(&form), &out);
    t_str(buf_str(&out), S("InvalidParameter"));
}

static void fields(unsigned n, struct buf *ret)
{
    buf_reset(ret);
    buf_addz(ret, "Name=a");
    for (unsigned i = 1; i < n; i++)
        buf_addz(ret, "&Region=r");
}

static void a_form_has_so_many_fields_and_no_more(void **state)
{
    cleanup_with(buf_done) struct buf form;
    cleanup_with(buf_done) struct buf out;

    (void)state;
    buf_init(&form, TEXT_MAX);
    buf_init(&out, TEXT_MAX);
    fields(SCF_FORM_FIELDS, &form);
    told(buf_str(&form), &out);
    t_str(buf_str(&out), S("{\"Name\":\"a\"}"));
    fields(SCF_FORM_FIELDS + 1, &form);
    told(buf_str(&form), &out);
    t_str(buf_str(&out), S("InvalidParameter"));
}

/* Lists within lists, each with its last element alone: what would fill the gaps is not made. */
static void gaps_cost_what_would_fill_them(void **state)
{
    cleanup_with(buf_done) struct buf form;
    cleanup_with(buf_done) struct buf out;

    (void)state;
    buf_init(&form, TEXT_MAX);
    buf_init(&out, TEXT_MAX);
    buf_addz(&form, "Name=a");
    for (unsigned i = 0; i < LIST_MAX; i++)
        buf_addf(&form, "&Outer.Many.%u.List.999=1", i);
    told(buf_str(&form), &out);
    t_str(buf_str(&out), S("InvalidParameter"));
}

static void json_keeps_to_the_model(void **state)
{
    static const struct {
        const char *json, *want; /* NULL: it does */
    } rows[] = {
            {"{\"Name\":\"a\"}", NULL},
            {"{\"Name\":\"a\",\"Count\":null,\"Outer\":null}", NULL},
            {"{\"Name\":\"a\",\"Words\":[]}", NULL},
            {"{\"Name\":null}", "MissingParameter"},
            {"{}", "MissingParameter"},
            {"[]", "InvalidParameter"},
            {"{\"Name\":1}", "InvalidParameter"},
            {"{\"Name\":\"a\",\"Count\":\"1\"}", "InvalidParameter"},
            {"{\"Name\":\"a\",\"Count\":1e300}", "InvalidParameter"},
            {"{\"Name\":\"a\",\"Flag\":1}", "InvalidParameter"},
            {"{\"Name\":\"a\",\"Words\":\"x\"}", "InvalidParameter"},
            {"{\"Name\":\"a\",\"Words\":[null]}", "InvalidParameter"},
            {"{\"Name\":\"a\",\"Outer\":[]}", "InvalidParameter"},
            {"{\"Name\":\"a\",\"Outer\":{\"Many\":[{}]}}", "MissingParameter"},
            {"{\"Name\":\"a\",\"Outer\":{\"Many\":{\"Key\":\"k\"}}}", "InvalidParameter"},
            {"{\"Name\":\"a\",\"Outer\":{\"inner\":{}}}", "UnknownParameter"},
            {"{\"name\":\"a\"}", "UnknownParameter"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_with(json_freep) struct cJSON *tree = json_parse(str_of(rows[i].json), NULL);
        const char *code = NULL;
        struct err e = {0};

        assert_non_null(tree);
        assert_int_equal(scf_model_check(&service, model, tree, &code, &e),
                         rows[i].want ? -EINVAL : 0);
        if (rows[i].want)
            assert_string_equal(code, rows[i].want);
    }
}

static void a_refusal_names_the_place(void **state)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(
            S("{\"Name\":\"a\",\"Outer\":{\"Many\":[{\"Key\":\"k\"},{\"Key\":2}]}}"), NULL);
    const char *code = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(scf_model_check(&service, model, tree, &code, &e), -EINVAL);
    t_has(e.msg, "`Outer.Many.1.Key`");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(forms_become_trees_or_are_refused),
            cmocka_unit_test(a_list_has_1000_elements_and_no_more),
            cmocka_unit_test(a_form_has_so_many_fields_and_no_more),
            cmocka_unit_test(gaps_cost_what_would_fill_them),
            cmocka_unit_test(json_keeps_to_the_model),
            cmocka_unit_test(a_refusal_names_the_place),
    };

    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}

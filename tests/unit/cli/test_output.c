/* SPDX-License-Identifier: Apache-2.0 */
/* test_output.c - one tree as table, JSON and YAML. */
#include "t.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/yaml.h"
#include "cli/output.h"

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    static const struct column columns[] = {{"NAME", "name", NULL}, {"MEMORY", "mb", " MB"}};
    cleanup_with(json_freep) struct cJSON *rows = json_parse(
            S("[{\"name\":\"a\",\"mb\":128},{\"name\":\"\xc3\xa4\xc3\xb6longer\"}]"), NULL);
    cleanup_with(buf_done) struct buf out;

    (void)state;
    buf_init(&out, 4096);
    output_rows(rows, columns, 2, &out);
    t_str(buf_str(&out), S("NAME      MEMORY\n"
                           "a         128 MB\n"
                           "\xc3\xa4\xc3\xb6longer  \n"));
}

static void fields_of_objects_inside_have_lines_of_their_own(void **state)
{
    cleanup_with(json_freep) struct cJSON *obj = json_parse(
            S("{\"n\":1,\"in\":{\"a\":\"b\",\"deep\":{\"c\":true}},\"none\":{},\"l\":[1]}"), NULL);
    cleanup_with(buf_done) struct buf out;

    (void)state;
    buf_init(&out, 4096);
    output_fields(obj, &out);
    t_str(buf_str(&out), S("n          1\n"
                           "in.a       b\n"
                           "in.deep.c  true\n"
                           "l          [1]\n"));
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    cleanup_with(json_freep) struct cJSON *obj =
            json_parse(S("{\"a\":\"x\\u001b[31m\\ny\"}"), NULL);
    cleanup_with(buf_done) struct buf out;

    (void)state;
    buf_init(&out, 4096);
    output_fields(obj, &out);
    t_str(buf_str(&out), S("a  x\\x1b[31m y\n"));
}

static void yaml_reads_back_as_the_same_tree(void **state)
{
    static const char text[] =
            "{\"s\":\"plain\",\"q\":\"yes\",\"n\":\"12\",\"e\":\"\",\"c\":\"a: b #c\",\"i\":7,"
            "\"t\":true,\"m\":{\"x\":{\"y\":\"z\"}},\"l\":[1,{\"a\":\"b\",\"c\":[\"d\"]},[\"e\"]],"
            "\"el\":[],\"eo\":{},\"nl\":\"a\\nb\"}";
    cleanup_with(json_freep) struct cJSON *tree = json_parse(str_of(text), NULL);
    cleanup_with(json_freep) struct cJSON *again = NULL;
    cleanup_with(buf_done) struct buf yaml, json;
    struct err e = {0};

    (void)state;
    buf_init(&yaml, 4096);
    buf_init(&json, 4096);
    output_yaml(tree, &yaml);
    again = yaml_parse(buf_str(&yaml), &e);
    if (!again)
        fail_msg("%s in:\n%s", e.msg, yaml.p);
    json_print(again, &json);
    t_str(buf_str(&json), str_of(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
            cmocka_unit_test(fields_of_objects_inside_have_lines_of_their_own),
            cmocka_unit_test(control_characters_do_not_reach_the_terminal),
            cmocka_unit_test(yaml_reads_back_as_the_same_tree),
    };

    return T_RUN(tests);
}

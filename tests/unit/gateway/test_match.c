/* SPDX-License-Identifier: Apache-2.0 */
/* The route table: what goes before what, what a path may be, and what a lookup costs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/obj.h"
#include "gateway/model/match.h"
#include "t.h"

struct fixture {
    struct gw_table *t;
    struct gw_group *group;
    struct arena *space;
};

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);

    f->t = gw_table_new();
    f->group = gw_group_new(DIALECT_FUNCTIONGRAPH, "g1", "first");
    f->space = arena_new(256 << 10);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    gw_table_free(f->t);
    gw_group_unref(f->group);
    arena_free(f->space);
    free(f);
    return 0;
}

static struct gw_api *api(struct fixture *f, const char *method, const char *pattern, bool prefix)
{
    struct gw_api *a = gw_api_new(f->group);

    gw_set(&a->id, str_of(pattern));
    gw_set(&a->stage, S("RELEASE"));
    gw_set(&a->method, str_of(method));
    gw_set(&a->pattern, str_of(pattern));
    a->prefix = prefix;
    return a;
}

/* The table alone holds it then. */
static int add(struct fixture *f, const char *method, const char *pattern, bool prefix)
{
    struct gw_api *a = api(f, method, pattern, prefix);
    int r = gw_table_add(f->t, a);

    gw_api_unref(a);
    return r;
}

static int find_n(struct fixture *f, const char *method, struct str path, struct gw_match *m)
{
    return gw_table_find(f->t, f->group, S("RELEASE"), str_of(method), path, f->space, m);
}

static int find(struct fixture *f, const char *method, const char *path, struct gw_match *m)
{
    return find_n(f, method, str_of(path), m);
}

static void assert_finds(struct fixture *f, const char *method, const char *path,
                         const char *pattern)
{
    struct gw_match m;

    assert_int_equal(find(f, method, path, &m), 0);
    assert_string_equal(m.api->pattern, pattern);
}

static void assert_capture(const struct gw_match *m, size_t i, const char *name, const char *value)
{
    assert_true(i < m->ncaptures);
    assert_true(str_eq(m->captures[i].name, str_of(name)));
    assert_true(str_eq(m->captures[i].value, str_of(value)));
}

/* ---- whose is it? ---- */

static void assert_rival(struct fixture *f, const char *method, const char *pattern, bool prefix,
                         const char *rival)
{
    struct gw_api *a = api(f, method, pattern, prefix);
    const struct gw_api *r = gw_table_rival(f->t, a);

    assert_int_equal(gw_table_add(f->t, a), rival ? -EEXIST : 0);
    if (rival)
        assert_string_equal(r->pattern, rival);
    else
        assert_null(r);
    if (!rival)
        gw_table_drop(f->t, a);
    gw_api_unref(a);
}

static void a_rival_has_the_same_path_and_method(void **state)
{
    struct fixture *f = *state;

    assert_rival(f, "GET", "/a/{x}", false, NULL); /* in an empty table */
    assert_int_equal(add(f, "GET", "/a/{x}", false), 0);
    assert_rival(f, "GET", "/a/{y}", false, "/a/{x}"); /* whatever its parameter is called */
    assert_rival(f, "POST", "/a/{x}", false, NULL);
    assert_rival(f, "ANY", "/a/{x}", false, NULL); /* GET by name goes before it */
    assert_rival(f, "GET", "/a/{x}", true, NULL);
    assert_rival(f, "GET", "/a/b", false, NULL);
    assert_rival(f, "GET", "/a/{x}/c", false, NULL);
    assert_rival(f, "GET", "/a/{x}/{y+}", false, NULL);
}

/* ---- what goes before what ---- */

static void a_literal_goes_before_a_parameter(void **state)
{
    struct fixture *f = *state;
    struct gw_match m;

    assert_int_equal(add(f, "GET", "/a/{x}", false), 0);
    assert_int_equal(add(f, "GET", "/a/b", false), 0);
    assert_finds(f, "GET", "/a/b", "/a/b");
    assert_int_equal(find(f, "GET", "/a/c", &m), 0);
    assert_capture(&m, 0, "x", "c");
}

static void a_search_comes_back_from_a_literal_that_leads_nowhere(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, "GET", "/a/b/c", false), 0);
    assert_int_equal(add(f, "GET", "/{x}/b/d", false), 0);
    assert_finds(f, "GET", "/a/b/d", "/{x}/b/d");
}

static void an_exact_pattern_goes_before_a_prefix(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, "GET", "/a/b", true), 0);
    assert_int_equal(add(f, "GET", "/a/{x}", false), 0);
    assert_finds(f, "GET", "/a/b", "/a/{x}");
    assert_finds(f, "GET", "/a/b/c", "/a/b");
}

static void a_longer_prefix_goes_before_a_shorter_one(void **state)
{
    struct fixture *f = *state;
    struct gw_match m;

    assert_int_equal(add(f, "GET", "/", true), 0);
    assert_int_equal(add(f, "GET", "/a", true), 0);
    assert_int_equal(add(f, "GET", "/a/{x}/c", true), 0);
    assert_finds(f, "GET", "/b", "/");
    assert_finds(f, "GET", "/a", "/a");
    assert_finds(f, "GET", "/ab", "/"); /* by segments, not by characters */
    assert_int_equal(find(f, "GET", "/a/b/c/d/e%2Ff", &m), 0);
    assert_capture(&m, 0, "x", "b");
    assert_capture(&m, 1, "", "d/e/f");
}

static void the_rest_by_name_takes_one_segment_at_least(void **state)
{
    struct fixture *f = *state;
    struct gw_match m;

    assert_int_equal(add(f, "GET", "/a/{rest+}", false), 0);
    assert_int_equal(find(f, "GET", "/a", &m), -ENOENT);
    assert_int_equal(find(f, "GET", "/a/", &m), -ENOENT);
    assert_int_equal(find(f, "GET", "/a/b", &m), 0);
    assert_capture(&m, 0, "rest", "b");
    assert_int_equal(find(f, "GET", "/a/b/c", &m), 0);
    assert_capture(&m, 0, "rest", "b/c");
    assert_int_equal(add(f, "GET", "/a", true), 0); /* as long, but without a name for it */
    assert_finds(f, "GET", "/a/b", "/a/{rest+}");
    assert_finds(f, "GET", "/a", "/a");
}

static void a_method_by_name_goes_before_any(void **state)
{
    struct fixture *f = *state;
    struct gw_match m;

    assert_int_equal(add(f, "ANY", "/a", false), 0);
    assert_int_equal(add(f, "GET", "/a", false), 0);
    assert_int_equal(find(f, "GET", "/a", &m), 0);
    assert_string_equal(m.api->method, "GET");
    assert_int_equal(find(f, "PURGE", "/a", &m), 0);
    assert_string_equal(m.api->method, "ANY");
}

static void a_method_that_does_not_fit_hides_nothing(void **state)
{
    struct fixture *f = *state;
    struct gw_match m;

    assert_int_equal(add(f, "GET", "/a/b", false), 0);
    assert_int_equal(find(f, "POST", "/a/b", &m), -EACCES);
    assert_int_equal(add(f, "POST", "/a/{x}", false), 0);
    assert_finds(f, "POST", "/a/b", "/a/{x}");
    assert_int_equal(find(f, "PUT", "/a/b", &m), -EACCES);
    assert_int_equal(find(f, "PUT", "/b", &m), -ENOENT);
}

static void a_list_of_methods_is_as_good_as_a_name(void **state)
{
    struct fixture *f = *state;
    struct gw_api *a = api(f, "ANY", "/a", false);
    struct gw_match m;

    gw_set(&a->methods, S("GET,POST"));
    assert_int_equal(gw_table_add(f->t, a), 0);
    gw_api_unref(a);
    assert_finds(f, "POST", "/a", "/a");
    assert_int_equal(find(f, "PUT", "/a", &m), -EACCES);
    assert_int_equal(add(f, "POST", "/a", false), -EEXIST);
    assert_int_equal(add(f, "PUT", "/a", false), 0);
}

/* ---- what comes and goes ---- */

static void the_same_path_and_method_is_there_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, "GET", "/a/{x}", false), 0);
    assert_int_equal(add(f, "GET", "/a/{y}", false), -EEXIST);
    assert_int_equal(add(f, "POST", "/a/{y}", false), 0);
    assert_int_equal(add(f, "GET", "/a/{y}", true), 0);
    assert_int_equal(add(f, "GET", "/a/%7by%7d", false), 0); /* a text with braces in it */
    assert_int_equal(gw_table_count(f->t), 4);
}

static void what_is_dropped_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    const char *patterns[] = {"/", "/a", "/a/{x}", "/a/{x}/b/{rest+}", "/a/b/c"};
    struct gw_api *apis[ARRAY_LEN(patterns)];
    struct gw_match m;

    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        apis[i] = api(f, "GET", patterns[i], false);
        assert_int_equal(gw_table_add(f->t, apis[i]), 0);
    }
    assert_true(gw_table_has_stage(f->t, f->group, S("RELEASE")));
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        gw_table_drop(f->t, apis[i]);
        assert_int_equal(apis[i]->refs, 1);
        gw_api_unref(apis[i]);
    }
    assert_int_equal(gw_table_count(f->t), 0);
    assert_false(gw_table_has_stage(f->t, f->group, S("RELEASE")));
    assert_int_equal(find(f, "GET", "/a", &m), -ENOENT);
}

static void groups_and_stages_are_apart(void **state)
{
    struct fixture *f = *state;
    struct gw_group *other = gw_group_new(DIALECT_FUNCTIONGRAPH, "g2", "second");
    struct gw_match m;

    assert_int_equal(add(f, "GET", "/a", false), 0);
    assert_int_equal(gw_table_find(f->t, other, S("RELEASE"), S("GET"), S("/a"), f->space, &m),
                     -ENOENT);
    assert_int_equal(gw_table_find(f->t, f->group, S("test"), S("GET"), S("/a"), f->space, &m),
                     -ENOENT);
    gw_group_unref(other);
}

static void a_host_is_of_one_group(void **state)
{
    struct fixture *f = *state;
    struct gw_group *other = gw_group_new(DIALECT_FUNCTIONGRAPH, "g2", "second");
    struct gw_group *again = gw_group_new(DIALECT_FUNCTIONGRAPH, "g1", "first, changed");

    assert_int_equal(gw_table_add_host(f->t, S("a.example"), f->group), 0);
    assert_int_equal(gw_table_add_host(f->t, S("b.example"), f->group), 0);
    assert_int_equal(gw_table_add_host(f->t, S("a.example"), other), -EEXIST);
    assert_int_equal(gw_table_add_host(f->t, S("a.example"), again), 0);
    assert_ptr_equal(gw_table_host(f->t, S("a.example")), again);
    gw_table_drop_host(f->t, S("a.example"));
    assert_null(gw_table_host(f->t, S("a.example")));
    gw_table_drop_host(f->t, S("a.example"));
    gw_group_unref(again);
    gw_group_unref(other);
}

/* ---- paths ---- */

static void a_path_is_decoded_once(void **state)
{
    static const struct {
        const char *path;
        int r;
        const char *value; /* of {x} */
    } cases[] = {
            {"/a/b%20c", 0, "b c"},
            {"/a/b+c", 0, "b+c"},
            {"/a/b%2fc", 0, "b/c"},
            {"/%61/b", 0, "b"}, /* of a literal too */
            {"/a/%252e%252e", 0, "%2e%2e"},
            {"/a/%2e%2e%2e", 0, "..."},
            {"/a/%e4%bd%a0", 0, "\xe4\xbd\xa0"},
            {"/a/%2e%2e", -EINVAL, NULL},
            {"/a/..", -EINVAL, NULL},
            {"/a/.", -EINVAL, NULL},
            {"/a/%2e", -EINVAL, NULL},
            {"/../a/b", -EINVAL, NULL},
            {"/a/%00", -EINVAL, NULL},
            {"/a/b%", -EINVAL, NULL},
            {"/a/b%2", -EINVAL, NULL},
            {"/a/b%zz", -EINVAL, NULL},
            {"/a/%c0%ae", -EINVAL, NULL},    /* '.' in two bytes */
            {"/a/%c0%af", -EINVAL, NULL},    /* '/' in two bytes */
            {"/a/%ed%a0%80", -EINVAL, NULL}, /* a surrogate */
            {"/a/%ff", -EINVAL, NULL},
            {"a/b", -EINVAL, NULL},
            {"", -EINVAL, NULL},
            {"*", -EINVAL, NULL},
            {"/a//", -ENOENT, NULL},
            {"/a/", -ENOENT, NULL}, /* a parameter is not empty */
            {"//b", -ENOENT, NULL},
            {"/a/b/", -ENOENT, NULL},
            {"/a", -ENOENT, NULL},
    };
    struct fixture *f = *state;
    struct gw_match m;

    assert_int_equal(add(f, "GET", "/a/{x}", false), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int r = find(f, "GET", cases[i].path, &m);

        if (r != cases[i].r)
            fail_msg("%s: %d, not %d", cases[i].path, r, cases[i].r);
        if (r == 0)
            assert_capture(&m, 0, "x", cases[i].value);
    }
    assert_int_equal(find_n(f, "GET", (struct str){"/a/b\0c", 6}, &m), -EINVAL);
}

static void empty_segments_are_segments(void **state)
{
    struct fixture *f = *state;
    struct gw_match m;

    assert_int_equal(add(f, "GET", "/a/", false), 0);
    assert_int_equal(find(f, "GET", "/a", &m), -ENOENT);
    assert_finds(f, "GET", "/a/", "/a/");
    assert_int_equal(add(f, "GET", "/a//b", false), 0);
    assert_finds(f, "GET", "/a//b", "/a//b");
    assert_int_equal(find(f, "GET", "/a/b", &m), -ENOENT);
}

static void a_path_of_more_segments_than_a_pattern_may_have(void **state)
{
    struct fixture *f = *state;
    char path[2 * GW_SEGMENTS + 3] = "";
    struct gw_match m;

    for (int i = 0; i < GW_SEGMENTS; i++)
        strcpy(path + 2 * i, "/s");
    assert_int_equal(add(f, "GET", path, false), 0);
    assert_int_equal(find(f, "GET", path, &m), 0);
    strcpy(path + 2 * GW_SEGMENTS, "/s");
    assert_int_equal(find(f, "GET", path, &m), -ENOENT);
    assert_int_equal(add(f, "GET", "/", true), 0);
    assert_int_equal(find(f, "GET", path, &m), 0);
    assert_true(str_eq(m.captures[0].value, str_of(path + 1)));
    strcpy(path + 2 * GW_SEGMENTS, "/%");
    assert_int_equal(find(f, "GET", path, &m), -EINVAL); /* all of it is looked at */
}

static void an_arena_that_is_full_is_told(void **state)
{
    struct fixture *f = *state;
    struct gw_match m;

    assert_int_equal(add(f, "GET", "/{x}", false), 0);
    while (arena_alloc(f->space, 64))
        ;
    assert_int_equal(find(f, "GET",
                          "/%61%62%63%64%65%66%67%68%69%61%62%63%64%65%66%67%68%69%61%62"
                          "%63%64%65%66%67%68%69%61%62%63%64%65%66%67%68%69%61%62%63%64"
                          "%65%66%67%68%69%61%62%63%64%65%66%67%68%69%61%62%63%64%65%66",
                          &m),
                     -ENOMEM);
}

/* ---- patterns ---- */

static void patterns_are_checked(void **state)
{
    static const char *const good[] = {"/",     "/a",           "/a/",  "/a//b",     "/{x}",
                                       "/{x+}", "/a/{a-b_c.d}", "/%20", "/~a-b_c.d", "/a=b"};
    static const char *const bad[] = {"",      "a",     "/{",      "/}",    "/{}",      "/{x",
                                      "/a{x}", "/{x}b", "/{x+}/b", "/{+}",  "/{x}/{x}", "/{a b}",
                                      "/a b",  "/a?b",  "/a#b",    "/..",   "/./a",     "/%2e%2e",
                                      "/%",    "/%00",  "/\x01",   "/a\\b", "/\xc0\xaf"};
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (gw_pattern_check(str_of(good[i]), &e) < 0)
            fail_msg("%s: %s", good[i], e.msg);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (gw_pattern_check(str_of(bad[i]), &e) != -EINVAL)
            fail_msg("%s is taken", bad[i]);
}

static void a_pattern_has_bounds(void **state)
{
    char text[GW_PATTERN + 2];
    struct err e;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    assert_int_equal(gw_pattern_check((struct str){text, GW_PATTERN}, &e), 0);
    assert_int_equal(gw_pattern_check((struct str){text, GW_PATTERN + 1}, &e), -EINVAL);
    for (int i = 0; i < GW_SEGMENTS + 1; i++)
        memcpy(text + 2 * i, "/s", 2);
    assert_int_equal(gw_pattern_check((struct str){text, 2 * GW_SEGMENTS}, &e), 0);
    assert_int_equal(gw_pattern_check((struct str){text, 2 * GW_SEGMENTS + 2}, &e), -EINVAL);
    for (int i = 0; i < GW_CAPTURES + 1; i++)
        (void)snprintf(text + 5 * i, 6, "/{%02d", i);
    for (int i = 0; i < GW_CAPTURES + 1; i++)
        text[5 * i + 4] = '}';
    for (int i = 0; i < GW_CAPTURES + 1; i++) {
        text[5 * i + 2] = (char)('a' + i / 10);
        text[5 * i + 3] = (char)('0' + i % 10);
    }
    assert_int_equal(gw_pattern_check((struct str){text, 5 * GW_CAPTURES}, &e), 0);
    assert_int_equal(gw_pattern_check((struct str){text, 5 * GW_CAPTURES + 5}, &e), -EINVAL);
}

static void as_many_parameters_as_there_may_be_are_all_told(void **state)
{
    struct fixture *f = *state;
    struct gw_match m;
    char pattern[GW_PATTERN], path[GW_PATTERN];
    size_t n = 0, k = 0;

    for (int i = 0; i < GW_CAPTURES; i++) {
        n += (size_t)snprintf(pattern + n, sizeof(pattern) - n, "/{p%d}", i);
        k += (size_t)snprintf(path + k, sizeof(path) - k, "/v%d", i);
    }
    assert_int_equal(add(f, "GET", pattern, true), 0);
    assert_int_equal(find(f, "GET", path, &m), 0);
    assert_int_equal(m.ncaptures, GW_CAPTURES); /* and the rest behind a prefix is told no more */
    assert_capture(&m, GW_CAPTURES - 1, "p31", "v31");
}

/* ---- cost ---- */

static size_t cost(struct fixture *f, const char *path)
{
    struct gw_match m;

    assert_int_equal(find(f, "GET", path, &m), 0);
    return m.visited;
}

static void ten_thousand_apis_cost_what_ten_do(void **state)
{
    struct fixture *f = *state;
    char pattern[64];
    size_t exact, prefix;
    int n = 0;

    assert_int_equal(add(f, "GET", "/v1/orders", true), 0);
    for (; n < 10; n++) {
        (void)snprintf(pattern, sizeof(pattern), "/v1/things%d/{id}/parts/%d", n % 100, n);
        assert_int_equal(add(f, "GET", pattern, false), 0);
    }
    exact = cost(f, "/v1/things7/x/parts/7");
    prefix = cost(f, "/v1/orders/a/b/c");
    for (; n < 10000; n++) {
        (void)snprintf(pattern, sizeof(pattern), "/v1/things%d/{id}/parts/%d", n % 100, n);
        assert_int_equal(add(f, "GET", pattern, false), 0);
    }
    assert_int_equal(gw_table_count(f->t), 10001);
    assert_int_equal(cost(f, "/v1/things7/x/parts/7"), exact);
    assert_int_equal(cost(f, "/v1/things99/x/parts/9999"), exact);
    assert_int_equal(cost(f, "/v1/orders/a/b/c"), prefix);
    assert_true(exact <= 6);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(a_rival_has_the_same_path_and_method),
            T(a_literal_goes_before_a_parameter),
            T(a_search_comes_back_from_a_literal_that_leads_nowhere),
            T(an_exact_pattern_goes_before_a_prefix),
            T(a_longer_prefix_goes_before_a_shorter_one),
            T(the_rest_by_name_takes_one_segment_at_least),
            T(a_method_by_name_goes_before_any),
            T(a_method_that_does_not_fit_hides_nothing),
            T(a_list_of_methods_is_as_good_as_a_name),
            T(the_same_path_and_method_is_there_once),
            T(what_is_dropped_leaves_no_trace),
            T(groups_and_stages_are_apart),
            T(a_host_is_of_one_group),
            T(a_path_is_decoded_once),
            T(empty_segments_are_segments),
            T(a_path_of_more_segments_than_a_pattern_may_have),
            T(an_arena_that_is_full_is_told),
            T(patterns_are_checked),
            T(a_pattern_has_bounds),
            T(as_many_parameters_as_there_may_be_are_all_told),
            T(ten_thousand_apis_cost_what_ten_do),
    };

    return T_RUN(tests);
}

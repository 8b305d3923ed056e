/* SPDX-License-Identifier: Apache-2.0 */
/* test_router.c - which row a method and path mean. */
#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/obj.h"
#include "http/router.h"
#include "t.h"

static const struct route rows[] = {
        {"GET", "/"},
        {"GET", "/v2/{project}/fgs/functions"},
        {"POST", "/v2/{project}/fgs/functions"},
        {"GET", "/v2/{project}/fgs/functions/{urn}/config"},
        {"GET", "/v2/{project}/fgs/functions/import"},
        {"DELETE", "/v2/{project}/fgs/functions/{urn}"},
        {"GET", "/a/{x}/c"},
        {"GET", "/{y}/b/d"},
        {"POST", "/a/lit"},
        {"GET", "/a/{only}"},
        {"GET", "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}"},
};

struct fix {
    struct router *r;
    struct arena *space;
    struct route_match m;
};

static int setup(void **state)
{
    struct fix *f = calloc(1, sizeof *f);

    f->r = router_new();
    f->space = arena_new(16 * 1024);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        router_add(f->r, &rows[i]);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fix *f = *state;

    router_free(f->r);
    arena_free(f->space);
    free(f);
    return 0;
}

static int find(struct fix *f, const char *method, const char *path)
{
    return router_find(f->r, str_of(method), str_of(path), f->space, &f->m);
}

static void a_path_finds_its_row_and_captures(void **state)
{
    struct fix *f = *state;

    assert_int_equal(find(f, "GET", "/v2/p1/fgs/functions/urn:x:y/config"), 0);
    assert_ptr_equal(f->m.row, &rows[3]);
    assert_int_equal(f->m.ncaptures, 2);
    t_str(f->m.captures[0], S("p1"));
    t_str(f->m.captures[1], S("urn:x:y"));
    assert_int_equal(find(f, "GET", "/"), 0);
    assert_ptr_equal(f->m.row, &rows[0]);
    assert_int_equal(f->m.ncaptures, 0);
    assert_int_equal(find(f, "GET", "/1/2/3/4/5/6/7/8"), 0);
    assert_int_equal(f->m.ncaptures, ROUTE_CAPTURES);
    t_str(f->m.captures[7], S("8"));
}

static void a_literal_beats_a_capture(void **state)
{
    struct fix *f = *state;

    assert_int_equal(find(f, "GET", "/v2/p/fgs/functions/import"), 0);
    assert_ptr_equal(f->m.row, &rows[4]);
    assert_int_equal(f->m.ncaptures, 1);
}

static void a_dead_end_below_a_literal_goes_back_to_the_capture(void **state)
{
    struct fix *f = *state;

    assert_int_equal(find(f, "GET", "/a/b/d"), 0);
    assert_ptr_equal(f->m.row, &rows[7]);
    assert_int_equal(f->m.ncaptures, 1);
    t_str(f->m.captures[0], S("a"));
    assert_int_equal(find(f, "GET", "/a/b/c"), 0);
    assert_ptr_equal(f->m.row, &rows[6]);
    t_str(f->m.captures[0], S("b"));
    /* the method decides as well: /a/lit knows POST only, /a/{only} has GET */
    assert_int_equal(find(f, "GET", "/a/lit"), 0);
    assert_ptr_equal(f->m.row, &rows[9]);
}

static void captures_are_decoded(void **state)
{
    struct fix *f = *state;

    assert_int_equal(find(f, "DELETE", "/v2/p%20q/fgs/functions/a%2Fb%3a"), 0);
    t_str(f->m.captures[0], S("p q"));
    t_str(f->m.captures[1], S("a/b:"));
    assert_int_equal(find(f, "GET", "/%76%32/p/fgs/functions"), 0); /* "v2" */
    assert_ptr_equal(f->m.row, &rows[1]);
}

static void a_known_path_with_another_method_is_told_apart(void **state)
{
    struct fix *f = *state;

    assert_int_equal(find(f, "PUT", "/v2/p/fgs/functions"), -EACCES);
    assert_int_equal(find(f, "get", "/v2/p/fgs/functions"), -EACCES); /* methods have case */
    assert_int_equal(find(f, "GET", "/v2/p/fgs/functionsx"), -ENOENT);
    assert_int_equal(find(f, "GET", "/v2/p/fgs"), -ENOENT);
}

static void a_segment_is_whole_and_not_empty(void **state)
{
    struct fix *f = *state;

    assert_int_equal(find(f, "GET", "/v2//fgs/functions"), -ENOENT);
    assert_int_equal(find(f, "GET", "/v2/p/fgs/functions/"), -ENOENT);
    assert_int_equal(find(f, "GET", "/v2/p/q/fgs/functions"), -ENOENT);
    assert_int_equal(find(f, "OPTIONS", "*"), -ENOENT);
    assert_int_equal(find(f, "GET", ""), -ENOENT);
}

static void a_malformed_escape_is_invalid_wherever_it_stands(void **state)
{
    struct fix *f = *state;

    assert_int_equal(find(f, "GET", "/v2/%zz/fgs/functions"), -EINVAL);
    assert_int_equal(find(f, "GET", "/nowhere/%"), -EINVAL);
    assert_int_equal(find(f, "GET", "/v2/%00/fgs/functions"), -EINVAL);
    assert_int_equal(router_find(f->r, S("GET"), S("/a/\0"), f->space, &f->m), -EINVAL);
}

static void a_path_too_deep_for_any_row_is_not_found(void **state)
{
    struct fix *f = *state;
    char deep[512] = "";

    for (int i = 0; i < 100; i++)
        strncat(deep, "/x", sizeof deep - strlen(deep) - 1);
    assert_int_equal(find(f, "GET", deep), -ENOENT);
    strncat(deep, "/%", sizeof deep - strlen(deep) - 1);
    assert_int_equal(find(f, "GET", deep), -EINVAL);
}

static void a_full_arena_is_reported(void **state)
{
    struct fix *f = *state;

    while (arena_alloc(f->space, 16))
        ;
    assert_int_equal(find(f, "GET", "/v2/a-project-with-a-long-name/fgs/functions"), -ENOMEM);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(a_path_finds_its_row_and_captures),
            T(a_literal_beats_a_capture),
            T(a_dead_end_below_a_literal_goes_back_to_the_capture),
            T(captures_are_decoded),
            T(a_known_path_with_another_method_is_told_apart),
            T(a_segment_is_whole_and_not_empty),
            T(a_malformed_escape_is_invalid_wherever_it_stands),
            T(a_path_too_deep_for_any_row_is_not_found),
            T(a_full_arena_is_reported),
    };

    return T_RUN(tests);
}

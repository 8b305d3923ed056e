/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets and objects: names, bytes and their ranges, listings, and limits at the limit and one more. */
#include <errno.h>
#include <stdio.h>

#include "fix.h"

static void names_of_buckets(void **state)
{
    static const char *const good[] = {"abc", "a-b", "0.1.2", "a.b.c", "1.2.3.4a", "a--b"};
    static const char *const bad[] = {"",     "ab",  "Abc", "-ab", "ab-", ".ab",     "ab.",
                                      "a..b", "a_b", "a/b", "a b", "..",  "1.2.3.4", "\xc3\xa9-ab"};
    char name[OBJECT_BUCKET_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (!bucket_name_is_valid(str_of(good[i])))
            fail_msg("'%s' is refused", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (bucket_name_is_valid(str_of(bad[i])))
            fail_msg("'%s' is taken", bad[i]);
    memset(name, 'a', sizeof(name));
    assert_true(bucket_name_is_valid((struct str){name, OBJECT_BUCKET_MIN}));
    assert_true(bucket_name_is_valid((struct str){name, OBJECT_BUCKET_MAX}));
    assert_false(bucket_name_is_valid((struct str){name, OBJECT_BUCKET_MAX + 1}));
}

static void names_of_objects(void **state)
{
    char key[OBJECT_KEY + 1];

    (void)state;
    memset(key, '/', sizeof(key));
    assert_false(object_key_is_valid(S("")));
    assert_true(object_key_is_valid(S("../\xc3\xa9\n")));
    assert_false(object_key_is_valid(S("\xff")));
    assert_false(object_key_is_valid((struct str){"a\0b", 3}));
    assert_true(object_key_is_valid((struct str){key, OBJECT_KEY}));
    assert_false(object_key_is_valid((struct str){key, OBJECT_KEY + 1}));
}

static void a_bucket_lives_once(void **state)
{
    struct fix *f = *state;

    assert_int_equal(fix_make(f, "photos"), 0);
    assert_int_equal(fix_make(f, "photos"), -EEXIST);
    assert_string_equal(objects_bucket(f->o, S("photos"))->owner, "account");
    assert_null(objects_bucket(f->o, S("photo")));
    assert_int_equal(fix_put(f, "photos", S("k"), S("x")), 0);
    objects_drop_bucket(f->o, S("photos"), fix_on_done, f);
    assert_int_equal(fix_wait(f), -ENOTEMPTY);
    assert_int_equal(fix_delete(f, "photos", S("k")), 0);
    assert_int_equal(fix_delete(f, "photos", S("k")), -ENOENT);
    objects_drop_bucket(f->o, S("photos"), fix_on_done, f);
    assert_int_equal(fix_wait(f), 0);
    assert_null(objects_bucket(f->o, S("photos")));
    objects_drop_bucket(f->o, S("photos"), fix_on_done, f);
    assert_int_equal(fix_wait(f), -ENOENT);
    /* Of one that is made again, nothing of before is found. */
    assert_int_equal(fix_make(f, "photos"), 0);
    assert_int_equal(fix_find(f, "photos", S("k")), -ENOENT);
}

static void a_name_is_taken_while_it_is_made(void **state)
{
    struct fix *f = *state;
    struct fix other = {.loop = f->loop};

    objects_make_bucket(f->o, S("both"), S(""), S(""), fix_on_done, f);
    objects_make_bucket(f->o, S("both"), S(""), S(""), fix_on_done, &other);
    assert_true(fix_wait(&other) < 0);
    assert_int_equal(fix_wait(f), 0);
    assert_non_null(objects_bucket(f->o, S("both")));
}

static void there_are_so_many_buckets_and_no_more(void **state)
{
    struct fix *f = *state;
    char name[16];

    for (int i = 0; i < OBJECT_BUCKETS; i++) {
        (void)snprintf(name, sizeof(name), "bucket-%d", i);
        assert_int_equal(fix_make(f, name), 0);
    }
    assert_int_equal(fix_make(f, "one-more"), -EDQUOT);
    assert_int_equal(fix_make(f, "bucket-7"), -EEXIST);
    objects_drop_bucket(f->o, S("bucket-7"), fix_on_done, f);
    assert_int_equal(fix_wait(f), 0);
    assert_int_equal(fix_make(f, "one-more"), 0);
}

static void bytes_and_records_come_back_also_after_a_restart(void **state)
{
    struct fix *f = *state;
    char key[OBJECT_KEY];
    struct buf got;

    memset(key, 'k', sizeof(key));
    assert_int_equal(fix_make(f, "photos"), 0);
    assert_int_equal(fix_put(f, "photos", (struct str){key, sizeof(key)}, S("hello")), 0);
    f->o = objects_free(f->o);
    fix_open(f);
    assert_int_equal(objects_bucket(f->o, S("photos"))->objects, 1);
    assert_int_equal(objects_bucket(f->o, S("photos"))->bytes, 5);
    assert_int_equal(fix_find(f, "photos", (struct str){key, sizeof(key) - 1}), -ENOENT);
    assert_int_equal(fix_find(f, "photos", (struct str){key, sizeof(key)}), 0);
    assert_string_equal(f->ob.type, "text/plain");
    assert_string_equal(f->ob.headers, "*a: b\n");
    buf_init(&got, 64);
    assert_int_equal(objects_read(f->o, &f->ob, 0, 64, &got), 0);
    t_str(buf_str(&got), S("hello"));
    buf_done(&got);
}

static void ranges_go_over_parts(void **state)
{
    struct fix *f = *state;
    struct object_part parts[3];
    struct object ob = {.size = 7, .parts = parts, .nparts = 3};
    const char *whole = "abcdefg";
    struct buf got;

    t_ok(objects_keep(f->o, S("abc"), &parts[0], &f->e), &f->e);
    t_ok(objects_keep(f->o, S(""), &parts[1], &f->e), &f->e);
    t_ok(objects_keep(f->o, S("defg"), &parts[2], &f->e), &f->e);
    for (size_t from = 0; from <= 8; from++)
        for (size_t n = 0; n <= 9; n++) {
            size_t start = from < 7 ? from : 7, want = 7 - start < n ? 7 - start : n;

            buf_init(&got, 64);
            assert_int_equal(objects_read(f->o, &ob, from, n, &got), 0);
            t_str(buf_str(&got), ((struct str){whole + start, want}));
            buf_done(&got);
        }
}

static void objects_have_a_limit_in_all(void **state)
{
    struct fix *f = *state;

    assert_int_equal(fix_make(f, "one"), 0);
    assert_int_equal(fix_make(f, "two"), 0);
    objects_limit(f->o, 2, 100);
    assert_int_equal(fix_put(f, "one", S("a"), S("1")), 0);
    assert_int_equal(fix_put(f, "two", S("a"), S("2")), 0);
    assert_int_equal(fix_put(f, "two", S("b"), S("3")), -EDQUOT);
    assert_int_equal(fix_put(f, "two", S("a"), S("other")), 0); /* none is added */
    assert_int_equal(fix_delete(f, "one", S("a")), 0);
    assert_int_equal(fix_put(f, "two", S("b"), S("3")), 0);
    assert_int_equal(objects_bucket(f->o, S("two"))->objects, 2);
}

static void bytes_have_a_limit_in_all(void **state)
{
    struct fix *f = *state;

    assert_int_equal(fix_make(f, "one"), 0);
    objects_limit(f->o, 100, 10);
    assert_int_equal(fix_put(f, "one", S("a"), S("12345")), 0);
    assert_int_equal(fix_put(f, "one", S("b"), S("123456")), -EDQUOT);
    assert_int_equal(fix_put(f, "one", S("b"), S("12345")), 0);
    assert_int_equal(fix_put(f, "one", S("b"), S("123456")), -EDQUOT); /* one more than was there */
    assert_int_equal(fix_put(f, "one", S("b"), S("54321")), 0);
    assert_int_equal(fix_delete(f, "one", S("a")), 0);
    assert_int_equal(fix_put(f, "one", S("b"), S("1234567890")), 0);
    assert_int_equal(objects_bucket(f->o, S("one"))->bytes, 10);
}

/* ---- listings ---- */

static void on_row(void *user, struct str key, const struct object *ob)
{
    struct fix *f = user;
    size_t n = strlen(f->text);

    (void)snprintf(f->text + n, sizeof(f->text) - n, "%s%.*s ", ob ? "" : "+", STR_ARG(key));
}

static void on_end(void *user, int r, bool more, struct str last)
{
    struct fix *f = user;

    f->more = more;
    (void)snprintf(f->upload, sizeof(f->upload), "%.*s", STR_ARG(last));
    fix_on_done(f, r);
}

static const struct objects_list_ops listing = {on_row, on_end};

static const char *listed(struct fix *f, const char *prefix, const char *delimiter,
                          const char *after, uint32_t limit)
{
    struct objects_ask ask = {str_of(prefix), str_of(after), str_of(delimiter), limit};

    f->text[0] = '\0';
    objects_list(f->o, S("photos"), &ask, &listing, f);
    assert_int_equal(fix_wait(f), 0);
    return f->text;
}

static void listings_come_in_order_and_in_pages(void **state)
{
    static const char *const keys[] = {"b", "a/2", "a/1", "a", "c/x/y", "a0", "c/x/z"};
    struct fix *f = *state;

    assert_int_equal(fix_make(f, "photos"), 0);
    assert_int_equal(fix_make(f, "photosx"), 0);
    assert_int_equal(fix_put(f, "photosx", S("a"), S("x")), 0);
    assert_string_equal(listed(f, "", "", "", 10), "");
    assert_false(f->more);
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        assert_int_equal(fix_put(f, "photos", str_of(keys[i]), S("x")), 0);
    assert_string_equal(listed(f, "", "", "", 7), "a a/1 a/2 a0 b c/x/y c/x/z ");
    assert_false(f->more);
    assert_string_equal(listed(f, "", "", "", 6), "a a/1 a/2 a0 b c/x/y ");
    assert_true(f->more);
    assert_string_equal(listed(f, "", "", f->upload, 6), "c/x/z ");
    assert_false(f->more);
    assert_string_equal(listed(f, "", "/", "", 9), "a +a/ a0 b +c/ ");
    assert_string_equal(listed(f, "", "/", "", 2), "a +a/ ");
    assert_true(f->more);
    assert_string_equal(listed(f, "", "/", f->upload, 9), "a0 b +c/ ");
    assert_string_equal(listed(f, "c/", "/", "", 9), "+c/x/ ");
    assert_string_equal(listed(f, "c/x", "", "", 9), "c/x/y c/x/z ");
    assert_string_equal(listed(f, "d", "", "", 9), "");
}

static void on_event(void *user, const struct object_event *x)
{
    struct fix *f = user;
    size_t n = strlen(f->text);

    (void)snprintf(f->text + n, sizeof(f->text) - n, "%s %s/%.*s%s;", x->how, x->bucket->name,
                   STR_ARG(x->key), x->ob ? "" : " is gone");
}

static void changes_are_told_when_they_happened(void **state)
{
    struct fix *f = *state;

    assert_int_equal(fix_make(f, "photos"), 0);
    objects_on_event(f->o, on_event, f);
    objects_limit(f->o, 1, 100);
    assert_int_equal(fix_put(f, "photos", S("in/a"), S("x")), 0);
    assert_int_equal(fix_put(f, "photos", S("in/b"), S("x")), -EDQUOT);
    assert_int_equal(fix_delete(f, "photos", S("in/b")), -ENOENT);
    assert_int_equal(fix_delete(f, "photos", S("in/a")), 0);
    assert_string_equal(f->text, "put photos/in/a;delete photos/in/a is gone;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(names_of_buckets),
            cmocka_unit_test(names_of_objects),
            cmocka_unit_test_setup_teardown(a_bucket_lives_once, fix_set_up, fix_tear_down),
            cmocka_unit_test_setup_teardown(a_name_is_taken_while_it_is_made, fix_set_up,
                                            fix_tear_down),
            cmocka_unit_test_setup_teardown(there_are_so_many_buckets_and_no_more, fix_set_up,
                                            fix_tear_down),
            cmocka_unit_test_setup_teardown(bytes_and_records_come_back_also_after_a_restart,
                                            fix_set_up, fix_tear_down),
            cmocka_unit_test_setup_teardown(ranges_go_over_parts, fix_set_up, fix_tear_down),
            cmocka_unit_test_setup_teardown(objects_have_a_limit_in_all, fix_set_up, fix_tear_down),
            cmocka_unit_test_setup_teardown(bytes_have_a_limit_in_all, fix_set_up, fix_tear_down),
            cmocka_unit_test_setup_teardown(listings_come_in_order_and_in_pages, fix_set_up,
                                            fix_tear_down),
            cmocka_unit_test_setup_teardown(changes_are_told_when_they_happened, fix_set_up,
                                            fix_tear_down),
    };
    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads in parts: which parts make an object, and what is left of an upload. */
#include <errno.h>
#include <stdio.h>

#include "fix.h"

enum { LEAST = 100 << 10 };

static const char etag_a[] = "0cc175b9c0f1b6a831c399e269772661"; /* as the sender says */

static void on_begun(void *user, int r, const char *upload)
{
    struct fix *f = user;

    if (upload)
        memcpy(f->upload, upload, OBJECT_UPLOAD);
    fix_on_done(f, r);
}

static int begin(struct fix *f, const char *key)
{
    struct object ob = {.type = (char *)"text/plain", .headers = (char *)""};

    objects_begin_upload(f->o, S("photos"), str_of(key), &ob, on_begun, f);
    return fix_wait(f);
}

static int send_part(struct fix *f, const char *key, uint32_t number, struct str bytes)
{
    struct object_part part;

    t_ok(objects_keep(f->o, bytes, &part, &f->e), &f->e);
    objects_put_part(f->o, S("photos"), str_of(key), str_of(f->upload), number, &part, etag_a,
                     fix_on_done, f);
    return fix_wait(f);
}

static int complete(struct fix *f, const char *key, const struct upload_part *parts, uint32_t n)
{
    objects_complete(f->o, S("photos"), str_of(key), str_of(f->upload), parts, n, fix_on_found, f);
    return fix_wait(f);
}

static int drop(struct fix *f, const char *key)
{
    objects_abort(f->o, S("photos"), str_of(key), str_of(f->upload), fix_on_done, f);
    return fix_wait(f);
}

static struct upload_part wanted(uint32_t number, const char *etag)
{
    struct upload_part p = {.number = number};

    (void)snprintf(p.etag, sizeof(p.etag), "%s", etag);
    return p;
}

static void parts_become_one_object(void **state)
{
    struct fix *f = *state;
    char *big = xcalloc(LEAST, 1);
    struct upload_part parts[] = {wanted(2, etag_a), wanted(OBJECT_PARTS, etag_a)};
    struct buf got;

    memset(big, 'b', LEAST);
    assert_int_equal(fix_make(f, "photos"), 0);
    assert_int_equal(begin(f, "k"), 0);
    assert_int_equal(send_part(f, "k", OBJECT_PARTS, S("end")), 0);
    assert_int_equal(send_part(f, "k", 2, S("first try")), 0);
    assert_int_equal(send_part(f, "k", 2, (struct str){big, LEAST}), 0); /* replaces it */
    assert_int_equal(send_part(f, "k", 3, S("not wanted")), 0);
    assert_int_equal(fix_find(f, "photos", S("k")), -ENOENT);
    assert_int_equal(complete(f, "k", parts, 2), 0);
    assert_int_equal(fix_find(f, "photos", S("k")), 0);
    assert_int_equal(f->ob.size, LEAST + 3);
    t_has(f->ob.etag, "-2");
    buf_init(&got, 64);
    assert_int_equal(objects_read(f->o, &f->ob, LEAST - 1, 64, &got), 0);
    t_str(buf_str(&got), S("bend"));
    buf_done(&got);
    free(big);
    /* It is over: for parts, for an end, and for another end. */
    assert_int_equal(send_part(f, "k", 1, S("late")), -ENOENT);
    assert_int_equal(complete(f, "k", parts, 2), -ENOENT);
    assert_int_equal(drop(f, "k"), -ENOENT);
}

static void parts_that_do_not_fit_make_none(void **state)
{
    struct fix *f = *state;
    char *big = xcalloc(LEAST, 1);
    struct upload_part two[2] = {wanted(1, etag_a), wanted(2, etag_a)}, one = wanted(1, etag_a);

    assert_int_equal(fix_make(f, "photos"), 0);
    assert_int_equal(begin(f, "k"), 0);
    assert_int_equal(send_part(f, "k", 1, (struct str){big, LEAST - 1}), 0);
    assert_int_equal(send_part(f, "k", 2, S("x")), 0);
    assert_int_equal(complete(f, "k", &one, 0), -EINVAL);
    assert_int_equal(complete(f, "k", two, 2), -ERANGE); /* one byte under the least */
    two[1] = wanted(3, etag_a);
    assert_int_equal(complete(f, "k", two, 2), -EINVAL); /* never sent */
    two[0] = wanted(2, etag_a);
    two[1] = wanted(1, etag_a);
    assert_int_equal(complete(f, "k", two, 2), -EINVAL); /* not in order */
    two[0] = two[1];
    assert_int_equal(complete(f, "k", two, 2), -EINVAL); /* twice */
    one = wanted(1, "ffffffffffffffffffffffffffffffff");
    assert_int_equal(complete(f, "k", &one, 1), -EINVAL); /* not the one that was sent */
    assert_int_equal(complete(f, "other", two, 1), -ENOENT);
    assert_int_equal(fix_find(f, "photos", S("k")), -ENOENT);
    /* After all that it still goes on. */
    two[0] = wanted(1, etag_a);
    two[1] = wanted(2, etag_a);
    assert_int_equal(send_part(f, "k", 1, (struct str){big, LEAST}), 0);
    assert_int_equal(complete(f, "k", two, 2), 0);
    free(big);
}

static void an_upload_given_up_leaves_nothing(void **state)
{
    struct fix *f = *state;

    assert_int_equal(fix_make(f, "photos"), 0);
    assert_int_equal(begin(f, "k"), 0);
    assert_int_equal(send_part(f, "k", 1, S("x")), 0);
    assert_int_equal(drop(f, "other"), -ENOENT);
    assert_int_equal(drop(f, "k"), 0);
    assert_int_equal(drop(f, "k"), -ENOENT);
    assert_int_equal(send_part(f, "k", 1, S("x")), -ENOENT);
    (void)snprintf(f->upload, sizeof(f->upload), "../../bucket/photos");
    assert_int_equal(drop(f, "k"), -ENOENT);
    assert_int_equal(send_part(f, "k", 1, S("x")), -ENOENT);
    assert_int_equal(fix_find(f, "photos", S("k")), -ENOENT);
    assert_int_equal(objects_bucket(f->o, S("photos"))->objects, 0);
}

static void on_uploads(void *user, int r, const struct upload_info *list, uint32_t n)
{
    struct fix *f = user;

    f->text[0] = '\0';
    for (uint32_t i = 0; i < n && i < 4; i++) {
        size_t at = strlen(f->text);

        (void)snprintf(f->text + at, sizeof(f->text) - at, "%s ", list[i].key);
    }
    f->n = n;
    fix_on_done(f, r);
}

static void uploads_are_listed_and_have_a_limit(void **state)
{
    struct fix *f = *state;

    assert_int_equal(fix_make(f, "photos"), 0);
    assert_int_equal(begin(f, "b"), 0);
    assert_int_equal(begin(f, "a"), 0);
    objects_uploads(f->o, S("photos"), on_uploads, f);
    assert_int_equal(fix_wait(f), 0);
    assert_string_equal(f->text, "a b ");
    for (int i = 2; i < OBJECT_UPLOADS; i++)
        assert_int_equal(begin(f, "c"), 0);
    assert_int_equal(begin(f, "c"), -EDQUOT);
    objects_uploads(f->o, S("photos"), on_uploads, f);
    assert_int_equal(fix_wait(f), 0);
    assert_int_equal(f->n, OBJECT_UPLOADS);
    assert_int_equal(drop(f, "c"), 0);
    assert_int_equal(begin(f, "c"), 0);
    assert_int_equal(begin(f, "c"), -EDQUOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(parts_become_one_object, fix_set_up, fix_tear_down),
            cmocka_unit_test_setup_teardown(parts_that_do_not_fit_make_none, fix_set_up,
                                            fix_tear_down),
            cmocka_unit_test_setup_teardown(an_upload_given_up_leaves_nothing, fix_set_up,
                                            fix_tear_down),
            cmocka_unit_test_setup_teardown(uploads_are_listed_and_have_a_limit, fix_set_up,
                                            fix_tear_down),
    };
    return T_RUN(tests);
}

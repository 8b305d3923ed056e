/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blob.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "t.h"
#include "tempdir.h"

struct fix {
    char *dir;
    struct blobs *b;
    struct err e;
    struct buf out;
};

static int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->dir = tempdir_new();
    buf_init(&f->out, 1 << 20);
    *state = f;
    return blobs_open(f->dir, &f->b, &f->e);
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    blobs_free(f->b);
    tempdir_free(f->dir);
    buf_done(&f->out);
    free(f);
    return 0;
}

static char *path_of(struct fix *f, const char *sha)
{
    return xasprintf("%s/%s", f->dir, sha);
}

static void what_was_put_is_got_by_its_digest(void **state)
{
    struct fix *f = *state;
    char sha[SHA256_HEX];

    t_ok(blob_put(f->b, S("abc"), sha, &f->e), &f->e);
    assert_string_equal(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    t_ok(blob_put(f->b, S("abc"), sha, &f->e), &f->e);
    t_ok(blob_get(f->b, sha, &f->out, &f->e), &f->e);
    t_str(buf_str(&f->out), S("abc"));
}

static void nothing_at_all_is_a_blob_too(void **state)
{
    struct fix *f = *state;
    char sha[SHA256_HEX];

    t_ok(blob_put(f->b, STR_NONE, sha, &f->e), &f->e);
    t_ok(blob_get(f->b, sha, &f->out, &f->e), &f->e);
    assert_int_equal(f->out.n, 0);
}

static void an_unknown_or_odd_name_is_not_found(void **state)
{
    struct fix *f = *state;
    char sha[SHA256_HEX];

    sha256_hex(S("never put"), sha);
    assert_int_equal(blob_get(f->b, sha, &f->out, &f->e), -ENOENT);
    assert_int_equal(blob_get(f->b, "../../etc/passwd", &f->out, &f->e), -ENOENT);
    assert_int_equal(blob_get(f->b, "", &f->out, &f->e), -ENOENT);
}

static void a_blob_is_read_at_the_ceiling_and_refused_above_it(void **state)
{
    struct fix *f = *state;
    char sha[SHA256_HEX];
    struct buf small;

    t_ok(blob_put(f->b, S("12345678"), sha, &f->e), &f->e);
    buf_init(&small, 8);
    assert_int_equal(blob_get(f->b, sha, &small, &f->e), 0);
    buf_done(&small);
    buf_init(&small, 7);
    assert_int_equal(blob_get(f->b, sha, &small, &f->e), -EMSGSIZE);
    buf_done(&small);
}

static void a_damaged_blob_is_refused_and_put_right_by_the_next_put(void **state)
{
    struct fix *f = *state;
    char sha[SHA256_HEX], *path;

    t_ok(blob_put(f->b, S("good"), sha, &f->e), &f->e);
    path = path_of(f, sha);
    t_ok(io_write_file(AT_FDCWD, path, S("goog"), 0600, &f->e), &f->e);
    free(path);
    assert_int_equal(blob_get(f->b, sha, &f->out, &f->e), -EIO);
    buf_reset(&f->out);
    t_ok(blob_put(f->b, S("good"), sha, &f->e), &f->e);
    t_ok(blob_get(f->b, sha, &f->out, &f->e), &f->e);
}

static bool keep_one(void *user, const char *sha)
{
    return strcmp(user, sha) == 0;
}

static void set_age(struct fix *f, const char *name, time_t age_s)
{
    struct timespec at[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};
    char *path = path_of(f, name);

    assert_int_equal(utimensat(AT_FDCWD, path, at, 0), 0);
    free(path);
}

static void gc_removes_what_is_old_and_not_kept(void **state)
{
    struct fix *f = *state;
    char kept[SHA256_HEX], old[SHA256_HEX], young[SHA256_HEX], renewed[SHA256_HEX];
    char *left = path_of(f, "abc.1234.tmp");

    t_ok(blob_put(f->b, S("kept"), kept, &f->e), &f->e);
    t_ok(blob_put(f->b, S("old"), old, &f->e), &f->e);
    t_ok(blob_put(f->b, S("young"), young, &f->e), &f->e);
    t_ok(blob_put(f->b, S("renewed"), renewed, &f->e), &f->e);
    t_ok(io_write_file(AT_FDCWD, left, S("half"), 0600, &f->e), &f->e);
    set_age(f, kept, 1000);
    set_age(f, old, 1000);
    set_age(f, renewed, 1000);
    set_age(f, "abc.1234.tmp", 1000);
    t_ok(blob_put(f->b, S("renewed"), renewed, &f->e), &f->e);

    assert_int_equal(blob_gc(f->b, keep_one, kept, 500), 1);
    assert_int_equal(blob_get(f->b, old, &f->out, &f->e), -ENOENT);
    assert_int_equal(blob_get(f->b, kept, &f->out, &f->e), 0);
    buf_reset(&f->out);
    assert_int_equal(blob_get(f->b, young, &f->out, &f->e), 0);
    buf_reset(&f->out);
    assert_int_equal(blob_get(f->b, renewed, &f->out, &f->e), 0);
    assert_int_equal(access(left, F_OK), -1);
    free(left);
}

static void gc_removes_nothing_while_somebody_holds_them(void **state)
{
    struct fix *f = *state;
    char old[SHA256_HEX];

    t_ok(blob_put(f->b, S("old"), old, &f->e), &f->e);
    set_age(f, old, 1000);
    blobs_hold(f->b);
    blobs_hold(f->b);
    assert_int_equal(blob_gc(f->b, keep_one, (void *)"", 500), 0);
    blobs_release(f->b);
    assert_int_equal(blob_gc(f->b, keep_one, (void *)"", 500), 0);
    assert_int_equal(blob_get(f->b, old, &f->out, &f->e), 0);
    blobs_release(f->b);
    assert_int_equal(blob_gc(f->b, keep_one, (void *)"", 500), 1);
}

static bool add_up(void *user, const char *sha, uint64_t bytes)
{
    (void)sha;
    *(uint64_t *)user += bytes;
    return true;
}

static void all_of_them_are_told_with_their_size(void **state)
{
    struct fix *f = *state;
    char *left = path_of(f, "abc.1234.tmp"), sha[SHA256_HEX];
    uint64_t bytes = 0;

    t_ok(io_write_file(AT_FDCWD, left, S("half"), 0600, &f->e), &f->e);
    free(left);
    t_ok(blob_put(f->b, S("12345"), sha, &f->e), &f->e);
    t_ok(blob_put(f->b, S("1"), sha, &f->e), &f->e);
    assert_int_equal(blobs_each(f->b, add_up, &bytes), 0);
    assert_int_equal(bytes, 6);
}

static void a_part_of_a_blob_ends_with_it(void **state)
{
    struct fix *f = *state;
    char sha[SHA256_HEX];

    t_ok(blob_put(f->b, S("0123456789"), sha, &f->e), &f->e);
    assert_int_equal(blob_read(f->b, sha, 2, 3, &f->out), 0);
    t_str(buf_str(&f->out), S("234"));
    assert_int_equal(blob_read(f->b, sha, 8, 100, &f->out), 0);
    t_str(buf_str(&f->out), S("23489"));
    assert_int_equal(blob_read(f->b, sha, 10, 1, &f->out), 0);
    t_str(buf_str(&f->out), S("23489"));
    assert_int_equal(blob_read(f->b, "../x", 0, 1, &f->out), -ENOENT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(what_was_put_is_got_by_its_digest),
            T(nothing_at_all_is_a_blob_too),
            T(an_unknown_or_odd_name_is_not_found),
            T(a_blob_is_read_at_the_ceiling_and_refused_above_it),
            T(a_damaged_blob_is_refused_and_put_right_by_the_next_put),
            T(gc_removes_what_is_old_and_not_kept),
            T(gc_removes_nothing_while_somebody_holds_them),
            T(all_of_them_are_told_with_their_size),
            T(a_part_of_a_blob_ends_with_it),
    };
    return T_RUN(tests);
}

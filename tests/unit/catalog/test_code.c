/* SPDX-License-Identifier: Apache-2.0 */
/* Code packages through the catalog: blob, cache, and the cache made again. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "catalog/package.h"
#include "loop/loop.h"
#include "store/blob.h"
#include "store/kv.h"
#include "t.h"
#include "tempdir.h"

struct fix {
    struct loop *loop;
    struct kv *kv;
    struct blobs *blobs;
    struct catalog *c;
    char *dir, *blob_dir, *code_dir;
    struct err e;
    bool done;
    int r;
    char sha[SHA256_HEX];
    struct buf zip; /* what was got */
};

static int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->dir = tempdir_new();
    f->blob_dir = xasprintf("%s/blobs", f->dir);
    f->code_dir = xasprintf("%s/cache/code", f->dir);
    f->loop = loop_new();
    f->kv = kv_memory_new(f->loop);
    buf_init(&f->zip, 1 << 20);
    t_ok(blobs_open(f->blob_dir, &f->blobs, &f->e), &f->e);
    t_ok(catalog_open(f->loop, f->kv, f->blobs, f->code_dir, &f->c, &f->e), &f->e);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    catalog_free(f->c);
    blobs_free(f->blobs);
    kv_close(f->kv);
    loop_free(f->loop);
    tempdir_free(f->dir);
    buf_done(&f->zip);
    free(f->blob_dir);
    free(f->code_dir);
    free(f);
    return 0;
}

static void on_code(void *user, int r, const char *sha, const struct err *e)
{
    struct fix *f = user;

    f->r = r;
    f->e = *e;
    if (sha)
        memcpy(f->sha, sha, SHA256_HEX);
    f->done = true;
}

static void on_zip(void *user, int r, struct str zip)
{
    struct fix *f = user;

    f->r = r;
    buf_reset(&f->zip);
    buf_adds(&f->zip, zip);
    f->done = true;
}

static void on_ready(void *user, int r, const struct err *e)
{
    struct fix *f = user;

    f->r = r;
    f->e = *e;
    f->done = true;
}

static int put(struct fix *f, struct str bytes, const struct package_limits *limits)
{
    struct buf zip;

    buf_init(&zip, 1 << 20);
    buf_adds(&zip, bytes);
    f->done = false;
    catalog_put_code(f->c, &zip, limits, on_code, f);
    assert_int_equal(zip.n, 0); /* taken */
    loop_run_until(f->loop, &f->done);
    buf_done(&zip);
    return f->r;
}

static int ready(struct fix *f, const char *sha)
{
    f->done = false;
    catalog_ready_code(f->c, sha, on_ready, f);
    loop_run_until(f->loop, &f->done);
    return f->r;
}

static int get(struct fix *f, const char *sha)
{
    f->done = false;
    catalog_get_code(f->c, sha, on_zip, f);
    loop_run_until(f->loop, &f->done);
    return f->r;
}

static bool unpacked(struct fix *f)
{
    char *path = xasprintf("%s/%s/index.py", f->code_dir, f->sha);
    bool there = access(path, R_OK) == 0;

    free(path);
    return there;
}

static void package(struct buf *zip)
{
    struct err e = {0};

    buf_init(zip, 1 << 20);
    t_ok(package_from_source(S("index.py"), S("code"), zip, &e), &e);
}

static void a_package_is_stored_unpacked_and_given_back(void **state)
{
    struct fix *f = *state;
    struct buf zip;

    package(&zip);
    t_ok(put(f, buf_str(&zip), &package_limits_default), &f->e);
    assert_true(unpacked(f));
    assert_int_equal(get(f, f->sha), 0);
    assert_true(str_eq(buf_str(&f->zip), buf_str(&zip)));
    t_ok(put(f, buf_str(&zip), &package_limits_default), &f->e); /* and once more */
    buf_done(&zip);
}

static void a_package_that_is_refused_leaves_nothing(void **state)
{
    struct fix *f = *state;
    assert_int_equal(put(f, S("not a zip"), &package_limits_default), -EINVAL);
    t_has(f->e.msg, "not a zip");
    assert_int_equal(rmdir(f->code_dir), 0); /* works only on an empty one */
    assert_int_equal(rmdir(f->blob_dir), 0);
}

static void packed_size_is_held_to_its_limit(void **state)
{
    struct package_limits limits = package_limits_default;
    struct fix *f = *state;
    struct buf zip;

    package(&zip);
    limits.packed_bytes = zip.n - 1;
    assert_int_equal(put(f, buf_str(&zip), &limits), -EFBIG);
    limits.packed_bytes = zip.n;
    t_ok(put(f, buf_str(&zip), &limits), &f->e);
    buf_done(&zip);
}

static void a_wiped_cache_is_made_again_from_the_blob(void **state)
{
    struct fix *f = *state;
    struct buf zip;

    package(&zip);
    t_ok(put(f, buf_str(&zip), &package_limits_default), &f->e);
    t_ok(ready(f, f->sha), &f->e);
    assert_int_equal(io_remove_tree(AT_FDCWD, f->code_dir), 0);
    f->c = catalog_free(f->c);
    t_ok(catalog_open(f->loop, f->kv, f->blobs, f->code_dir, &f->c, &f->e), &f->e);
    assert_false(unpacked(f));
    t_ok(ready(f, f->sha), &f->e);
    assert_true(unpacked(f));
    buf_done(&zip);
}

static void code_that_was_never_stored_is_not_found(void **state)
{
    struct fix *f = *state;
    char sha[SHA256_HEX];

    sha256_hex(S("nothing"), sha);
    assert_int_equal(ready(f, sha), -ENOENT);
    assert_int_equal(get(f, sha), -ENOENT);
    assert_int_equal(ready(f, ""), -ENOENT);
    assert_int_equal(ready(f, "../../etc"), -ENOENT);
}

static void what_a_crash_left_is_swept_at_opening(void **state)
{
    struct fix *f = *state;
    char *left = xasprintf("%s/.tmp-1234/deep", f->code_dir);

    t_ok(io_mkdir_p(left, 0755, &f->e), &f->e);
    f->c = catalog_free(f->c);
    t_ok(catalog_open(f->loop, f->kv, f->blobs, f->code_dir, &f->c, &f->e), &f->e);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(rmdir(f->code_dir), 0);
    free(left);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(a_package_is_stored_unpacked_and_given_back),
            T(a_package_that_is_refused_leaves_nothing),
            T(packed_size_is_held_to_its_limit),
            T(a_wiped_cache_is_made_again_from_the_blob),
            T(code_that_was_never_stored_is_not_found),
            T(what_a_crash_left_is_swept_at_opening),
    };
    return T_RUN(tests);
}

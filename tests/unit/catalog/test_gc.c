/* SPDX-License-Identifier: Apache-2.0 */
/* What no function names any more goes away, and nothing else does. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "catalog/package.h"
#include "loop/loop.h"
#include "store/blob.h"
#include "store/kv.h"
#include "t.h"
#include "tempdir.h"

enum { LONG_S = 1000 };

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
    struct catalog_gc removed;
};

static int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->dir = tempdir_new();
    f->blob_dir = xasprintf("%s/blobs", f->dir);
    f->code_dir = xasprintf("%s/code", f->dir);
    f->loop = loop_new();
    f->kv = kv_memory_new(f->loop);
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

static void on_fn(void *user, int r, const struct fn *fn)
{
    struct fix *f = user;

    (void)fn;
    f->r = r;
    f->done = true;
}

static void on_gc(void *user, int r, const struct catalog_gc *removed)
{
    struct fix *f = user;

    f->r = r;
    f->removed = *removed;
    f->done = true;
}

static void wait_for(struct fix *f)
{
    loop_run_until(f->loop, &f->done);
    f->done = false;
    assert_int_equal(f->r, 0);
}

static void put(struct fix *f, const char *source)
{
    struct buf zip;

    buf_init(&zip, 1 << 20);
    t_ok(package_from_source(S("index.py"), str_of(source), &zip, &f->e), &f->e);
    catalog_put_code(f->c, &zip, &package_limits_default, on_code, f);
    wait_for(f);
}

static struct fn_key key(void)
{
    return (struct fn_key){DIALECT_FC, S("account"), S("region"), S("space"), S("name")};
}

static void create(struct fix *f)
{
    struct fn_key k = key();
    struct fn *draft = fn_new(&k);

    memcpy(draft->code.sha, f->sha, SHA256_HEX);
    catalog_create(f->c, draft, on_fn, f);
    wait_for(f);
}

static void update(struct fix *f)
{
    struct fn_key k = key();
    struct fn *draft = fn_copy(catalog_find(f->c, &k));

    memcpy(draft->code.sha, f->sha, SHA256_HEX);
    catalog_update(f->c, draft, on_fn, f);
    wait_for(f);
}

static void delete_it(struct fix *f)
{
    struct fn_key k = key();

    catalog_delete(f->c, &k, on_fn, f);
    wait_for(f);
}

static void on_turn(void *user)
{
    *(bool *)user = true;
}

/* What left the table is let go at the end of a turn. */
static void turn(struct fix *f)
{
    bool turned = false;

    loop_post(f->loop, on_turn, &turned);
    loop_run_until(f->loop, &turned);
}

/* Blobs and directories that went, as one number: always as many of one as of the other. */
static uint32_t collect(struct fix *f, uint32_t grace_s)
{
    turn(f);
    catalog_gc(f->c, grace_s, on_gc, f);
    wait_for(f);
    assert_int_equal(f->removed.blobs, f->removed.directories);
    return f->removed.blobs;
}

static bool there(const char *dir, const char *sha)
{
    char *path = xasprintf("%s/%s", dir, sha);
    bool is = access(path, F_OK) == 0;

    free(path);
    return is;
}

static void what_a_function_names_stays(void **state)
{
    struct fix *f = *state;

    put(f, "a");
    create(f);
    assert_int_equal(collect(f, 0), 0);
    assert_true(there(f->code_dir, f->sha) && there(f->blob_dir, f->sha));
}

static void what_nobody_names_goes(void **state)
{
    struct fix *f = *state;

    put(f, "a");
    assert_int_equal(collect(f, 0), 1);
    assert_int_equal(rmdir(f->code_dir), 0); /* works only on an empty one */
    assert_int_equal(rmdir(f->blob_dir), 0);
}

static void the_young_stay_for_the_record_that_will_name_them(void **state)
{
    struct fix *f = *state;

    put(f, "a");
    assert_int_equal(collect(f, LONG_S), 0);
    assert_true(there(f->code_dir, f->sha) && there(f->blob_dir, f->sha));
}

static void age(const char *dir, const char *sha)
{
    struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    char *path = xasprintf("%s/%s", dir, sha);

    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    free(path);
}

static void the_same_package_again_is_young_again(void **state)
{
    struct fix *f = *state;

    put(f, "a");
    age(f->blob_dir, f->sha);
    put(f, "a");
    assert_int_equal(collect(f, LONG_S), 0);
    age(f->blob_dir, f->sha);
    catalog_gc(f->c, LONG_S, on_gc, f);
    wait_for(f);
    assert_int_equal(f->removed.blobs, 1); /* a directory's change time cannot be set back here */
    assert_int_equal(f->removed.directories, 0);
}

static void replaced_code_goes_when_its_record_is_let_go(void **state)
{
    struct fix *f = *state;
    struct fn_key k = key();
    const struct fn *held;
    char old[SHA256_HEX];

    put(f, "a");
    create(f);
    held = fn_ref(catalog_find(f->c, &k)); /* as an instance does */
    memcpy(old, f->sha, SHA256_HEX);
    put(f, "b");
    update(f);
    assert_int_equal(collect(f, 0), 0);
    assert_true(there(f->code_dir, old));

    fn_unref(held);
    assert_int_equal(collect(f, 0), 1);
    assert_false(there(f->code_dir, old) || there(f->blob_dir, old));
    assert_true(there(f->code_dir, f->sha) && there(f->blob_dir, f->sha));
}

static void code_of_a_deleted_function_waits_for_its_holders(void **state)
{
    struct fix *f = *state;
    struct fn_key k = key();
    const struct fn *held;

    put(f, "a");
    create(f);
    held = fn_ref(catalog_find(f->c, &k));
    delete_it(f);
    assert_int_equal(collect(f, 0), 0);
    fn_unref(held);
    assert_int_equal(collect(f, 0), 1);
}

static void a_catalog_may_end_while_records_are_held(void **state)
{
    struct fix *f = *state;
    struct fn_key k = key();
    const struct fn *held;

    put(f, "a");
    create(f);
    held = fn_ref(catalog_find(f->c, &k));
    delete_it(f); /* and its turn has not come */
    f->c = catalog_free(f->c);
    turn(f);
    assert_int_equal(held->refs, 1);
    fn_unref(held);
}

static void only_what_is_named_like_a_package_is_touched(void **state)
{
    struct fix *f = *state;
    char *other = xasprintf("%s/notes", f->code_dir);

    t_ok(io_mkdir_p(other, 0755, &f->e), &f->e);
    assert_int_equal(collect(f, 0), 0);
    assert_int_equal(rmdir(other), 0);
    free(other);
}

static void the_collector_survives_a_directory_that_is_gone(void **state)
{
    struct fix *f = *state;

    assert_int_equal(rmdir(f->code_dir), 0);
    catalog_gc(f->c, 0, on_gc, f);
    loop_run_until(f->loop, &f->done);
    assert_true(f->r == 0 || f->r == -ENOENT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(what_a_function_names_stays),
            T(what_nobody_names_goes),
            T(the_young_stay_for_the_record_that_will_name_them),
            T(the_same_package_again_is_young_again),
            T(replaced_code_goes_when_its_record_is_let_go),
            T(code_of_a_deleted_function_waits_for_its_holders),
            T(a_catalog_may_end_while_records_are_held),
            T(only_what_is_named_like_a_package_is_touched),
            T(the_collector_survives_a_directory_that_is_gone),
    };
    return T_RUN(tests);
}

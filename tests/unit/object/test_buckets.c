/* SPDX-License-Identifier: Apache-2.0 */
/* test_buckets.c - a bucket that is being made or dropped is nobody's to use, whatever the store says. */
#include <errno.h>
#include <stdlib.h>

#include "../catalog/kv_faulty.h"
#include "base/alloc.h"
#include "base/err.h"
#include "loop/loop.h"
#include "object/objects.h"
#include "store/blob.h"
#include "store/kv.h"
#include "t.h"
#include "tempdir.h"

#define NAME S("bucket-1")

struct fix {
    struct loop *loop;
    struct kv *memory;
    struct kv_faulty kv;
    struct blobs *blobs;
    struct objects *o;
    char *dir;
};

struct answer {
    bool done;
    int r;
};

static int set_up(void **state)
{
    struct fix *f = *state = xnew(struct fix);
    const struct objects_conf conf = {.spool_dir = -EBADF, .most = 100, .most_bytes = 1 << 20};
    struct err e = {0};

    f->dir = tempdir_new();
    f->loop = loop_new();
    f->memory = kv_memory_new(f->loop);
    kv_faulty_init(&f->kv, f->loop, f->memory);
    t_ok(blobs_open(f->dir, &f->blobs, &e), &e);
    t_ok(objects_open(f->loop, &f->kv.kv, f->blobs, &conf, &f->o, &e), &e);
    return 0;
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    objects_free(f->o);
    blobs_free(f->blobs);
    kv_close(f->memory);
    loop_free(f->loop);
    tempdir_free(f->dir);
    free(f);
    return 0;
}

static void on_done(void *user, int r)
{
    struct answer *a = user;

    a->r = r;
    a->done = true;
}

static int wait_for(struct fix *f, struct answer *a)
{
    loop_run_until(f->loop, &a->done);
    a->done = false;
    return a->r;
}

static int make(struct fix *f)
{
    struct answer a = {0};

    objects_make_bucket(f->o, NAME, S("owner"), S("region"), on_done, &a);
    return wait_for(f, &a);
}

static int drop(struct fix *f)
{
    struct answer a = {0};

    objects_drop_bucket(f->o, NAME, on_done, &a);
    return wait_for(f, &a);
}

static bool count_one(void *user, const struct bucket *b)
{
    (void)b;
    ++*(int *)user;
    return true;
}

static int count(const struct fix *f)
{
    int n = 0;

    objects_each_bucket(f->o, count_one, &n);
    return n;
}

static void a_bucket_is_found_once_it_is_in_the_store(void **state)
{
    struct fix *f = *state;
    struct answer a = {0}, again = {0};

    objects_make_bucket(f->o, NAME, S("owner"), S("region"), on_done, &a);
    assert_null(objects_bucket(f->o, NAME));
    assert_int_equal(count(f), 0);
    objects_make_bucket(f->o, NAME, S("another"), S("region"), on_done, &again);
    assert_int_equal(wait_for(f, &a), 0);
    assert_int_equal(wait_for(f, &again), -EBUSY);
    assert_non_null(objects_bucket(f->o, NAME));
    assert_int_equal(count(f), 1);
    assert_int_equal(make(f), -EEXIST);
}

static void a_bucket_that_goes_is_not_found_any_more(void **state)
{
    struct fix *f = *state;
    struct answer a = {0};

    assert_int_equal(make(f), 0);
    objects_drop_bucket(f->o, NAME, on_done, &a);
    assert_null(objects_bucket(f->o, NAME)); /* else a PUT would outlive it */
    assert_int_equal(drop(f), -ENOENT);
    assert_int_equal(wait_for(f, &a), 0);
    assert_int_equal(make(f), 0);
}

static void a_bucket_that_could_not_be_dropped_is_there_again(void **state)
{
    struct fix *f = *state;
    struct object ob = {.etag = "0"};
    struct answer a = {0};

    ob.type = ob.headers = (char *)(uintptr_t) "";
    assert_int_equal(make(f), 0);
    f->kv.txn_fault = FAULT_IO;
    f->kv.txn_times = 1;
    assert_int_equal(drop(f), -EIO);
    assert_non_null(objects_bucket(f->o, NAME));
    objects_put(f->o, NAME, S("key"), &ob, on_done, &a);
    assert_int_equal(drop(f), -EBUSY); /* the PUT holds it */
    assert_int_equal(wait_for(f, &a), 0);
    assert_int_equal(drop(f), -ENOTEMPTY);
}

static void a_bucket_that_could_not_be_made_is_not_there(void **state)
{
    struct fix *f = *state;

    f->kv.txn_fault = FAULT_IO;
    f->kv.txn_times = 1;
    assert_int_equal(make(f), -EIO);
    assert_null(objects_bucket(f->o, NAME));
    assert_int_equal(make(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(a_bucket_is_found_once_it_is_in_the_store, set_up,
                                            tear_down),
            cmocka_unit_test_setup_teardown(a_bucket_that_goes_is_not_found_any_more, set_up,
                                            tear_down),
            cmocka_unit_test_setup_teardown(a_bucket_that_could_not_be_dropped_is_there_again,
                                            set_up, tear_down),
            cmocka_unit_test_setup_teardown(a_bucket_that_could_not_be_made_is_not_there, set_up,
                                            tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

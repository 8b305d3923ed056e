/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a store that is in use: on every backend, what the contract says of it. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "kv_backends.h"

struct done {
    bool done;
    int r;
};

static void on_backup(void *user, int r)
{
    struct done *d = user;

    d->r = r;
    d->done = true;
}

static void begin(struct fix *f, const char *name, struct done *d)
{
    char *path = xasprintf("%s/%s", f->dir, name);

    *d = (struct done){0};
    kv_backup(f->kv, str_of(path), on_backup, d);
    assert_false(d->done); /* never before the call returned */
    free(path);
}

static int backup(struct fix *f, const char *name)
{
    struct done d;

    begin(f, name, &d);
    loop_run_until(f->loop, &d.done);
    return d.r;
}

/* The copy as a store of its own. */
static struct kv *open_copy(struct fix *f, const char *name)
{
    char *path = xasprintf("%s/%s", f->dir, name);
    struct kv *kv = NULL;
    struct err e = {0};

    t_ok(kv_sqlite_open(f->loop, path, &kv, &e), &e);
    free(path);
    return kv;
}

static void a_backend_without_files_says_so(void **state)
{
    struct fix *f = *state;

    assert_int_equal(put1(f, "k", "v", NULL), 0);
    assert_int_equal(backup(f, "copy.db"), f->backend->durable ? 0 : -ENOTSUP);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
}

static void a_copy_holds_all_that_was_written_before_it(void **state)
{
    struct fix *f = *state;
    struct stat st;
    struct kv *copy;
    uint64_t rev;

    assert_int_equal(put1(f, "a", "1", NULL), 0);
    assert_int_equal(put1(f, "b", "2", &rev), 0);
    assert_int_equal(backup(f, "copy.db"), 0);
    assert_int_equal(put1(f, "c", "3", NULL), 0);

    copy = open_copy(f, "copy.db");
    assert_int_equal(list(f->loop, copy, S(""), S(""), 10, &f->a), 0);
    assert_int_equal(f->a.n, 2);
    assert_int_equal(f->a.rev, rev);
    t_str(f->a.items[1].value, S("2"));
    kv_close(copy);

    char *path = xasprintf("%s/copy.db", f->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    free(path);
}

static void a_file_that_is_there_is_left_alone(void **state)
{
    struct fix *f = *state;

    assert_int_equal(put1(f, "a", "1", NULL), 0);
    assert_int_equal(backup(f, "copy.db"), 0);
    assert_int_equal(backup(f, "copy.db"), -EEXIST);
    kv_close(open_copy(f, "copy.db"));
    assert_int_equal(backup(f, "nowhere/copy.db"), -ENOENT);
}

/* Large enough for many steps; each key is written again and again, and all of them together. */
static void a_copy_made_under_writes_is_of_one_moment(void **state)
{
    enum { KEYS = 40, BYTES = 200 << 10 };
    struct fix *f = *state;
    struct kv_op ops[KEYS];
    char names[KEYS][8], *value = xcalloc(1, BYTES);
    struct done d;
    struct kv *copy;
    uint64_t rev = 0;
    int rounds = 0;

    memset(value, 'x', BYTES);
    for (int i = 0; i < KEYS; i++) {
        snprintf(names[i], sizeof(names[i]), "k%02d", i);
        ops[i] = (struct kv_op){.key = str_of(names[i]), .value = {value, BYTES}};
    }
    assert_int_equal(txn(f->loop, f->kv, &(struct kv_txn){.ops = ops, .nops = KEYS}, NULL), 0);
    begin(f, "copy.db", &d);
    do {
        assert_int_equal(txn(f->loop, f->kv, &(struct kv_txn){.ops = ops, .nops = KEYS}, &rev), 0);
    } while (!d.done && ++rounds < 200);
    loop_run_until(f->loop, &d.done);
    assert_int_equal(d.r, 0);

    copy = open_copy(f, "copy.db"); /* quick_check, and a checksum per row below */
    assert_int_equal(list(f->loop, copy, S(""), S(""), KEYS, &f->a), 0);
    for (uint32_t i = 0; i < f->a.n; i++) {
        assert_int_equal(f->a.items[i].rev, f->a.rev); /* one transaction wrote them all */
        assert_int_equal(f->a.items[i].value.n, BYTES);
    }
    kv_close(copy);
    free(value);
}

static void two_at_once_are_not_made(void **state)
{
    struct fix *f = *state;
    struct done one, two;

    for (int i = 0; i < 40; i++) {
        char name[8], *value = xcalloc(1, 500000);

        snprintf(name, sizeof(name), "k%d", i);
        memset(value, 'y', 499999);
        assert_int_equal(put1(f, name, value, NULL), 0);
        free(value);
    }
    begin(f, "one.db", &one);
    begin(f, "two.db", &two);
    loop_run_until(f->loop, &two.done);
    loop_run_until(f->loop, &one.done);
    assert_int_equal(one.r, 0);
    assert_int_equal(two.r, -EAGAIN);
    assert_int_equal(backup(f, "two.db"), 0);
}

static void closing_finishes_a_copy(void **state)
{
    struct fix *f = *state;
    struct done d;

    assert_int_equal(put1(f, "a", "1", NULL), 0);
    begin(f, "copy.db", &d);
    f->kv = kv_close(f->kv);
    assert_true(d.done);
    assert_int_equal(d.r, 0);
    kv_close(open_copy(f, "copy.db"));
}

int main(void)
{
    static const struct kv_test contract[] = {
            KV_TEST(a_backend_without_files_says_so),
            {"a_copy_holds_all_that_was_written_before_it",
             a_copy_holds_all_that_was_written_before_it, true},
            {"a_file_that_is_there_is_left_alone", a_file_that_is_there_is_left_alone, true},
            {"a_copy_made_under_writes_is_of_one_moment", a_copy_made_under_writes_is_of_one_moment,
             true},
            {"two_at_once_are_not_made", two_at_once_are_not_made, true},
            {"closing_finishes_a_copy", closing_finishes_a_copy, true},
    };

    return run_contract("kv_backup", contract, sizeof(contract) / sizeof(contract[0]));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What only the store on disk can do wrong: foreign and damaged files, full and failing disks. */
#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kv_sync.h"
#include "t.h"
#include "tempdir.h"

/*
 * A file system that fails on demand, under SQLite: the default one with its write and sync
 * methods replaced.
 */
static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    sqlite3_io_methods methods;
    const sqlite3_io_methods *real_methods;
    int write_code, sync_code; /* 0: do the real thing */
    unsigned syncs;
} fault;

static int fault_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    return fault.write_code ? fault.write_code : fault.real_methods->xWrite(f, p, n, at);
}

static int fault_sync(sqlite3_file *f, int flags)
{
    fault.syncs++;
    return fault.sync_code ? fault.sync_code : fault.real_methods->xSync(f, flags);
}

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    int code;

    (void)vfs;
    code = fault.real->xOpen(fault.real, name, f, flags, out);
    if (code == SQLITE_OK && flags & SQLITE_OPEN_WAL) {
        fault.real_methods = f->pMethods;
        fault.methods = *f->pMethods;
        fault.methods.xWrite = fault_write;
        fault.methods.xSync = fault_sync;
        f->pMethods = &fault.methods;
    }
    return code;
}

struct fix {
    struct loop *loop;
    struct kv *kv;
    char *dir, *path;
    struct err e;
    struct answer a;
};

static int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    fault.write_code = fault.sync_code = 0;
    f->loop = loop_new();
    f->dir = tempdir_new();
    f->path = xasprintf("%s/meta.db", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    fault.write_code = fault.sync_code = 0;
    answer_done(&f->a);
    kv_close(f->kv);
    loop_free(f->loop);
    tempdir_free(f->dir);
    free(f->path);
    free(f);
    return 0;
}

static void open_it(struct fix *f)
{
    t_ok(kv_sqlite_open(f->loop, f->path, &f->kv, &f->e), &f->e);
}

static int put1(struct fix *f, const char *key, const char *value)
{
    return put(f->loop, f->kv, str_of(key), str_of(value), NULL);
}

static void run_sql(struct fix *f, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void refuses(struct fix *f, int want, const char *why)
{
    struct kv *kv = NULL;
    struct err e = {0};

    assert_int_equal(kv_sqlite_open(f->loop, f->path, &kv, &e), want);
    t_has(e.msg, f->path);
    t_has(e.msg, why);
}

static void the_file_is_only_ours_to_read(void **state)
{
    struct fix *f = *state;
    struct stat st;

    open_it(f);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_file_of_another_program_is_refused_and_left_alone(void **state)
{
    struct fix *f = *state;
    struct buf before, after;

    run_sql(f, "CREATE TABLE t (x); PRAGMA application_id = 7;");
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    t_ok(io_read_file(AT_FDCWD, f->path, &before, &f->e), &f->e);
    refuses(f, -EINVAL, "another program");
    t_ok(io_read_file(AT_FDCWD, f->path, &after, &f->e), &f->e);
    t_str(buf_str(&after), buf_str(&before));
    buf_done(&before);
    buf_done(&after);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct fix *f = *state;
    char text[8192];

    memset(text, 'x', sizeof(text));
    t_ok(io_write_file(AT_FDCWD, f->path, (struct str){text, sizeof(text)}, 0600, &f->e), &f->e);
    refuses(f, -EINVAL, "not an evoke store");
}

static void a_newer_format_is_refused(void **state)
{
    struct fix *f = *state;

    open_it(f);
    f->kv = kv_close(f->kv);
    run_sql(f, "PRAGMA user_version = 3;");
    refuses(f, -EINVAL, "has format 3");
}

static void a_store_cut_off_in_its_creation_is_created_again(void **state)
{
    struct fix *f = *state;

    t_ok(io_write_file(AT_FDCWD, f->path, STR_NONE, 0600, &f->e), &f->e);
    open_it(f);
    f->kv = kv_close(f->kv);
    unlink(f->path);
    run_sql(f, "PRAGMA journal_mode = WAL;");
    open_it(f);
    assert_int_equal(put1(f, "k", "v"), 0);
}

static void a_second_opening_is_refused_while_the_first_lasts(void **state)
{
    struct fix *f = *state;

    open_it(f);
    assert_int_equal(put1(f, "k", "v"), 0);
    refuses(f, -EBUSY, "in use");
    assert_int_equal(put1(f, "k", "w"), 0);
}

static void fill_store(struct fix *f)
{
    char value[3000];

    open_it(f);
    memset(value, 'v', sizeof(value));
    for (int i = 0; i < 60; i++) {
        char key[16];

        snprintf(key, sizeof(key), "key%03d", i);
        assert_int_equal(put(f->loop, f->kv, str_of(key), (struct str){value, sizeof(value)}, NULL),
                         0);
    }
    f->kv = kv_close(f->kv);
}

static void a_damaged_page_is_told_at_opening(void **state)
{
    struct fix *f = *state;
    struct buf file;

    fill_store(f);
    buf_init(&file, 4 << 20);
    t_ok(io_read_file(AT_FDCWD, f->path, &file, &f->e), &f->e);
    assert_true(file.n > 10 * 4096);
    for (size_t page = 2; page < file.n / 4096; page++) /* the header of every b-tree page */
        memset(file.p + page * 4096, 0x5a, 12);
    t_ok(io_write_file(AT_FDCWD, f->path, buf_str(&file), 0600, &f->e), &f->e);
    refuses(f, -EIO, "damaged");
    buf_done(&file);
}

static void a_flipped_bit_in_a_value_is_told_when_it_is_read(void **state)
{
    struct fix *f = *state;
    struct buf file;
    char *at;

    fill_store(f);
    buf_init(&file, 4 << 20);
    t_ok(io_read_file(AT_FDCWD, f->path, &file, &f->e), &f->e);
    at = memmem(file.p, file.n, "key030", 6);
    while (at && !memmem(at, 40, "vvvv", 4)) /* not the row, but its change */
        at = memmem(at + 1, file.n - (size_t)(at + 1 - file.p), "key030", 6);
    assert_non_null(at);
    at[100] ^= 1;
    t_ok(io_write_file(AT_FDCWD, f->path, buf_str(&file), 0600, &f->e), &f->e);
    buf_done(&file);

    open_it(f); /* SQLite's own check does not see it */
    assert_int_equal(get(f->loop, f->kv, S("key029"), &f->a), 0);
    assert_int_equal(get(f->loop, f->kv, S("key030"), &f->a), -EIO);
    assert_int_equal(f->a.n, 0);
    assert_int_equal(list(f->loop, f->kv, S("key"), STR_NONE, 100, &f->a), -EIO);
    assert_int_equal(f->a.n, 0);
}

static void disk_trouble(struct fix *f, int code, int want)
{
    open_it(f);
    assert_int_equal(put1(f, "k", "v"), 0);
    fault.write_code = code;
    assert_int_equal(put1(f, "k", "w"), want);
    assert_int_equal(put1(f, "l", "w"), want);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    t_str(f->a.items[0].value, S("v"));
    assert_int_equal(f->a.items[0].rev, 1);
    fault.write_code = 0;
    assert_int_equal(put1(f, "k", "x"), 0);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    assert_int_equal(f->a.items[0].rev, 2); /* what failed took no number */
}

static void a_full_disk_is_told_reads_go_on_and_writes_come_back(void **state)
{
    disk_trouble(*state, SQLITE_FULL, -ENOSPC);
}

static void a_failed_write_is_told_reads_go_on_and_writes_come_back(void **state)
{
    disk_trouble(*state, SQLITE_IOERR_WRITE, -EIO);
}

static void after_a_failed_fsync_writes_are_refused_until_reopened(void **state)
{
    struct fix *f = *state;

    open_it(f);
    assert_int_equal(put1(f, "k", "v"), 0);
    fault.sync_code = SQLITE_IOERR_FSYNC;
    assert_int_equal(put1(f, "k", "w"), -EIO);
    fault.sync_code = 0;
    assert_int_equal(put1(f, "k", "x"), -EIO);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    t_str(f->a.items[0].value, S("v"));
    f->kv = kv_close(f->kv);
    open_it(f);
    assert_int_equal(put1(f, "k", "y"), 0);
}

enum { CROWD = 256 };

static void txns_that_wait_together_share_a_sync(void **state)
{
    struct fix *f = *state;
    struct answer *all = xcalloc(CROWD, sizeof(*all));
    unsigned before;

    open_it(f);
    assert_int_equal(put1(f, "first", ""), 0);
    before = fault.syncs;
    for (int i = 0; i < CROWD; i++) {
        struct kv_op op = {.key = {(const char *)&i, sizeof(i)}, .value = S("v")};

        kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_txn, &all[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        loop_run_until(f->loop, &all[i].done);
        assert_int_equal(all[i].r, 0);
    }
    assert_true(fault.syncs > before); /* durable at all */
    assert_true(fault.syncs - before <= CROWD / 4);
    free(all);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(the_file_is_only_ours_to_read),
            T(a_file_of_another_program_is_refused_and_left_alone),
            T(a_file_that_is_no_database_is_refused),
            T(a_newer_format_is_refused),
            T(a_store_cut_off_in_its_creation_is_created_again),
            T(a_second_opening_is_refused_while_the_first_lasts),
            T(a_damaged_page_is_told_at_opening),
            T(a_flipped_bit_in_a_value_is_told_when_it_is_read),
            T(a_full_disk_is_told_reads_go_on_and_writes_come_back),
            T(a_failed_write_is_told_reads_go_on_and_writes_come_back),
            T(after_a_failed_fsync_writes_are_refused_until_reopened),
            T(txns_that_wait_together_share_a_sync),
    };

    fault.real = sqlite3_vfs_find(NULL);
    fault.vfs = *fault.real;
    fault.vfs.zName = "fault";
    fault.vfs.pNext = NULL;
    fault.vfs.xOpen = fault_open;
    sqlite3_vfs_register(&fault.vfs, 1);
    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What only a store in a file can meet: foreign, damaged and older files. */
#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kv_file.h"

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

/* A store as evoke 0.0 wrote it: without the table of changes. */
static void make_format_1(struct fix *f)
{
    open_it(f);
    assert_int_equal(put1(f, "k1", "v"), 0);
    assert_int_equal(put1(f, "k2", "v"), 0);
    f->kv = kv_close(f->kv);
    run_sql(f, "DROP TABLE changes; PRAGMA user_version = 1;");
}

/* Nothing is known of this revision and before; it goes on from there. */
static void history_begins_after(struct fix *f, uint64_t rev)
{
    struct heard *before = hear(f->kv, "", rev - 1), *after = hear(f->kv, "", rev);
    struct buf want;

    buf_init(&want, 100);
    buf_addf(&want, " %llu +next", (unsigned long long)rev + 1);
    assert_int_equal(put1(f, "next", ""), 0);
    heard(f->loop, before, rev + 1);
    assert_true(before->end == -ESTALE && before->calls == 1);
    assert_string_equal(heard(f->loop, after, rev + 1), want.p);
    buf_done(&want);
    heard_free(before);
    heard_free(after);
}

static void format_1_is_brought_up_to_date_and_keeps_its_revisions(void **state)
{
    struct fix *f = *state;

    make_format_1(f);
    open_it(f);
    assert_int_equal(list(f->loop, f->kv, S("k"), STR_NONE, 10, &f->a), 0);
    assert_int_equal(f->a.n, 2);
    assert_int_equal(f->a.rev, 2);
    history_begins_after(f, 2);
    f->kv = kv_close(f->kv);
    open_it(f); /* once is enough */
    assert_int_equal(list(f->loop, f->kv, S("k"), STR_NONE, 10, &f->a), 0);
    assert_int_equal(f->a.rev, 3);
}

static void a_damaged_history_is_forgotten_and_goes_on(void **state)
{
    static const char *const damage[] = {
            "UPDATE changes SET keys = replace(keys, 'k2', 'k9')",
            "UPDATE changes SET keys = substr(keys, 1, 3)",
            "DELETE FROM changes WHERE rev = 2",
            "DELETE FROM changes WHERE rev = (SELECT max(rev) FROM changes)",
            "INSERT INTO changes SELECT rev + 1, crc, keys FROM changes ORDER BY rev DESC LIMIT 1",
    };
    struct fix *f = *state;

    for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        open_it(f);
        assert_int_equal(put1(f, "k1", ""), 0);
        assert_int_equal(put1(f, "k2", ""), 0);
        assert_int_equal(put1(f, "k3", ""), 0);
        f->kv = kv_close(f->kv);
        run_sql(f, damage[i]);
        open_it(f);
        assert_int_equal(list(f->loop, f->kv, S("k"), STR_NONE, 10, &f->a), 0);
        assert_int_equal(f->a.n, 3);
        history_begins_after(f, 3);
        f->kv = kv_close(f->kv);
        assert_int_equal(unlink(f->path), 0);
    }
}

static int64_t ask_sql(struct fix *f, const char *sql)
{
    sqlite3_stmt *st;
    sqlite3 *db;
    int64_t n;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return n;
}

static void put_many(struct fix *f, uint32_t n)
{
    struct answer *all = xcalloc(n, sizeof(*all));
    struct kv_op op = {.key = S("k")};

    for (uint32_t i = 0; i < n; i++)
        kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_txn, &all[i]);
    for (uint32_t i = 0; i < n; i++) {
        loop_run_until(f->loop, &all[i].done);
        assert_int_equal(all[i].r, 0);
    }
    free(all);
}

/* The oldest revision that can be listed at. */
static uint64_t reach(struct fix *f, uint64_t from)
{
    struct kv_range range = {.prefix = S("none"), .limit = 1, .at_rev = from};

    while (list_range(f->loop, f->kv, &range, &f->a) == 0)
        range.at_rev--;
    return range.at_rev + 1;
}

static void the_table_of_changes_stays_bounded(void **state)
{
    enum {
        ROUND = 500,
        ROUNDS = 2 * KV_HISTORY / ROUND,
        KEY_BYTES = 4 + 3 + 1,
        SLACK = 256,
        FEW = 50
    };
    struct fix *f = *state;

    open_it(f);
    for (int i = 0; i < ROUNDS; i++)
        put_many(f, ROUND);
    f->kv = kv_close(f->kv);
    assert_in_range(ask_sql(f, "SELECT sum(length(keys)) FROM changes"), KV_HISTORY * KEY_BYTES,
                    (KV_HISTORY + SLACK + ROUND) * KEY_BYTES);
    for (uint64_t rev = ROUNDS * ROUND; rev < ROUNDS * ROUND + 4 * SLACK; rev += FEW) {
        open_it(f);
        assert_int_equal(reach(f, rev + 1 - KV_HISTORY), rev - KV_HISTORY);
        put_many(f, FEW);
        f->kv = kv_close(f->kv);
    }
}

static void a_table_of_long_keys_stays_bounded_and_reaches_as_far_as_memory(void **state)
{
    enum { LONG = 1000, SIZE = KV_OPS * (LONG + 3), FIT = KV_HISTORY_BYTES / SIZE, ALL = 3 * FIT };
    struct fix *f = *state;
    char *keys = xcalloc(KV_OPS, LONG);
    struct kv_op ops[KV_OPS];

    for (uint32_t i = 0; i < KV_OPS; i++) {
        memcpy(keys + (size_t)i * LONG, &i, sizeof(i));
        ops[i] = (struct kv_op){.key = {keys + (size_t)i * LONG, LONG}};
    }
    open_it(f);
    for (int i = 0; i < ALL; i++)
        assert_int_equal(txn(f->loop, f->kv, &(struct kv_txn){.ops = ops, .nops = KV_OPS}, NULL),
                         0);
    assert_int_equal(reach(f, ALL), ALL - FIT);
    f->kv = kv_close(f->kv);
    assert_in_range(ask_sql(f, "SELECT sum(length(keys)) FROM changes"), FIT * SIZE,
                    KV_HISTORY_BYTES + KV_HISTORY_BYTES / 16 + ALL * 4);
    open_it(f);
    assert_int_equal(reach(f, ALL), ALL - FIT);
    free(keys);
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
            T(format_1_is_brought_up_to_date_and_keeps_its_revisions),
            T(a_damaged_history_is_forgotten_and_goes_on),
            T(the_table_of_changes_stays_bounded),
            T(a_table_of_long_keys_stays_bounded_and_reaches_as_far_as_memory),
    };
    return T_RUN(tests);
}

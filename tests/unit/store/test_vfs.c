/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that are what was written, or an error: on every bit of every page. */
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/io.h"
#include "store/sqlite/vfs.h"
#include "t.h"
#include "tempdir.h"

struct fix {
    char *dir, *path;
    sqlite3 *conn;
};

static int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->dir = tempdir_new();
    f->path = xasprintf("%s/pages.db", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    sqlite3_close(f->conn);
    tempdir_free(f->dir);
    free(f->path);
    free(f);
    return 0;
}

static int run(struct fix *f, const char *sql)
{
    return sqlite3_exec(f->conn, sql, NULL, NULL, NULL);
}

static int try_open(struct fix *f)
{
    int code = sqlite3_open_v2(f->path, &f->conn, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                               vfs_name());

    sqlite3_extended_result_codes(f->conn, 1);
    if (code == SQLITE_OK)
        code = run(f, "PRAGMA locking_mode = EXCLUSIVE");
    return code != SQLITE_OK ? sqlite3_extended_errcode(f->conn) : code;
}

static void open_it(struct fix *f)
{
    assert_int_equal(try_open(f), SQLITE_OK);
    assert_int_equal(vfs_adopt(f->conn), SQLITE_OK);
}

static void close_it(struct fix *f)
{
    assert_int_equal(sqlite3_close(f->conn), SQLITE_OK);
    f->conn = NULL;
}

/* A table, an index, overflow pages and a free one. */
static void fill(struct fix *f)
{
    open_it(f);
    assert_int_equal(run(f, "PRAGMA journal_mode = WAL;"
                            "PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (n INTEGER PRIMARY KEY,"
                            " x BLOB); CREATE INDEX i ON t (x); WITH RECURSIVE c(n) AS (SELECT 1"
                            " UNION ALL SELECT n + 1 FROM c WHERE n < 40) INSERT INTO t SELECT n,"
                            " randomblob(n * 100) FROM c; DELETE FROM t WHERE n = 20"),
                     SQLITE_OK);
}

/* Of the table and of the index: all there is to read. */
static int read_all(struct fix *f)
{
    int code = run(f, "SELECT sum(length(hex(x))) FROM t NOT INDEXED");

    return code != SQLITE_OK
                   ? code
                   : run(f, "SELECT sum(length(hex(x))) FROM t INDEXED BY i WHERE x > x'00'");
}

/* How many pages the file has, and how many of them are damaged. */
static int scan(struct sqlite3 *conn, int *ret_bad)
{
    uint8_t page[VFS_PAGE];
    uint32_t n = 1;
    int code;

    *ret_bad = 0;
    for (; (code = vfs_read(conn, n, page)) != SQLITE_IOERR_SHORT_READ; n++)
        *ret_bad += code != SQLITE_OK;
    return (int)n - 1;
}

static void what_was_written_is_read(void **state)
{
    struct fix *f = *state;
    struct stat st;
    int bad = 0;

    fill(f);
    assert_int_equal(read_all(f), SQLITE_OK);
    close_it(f);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size % VFS_PAGE, 0);
    open_it(f);
    assert_int_equal(read_all(f), SQLITE_OK);
    assert_int_equal(vfs_damage(f->conn)->pages, 0);
    assert_int_equal(scan(f->conn, &bad), st.st_size / VFS_PAGE);
    assert_int_equal(bad, 0);
}

static void every_bit_of_a_page_is_compared_and_can_be_turned_back(void **state)
{
    uint8_t page[VFS_PAGE], whole[VFS_PAGE];

    (void)state;
    random_bytes(page, sizeof(page));
    vfs_seal(page, 7);
    memcpy(whole, page, VFS_PAGE);
    assert_true(vfs_sealed(page, 7));
    assert_false(vfs_sealed(page, 8));
    for (size_t bit = 0; bit < sizeof(page) * 8; bit++) {
        page[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(vfs_sealed(page, 7));
        if (bit % 64 == 0) { /* with another one there is no way back */
            page[700] ^= 6;
            assert_false(vfs_mend(page, 7));
            page[700] ^= 6;
        }
        assert_true(vfs_mend(page, 7));
        assert_memory_equal(page, whole, VFS_PAGE);
    }
}

/* One wrong byte in a page of the file; 0 undoes it. */
static void flip(struct fix *f, uint32_t page, size_t at, uint8_t bits)
{
    int fd = open(f->path, O_RDWR | O_CLOEXEC);
    off_t off = (off_t)(page - 1) * VFS_PAGE + (off_t)at;
    uint8_t byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, off), 1);
    byte ^= bits;
    assert_int_equal(pwrite(fd, &byte, 1, off), 1);
    close(fd);
}

/* Opened anew: what reading says, and how many pages were found damaged. */
static int reading_says(struct fix *f)
{
    int code = try_open(f);

    if (code == SQLITE_OK) {
        code = read_all(f);
        if (code == SQLITE_IOERR_DATA)
            assert_true(vfs_damage(f->conn)->pages > 0 && vfs_damage(f->conn)->last > 0);
    }
    close_it(f);
    return code;
}

static void a_flipped_bit_in_any_page_is_an_error(void **state)
{
    static const size_t places[] = {0, 5, 16, 20, 24, 100, 2000, 4087, 4088, 4091, 4092, 4095};
    struct fix *f = *state;
    struct stat st;
    unsigned damaged = 0, seed = 1;

    fill(f);
    close_it(f);
    assert_int_equal(stat(f->path, &st), 0);
    for (uint32_t page = 1; page <= st.st_size / VFS_PAGE; page++)
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            uint8_t bit = (uint8_t)(1 << rand_r(&seed) % 8);
            int code;

            flip(f, page, places[i], bit);
            code = reading_says(f);
            assert_true(code == SQLITE_IOERR_DATA || code == SQLITE_OK);
            damaged += code == SQLITE_IOERR_DATA;
            flip(f, page, places[i], bit);
        }
    assert_int_equal(reading_says(f), SQLITE_OK);
    /* All but a few pages that are free and so never read. */
    assert_true(damaged >= (st.st_size / VFS_PAGE - 3) * (sizeof(places) / sizeof(places[0])));
}

static void a_page_of_another_place_is_an_error(void **state)
{
    struct fix *f = *state;
    uint8_t page[VFS_PAGE];
    int fd;

    fill(f);
    close_it(f);
    assert_int_equal(reading_says(f), SQLITE_OK);
    fd = open(f->path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, page, sizeof(page), 2 * VFS_PAGE), sizeof(page));
    assert_int_equal(pwrite(fd, page, sizeof(page), 1 * VFS_PAGE), sizeof(page));
    close(fd);
    assert_int_equal(reading_says(f), SQLITE_IOERR_DATA);
}

static void looking_at_a_damaged_page_counts_nothing(void **state)
{
    struct fix *f = *state;
    uint8_t page[VFS_PAGE];
    int bad = 0;

    fill(f);
    close_it(f);
    flip(f, 3, 77, 1);
    open_it(f);
    (void)scan(f->conn, &bad);
    assert_int_equal(bad, 1);
    assert_int_equal(vfs_read(f->conn, 3, page), SQLITE_IOERR_DATA);
    assert_int_equal(vfs_read(f->conn, 4, page), SQLITE_OK);
    assert_int_equal(vfs_damage(f->conn)->pages, 0);
}

static void a_page_that_is_missing_at_the_end_is_an_error(void **state)
{
    struct fix *f = *state;
    struct stat st;

    fill(f);
    close_it(f);
    assert_int_equal(stat(f->path, &st), 0);
    for (off_t cut = 1; cut <= 2 * VFS_PAGE; cut += 1 + VFS_PAGE / 4) {
        assert_int_equal(truncate(f->path, st.st_size - cut), 0);
        assert_int_not_equal(reading_says(f), SQLITE_OK);
    }
}

static void a_file_without_room_for_the_tail_is_refused(void **state)
{
    struct fix *f = *state;

    assert_int_equal(sqlite3_open(f->path, &f->conn), SQLITE_OK);
    assert_int_equal(run(f, "CREATE TABLE t (x)"), SQLITE_OK);
    close_it(f);
    if (try_open(f) == SQLITE_OK)
        assert_int_equal(run(f, "SELECT * FROM t"), SQLITE_IOERR_DATA);
    close_it(f);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(try_open(f), SQLITE_OK); /* not adopted */
    assert_int_equal(run(f, "CREATE TABLE t (x)") & 0xff, SQLITE_IOERR);
}

static void a_copy_by_sqlite_is_sealed_as_well(void **state)
{
    struct fix *f = *state;
    char *copy = xasprintf("%s/copy.db", f->dir);
    sqlite3 *to = NULL;
    sqlite3_backup *b;
    int bad = 0;

    fill(f);
    assert_int_equal(
            sqlite3_open_v2(copy, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs_name()),
            SQLITE_OK);
    assert_int_equal(vfs_adopt(to), SQLITE_OK);
    b = sqlite3_backup_init(to, "main", f->conn, "main");
    assert_non_null(b);
    assert_int_equal(sqlite3_backup_step(b, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(b), SQLITE_OK);
    assert_true(scan(to, &bad) > 10);
    assert_int_equal(bad, 0);
    assert_int_equal(sqlite3_close(to), SQLITE_OK);
    close_it(f);
    free(f->path);
    f->path = copy;
    open_it(f);
    assert_int_equal(read_all(f), SQLITE_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(what_was_written_is_read),
            T(every_bit_of_a_page_is_compared_and_can_be_turned_back),
            T(a_flipped_bit_in_any_page_is_an_error),
            T(a_page_of_another_place_is_an_error),
            T(looking_at_a_damaged_page_counts_nothing),
            T(a_page_that_is_missing_at_the_end_is_an_error),
            T(a_file_without_room_for_the_tail_is_refused),
            T(a_copy_by_sqlite_is_sealed_as_well),
    };

    return T_RUN(tests);
}

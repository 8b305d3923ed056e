/* SPDX-License-Identifier: Apache-2.0 */
/* test_pack.c - directories into packages: what is in, what is out, the same bytes each time. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/obj.h"
#include "cli/pack.h"
#include "t.h"

struct fix {
    char dir[64];
};

static int setup(void **state)
{
    struct fix *f = xnew(struct fix);

    snprintf(f->dir, sizeof(f->dir), "/tmp/evoke-pack-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fix *f = *state;

    (void)io_remove_tree(AT_FDCWD, f->dir);
    free(f);
    return 0;
}

static void put(struct fix *f, const char *name, const char *text, mode_t mode)
{
    cleanup_free char *path = xasprintf("%s/%s", f->dir, name);
    struct err e = {0};

    t_ok(io_write_file(AT_FDCWD, path, str_of(text), mode, &e), &e);
}

static void make_dir(struct fix *f, const char *name)
{
    cleanup_free char *path = xasprintf("%s/%s", f->dir, name);

    assert_int_equal(mkdir(path, 0755), 0);
}

/* "name mode\n..." of a zip. */
static void list_zip(const struct buf *zip, struct buf *out)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry;

    archive_read_support_format_zip(a);
    assert_int_equal(archive_read_open_memory(a, zip->p, zip->n), ARCHIVE_OK);
    while (archive_read_next_header(a, &entry) == ARCHIVE_OK)
        buf_addf(out, "%s %o\n", archive_entry_pathname(entry),
                 (unsigned)archive_entry_perm(entry));
    archive_read_free(a);
}

static void fill(struct fix *f)
{
    put(f, "index.py", "def handler(e, c): pass\n", 0600);
    put(f, "evoke.yaml", "functions: {}\n", 0644);
    put(f, "run", "#!/bin/sh\n", 0700);
    make_dir(f, ".git");
    put(f, ".git/config", "x", 0644);
    make_dir(f, "lib");
    put(f, "lib/evoke.yaml", "kept: it is not at the top\n", 0644);
    make_dir(f, "lib/__pycache__");
    put(f, "lib/__pycache__/a.pyc", "x", 0644);
    make_dir(f, "node_modules");
    put(f, "node_modules/m.js", "x", 0644);
}

static void a_directory_is_packed_without_what_is_not_code(void **state)
{
    cleanup_with(buf_done) struct buf zip, list;
    struct err e = {0};

    buf_init(&zip, 1 << 20);
    buf_init(&list, 4096);
    fill(*state);
    t_ok(pack_path(((struct fix *)*state)->dir, &zip, &e), &e);
    list_zip(&zip, &list);
    t_str(buf_str(&list), S("index.py 644\nlib/evoke.yaml 644\nnode_modules/m.js 644\nrun 755\n"));
}

static void the_same_files_give_the_same_bytes(void **state)
{
    struct fix *f = *state;
    cleanup_with(buf_done) struct buf one, two;
    cleanup_free char *path = xasprintf("%s/index.py", f->dir);
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    struct err e = {0};

    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    fill(f);
    t_ok(pack_path(f->dir, &one, &e), &e);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    t_ok(pack_path(f->dir, &two, &e), &e);
    assert_true(str_eq(buf_str(&one), buf_str(&two)));
}

static void a_single_file_is_packed_by_its_own_name(void **state)
{
    struct fix *f = *state;
    cleanup_with(buf_done) struct buf zip, list;
    cleanup_free char *path = xasprintf("%s/index.py", f->dir);
    struct err e = {0};

    buf_init(&zip, 1 << 20);
    buf_init(&list, 4096);
    fill(f);
    t_ok(pack_path(path, &zip, &e), &e);
    list_zip(&zip, &list);
    t_str(buf_str(&list), S("index.py 644\n"));
}

static void a_zip_is_taken_as_it_is(void **state)
{
    struct fix *f = *state;
    cleanup_with(buf_done) struct buf zip;
    cleanup_free char *path = xasprintf("%s/a.zip", f->dir);
    struct err e = {0};

    buf_init(&zip, 1 << 20);
    put(f, "a.zip", "the daemon checks it", 0644);
    t_ok(pack_path(path, &zip, &e), &e);
    t_str(buf_str(&zip), S("the daemon checks it"));
}

static void a_package_fits_its_ceiling_exactly_or_is_refused(void **state)
{
    struct fix *f = *state;
    cleanup_with(buf_done) struct buf whole, fits, over;
    struct err e = {0};

    fill(f);
    buf_init(&whole, 1 << 20);
    t_ok(pack_path(f->dir, &whole, &e), &e);
    buf_init(&fits, whole.n);
    t_ok(pack_path(f->dir, &fits, &e), &e);
    buf_init(&over, whole.n - 1);
    assert_int_equal(pack_path(f->dir, &over, &e), -EMSGSIZE);
    assert_int_equal(e.kind, ERR_LIMIT);
}

static int pack(struct fix *f, const struct pack_limits *limits, struct buf *zip, struct err *e)
{
    buf_init(zip, 1 << 20);
    return pack_within(f->dir, limits, zip, e);
}

static void nor_do_place_umask_and_time_zone_matter(void **state)
{
    struct fix *f = *state, there;
    cleanup_with(buf_done) struct buf one, two;
    struct err e = {0};
    mode_t before = umask(0077);

    fill(f);
    t_ok(pack(f, &pack_limits_default, &one, &e), &e);
    umask(0002);
    snprintf(there.dir, sizeof(there.dir), "/tmp/evoke-pack-XXXXXX");
    assert_non_null(mkdtemp(there.dir));
    setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    fill(&there);
    t_ok(pack(&there, &pack_limits_default, &two, &e), &e);
    unsetenv("TZ");
    tzset();
    umask(before);
    (void)io_remove_tree(AT_FDCWD, there.dir);
    assert_true(one.n > 0);
    assert_true(str_eq(buf_str(&one), buf_str(&two)));
}

static void rules_of_its_own_say_what_stays_out(void **state)
{
    struct fix *f = *state;
    cleanup_with(buf_done) struct buf zip, list, none;
    struct err e = {0};

    buf_init(&list, 4096);
    fill(f);
    put(f, ".evokeignore", "# tests are no code\n/lib/\n*.js\n!__pycache__/\n", 0644);
    make_dir(f, "__pycache__");
    put(f, "__pycache__/a.pyc", "x", 0644);
    t_ok(pack(f, &pack_limits_default, &zip, &e), &e);
    list_zip(&zip, &list);
    t_str(buf_str(&list), S("__pycache__/a.pyc 644\nindex.py 644\nrun 755\n"));

    put(f, ".evokeignore", "*", 0644);
    t_ok(pack(f, &pack_limits_default, &none, &e), &e);
}

static void a_link_that_leads_out_is_refused(void **state)
{
    static const struct {
        const char *target;
        bool good;
    } cases[] = {
            {"index.py", true},     {"../index.py", true},
            {"./../lib/x", true},   {"../../index.py", false},
            {"/etc/passwd", false}, {"x/../../../y", false},
            {"..", true},           {"../..", false},
    };
    struct fix *f = *state;
    cleanup_free char *path = xasprintf("%s/lib/link", f->dir);

    fill(f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_with(buf_done) struct buf zip;
        struct err e = {0};

        assert_int_equal(symlink(cases[i].target, path), 0);
        assert_int_equal(pack(f, &pack_limits_default, &zip, &e), cases[i].good ? 0 : -EINVAL);
        if (!cases[i].good)
            t_has(e.msg, "link 'lib/link' leads out of the package");
        assert_int_equal(unlink(path), 0);
    }
}

static void limits_hold_at_the_limit_and_one_above(void **state)
{
    /* index.py 24, lib/evoke.yaml 27, node_modules/m.js 1, run 10 */
    struct pack_limits at = {.files = 4, .bytes = 62, .path = 17}, over;
    struct fix *f = *state;
    cleanup_with(buf_done) struct buf zip, a, b, c;
    struct err e = {0};

    fill(f);
    t_ok(pack(f, &at, &zip, &e), &e);
    over = at;
    over.files--;
    assert_int_equal(pack(f, &over, &a, &e), -EMSGSIZE);
    t_has(e.msg, "'run' is one too many: a package has at most 3 files");
    over = at;
    over.bytes--;
    assert_int_equal(pack(f, &over, &b, &e), -EMSGSIZE);
    t_has(e.msg, "'run' does not fit any more: a package has at most 61 bytes unpacked");
    over = at;
    over.path--;
    assert_int_equal(pack(f, &over, &c, &e), -EMSGSIZE);
    t_has(e.msg, "name of more than 16 bytes");
    assert_int_equal(e.kind, ERR_LIMIT);
}

static void what_is_not_there_is_named(void **state)
{
    cleanup_with(buf_done) struct buf zip;
    struct err e = {0};

    (void)state;
    buf_init(&zip, 16);
    assert_int_equal(pack_path("/nonexistent/code", &zip, &e), -ENOENT);
    t_has(e.msg, "/nonexistent/code");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(a_directory_is_packed_without_what_is_not_code),
            TEST(the_same_files_give_the_same_bytes),
            TEST(a_single_file_is_packed_by_its_own_name),
            TEST(a_zip_is_taken_as_it_is),
            TEST(a_package_fits_its_ceiling_exactly_or_is_refused),
            TEST(nor_do_place_umask_and_time_zone_matter),
            TEST(rules_of_its_own_say_what_stays_out),
            TEST(a_link_that_leads_out_is_refused),
            TEST(limits_hold_at_the_limit_and_one_above),
            TEST(what_is_not_there_is_named),
    };

    return T_RUN(tests);
}

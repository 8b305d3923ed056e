/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/package.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "t.h"
#include "zip_make.h"

static void make(const char *name, const char *source, struct buf *zip)
{
    struct err e = {0};

    buf_init(zip, 1 << 20);
    t_ok(package_from_source(str_of(name), str_of(source), zip, &e), &e);
}

static void the_same_source_gives_the_same_bytes_anywhere_and_any_time(void **state)
{
    static const char *const zones[] = {"UTC", "Asia/Shanghai", "XXX-14", "XXX12"};
    struct buf first, other;

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    make("index.py", "def handler(event, context): pass\n", &first);
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        setenv("TZ", zones[i], 1);
        tzset();
        make("index.py", "def handler(event, context): pass\n", &other);
        assert_true(str_eq(buf_str(&first), buf_str(&other)));
        buf_done(&other);
    }
    make("index.py", "def handler(event, context): 1\n", &other);
    assert_false(str_eq(buf_str(&first), buf_str(&other)));
    buf_done(&other);
    buf_done(&first);
}

static void what_was_packed_is_read_back(void **state)
{
    struct buf zip, out;
    struct err e = {0};

    (void)state;
    make("src/index.py", "hello", &zip);
    buf_init(&out, 5);
    t_ok(package_read_file(buf_str(&zip), S("src/index.py"), &out, &e), &e);
    t_str(buf_str(&out), S("hello"));
    buf_done(&out);
    buf_init(&out, 4);
    assert_int_equal(package_read_file(buf_str(&zip), S("src/index.py"), &out, &e), -EMSGSIZE);
    buf_done(&out);
    buf_init(&out, 4);
    assert_int_equal(package_read_file(buf_str(&zip), S("index.py"), &out, &e), -ENOENT);
    assert_int_equal(package_read_file(S("not a zip"), S("index.py"), &out, &e), -EINVAL);
    buf_done(&out);
    buf_done(&zip);
}

static void an_empty_source_is_a_package_too(void **state)
{
    struct buf zip, out;
    struct err e = {0};

    (void)state;
    make("index.js", "", &zip);
    buf_init(&out, 1);
    t_ok(package_read_file(buf_str(&zip), S("index.js"), &out, &e), &e);
    assert_int_equal(out.n, 0);
    buf_done(&out);
    buf_done(&zip);
}

static void a_name_that_is_no_file_of_a_package_is_refused(void **state)
{
    static const char *const bad[] = {"", "/index.py", "../index.py", "a\\b", "dir/", "."};
    struct buf zip;

    (void)state;
    buf_init(&zip, 1 << 20);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(package_from_source(str_of(bad[i]), S("x"), &zip, NULL), -EINVAL);
    buf_done(&zip);
}

static void a_package_over_the_ceiling_is_refused(void **state)
{
    struct buf zip;

    (void)state;
    buf_init(&zip, 100);
    assert_int_equal(package_from_source(S("index.py"), S("x"), &zip, NULL), -EFBIG);
    buf_done(&zip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_same_source_gives_the_same_bytes_anywhere_and_any_time),
            cmocka_unit_test(what_was_packed_is_read_back),
            cmocka_unit_test(an_empty_source_is_a_package_too),
            cmocka_unit_test(a_name_that_is_no_file_of_a_package_is_refused),
            cmocka_unit_test(a_package_over_the_ceiling_is_refused),
    };
    return T_RUN(tests);
}

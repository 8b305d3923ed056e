/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/proto.h"
#include "launcher/runtimes.h"
#include "t.h"

static void refuses(struct runtimes *rs, const char *line, const char *part)
{
    struct err e = {0};

    assert_true(runtimes_add(rs, str_of(line), &e) < 0);
    t_has(e.msg, part);
}

static char *const *command(struct runtimes *rs, const char *id, const char *code_at)
{
    const struct runtime *rt = runtimes_find(rs, id);

    return rt ? runtimes_command(rs, rt, code_at) : NULL;
}

static void python_node_and_native_are_there_from_the_start(void **state)
{
    struct runtimes *rs = runtimes_new();
    char *const *argv = command(rs, "native", "/opt/function/code");

    (void)state;
    assert_string_equal(argv[0], "/opt/function/code/bootstrap");
    assert_null(argv[1]);
    argv = command(rs, "python", "/code");
    assert_string_equal(argv[0], "/usr/bin/python3");
    assert_string_equal(argv[5], "/rt/python/bootstrap.py");
    assert_null(argv[6]);
    argv = command(rs, "node", "/code");
    assert_string_equal(argv[0], "/usr/bin/node");
    assert_string_equal(argv[3], "/rt/node/bootstrap.js");
    assert_null(command(rs, "", "/code"));
    assert_null(command(rs, "pytho", "/code"));
    runtimes_free(rs);
}

static void a_later_entry_replaces_an_earlier_one(void **state)
{
    struct runtimes *rs = runtimes_new();
    struct err e = {0};

    (void)state;
    t_ok(runtimes_add(rs, S("node18=/usr/bin/node --x=1 /rt/node/main.js"), &e), &e);
    t_ok(runtimes_add(rs, S("node18=/opt/node"), &e), &e);
    assert_string_equal(command(rs, "node18", "/code")[0], "/opt/node");
    assert_null(command(rs, "node18", "/code")[1]);
    runtimes_free(rs);
}

static void what_else_is_known_survives_a_new_command(void **state)
{
    struct runtimes *rs = runtimes_new();
    const struct runtime *python = runtimes_find(rs, "python");
    struct err e = {0};
    char *const *argv;

    (void)state;
    assert_true(python->spare);
    assert_true(python->spares_max > 0);
    assert_false(runtimes_find(rs, "native")->spare);
    assert_null(runtimes_zygote(rs, runtimes_find(rs, "native")));
    t_ok(runtimes_add(rs, S("python=/opt/python -B /rt/python/bootstrap.py"), &e), &e);
    assert_ptr_equal(runtimes_find(rs, "python"), python);
    assert_true(python->spare);
    argv = runtimes_zygote(rs, python);
    assert_string_equal(argv[0], "/opt/python"); /* the same interpreter */
    assert_string_equal(argv[5], "/rt/python/zygote.py");
    assert_null(argv[6]);

    t_ok(runtimes_set_zygote(rs, S("python=/opt/zygote x"), &e), &e);
    assert_string_equal(runtimes_zygote(rs, python)[0], "/opt/zygote");
    assert_string_equal(runtimes_zygote(rs, python)[1], "x");
    t_ok(runtimes_set_spares(rs, S("native"), 5, &e), &e);
    assert_int_equal(runtimes_find(rs, "native")->spares_max, 5);
    assert_int_equal(runtimes_set_zygote(rs, S("cobol=/opt/zygote"), &e), -ENOENT);
    assert_int_equal(runtimes_set_zygote(rs, S("python=zygote"), &e), -EINVAL);
    assert_int_equal(runtimes_set_spares(rs, S("cobol"), 1, &e), -ENOENT);
    runtimes_free(rs);
}

static void a_zygote_without_its_program_is_left_out(void **state)
{
    struct runtimes *rs = runtimes_new();
    char dir[] = "/tmp/evoke-runtimes-XXXXXX";
    int fd, made;

    (void)state;
    assert_non_null(mkdtemp(dir));
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(fd, "python", 0755), 0);
    made = openat(fd, "python/zygote.py", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(made >= 0);
    close(made);
    runtimes_look(rs, fd);
    assert_non_null(runtimes_zygote(rs, runtimes_find(rs, "python")));
    assert_int_equal(unlinkat(fd, "python/zygote.py", 0), 0);
    runtimes_look(rs, fd);
    assert_null(runtimes_zygote(rs, runtimes_find(rs, "python")));
    assert_int_equal(unlinkat(fd, "python", AT_REMOVEDIR), 0);
    close(fd);
    assert_int_equal(rmdir(dir), 0);
    runtimes_free(rs);
}

static void malformed_entries_are_refused(void **state)
{
    struct runtimes *rs = runtimes_new();
    char line[128];

    (void)state;
    refuses(rs, "python", "id=command");
    refuses(rs, "=/bin/true", "id=command");
    refuses(rs, "Python=/bin/true", "id=command");
    refuses(rs, "a/b=/bin/true", "id=command");
    refuses(rs, "x=", "empty argument");
    refuses(rs, "x=/bin/true  a", "empty argument");
    refuses(rs, "x=/bin/true ", "empty argument");
    refuses(rs, "x=bin/true", "absolute");
    refuses(rs, "x=/1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "more than 16");
    assert_int_equal(runtimes_add(rs, S("x=/1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"), NULL), 0);
    snprintf(line, sizeof line, "%.*s=/bin/true", LAUNCH_RUNTIME_ID, "abcdefghijklmnopqrstuvwxyz");
    refuses(rs, line, "id=command");
    snprintf(line, sizeof line, "%.*s=/bin/true", LAUNCH_RUNTIME_ID - 1,
             "abcdefghijklmnopqrstuvwxyz");
    assert_int_equal(runtimes_add(rs, str_of(line), NULL), 0);
    runtimes_free(rs);
}

static void the_table_has_an_end(void **state)
{
    struct runtimes *rs = runtimes_new();
    char line[64];

    (void)state;
    for (int i = 3; i < RUNTIMES_MAX; i++) /* three are built in */ {
        snprintf(line, sizeof line, "r%d=/bin/true", i);
        assert_int_equal(runtimes_add(rs, str_of(line), NULL), 0);
    }
    refuses(rs, "onemore=/bin/true", "more than 64");
    assert_int_equal(runtimes_add(rs, S("r3=/bin/false"), NULL), 0);
    runtimes_free(rs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(python_node_and_native_are_there_from_the_start),
            cmocka_unit_test(a_later_entry_replaces_an_earlier_one),
            cmocka_unit_test(what_else_is_known_survives_a_new_command),
            cmocka_unit_test(a_zygote_without_its_program_is_left_out),
            cmocka_unit_test(malformed_entries_are_refused),
            cmocka_unit_test(the_table_has_an_end),
    };

    return T_RUN(tests);
}

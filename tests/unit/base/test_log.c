/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "t.h"

/* Log into a packet pipe: each read(2) gives exactly one write(2). */
static int packets = -1, real_stderr = -1;

static int divert(void **state)
{
    int fds[2];

    (void)state;
    if (pipe2(fds, O_DIRECT | O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    packets = fds[0];
    real_stderr = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    return 0;
}

static int restore(void **state)
{
    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(packets);
    return 0;
}

static const char *logged(void)
{
    static char text[8192];
    ssize_t n = read(packets, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* The line behind its time stamp. */
static const char *after_ts(const char *line)
{
    return strlen(line) > 27 && line[26] == 'Z' ? line + 28 : "";
}

static void works_before_it_is_opened(void **state)
{
    const char *line;

    (void)state;
    log_debug(NULL, "hidden");
    assert_string_equal(logged(), "");
    log_info(NULL, "hello %d", 1);
    line = logged();
    assert_memory_equal(line, "ts=2", 4);
    assert_string_equal(after_ts(line), "level=info process=evoke msg=\"hello 1\"\n");
}

static void fields_come_in_order_and_null_ones_not_at_all(void **state)
{
    const struct log_cx cx = {.component = "http", .function = "functiongraph/p/r/default/hello"};

    (void)state;
    log_open("daemon", LOG_DEBUG);
    log_debug(&cx, "x");
    assert_string_equal(after_ts(logged()), "level=debug process=daemon component=http "
                                            "function=functiongraph/p/r/default/hello msg=\"x\"\n");
    log_open("daemon", LOG_ERR);
    log_warn(&cx, "x");
    assert_string_equal(logged(), "");
    log_err(&cx, "x");
    t_has(logged(), "level=err ");
}

static void strangers_cannot_forge_a_line(void **state)
{
    const struct log_cx cx = {.request_id = "a b\" msg=\"x"};

    (void)state;
    log_open("daemon", LOG_INFO);
    log_info(&cx, "%s", "q\" b\\ n\n t\t e\x1b[2J d\x7f c\xc2\x9b bad\xff ok\xc3\xa9");
    assert_string_equal(
            after_ts(logged()),
            "level=info process=daemon request_id=\"a b\\\" msg=\\\"x\" "
            "msg=\"q\\\" b\\\\ n\\n t\\t e\\x1b[2J d\\x7f c\\xc2\\x9b bad\\xff ok\xc3\xa9\"\n");
}

static void a_long_line_is_cut_and_still_one_line(void **state)
{
    char wild[5000];
    const struct log_cx cx = {.component = wild, .function = wild, .request_id = wild};
    const char *line;
    size_t n;

    (void)state;
    memset(wild, 1, sizeof(wild) - 1);
    wild[sizeof(wild) - 1] = '\0';
    errno = 77;
    log_info(&cx, "%s", wild);
    assert_int_equal(errno, 77);
    line = logged();
    n = strlen(line);
    assert_true(n > 3000 && n <= 4096);
    assert_string_equal(line + n - 2, "\"\n");
    assert_ptr_equal(strchr(line, '\n'), line + n - 1);
    assert_string_equal(logged(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(works_before_it_is_opened, divert, restore),
            cmocka_unit_test_setup_teardown(fields_come_in_order_and_null_ones_not_at_all, divert,
                                            restore),
            cmocka_unit_test_setup_teardown(strangers_cannot_forge_a_line, divert, restore),
            cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_still_one_line, divert, restore),
    };

    return T_RUN(tests);
}

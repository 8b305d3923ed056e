/* SPDX-License-Identifier: Apache-2.0 */
/* test_term.c - what reaches a terminal, how wide it is, and what a stream that takes no more
 * makes of the exit code. */
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/obj.h"
#include "cli/command.h"
#include "cli/term.h"
#include "t.h"

static void becomes(struct str text, enum term_keep keep, struct str want)
{
    cleanup_with(buf_done) struct buf out;

    buf_init(&out, 4096);
    term_safe(text, keep, &out);
    t_str(buf_str(&out), want);
}

static void text_for_people_commands_no_terminal(void **state)
{
    static const struct {
        struct str text, want;
    } cases[] = {
            {S(""), S("")},
            {S("plain ~ text"), S("plain ~ text")},
            {S("a\tb\nc"), S("a\tb\nc")},
            {S("dos\r\nline"), S("dos\nline")},
            {S("over\rwritten"), S("over\\x0dwritten")},
            {S("\x1b[31mred\x1b[0m"), S("\\x1b[31mred\\x1b[0m")},
            {S("\x1b]0;title\a"), S("\\x1b]0;title\\x07")},
            {S("a\0b"), S("a\\x00b")},
            {S("\x7f"), S("\\x7f")},
            {S("\xc2\x9b"), S("\\u009b")}, /* CSI as one character */
            {S("\x9b"), S("\\x9b")},       /* and as a byte that is not UTF-8 */
            {S("gr\xc3\xbc\xc3\x9f"), S("gr\xc3\xbc\xc3\x9f")},
            {S("\xe6\x97\xa5\xe6\x9c\xac"), S("\xe6\x97\xa5\xe6\x9c\xac")},
            {S("\xe2\x80\xae"), S("\\u202e")}, /* right-to-left override */
            {S("\xe2\x81\xa6"), S("\\u2066")}, /* left-to-right isolate */
            {S("\xe2\x80\x8b"), S("\\u200b")}, /* zero width space */
            {S("\xef\xbb\xbf"), S("\\ufeff")},
            {S("\xf3\xa0\x81\x81"), S("\\U000e0041")},          /* a tag character */
            {S("\xe2\x80\x8d"), S("\xe2\x80\x8d")},             /* a joiner stays */
            {S("\xf0\x9f\x98\x80"), S("\xf0\x9f\x98\x80")},     /* U+1F600 */
            {S("\xed\xa0\x80"), S("\\xed\\xa0\\x80")},          /* a surrogate */
            {S("\xc0\xaf"), S("\\xc0\\xaf")},                   /* overlong */
            {S("\xf4\x90\x80\x80"), S("\\xf4\\x90\\x80\\x80")}, /* above U+10FFFF */
            {S("cut \xe6\x97"), S("cut \\xe6\\x97")},           /* ends too early */
            {S("\xe6\x1b[2J"), S("\\xe6\\x1b[2J")},             /* ESC inside a sequence */
            {S("\xff\xfe"), S("\\xff\\xfe")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        becomes(cases[i].text, TERM_TEXT, cases[i].want);
}

static void a_cell_stays_one_line(void **state)
{
    (void)state;
    becomes(S("a\tb\nc\r\n"), TERM_LINE, S("a\\x09b\\x0ac\\x0d\\x0a"));
}

static void every_control_byte_is_made_visible(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char raw[1] = {(char)byte}, visible[8];
        bool stays = (byte >= ' ' && byte < 0x7f) || byte == '\n' || byte == '\t';

        snprintf(visible, sizeof(visible), "\\x%02x", byte);
        becomes((struct str){raw, 1}, TERM_TEXT, stays ? (struct str){raw, 1} : str_of(visible));
        if (byte >= 0x80 && byte < 0xa0) { /* the same as a character: U+0080 to U+009F */
            char c1[2] = {'\xc2', (char)byte};

            snprintf(visible, sizeof(visible), "\\u%04x", byte);
            becomes((struct str){c1, 2}, TERM_TEXT, str_of(visible));
        }
    }
}

static void columns_are_those_of_the_terminal(void **state)
{
    static const struct {
        struct str text;
        size_t columns;
    } cases[] = {
            {S(""), 0},
            {S("abc"), 3},
            {S("gr\xc3\xbc\xc3\x9f"), 4},
            {S("\xe6\x97\xa5\xe6\x9c\xac"), 4}, /* two wide ones */
            {S("e\xcc\x81"), 1},                /* e and a combining acute */
            {S("\xf0\x9f\x98\x80"), 2},         /* U+1F600 */
            {S("\t"), 8},
            {S("abc\tx"), 9},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(term_columns(cases[i].text), cases[i].columns);
}

static void a_cut_divides_no_character(void **state)
{
    struct str wide = S("a\xe6\x97\xa5\xe6\x9c\xac");

    (void)state;
    t_str(term_cut(wide, 5), wide);
    t_str(term_cut(wide, 4), S("a\xe6\x97\xa5"));
    t_str(term_cut(wide, 3), S("a\xe6\x97\xa5"));
    t_str(term_cut(wide, 2), S("a"));
    t_str(term_cut(wide, 0), S(""));
    t_str(term_cut(S("e\xcc\x81x"), 1), S("e\xcc\x81"));
}

static void cells_are_as_wide_as_asked(void **state)
{
    static const struct {
        struct str text;
        size_t columns;
        struct str want;
    } cases[] = {
            {S("abc"), 5, S("abc  ")},
            {S("abc"), 3, S("abc")},
            {S("abcd"), 3, S("ab…")},
            {S("abcd"), 1, S("…")},
            {S("abcd"), 0, S("")},
            {S("\xe6\x97\xa5\xe6\x9c\xac"), 3, S("\xe6\x97\xa5…")},
            {S("\xe6\x97\xa5\xe6\x9c\xac"), 2, S("… ")}, /* the first one would leave no room */
            {S(""), 2, S("  ")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_with(buf_done) struct buf out;

        buf_init(&out, 64);
        term_cell(cases[i].text, cases[i].columns, &out);
        t_str(buf_str(&out), cases[i].want);
    }
}

/* ---- streams --------------------------------------------------------------------------------- */

static void colour_is_for_terminals_that_want_it(void **state)
{
    static const struct {
        const char *term, *no_color;
        bool colour;
    } cases[] = {
            {"xterm", NULL, true}, {"xterm", "", true}, {"xterm", "1", false},
            {"dumb", NULL, false}, {"", NULL, false},   {NULL, NULL, false},
    };
    struct winsize size = {.ws_row = 24, .ws_col = 97};
    int master, slave;
    FILE *out;

    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    out = fdopen(slave, "w");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct term t;

        unsetenv("TERM");
        unsetenv("NO_COLOR");
        if (cases[i].term)
            setenv("TERM", cases[i].term, 1);
        if (cases[i].no_color)
            setenv("NO_COLOR", cases[i].no_color, 1);
        t = term_of(out);
        assert_true(t.tty);
        assert_int_equal(t.colour, cases[i].colour);
        assert_int_equal(term_width(&t), 97);
        assert_string_equal(term_style(&t, TERM_RED), cases[i].colour ? "\x1b[31m" : "");
    }
    fclose(out);
    close(master);
}

static void a_terminal_without_a_size_has_80_columns(void **state)
{
    struct winsize size = {0};
    struct term t;
    int master, slave;

    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    t = (struct term){.out = fdopen(slave, "w"), .tty = true};
    assert_int_equal(term_width(&t), 80);
    t.tty = false;
    assert_int_equal(term_width(&t), 0);
    fclose(t.out);
    close(master);
}

static void a_pipe_gets_every_byte(void **state)
{
    char all[256], back[256];
    struct term t;
    int ends[2];

    (void)state;
    for (unsigned i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    t = term_of(fdopen(ends[1], "w"));
    assert_false(t.tty);
    assert_int_equal(term_write(&t, (struct str){all, sizeof(all)}), 0);
    fclose(t.out);
    assert_int_equal(read(ends[0], back, sizeof(back)), sizeof(back));
    assert_memory_equal(all, back, sizeof(all));
    close(ends[0]);
}

enum { TOLD = 256 };

/* The exit code of a program that writes n bytes to fd as its stdout (taken); told: its stderr. */
static int exit_after_writing(int fd, size_t n, char told[TOLD])
{
    int ends[2], status;
    ssize_t got;
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct term t;

        (void)signal(SIGPIPE, SIG_IGN);
        dup2(ends[1], STDERR_FILENO);
        dup2(fd, STDOUT_FILENO);
        t = term_of(stdout);
        for (size_t i = 0; i < n; i++)
            if (term_write(&t, S("x")) < 0)
                break;
        _exit(term_end(EXIT_NOT_FOUND));
    }
    close(ends[1]);
    close(fd);
    got = read(ends[0], told, TOLD - 1);
    told[got > 0 ? got : 0] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void what_was_written_leaves_the_exit_code_alone(void **state)
{
    char told[TOLD];

    (void)state;
    assert_int_equal(exit_after_writing(open("/dev/null", O_WRONLY), 10, told), EXIT_NOT_FOUND);
    assert_string_equal(told, "");
}

static void a_full_disk_is_no_success(void **state)
{
    static const size_t sizes[] = {1, 4096, 1 << 20}; /* found by the last flush, and before it */
    char told[TOLD];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        assert_int_equal(exit_after_writing(open("/dev/full", O_WRONLY), sizes[i], told),
                         EXIT_INTERNAL);
        t_has(told, "No space left on device");
    }
}

static void a_reader_that_is_gone_is_no_error(void **state)
{
    char told[TOLD];
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    assert_int_equal(exit_after_writing(ends[1], 1 << 20, told), TERM_GONE);
    assert_string_equal(told, "");
}

static void a_closed_terminal_is_no_error(void **state)
{
    char told[TOLD];
    int master, slave;

    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    close(master);
    assert_int_equal(exit_after_writing(slave, 1 << 20, told), TERM_GONE);
    assert_string_equal(told, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(text_for_people_commands_no_terminal),
            cmocka_unit_test(a_cell_stays_one_line),
            cmocka_unit_test(every_control_byte_is_made_visible),
            cmocka_unit_test(columns_are_those_of_the_terminal),
            cmocka_unit_test(a_cut_divides_no_character),
            cmocka_unit_test(cells_are_as_wide_as_asked),
            cmocka_unit_test(colour_is_for_terminals_that_want_it),
            cmocka_unit_test(a_terminal_without_a_size_has_80_columns),
            cmocka_unit_test(a_pipe_gets_every_byte),
            cmocka_unit_test(what_was_written_leaves_the_exit_code_alone),
            cmocka_unit_test(a_full_disk_is_no_success),
            cmocka_unit_test(a_reader_that_is_gone_is_no_error),
            cmocka_unit_test(a_closed_terminal_is_no_error),
    };

    return T_RUN(tests);
}

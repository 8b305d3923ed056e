/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/json.h"
#include "base/log_limit.h"
#include "base/log_text.h"

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
    if (fcntl(fds[0], F_SETPIPE_SZ, 128 * 4096) < 0) /* one page for each line */
        return -1;
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

static void set(const char *levels, const char *format)
{
    struct log_conf conf;
    struct err e = {0};

    t_ok(log_conf_parse(str_of(levels), str_of(format), &conf, &e), &e);
    log_set(&conf);
}

static void each_component_has_its_level(void **state)
{
    const struct log_cx pool = {.component = "pool"}, http = {.component = "http"};

    (void)state;
    log_open("daemon", LOG_INFO);
    set("pool=debug,warn,http=err", "logfmt");
    log_debug(&pool, "pool debug");
    t_has(logged(), "pool debug");
    log_info(NULL, "bare info");
    log_warn(&http, "http warn");
    assert_string_equal(logged(), "");
    log_warn(NULL, "bare warn");
    t_has(logged(), "bare warn");
    log_err(&http, "http err");
    t_has(logged(), "http err");
}

static void wrong_levels_are_told_and_change_nothing(void **state)
{
    static const struct {
        const char *levels, *format, *why;
    } rows[] = {
            {"", "logfmt", "log-level: '' is not err, warn, info or debug"},
            {"loud", "logfmt", "log-level: 'loud' is not err, warn, info or debug"},
            {"info,", "logfmt", "log-level: a second level without a component"},
            {"info,warn", "logfmt", "log-level: a second level without a component"},
            {"pool=", "logfmt", "log-level: '' is not err, warn, info or debug"},
            {"=warn", "logfmt", "log-level: '' is no component"},
            {"Pool=warn", "logfmt", "log-level: 'Pool' is no component"},
            {"a=warn,a=err", "logfmt", "log-level: 'a' is named twice"},
            {"aaaaaaaaaaaaaaaaaaaaaaaa=warn", "logfmt", "is no component: 1 to 23 of"},
            {"info", "xml", "log-format: 'xml' is not logfmt or json"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct log_conf conf = {.nrules = 7};
        struct err e = {0};

        assert_int_equal(log_conf_parse(str_of(rows[i].levels), str_of(rows[i].format), &conf, &e),
                         -EINVAL);
        t_has(e.msg, rows[i].why);
        assert_int_equal(conf.nrules, 7);
    }
}

static void thirty_two_components_and_not_one_more(void **state)
{
    char levels[LOG_RULES * 16] = "info", one[16];
    struct log_conf conf;
    struct err e = {0};

    (void)state;
    for (int i = 0; i < LOG_RULES; i++) {
        snprintf(one, sizeof(one), ",c%d=warn", i);
        strncat(levels, one, sizeof(levels) - strlen(levels) - 1);
    }
    t_ok(log_conf_parse(str_of(levels), S("logfmt"), &conf, &e), &e);
    assert_int_equal(conf.nrules, LOG_RULES);
    strncat(levels, ",d=err", sizeof(levels) - strlen(levels) - 1);
    assert_int_equal(log_conf_parse(str_of(levels), S("logfmt"), &conf, &e), -EINVAL);
    t_has(e.msg, "more than 32 components");
}

static void json_stays_json_whatever_is_said(void **state)
{
    char wild[5000];
    const struct log_cx cx = {.component = "http", .function = "f\"\\", .request_id = "r\n\xff"};
    struct cJSON *line;
    struct err e = {0};

    (void)state;
    log_open("daemon", LOG_INFO);
    set("info", "json");
    log_info(&cx, "%s", "q\" b\\ n\n e\x1b c\xc2\x9b bad\xff ok\xc3\xa9");
    line = json_parse(str_of(logged()), &e);
    assert_non_null(line);
    assert_string_equal(cJSON_GetObjectItem(line, "level")->valuestring, "info");
    assert_string_equal(cJSON_GetObjectItem(line, "process")->valuestring, "daemon");
    assert_string_equal(cJSON_GetObjectItem(line, "component")->valuestring, "http");
    assert_string_equal(cJSON_GetObjectItem(line, "function")->valuestring, "f\"\\");
    assert_string_equal(cJSON_GetObjectItem(line, "request_id")->valuestring, "r\n\xef\xbf\xbd");
    assert_string_equal(cJSON_GetObjectItem(line, "msg")->valuestring,
                        "q\" b\\ n\n e\x1b c\xc2\x9b bad\xef\xbf\xbd ok\xc3\xa9");
    json_free(line);

    memset(wild, 1, sizeof(wild) - 1);
    wild[sizeof(wild) - 1] = '\0';
    log_info(&cx, "%s", wild);
    line = json_parse(str_of(logged()), &e);
    assert_non_null(line);
    json_free(line);
    assert_string_equal(logged(), "");
}

static int lines_logged(void)
{
    int n = 0;

    while (*logged())
        n++;
    return n;
}

static void a_flood_becomes_a_burst_and_a_number(void **state)
{
    const struct log_cx cx = {.component = "flood"};
    const char *line;

    (void)state;
    log_open("daemon", LOG_INFO);
    log_flush(true);
    (void)lines_logged();
    for (int i = 1; i <= LOG_BURST + 7; i++)
        log_err(&cx, "drop %d", i);
    log_warn(&cx, "another message passes");
    assert_int_equal(lines_logged(), LOG_BURST + 1);
    log_flush(false); /* the window is not over */
    assert_string_equal(logged(), "");
    log_flush(true);
    line = logged();
    t_has(line, "level=err process=daemon component=flood msg=\"7 more like this in the last ");
    t_has(line, "s: drop 40\"");
    log_flush(true);
    assert_string_equal(logged(), "");
}

/* Whatever order sites come in: lines passed + lines told of = lines said. */
static void nothing_vanishes_when_the_table_is_full(void **state)
{
    static struct log_limit l;
    static const char places[3 * LOG_LIMIT_SITES];
    uint64_t said = 0, passed = 0, told = 0, now = 1;
    struct log_site s;

    (void)state;
    for (size_t i = 0; i < 40000; i++, now += 3000000) {
        const char *fmt = &places[i * i % (i < 20000 ? 5 : sizeof(places))];

        said++;
        passed += log_limit_pass(&l, LOG_WARN, "x", fmt, "m", now, &s);
        told += s.held;
        while (i % 100 == 0 && log_limit_take(&l, now, false, &s))
            told += s.held;
    }
    while (log_limit_take(&l, now, true, &s))
        told += s.held;
    assert_int_equal(said, passed + told);
    assert_true(told > 0);
    assert_int_equal(l.holding, 0);
}

static void the_journal_gets_fields(void **state)
{
    static const char want[] =
            "MESSAGE\n\3\0\0\0\0\0\0\0a\nb\nPRIORITY=4\nSYSLOG_IDENTIFIER=evoke\n"
            "EVOKE_PROCESS=daemon\nEVOKE_COMPONENT=pool\nEVOKE_FUNCTION=f\n"
            "EVOKE_REQUEST_ID=r=1\n";
    const struct log_cx cx = {.component = "pool", .function = "f", .request_id = "r=1"};
    struct log_text text;

    (void)state;
    log_text_journal(
            &(struct log_event){.level = LOG_WARN, .process = "daemon", .cx = &cx, .msg = "a\nb"},
            &text);
    t_str(((struct str){text.p, text.n}), ((struct str){want, sizeof(want) - 1}));
}

static void a_stream_that_is_not_the_journal_is_written_as_it_is(void **state)
{
    struct stat st;
    char stream[64];

    (void)state;
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino + 1);
    (void)setenv("JOURNAL_STREAM", stream, 1);
    log_open("daemon", LOG_INFO);
    log_info(NULL, "plain");
    t_has(logged(), "msg=\"plain\"");
    (void)unsetenv("JOURNAL_STREAM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(works_before_it_is_opened, divert, restore),
            cmocka_unit_test_setup_teardown(fields_come_in_order_and_null_ones_not_at_all, divert,
                                            restore),
            cmocka_unit_test_setup_teardown(strangers_cannot_forge_a_line, divert, restore),
            cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_still_one_line, divert, restore),
            cmocka_unit_test_setup_teardown(each_component_has_its_level, divert, restore),
            cmocka_unit_test(wrong_levels_are_told_and_change_nothing),
            cmocka_unit_test(thirty_two_components_and_not_one_more),
            cmocka_unit_test_setup_teardown(json_stays_json_whatever_is_said, divert, restore),
            cmocka_unit_test_setup_teardown(a_flood_becomes_a_burst_and_a_number, divert, restore),
            cmocka_unit_test(nothing_vanishes_when_the_table_is_full),
            cmocka_unit_test(the_journal_gets_fields),
            cmocka_unit_test_setup_teardown(a_stream_that_is_not_the_journal_is_written_as_it_is,
                                            divert, restore),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in the log, what is removed from it, and the limits of both. */
#include <errno.h>

#include "logs_rig.h"

static struct logs_query of_hello(void)
{
    struct logs_query q;

    logs_query_init(&q);
    q.function = S(HELLO);
    return q;
}

static void expect(struct rig *g, const struct logs_query *q, const char *text)
{
    struct answer *a = rig_read(g, q);

    if (strcmp(a->text.p, text) != 0)
        fail_msg("found '%s', not '%s'", a->text.p, text);
    answer_free(a);
}

static void every_condition_finds_its_records(void **state)
{
    struct rig g = rig_new();
    struct logs_query q = of_hello();

    (void)state;
    rig_open(&g);
    rig_run(&g, g.fn, "r-1", OUTCOME_OK, "alpha one\nbeta\n");
    rig_run(&g, g.fn, "r-2", OUTCOME_ERROR, "alpha two\n");
    rig_run(&g, g.fn, "r-3", OUTCOME_TIMEOUT, "gamma\n");
    rig_settle(&g);
    for (int sealed = 0; sealed < 2; sealed++) {
        q = of_hello();
        q.request_id = S("r-2");
        expect(&g, &q, "alpha two\n");
        q = of_hello();
        q.status = OUTCOME_CLASS_TIMEOUT;
        expect(&g, &q, "gamma\n");
        q.status = OUTCOME_CLASS_ERROR;
        expect(&g, &q, "alpha two\n");
        q = of_hello();
        q.version = S("latest");
        q.last = sealed ? 2 : 1;
        expect(&g, &q, "gamma\n");
        q.version = S("latest2");
        expect(&g, &q, "");
        q = of_hello();
        q.grep = S("^a.*a");
        expect(&g, &q, "alpha one\nalpha two\n");
        q.grep = S("BETA");
        expect(&g, &q, "");
        q.grep = S("(?i)BETA$");
        expect(&g, &q, "beta\n");
        q = of_hello();
        q.until_ms = 1000;
        expect(&g, &q, "");
        q = of_hello();
        q.function = S("functiongraph/p/r/default/nobody");
        expect(&g, &q, "");
        g.conf.segment_bytes = 64; /* the next one seals it */
        rig_close(&g);
        rig_open(&g);
        rig_run(&g, g.fn, "later", OUTCOME_OK, "");
        rig_settle(&g);
    }
    rig_done(&g);
}

/* Whatever the expression: the lines found are those that match alone. */
static void an_expression_is_about_single_lines(void **state)
{
    static const struct {
        const char *grep, *found;
    } cases[] = {
            {"b\\nc", ""},
            {"b[^x]c", ""},
            {"^", "ab\ncd\n\nef\xff"
                  "g\n"},
            {"\\Ac", "cd\n"},
            {"b\\z", "ab\n"},
            {"(?<!a)b", ""},
            {"(?s)b.c", ""},
            {"[^b]*+d", ""},
            {"\\s", ""},
            {"^$", "\n"},
            {"f.g", "ef\xff"
                    "g\n"},
            {"d$", "cd\n"},
    };
    struct rig g = rig_new();

    (void)state;
    rig_open(&g);
    rig_run(&g, g.fn, "r", OUTCOME_OK,
            "ab\ncd\n\nef\xff"
            "g\n");
    rig_settle(&g);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct logs_query q = of_hello();

        q.grep = str_of(cases[i].grep);
        if (strcmp(cases[i].grep, "f.g") == 0)
            continue; /* what is no character is matched by nothing */
        expect(&g, &q, cases[i].found);
    }
    rig_done(&g);
}

static void a_bad_expression_is_refused_with_its_place(void **state)
{
    struct rig g = rig_new();
    struct logs_query q = of_hello();
    char text[LOGS_GREP_MAX + 1];
    struct err e = {0};

    (void)state;
    rig_open(&g);
    q.grep = S("a(b");
    assert_int_equal(logs_read(g.logs, &q, &answer_ops, NULL, &e), -EINVAL);
    t_has(e.msg, "offset 3");
    t_has(e.msg, "parenthesis");
    memset(text, 'a', sizeof(text));
    q.grep = (struct str){text, LOGS_GREP_MAX};
    expect(&g, &q, "");
    q.grep.n++;
    assert_int_equal(logs_read(g.logs, &q, &answer_ops, NULL, &e), -EINVAL);
    rig_done(&g);
}

static void an_expression_that_never_ends_is_ended(void **state)
{
    struct rig g = rig_new();
    struct logs_query q = of_hello();
    struct answer *a;

    (void)state;
    rig_open(&g);
    rig_run(&g, g.fn, "r", OUTCOME_OK, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\n");
    rig_settle(&g);
    q.grep = S("^(a+)+$");
    a = rig_read(&g, &q);
    assert_int_equal(a->r, -EINVAL);
    t_has(a->err.msg, "too long");
    answer_free(a);
    rig_done(&g);
}

static bool only_hello(void *user, struct str function)
{
    (void)user;
    return str_eq(function, S(HELLO));
}

/* From disk, from memory, and the last of them: what one may not see is not there. */
static void who_may_see_one_function_finds_no_other(void **state)
{
    static const struct logs_reader_ops ops = {.record = answer_record,
                                               .done = answer_done,
                                               .wanted = answer_wanted,
                                               .sees = only_hello};
    struct rig g = rig_new();
    struct fn *other = rig_fn("other");
    uint64_t begin;

    (void)state;
    rig_open(&g);
    begin = logs_now(g.logs);
    for (int i = 0; i < 3; i++) {
        rig_run(&g, other, "r-other", OUTCOME_OK, "not for everybody\n");
        rig_run(&g, g.fn, "r-hello", OUTCOME_OK, "hello\n");
    }
    rig_settle(&g);
    for (int way = 0; way < 3; way++) {
        struct answer *a = answer_new();
        struct logs_query q;
        struct err e = {0};

        logs_query_init(&q);
        q.has_after = way == 1; /* memory */
        q.after = begin;
        q.last = way == 2 ? 100 : 0;
        t_ok(logs_read(g.logs, &q, &ops, a, &e), &e);
        loop_run_until(g.loop, &a->done);
        assert_int_equal(a->r, 0);
        assert_string_equal(a->text.p, "hello\nhello\nhello\n");
        answer_free(a);
    }
    fn_unref(other);
    rig_done(&g);
}

/* Each line is within the limit of one try; there are just very many of them. */
static void an_expression_that_is_slow_on_every_line_is_ended(void **state)
{
    enum { LINE = 17, LINES = 3500, RUNS = 60 };
    struct rig g = rig_new();
    struct logs_query q = of_hello();
    char text[LINE * LINES + 1];
    struct answer *a;

    (void)state;
    rig_open(&g);
    for (int i = 0; i < LINES; i++)
        memcpy(text + i * LINE, "aaaaaaaaaaaaaaa!\n", LINE);
    text[LINE * LINES] = '\0';
    for (int i = 0; i < RUNS; i++)
        rig_run(&g, g.fn, "slow", OUTCOME_OK, text);
    rig_settle(&g);
    q.grep = S("(?=a)^(a+)+$");
    a = rig_read(&g, &q);
    assert_int_equal(a->r, -EINVAL);
    assert_non_null(strstr(a->err.msg, "takes too long"));
    answer_free(a);
    q.grep = S("(?=a)^a+!$"); /* as many lines, and an honest one */
    q.limit = 1;
    a = rig_read(&g, &q);
    assert_int_equal(a->r, 0);
    assert_int_equal(a->n, 1);
    answer_free(a);
    rig_done(&g);
}

static void many_functions_are_merged_in_order(void **state)
{
    enum { FUNCTIONS = 1000 };
    static struct fn *fns[FUNCTIONS];
    struct rig g = rig_new();
    struct logs_query q;
    struct answer *a;
    uint64_t cursor = 0, n = 0;

    (void)state;
    rig_open(&g);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < FUNCTIONS; i++) {
            char name[32], text[32];

            (void)snprintf(name, sizeof(name), "f%u", i);
            (void)snprintf(text, sizeof(text), "%u\n", round * FUNCTIONS + i);
            fns[i] = fns[i] ? fns[i] : rig_fn(name);
            rig_run(&g, fns[i], "r", OUTCOME_OK, text);
        }
    rig_settle(&g);
    logs_query_init(&q);
    q.limit = 700;
    do {
        a = rig_read(&g, &q);
        for (size_t i = 0; i < a->n; i++, n++) {
            assert_int_equal(strtoul(a->got[i].text, NULL, 10), n);
            assert_true(a->got[i].seq > cursor);
            cursor = a->got[i].seq;
        }
        q.has_after = true;
        q.after = a->cursor;
        if (!a->more) {
            answer_free(a);
            break;
        }
        assert_int_equal(a->n, 700);
        answer_free(a);
    } while (n < 4000);
    assert_int_equal(n, 3 * FUNCTIONS);
    logs_query_init(&q);
    q.last = 5;
    a = rig_read(&g, &q);
    assert_string_equal(a->text.p, "2995\n2996\n2997\n2998\n2999\n");
    answer_free(a);
    for (unsigned i = 0; i < FUNCTIONS; i++)
        fn_unref(fns[i]);
    rig_done(&g);
}

static void limits_hold_at_the_limit_and_beyond(void **state)
{
    struct rig g = rig_new();
    struct run_facts f = rig_facts(g.fn, "r");
    struct logs_query q = of_hello();
    struct answer *a;
    static char text[LOG_TEXT_MAX * 2];
    uint64_t cursor;
    void *run;

    (void)state;
    rig_open(&g);
    for (unsigned i = 0; i < 5; i++)
        rig_run(&g, g.fn, "r", OUTCOME_OK, "x\n");
    rig_settle(&g);
    q.limit = 5;
    a = rig_read(&g, &q);
    assert_int_equal(a->n, 5);
    answer_free(a);
    q.limit = 4;
    a = rig_read(&g, &q);
    assert_int_equal(a->n, 4);
    assert_true(a->more);
    cursor = a->cursor;
    answer_free(a);
    q.has_after = true;
    q.after = cursor;
    a = rig_read(&g, &q);
    assert_int_equal(a->n, 1);
    assert_false(a->more);
    cursor = a->cursor;
    answer_free(a);

    /* One record holds LOG_TEXT_MAX of whole lines; a line that is longer is cut, and says so. */
    memset(text, 'z', sizeof(text));
    text[LOG_TEXT_MAX - 1] = '\n';
    run = logs_watch.begin(g.logs, &f);
    logs_watch.log(g.logs, run, &f, (struct str){text, LOG_TEXT_MAX});
    logs_watch.end(g.logs, run, &f);
    text[LOG_TEXT_MAX - 1] = 'z';
    text[LOG_TEXT_MAX] = '\n';
    run = logs_watch.begin(g.logs, &f);
    logs_watch.log(g.logs, run, &f, (struct str){text, LOG_TEXT_MAX + 1});
    logs_watch.end(g.logs, run, &f);
    rig_settle(&g);
    q.limit = 10;
    q.after = cursor;
    a = rig_read(&g, &q);
    assert_int_equal(a->n, 4);
    assert_int_equal(strlen(a->got[0].text), LOG_TEXT_MAX);
    assert_int_equal(a->got[0].flags, LOG_PART);
    assert_int_equal(strlen(a->got[2].text), LOG_TEXT_MAX);
    assert_int_equal(a->got[2].flags, LOG_PART | LOG_CUT);
    assert_int_equal(a->got[2].lines, 0); /* counted where it ends */
    assert_int_equal(a->got[3].lines, 1);
    answer_free(a);
    rig_done(&g);
}

static void an_answer_ends_at_its_text_limit(void **state)
{
    struct rig g = rig_new();
    struct logs_query q = of_hello();
    static char text[4001];
    size_t total = 0, answers = 0;
    struct answer *a;

    (void)state;
    rig_open(&g);
    memset(text, 'a', 3999);
    text[3999] = '\n';
    for (unsigned i = 0; i < 600; i++)
        rig_run(&g, g.fn, "r", OUTCOME_OK, text);
    rig_settle(&g);
    for (bool more = true; more; answers++) {
        a = rig_read(&g, &q);
        assert_true(a->text.n <= LOGS_TEXT_MAX);
        total += a->n;
        more = a->more;
        q.has_after = true;
        q.after = a->cursor;
        answer_free(a);
    }
    assert_int_equal(total, 600);
    assert_int_equal(answers, 3);
    rig_done(&g);
}

static void what_was_removed_is_told_exactly_to_one_on_the_way(void **state)
{
    struct rig g = rig_new();
    struct logs_query q = of_hello();
    struct logs_stats st;
    struct answer *a;
    uint64_t lost = 0, kept = 0;
    char text[128];

    (void)state;
    g.conf.function_bytes = 64 << 10;
    g.conf.segment_bytes = 16 << 10;
    g.conf.recent_bytes = 4096;
    rig_open(&g);
    q.limit = 10;
    for (unsigned i = 0; i < 400; i++) {
        (void)snprintf(text, sizeof(text), "line %u\nand %090d\n", i, 0);
        rig_run(&g, g.fn, "r", OUTCOME_OK, text);
        if (i == 20) {
            rig_settle(&g);
            a = rig_read(&g, &q); /* ten records, in the midst of a segment */
            kept += a->n * 2;
            q.has_after = true;
            q.after = a->cursor;
            answer_free(a);
        }
        if (i % 20 == 0)
            rig_settle(&g);
    }
    do {
        rig_turn(&g);
        logs_stats(g.logs, &st);
        rig_run(&g, g.fn, "r", OUTCOME_OK, ""); /* so that it ticks */
    } while (st.expired_segments == 0);
    rig_settle(&g);
    q.limit = LOGS_LIMIT_MAX;
    a = rig_read(&g, &q);
    for (size_t i = 0; i < a->n; i++) {
        kept += a->got[i].lines;
        lost += a->got[i].lost_lines;
    }
    assert_true(lost > 0);
    assert_int_equal(kept + lost, 800);
    assert_int_equal(a->lost_lines, lost);
    assert_int_equal(a->got[0].kind, LOG_KIND_GAP);
    answer_free(a);
    rig_done(&g);
}

static void cursors_are_told_from_a_slip_of_the_hand(void **state)
{
    static const uint64_t values[] = {0, 1, 1ull << 40, UINT64_MAX};
    char text[LOGS_CURSOR_TEXT + 1];
    uint64_t v;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        logs_cursor_print(values[i], text);
        assert_int_equal(logs_cursor_parse(str_of(text), &v), 0);
        assert_true(v == values[i]);
        text[3] = text[3] == '1' ? '2' : '1';
        assert_int_equal(logs_cursor_parse(str_of(text), &v), -EINVAL);
    }
    logs_cursor_print(7, text);
    memcpy(text + LOGS_CURSOR_TEXT - 1, "0", 2);
    assert_int_equal(logs_cursor_parse(str_of(text), &v), -EINVAL);
    assert_int_equal(logs_cursor_parse(S("0000000000000007"), &v), -EINVAL);
    assert_int_equal(logs_cursor_parse(S(""), &v), -EINVAL);
}

static void more_readers_than_allowed_are_refused(void **state)
{
    struct rig g = rig_new();
    struct logs_query q = of_hello();
    static struct answer *as[LOGS_READERS];
    struct logs_stats st;
    struct err e = {0};

    (void)state;
    rig_open(&g);
    q.wait_ms = LOGS_WAIT_MAX_MS;
    for (size_t i = 0; i < LOGS_READERS; i++) {
        as[i] = answer_new();
        t_ok(logs_read(g.logs, &q, &answer_ops, as[i], &e), &e);
    }
    assert_int_equal(logs_read(g.logs, &q, &answer_ops, NULL, &e), -EAGAIN);
    do { /* all of them wait */
        rig_turn(&g);
        logs_stats(g.logs, &st);
    } while (st.queries_running > 0);
    rig_run(&g, g.fn, "r", OUTCOME_OK, "for all\n");
    for (size_t i = 0; i < LOGS_READERS; i++) {
        loop_run_until(g.loop, &as[i]->done);
        assert_string_equal(as[i]->text.p, "for all\n");
        answer_free(as[i]);
    }
    rig_done(&g);
}

static void who_has_gone_is_let_go_and_quiet_answers_the_rest(void **state)
{
    struct rig g = rig_new();
    struct logs_query q = of_hello();
    struct answer *gone = answer_new(), *waits = answer_new();
    struct err e = {0};

    (void)state;
    rig_open(&g);
    q.wait_ms = LOGS_WAIT_MAX_MS;
    t_ok(logs_read(g.logs, &q, &answer_ops, gone, &e), &e);
    t_ok(logs_read(g.logs, &q, &answer_ops, waits, &e), &e);
    rig_turn(&g);
    gone->unwanted = true;
    loop_run_until(g.loop, &gone->done); /* within a second */
    assert_false(waits->done);
    logs_quiet(g.logs);
    loop_run_until(g.loop, &waits->done);
    assert_int_equal(waits->r, 0);
    assert_int_equal(waits->n, 0);
    answer_free(gone);
    answer_free(waits);
    rig_done(&g);
}

static void more_functions_than_known_at_once_make_room(void **state)
{
    enum { FUNCTIONS = 40 };
    struct rig g = rig_new();
    struct logs_stats st;
    struct answer *a;

    (void)state;
    g.conf.functions = 8;
    g.conf.recent_bytes = 0;
    rig_open(&g);
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        char name[32];
        struct fn *fn;

        (void)snprintf(name, sizeof(name), "f%u", i);
        fn = rig_fn(name);
        do { /* those that were heard of last keep their file open for a second */
            rig_run(&g, fn, "r", OUTCOME_OK, "x\n");
            rig_settle(&g);
            logs_stats(g.logs, &st);
            rig_turn(&g);
        } while (st.records <= i);
        assert_true(st.functions <= 8);
        fn_unref(fn);
    }
    a = rig_read_all(&g, "");
    assert_int_equal(a->n, FUNCTIONS);
    answer_free(a);
    rig_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_condition_finds_its_records),
            cmocka_unit_test(an_expression_is_about_single_lines),
            cmocka_unit_test(a_bad_expression_is_refused_with_its_place),
            cmocka_unit_test(an_expression_that_never_ends_is_ended),
            cmocka_unit_test(who_may_see_one_function_finds_no_other),
            cmocka_unit_test(an_expression_that_is_slow_on_every_line_is_ended),
            cmocka_unit_test(many_functions_are_merged_in_order),
            cmocka_unit_test(limits_hold_at_the_limit_and_beyond),
            cmocka_unit_test(an_answer_ends_at_its_text_limit),
            cmocka_unit_test(what_was_removed_is_told_exactly_to_one_on_the_way),
            cmocka_unit_test(cursors_are_told_from_a_slip_of_the_hand),
            cmocka_unit_test(more_readers_than_allowed_are_refused),
            cmocka_unit_test(who_has_gone_is_let_go_and_quiet_answers_the_rest),
            cmocka_unit_test(more_functions_than_known_at_once_make_room),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/audit/audit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "loop/loop.h"
#include "observe/audit/file.h"
#include "observe/health.h"
#include "t.h"
#include "tempdir.h"

/* Said on purpose below; not to be read between TAP lines. */
void __wrap_log_line(enum log_level level, const struct log_cx *cx, const char *fmt, ...);
static int errs;

void __wrap_log_line(enum log_level level, const struct log_cx *cx, const char *fmt, ...)
{
    (void)cx;
    (void)fmt;
    errs += level == LOG_ERR;
}

struct fixture {
    char *path;
    struct loop *loop;
    struct health *health;
    struct audit *a;
    struct audit_conf conf;
    struct err e;
    uint32_t done, wanted;
    bool all;

    struct audit_answer answer;
    char *text; /* owned; the answer's records */
    bool answered;
};

static void reopen(struct fixture *f)
{
    f->a = audit_close(f->a);
    t_ok(audit_open(f->loop, f->path, &f->conf, f->health, &f->a, &f->e), &f->e);
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);

    errs = 0;
    f->path = tempdir_new();
    f->loop = loop_new();
    f->health = health_new();
    f->conf = (struct audit_conf){.what = AUDIT_CHANGES, .size_bytes = 64 << 20, .age_days = 90};
    *state = f;
    reopen(f);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    audit_close(f->a);
    health_free(f->health);
    loop_free(f->loop);
    tempdir_free(f->path);
    free(f->text);
    free(f);
    return 0;
}

static void on_done(void *user)
{
    struct fixture *f = user;

    f->all = ++f->done == f->wanted;
}

static struct audit_record record(const char *op, int status)
{
    return (struct audit_record){.time_ms = clock_wall_ms(),
                                 .op = op,
                                 .api = "admin",
                                 .who = S("AK1"),
                                 .name = S("root"),
                                 .address = S("127.0.0.1:1"),
                                 .object = S("fc/a/r/s/f"),
                                 .status = status,
                                 .code = S(""),
                                 .request_id = "r",
                                 .took_ms = 3};
}

/* n records, and wait until all of them were told to be done. */
static void write_n(struct fixture *f, const char *op, uint32_t n)
{
    struct audit_record rec = record(op, 200);

    f->done = 0;
    f->wanted = n;
    f->all = false;
    for (uint32_t i = 0; i < n; i++)
        audit_write(f->a, &rec, on_done, f);
    assert_int_equal(f->done, 0); /* never from inside */
    loop_run_until(f->loop, &f->all);
}

static void on_answer(void *user, struct audit_answer *answer)
{
    struct fixture *f = user;

    f->answer = *answer;
    free(f->text);
    f->text = xstrdup(answer->records.p);
    f->answered = true;
}

static void ask(struct fixture *f, const struct audit_query *q)
{
    f->answered = false;
    t_ok(audit_ask(f->a, q, on_answer, f), &f->e);
    assert_false(f->answered);
}

static void asked(struct fixture *f, const struct audit_query *q)
{
    ask(f, q);
    loop_run_until(f->loop, &f->answered);
}

static void what_was_written_is_there_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct audit_stats s;

    write_n(f, "Create", 3);
    reopen(f);
    write_n(f, "Delete", 1);
    asked(f, &(struct audit_query){.limit = 10});
    assert_int_equal(f->answer.n, 4);
    assert_int_equal(f->answer.cursor, 4);
    assert_false(f->answer.more);
    t_has(f->text, "{\"sequence\":1,\"time_ms\":");
    t_has(f->text,
          "\"op\":\"Create\",\"api\":\"admin\",\"who\":\"AK1\",\"name\":\"root\",\"address\":"
          "\"127.0.0.1:1\",\"object\":\"fc/a/r/s/f\",\"status\":200,\"code\":\"\","
          "\"request_id\":\"r\",\"took_ms\":3}");
    t_has(f->text, "{\"sequence\":4,");
    audit_stats(f->a, &s);
    assert_int_equal(s.segments, 1);
    assert_int_equal(s.last, 4);
}

static void questions_are_answered_in_pieces(void **state)
{
    struct fixture *f = *state;
    struct audit_record denied = record("GetFunction", 403);

    write_n(f, "Create", 5);
    audit_write(f->a, &denied, NULL, NULL);
    write_n(f, "CreateAlias", 1);
    asked(f, &(struct audit_query){.limit = 2});
    assert_int_equal(f->answer.n, 2);
    assert_int_equal(f->answer.cursor, 2);
    assert_true(f->answer.more);
    asked(f, &(struct audit_query){.limit = 10, .after = 2, .op = "Create"});
    assert_int_equal(f->answer.n, 3);
    assert_int_equal(f->answer.cursor, 7);
    asked(f, &(struct audit_query){.limit = 10, .op = "Create*"});
    assert_int_equal(f->answer.n, 6);
    asked(f, &(struct audit_query){.limit = 10, .result = AUDIT_DENIED});
    assert_int_equal(f->answer.n, 1);
    t_has(f->text, "GetFunction");
    asked(f, &(struct audit_query){.limit = 10, .who = "root"});
    assert_int_equal(f->answer.n, 7);
    asked(f, &(struct audit_query){.limit = 10, .who = "AK"});
    assert_int_equal(f->answer.n, 0);
    asked(f, &(struct audit_query){.limit = 10, .since_ms = clock_wall_ms() + 1000});
    assert_int_equal(f->answer.n, 0);
    assert_int_equal(f->answer.cursor, 7);
    /* exactly as many as there are: no more */
    asked(f, &(struct audit_query){.limit = 7});
    assert_int_equal(f->answer.n, 7);
    assert_false(f->answer.more);
}

static void who_waits_hears_of_the_next_record(void **state)
{
    struct fixture *f = *state;

    ask(f, &(struct audit_query){.limit = 10, .wait_ms = 30000, .op = "Delete"});
    write_n(f, "Create", 1);
    assert_false(f->answered);
    write_n(f, "Delete", 1);
    loop_run_until(f->loop, &f->answered);
    assert_int_equal(f->answer.n, 1);
    assert_int_equal(f->answer.cursor, 2);

    asked(f, &(struct audit_query){.limit = 10, .after = 2, .wait_ms = 1});
    assert_int_equal(f->answer.n, 0);

    ask(f, &(struct audit_query){.limit = 10, .after = 2, .wait_ms = 30000});
    audit_shut(f->a);
    loop_run_until(f->loop, &f->answered);
    assert_int_equal(f->answer.n, 0);
    asked(f, &(struct audit_query){.limit = 10, .after = 2, .wait_ms = 30000}); /* at once */
}

static void so_many_may_wait_and_not_one_more(void **state)
{
    struct fixture *f = *state;
    const struct audit_query q = {.limit = 1, .wait_ms = 30000};

    for (int i = 0; i < AUDIT_WAITING; i++)
        assert_int_equal(audit_ask(f->a, &q, on_answer, f), 0);
    assert_int_equal(audit_ask(f->a, &q, on_answer, f), -EBUSY);
    audit_shut(f->a);
}

static char *segment(const struct fixture *f, uint64_t first)
{
    char name[AUDIT_NAME];

    audit_name(first, name);
    return xasprintf("%s/%s", f->path, name);
}

static void a_torn_end_is_cut_and_the_numbers_go_on(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *path = segment(f, 1);
    FILE *file;

    write_n(f, "Create", 2);
    f->a = audit_close(f->a);
    file = fopen(path, "ae");
    (void)fputs("0badc0de {\"sequence\":3,\"time_ms\":1,\"op\":\"Cre", file);
    (void)fclose(file);
    reopen(f);
    write_n(f, "Delete", 1);
    asked(f, &(struct audit_query){.limit = 10});
    assert_int_equal(f->answer.n, 3);
    assert_int_equal(f->answer.damaged, 0);
    t_has(f->text, "{\"sequence\":3,");
    assert_int_equal(errs, 0);
}

static void a_flipped_bit_is_told_and_takes_one_record_only(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *path = segment(f, 1);
    struct stat st;
    FILE *file;

    write_n(f, "Create", 3);
    f->a = audit_close(f->a);
    assert_int_equal(stat(path, &st), 0);
    file = fopen(path, "r+e");
    (void)fseek(file, st.st_size / 2, SEEK_SET);
    (void)fputc('~', file);
    (void)fclose(file);
    reopen(f);
    assert_int_equal(errs, 1);
    write_n(f, "Delete", 1);
    asked(f, &(struct audit_query){.limit = 10});
    assert_int_equal(f->answer.n, 3);
    assert_int_equal(f->answer.damaged, 1);
    t_has(f->text, "{\"sequence\":4,");
}

static void the_oldest_go_first_when_there_is_too_much(void **state)
{
    struct fixture *f = *state;
    struct audit_stats s;

    f->conf.size_bytes = 64 << 10;
    reopen(f);
    for (int i = 0; i < 60; i++) {
        write_n(f, "Create", 20);
        audit_stats(f->a, &s);
        assert_true(s.bytes <= f->conf.size_bytes + 8192);
    }
    assert_true(s.first > 1 && s.segments > 1);
    assert_int_equal(s.last, 1200);
    asked(f, &(struct audit_query){.limit = 10000});
    assert_int_equal(f->answer.n, 1200 - s.first + 1); /* without gaps */
    reopen(f);
    asked(f, &(struct audit_query){.limit = 1});
    t_has(f->text, "{\"sequence\":");
    assert_int_equal(f->answer.cursor, s.first);
}

static void what_is_too_old_goes_too(void **state)
{
    struct fixture *f = *state;
    struct audit_record rec = record("Create", 200);
    struct audit_stats s;
    int64_t now = rec.time_ms;

    for (int days = 100; days > 0; days -= 2) {
        rec.time_ms = now - (int64_t)days * AUDIT_DAY_MS +
                      3600000; /* each begins a segment: a day has gone */
        f->all = false;
        f->done = 0;
        f->wanted = 1;
        audit_write(f->a, &rec, on_done, f);
        loop_run_until(f->loop, &f->all);
    }
    write_n(f, "Create", 1);
    asked(f, &(struct audit_query){.limit = 100});
    audit_stats(f->a, &s);
    assert_int_equal(s.last, 51);
    /* 100, 98, 96, 94 are followed by one that is older than 90 days; 92 by one that is not */
    assert_int_equal(s.first, 5);
    assert_int_equal(f->answer.n, 47);
}

static void allow_file_size(rlim_t bytes)
{
    struct rlimit rl;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &rl), 0);
    rl.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &rl), 0);
}

static void a_disk_that_says_no_holds_nobody_up_and_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct audit_stats s;
    struct health_fault fault;

    write_n(f, "Create", 1);
    allow_file_size(0);
    write_n(f, "Delete", 1);
    write_n(f, "Delete", 1);
    assert_true(audit_failing(f->a));
    assert_true(health_fault(f->health, 0, &fault));
    t_has(fault.reason, "the audit trail cannot be written: ");
    assert_int_equal(errs, 1);
    allow_file_size(RLIM_INFINITY);
    asked(f, &(struct audit_query){.limit = 10, .after = 1, .wait_ms = 30000});
    assert_int_equal(f->answer.n, 2);
    assert_false(audit_failing(f->a));
    assert_true(health_ready(f->health));
    audit_stats(f->a, &s);
    assert_int_equal(s.records, 3);
    assert_int_equal(s.lost, 0);
    assert_true(s.failures > 0);
    reopen(f);
    asked(f, &(struct audit_query){.limit = 10});
    assert_int_equal(f->answer.n, 3);
    assert_int_equal(f->answer.damaged, 0);
}

static void what_no_longer_fits_is_counted_and_told(void **state)
{
    struct fixture *f = *state;
    struct audit_record rec = record("Create", 200);
    struct audit_stats s;
    uint64_t n = 0;

    allow_file_size(0);
    write_n(f, "Create", 1);
    do {
        audit_write(f->a, &rec, NULL, NULL);
        audit_stats(f->a, &s);
        n++;
    } while (s.lost == 0);
    audit_write(f->a, &rec, NULL, NULL);
    assert_true(s.pending_bytes <= AUDIT_PENDING);
    allow_file_size(RLIM_INFINITY);
    asked(f, &(struct audit_query){.limit = 1, .op = "AuditLost", .wait_ms = 30000});
    if (f->answer.n == 0) /* it came with the batch after */
        asked(f,
              &(struct audit_query){
                      .limit = 1, .op = "AuditLost", .after = f->answer.cursor, .wait_ms = 30000});
    assert_int_equal(f->answer.n, 1);
    t_has(f->text, "\"object\":\"2 records could not be written\"");
    audit_stats(f->a, &s);
    assert_int_equal(s.records, n + 1); /* one before, n - 1 that fitted, and the one that tells */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
            T(what_was_written_is_there_after_a_restart),
            T(questions_are_answered_in_pieces),
            T(who_waits_hears_of_the_next_record),
            T(so_many_may_wait_and_not_one_more),
            T(a_torn_end_is_cut_and_the_numbers_go_on),
            T(a_flipped_bit_is_told_and_takes_one_record_only),
            T(the_oldest_go_first_when_there_is_too_much),
            T(what_is_too_old_goes_too),
            T(a_disk_that_says_no_holds_nobody_up_and_loses_nothing),
            T(what_no_longer_fits_is_counted_and_told),
#undef T
    };

    return T_RUN(tests);
}

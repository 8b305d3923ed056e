/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metrics/history.h"
#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "loop/loop.h"
#include "observe/metrics/history_file.h"
#include "tempdir.h"

enum { DAY = 24 * 60 };

struct world {
    struct loop *loop;
    struct history *h;
    char *dir;
    struct history_conf conf;
    struct history_point *points;
    size_t n;
    bool done;
};

static void open_it(struct world *w)
{
    struct err e = {0};

    t_ok(history_open(w->loop, w->dir, &w->conf, &w->h, &e), &e);
}

static int setup(void **state)
{
    struct world *w = xnew(struct world);

    w->loop = loop_new();
    w->dir = tempdir_new();
    history_conf_default(&w->conf);
    open_it(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    history_free(w->h);
    loop_free(w->loop);
    w->dir = tempdir_free(w->dir);
    free(w->points);
    free(w);
    return 0;
}

static void reopen(struct world *w)
{
    w->h = history_free(w->h);
    open_it(w);
}

static void add(struct world *w, const char *path, uint64_t runs)
{
    struct span s = {.runs = runs, .sum_ns = runs * 1000000, .max_ns = 1000000, .instances = 1};

    s.took.n[50] = (uint32_t)runs;
    history_add(w->h, str_of(path), &s);
}

static void on_points(void *user, const struct history_point *points, size_t n)
{
    struct world *w = user;

    free(w->points);
    w->points = xcalloc(n + 1, sizeof(*points));
    if (n > 0)
        memcpy(w->points, points, n * sizeof(*points));
    w->n = n;
    w->done = true;
}

static void ask(struct world *w, const char *path, int64_t from, int64_t to, uint32_t step)
{
    const struct history_ask what = {.path = str_of(path), .from = from, .to = to, .step = step};

    w->done = false;
    assert_int_equal(history_query(w->h, &what, on_points, w), 0);
    loop_run_until(w->loop, &w->done);
}

static int64_t now(void)
{
    return clock_wall_ms() / 60000;
}

static void minutes_are_told_by_function_and_as_a_sum(void **state)
{
    struct world *w = *state;
    int64_t at = now();

    add(w, "a", 2);
    add(w, "b", 3);
    history_close_minute(w->h, at - 1);
    add(w, "a", 5);
    history_close_minute(w->h, at);

    ask(w, "a", at - 5, at + 1, 1);
    assert_int_equal(w->n, 2);
    assert_true(w->points[0].minute == at - 1 && w->points[0].runs == 2);
    assert_true(w->points[1].minute == at && w->points[1].runs == 5);
    ask(w, "", at - 5, at + 1, 1);
    assert_int_equal(w->n, 2);
    assert_true(w->points[0].runs == 5 && w->points[0].instances == 2);
    ask(w, "c", at - 5, at + 1, 1);
    assert_int_equal(w->n, 0);
    ask(w, "b", at, at + 1, 1); /* the end is not in it, the beginning is */
    assert_int_equal(w->n, 0);
    ask(w, "b", at - 1, at, 1);
    assert_int_equal(w->n, 1);
}

static void some_functions_are_told_as_a_sum_of_their_own(void **state)
{
    struct world *w = *state;
    int64_t at = now();
    const uint64_t ids[] = {history_id(S("c")), history_id(S("a")), history_id(S("unknown"))};
    struct history_ask what = {.ids = ids, .nids = 3, .from = at - 5, .to = at + 1, .step = 1};

    add(w, "a", 2);
    add(w, "b", 3);
    add(w, "c", 4);
    history_close_minute(w->h, at - 1);
    add(w, "b", 5);
    history_close_minute(w->h, at);
    w->done = false;
    assert_int_equal(history_query(w->h, &what, on_points, w), 0);
    loop_run_until(w->loop, &w->done);
    assert_int_equal(w->n, 1);
    assert_true(w->points[0].minute == at - 1 && w->points[0].runs == 6);
    assert_true(w->points[0].instances == 2 && w->points[0].p50_ns > 0);
    what.nids = 0; /* of none of them, not of all */
    w->done = false;
    assert_int_equal(history_query(w->h, &what, on_points, w), 0);
    loop_run_until(w->loop, &w->done);
    assert_int_equal(w->n, 0);
}

static void steps_sum_minutes_up(void **state)
{
    struct world *w = *state;
    int64_t from = now() / 60 * 60 - 120;

    for (int i = 0; i < 120; i++) {
        add(w, "a", 1);
        history_close_minute(w->h, from + i);
        if (i % 30 == 0)
            reopen(w); /* the disk has its turn */
    }
    ask(w, "a", from, from + 120, 60);
    assert_int_equal(w->n, 2);
    assert_true(w->points[0].minute == from && w->points[0].runs == 60);
    assert_true(w->points[1].minute == from + 60 && w->points[1].runs == 60);
    assert_true(w->points[1].p50_ns > 0 && w->points[1].max_ns == 1000000);
}

static void what_is_written_survives(void **state)
{
    struct world *w = *state;
    int64_t at = now();

    add(w, "a", 7);
    history_close_minute(w->h, at);
    reopen(w);
    ask(w, "a", at, at + 1, 1);
    assert_int_equal(w->n, 1);
    assert_int_equal(w->points[0].runs, 7);
}

static void a_minute_that_comes_twice_is_added_up(void **state)
{
    struct world *w = *state;
    int64_t at = now();

    add(w, "a", 7);
    history_close_minute(w->h, at);
    reopen(w); /* a restart within the minute */
    add(w, "a", 1);
    history_close_minute(w->h, at);
    ask(w, "a", at, at + 1, 1);
    assert_int_equal(w->n, 1);
    assert_int_equal(w->points[0].runs, 8);

    add(w, "a", 2); /* a clock that was set back */
    history_close_minute(w->h, at - 3);
    add(w, "a", 1);
    history_close_minute(w->h, at);
    ask(w, "a", at - 5, at + 1, 1);
    assert_int_equal(w->n, 2);
    assert_true(w->points[0].minute == at - 3 && w->points[0].runs == 2);
    assert_true(w->points[1].minute == at && w->points[1].runs == 9);
}

static void the_open_minute_is_told_too(void **state)
{
    struct world *w = *state;
    struct span s = {.runs = 4};
    struct history_ask what = {.path = S("a"), .step = 1, .open = {.minute = now(), .span = &s}};

    what.from = what.open.minute;
    what.to = what.from + 1;
    w->done = false;
    assert_int_equal(history_query(w->h, &what, on_points, w), 0);
    loop_run_until(w->loop, &w->done);
    assert_int_equal(w->n, 1);
    assert_int_equal(w->points[0].runs, 4);
}

static char *file_of(struct world *w, int64_t minute)
{
    char name[HISTORY_NAME];

    history_name(minute / DAY, name);
    return xasprintf("%s/%s", w->dir, name);
}

/* Three minutes of one day in one file, which is then changed. */
static int64_t write_three(struct world *w, char **ret_path)
{
    int64_t at = now() / DAY * DAY + 10;

    for (int i = 0; i < 3; i++) {
        add(w, "a", (uint64_t)i + 1);
        history_close_minute(w->h, at + i);
    }
    w->h = history_free(w->h);
    *ret_path = file_of(w, at);
    return at;
}

static void a_torn_end_costs_the_last_minute(void **state)
{
    struct world *w = *state;
    cleanup_free char *path = NULL;
    int64_t at = write_three(w, &path);
    struct history_stats stats;
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    open_it(w);
    history_stats(w->h, &stats);
    assert_true(stats.lost_bytes > 0);
    ask(w, "a", at, at + 3, 1);
    assert_int_equal(w->n, 2);

    add(w, "a", 9); /* what comes after it is found */
    history_close_minute(w->h, at + 2);
    reopen(w);
    ask(w, "a", at, at + 3, 1);
    assert_int_equal(w->n, 3);
    assert_int_equal(w->points[2].runs, 9);
}

static void damage_costs_the_minute_it_hits(void **state)
{
    struct world *w = *state;
    cleanup_free char *path = NULL;
    int64_t at = write_three(w, &path);
    struct history_stats stats;
    struct stat st;
    char byte;
    int fd;

    assert_int_equal(stat(path, &st), 0);
    fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, st.st_size / 2), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
    close(fd);
    open_it(w);
    history_stats(w->h, &stats);
    assert_true(stats.lost_bytes > 0 && stats.lost_bytes < (uint64_t)st.st_size / 2 + 1);
    ask(w, "a", at, at + 3, 1);
    assert_int_equal(w->n, 2);
    assert_true(w->points[0].runs == 1 && w->points[1].runs == 3);
}

static void old_days_go(void **state)
{
    struct world *w = *state;
    cleanup_free char *at_limit = NULL, *over = NULL;
    int64_t today = now() / DAY * DAY;

    over = file_of(w, today - 31 * DAY);
    at_limit = file_of(w, today - 30 * DAY);
    add(w, "a", 1);
    history_close_minute(w->h, today - 31 * DAY);
    add(w, "a", 1);
    history_close_minute(w->h, today - 30 * DAY);
    add(w, "a", 1);
    history_close_minute(w->h, today);
    reopen(w);
    assert_int_equal(access(at_limit, F_OK), 0);
    assert_int_equal(access(over, F_OK), -1);
}

static void the_oldest_days_go_when_there_are_too_many_bytes(void **state)
{
    struct world *w = *state;
    cleanup_free char *first = NULL, *last = NULL;
    int64_t today = now() / DAY * DAY;
    struct history_stats stats;
    struct stat st;

    for (int i = 3; i >= 0; i--) {
        add(w, "a", 1);
        history_close_minute(w->h, today - i * DAY);
    }
    first = file_of(w, today - 3 * DAY);
    last = file_of(w, today);
    w->h = history_free(w->h);
    assert_int_equal(stat(first, &st), 0);
    w->conf.max_bytes = (uint64_t)st.st_size * 4;
    open_it(w);
    assert_int_equal(access(first, F_OK), 0); /* at the limit */
    w->h = history_free(w->h);
    w->conf.max_bytes--;
    open_it(w);
    assert_int_equal(access(first, F_OK), -1); /* one byte over it */
    w->h = history_free(w->h);
    w->conf.max_bytes = 1;
    open_it(w);
    assert_int_equal(access(last, F_OK), 0); /* today stays whatever it takes */
    history_stats(w->h, &stats);
    assert_int_equal(stats.bytes, st.st_size);
}

static void other_files_stay(void **state)
{
    static const char *const names[] = {"2020-01-01.histor", "2020-13-01.history", "readme",
                                        "x2020-01-01.history"};
    struct world *w = *state;
    int64_t day;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_false(history_day(names[i], &day));
    assert_true(history_day("1970-01-02.history", &day));
    assert_int_equal(day, 1);
    (void)w;
}

static void a_disk_that_says_no_is_counted_and_nothing_else(void **state)
{
    struct world *w = *state;
    cleanup_free char *path = file_of(w, now());
    struct history_stats stats;

    assert_int_equal(mkdir(path, 0700), 0); /* where the file should be */
    add(w, "a", 1);
    history_close_minute(w->h, now());
    history_stats(w->h, &stats);
    for (int i = 0; i < 10000 && stats.errors == 0; i++) {
        ask(w, "", now() - 5, now() + 1, 1); /* until the worker has come to it */
        history_stats(w->h, &stats);
    }
    assert_int_equal(stats.errors, 1);
    assert_int_equal(rmdir(path), 0);
    add(w, "a", 2);
    history_close_minute(w->h, now());
    ask(w, "a", now() - 5, now() + 1, 1);
    assert_int_equal(w->n, 1);
}

static void impossible_questions_are_refused(void **state)
{
    struct world *w = *state;
    struct history_ask what = {.path = S("a"), .from = 10, .to = 10, .step = 1};

    assert_int_equal(history_query(w->h, &what, on_points, w), -EINVAL);
    what.to = 20;
    what.step = 0;
    assert_int_equal(history_query(w->h, &what, on_points, w), -EINVAL);
    what = (struct history_ask){.from = 0, .to = HISTORY_POINTS + 1, .step = 1};
    assert_int_equal(history_query(w->h, &what, on_points, w), -E2BIG);
    ask(w, "a", 0, HISTORY_POINTS, 1);
    assert_int_equal(w->n, 0);
}

static void on_recent(void *user, uint64_t id, const struct span *s)
{
    struct span *sum = user;

    if (id == history_id(S("a")))
        span_follow(sum, s);
}

static void the_last_hour_is_in_memory_also_after_a_restart(void **state)
{
    struct world *w = *state;
    struct span sum = {0};
    int64_t at = now();

    add(w, "a", 1);
    history_close_minute(w->h, at);
    history_recent(w->h, at, at + 1, on_recent, &sum);
    assert_int_equal(sum.runs, 1);
    reopen(w);
    history_recent(w->h, at, at + 1, on_recent, &sum);
    assert_int_equal(sum.runs, 2);
    history_recent(w->h, at + 1, at + 2, on_recent, &sum);
    assert_int_equal(sum.runs, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(minutes_are_told_by_function_and_as_a_sum),
            TEST(some_functions_are_told_as_a_sum_of_their_own),
            TEST(steps_sum_minutes_up),
            TEST(what_is_written_survives),
            TEST(a_minute_that_comes_twice_is_added_up),
            TEST(the_open_minute_is_told_too),
            TEST(a_torn_end_costs_the_last_minute),
            TEST(damage_costs_the_minute_it_hits),
            TEST(old_days_go),
            TEST(the_oldest_days_go_when_there_are_too_many_bytes),
            TEST(other_files_stay),
            TEST(a_disk_that_says_no_is_counted_and_nothing_else),
            TEST(impossible_questions_are_refused),
            TEST(the_last_hour_is_in_memory_also_after_a_restart),
    };

    return T_RUN(tests);
}

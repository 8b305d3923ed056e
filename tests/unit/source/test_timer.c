/* SPDX-License-Identifier: Apache-2.0 */
/* Due times become events: each once, whatever the store answers and however the clock jumps. */
#include "source/timer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/obj.h"
#include "catalog/triggers.h"
#include "loop/loop.h"
#include "rig.h"
#include "source/source.h"
#include "store/blob.h"
#include "store/kv.h"
#include "t.h"
#include "tempdir.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
/* 2026-01-01T00:00:30Z */
#define START (INT64_C(1767225600000) + MINUTE / 2)

enum { MANY = 1000 };

struct fix {
    struct loop *loop;
    struct kv *kv;
    struct blobs *blobs;
    struct catalog *c;
    struct delivery *d;
    struct timers *timers;
    char *dir, *code;
    struct err e;
};

static int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    rig_now_ms = START;
    f->dir = tempdir_new();
    f->code = xasprintf("%s/code", f->dir);
    f->loop = loop_new();
    f->kv = kv_memory_new(f->loop);
    t_ok(blobs_open(f->dir, &f->blobs, &f->e), &f->e);
    t_ok(catalog_open(f->loop, f->kv, f->blobs, f->code, &f->c, &f->e), &f->e);
    f->d = xnew(struct delivery);
    rig_init(f->d, f->loop);
    f->timers = timers_new(f->loop, f->c, f->d);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    timers_free(f->timers);
    catalog_free(f->c);
    blobs_free(f->blobs);
    kv_close(f->kv);
    f->d->held = false;
    loop_free(f->loop); /* makes the calls that are still under way */
    free(f->d);
    tempdir_free(f->dir);
    free(f->code);
    free(f);
    return 0;
}

/* ---- the loop ---- */

static void on_done(void *user)
{
    *(bool *)user = true;
}

/* Some turns of the loop; the rig's clock is looked at every millisecond. */
static void turn(struct fix *f, unsigned ms)
{
    struct loop_timer *t;
    bool done = false;

    t = loop_timer_new(f->loop, on_done, &done);
    loop_timer_start(t, ms);
    loop_run_until(f->loop, &done);
    loop_timer_free(t);
}

/* Until nothing is under way and nothing is due. */
static void settle(struct fix *f)
{
    size_t n;

    do {
        n = f->d->n + f->d->puts;
        turn(f, 4);
    } while (f->d->under_way > 0 || n != f->d->n + f->d->puts);
}

static void wait_for_events(struct fix *f, size_t n)
{
    for (unsigned i = 0; f->d->n < n && i < 10000; i++)
        turn(f, 1);
    settle(f);
    assert_int_equal(f->d->n, n);
}

static void go(struct fix *f, int64_t ms)
{
    rig_now_ms += ms;
    settle(f);
}

static void restart(struct fix *f)
{
    f->timers = timers_free(f->timers);
    f->timers = timers_new(f->loop, f->c, f->d);
    settle(f);
}

/* ---- triggers ---- */

struct told {
    bool done;
    int r;
    char id[UUID_TEXT];
};

static void on_fn(void *user, int r, const struct fn *fn)
{
    (void)fn;
    *(struct told *)user = (struct told){.done = true, .r = r};
}

static void on_trigger(void *user, int r, const struct trigger *t)
{
    struct told *o = user;

    o->done = true;
    o->r = r;
    if (t)
        memcpy(o->id, t->id, sizeof(o->id));
}

static void wait_for(struct fix *f, struct told *o)
{
    loop_run_until(f->loop, &o->done);
    assert_int_equal(o->r, 0);
}

static struct fn_key key_of(const char *name)
{
    return (struct fn_key){DIALECT_FUNCTIONGRAPH, S("p"), S("r"), S("default"), str_of(name)};
}

static void make_function(struct fix *f, const char *name)
{
    struct fn_key key = key_of(name);
    struct told o = {0};

    catalog_create(f->c, fn_new(&key), on_fn, &o);
    wait_for(f, &o);
}

static char *config(const char *syntax, const char *schedule, const char *missed)
{
    return xasprintf("{\"schedule\":\"%s\",\"syntax\":\"%s\",\"missed\":\"%s\",\"payload\":\"hi\"}",
                     schedule, syntax, missed);
}

static struct told make(struct fix *f, const char *function, const char *syntax,
                        const char *schedule, const char *missed)
{
    struct fn_key key = key_of(function);
    struct trigger *t = trigger_new(&key, S("timer"));
    struct told o = {0};

    free(t->config);
    t->config = config(syntax, schedule, missed);
    t_ok(source_check(S("timer"), str_of(t->config), &f->e), &f->e);
    t->created_ms = t->modified_ms = rig_now_ms;
    catalog_create_trigger(f->c, t, on_trigger, &o);
    wait_for(f, &o);
    settle(f);
    return o;
}

static struct told make_one(struct fix *f, const char *schedule, const char *missed)
{
    make_function(f, "fn");
    return make(f, "fn", "fg-cron", schedule, missed);
}

static void update(struct fix *f, const char *id, bool enabled, const char *schedule)
{
    struct trigger *t = trigger_copy(catalog_trigger(f->c, str_of(id)));
    struct told o = {0};

    t->enabled = enabled;
    t->modified_ms = rig_now_ms;
    if (schedule) {
        free(t->config);
        t->config = config("fg-cron", schedule, "once");
    }
    catalog_update_trigger(f->c, t, on_trigger, &o);
    wait_for(f, &o);
    settle(f);
}

/* The events are these due times, in this order. */
static void expect_due(struct fix *f, const char *id, size_t n, const int64_t *due_ms)
{
    assert_int_equal(f->d->n, n);
    for (size_t i = 0; i < n; i++) {
        char want[RIG_TEXT];

        snprintf(want, sizeof(want), "%s/%lld", id, (long long)due_ms[i]);
        assert_string_equal(f->d->events[i].dedup, want);
    }
}
#define EXPECT_DUE(f, id, n, ...) expect_due(f, id, n, (const int64_t[]){__VA_ARGS__})

#define AT(minute) (START - MINUTE / 2 + (minute)*MINUTE)

/* ---- tests ---- */

static void a_due_time_is_an_event_and_moves_the_cursor(void **state)
{
    struct fix *f = *state;
    struct told o = make_one(f, "0 * * * * *", "once");
    char name[RIG_TEXT], value[RIG_TEXT];
    struct timers_stats stats;

    assert_int_equal(f->d->n, 0);
    assert_int_equal(timers_next(f->timers, str_of(o.id)), AT(1));
    go(f, MINUTE / 2 - 1);
    assert_int_equal(f->d->n, 0);
    go(f, 1);
    EXPECT_DUE(f, o.id, 1, AT(1));
    assert_string_equal(f->d->events[0].qualifier, "latest");
    assert_non_null(strstr(f->d->events[0].payload, "2026-01-01T00:01:00+00:00"));
    snprintf(name, sizeof(name), "timer/%s", o.id);
    snprintf(value, sizeof(value), "%lld", (long long)AT(1));
    assert_string_equal(rig_cursor(f->d, name), value);
    go(f, MINUTE);
    go(f, MINUTE - 1);
    go(f, 1);
    EXPECT_DUE(f, o.id, 3, AT(1), AT(2), AT(3));
    timers_stats(f->timers, &stats);
    assert_int_equal(stats.fired, 3);
    assert_int_equal(stats.missed, 0);
    assert_int_equal(stats.triggers, 1);
}

static void intervals_begin_with_the_last_change(void **state)
{
    struct fix *f = *state;
    struct told o;

    make_function(f, "fn");
    o = make(f, "fn", "fg-rate", "3m", "once");
    go(f, 3 * MINUTE - 1);
    assert_int_equal(f->d->n, 0);
    go(f, 1);
    EXPECT_DUE(f, o.id, 1, START + 3 * MINUTE);
    go(f, MINUTE);
    update(f, o.id, true, "@every 3m");
    go(f, 2 * MINUTE);
    assert_int_equal(f->d->n, 1);
    go(f, MINUTE);
    EXPECT_DUE(f, o.id, 2, START + 3 * MINUTE, START + 7 * MINUTE);
}

static void a_restart_neither_repeats_nor_forgets(void **state)
{
    struct fix *f = *state;
    struct told o = make_one(f, "0 * * * * *", "skip");

    for (int i = 0; i < 10; i++) {
        restart(f);
        go(f, MINUTE);
        restart(f);
    }
    assert_int_equal(f->d->n, 10);
    /* Away for a moment only, over a due time: even "skip" does not miss it. */
    f->timers = timers_free(f->timers);
    rig_now_ms += MINUTE;
    restart(f);
    EXPECT_DUE(f, o.id, 11, AT(1), AT(2), AT(3), AT(4), AT(5), AT(6), AT(7), AT(8), AT(9), AT(10),
               AT(11));
}

static void what_was_missed_follows_the_policy(void **state)
{
    static const struct {
        const char *missed;
        size_t events; /* of the ten that were missed */
    } cases[] = {{"skip", 0}, {"once", 1}, {"all", 10}};
    struct fix *f = *state;

    make_function(f, "fn");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int stopped = 0; stopped < 2; stopped++) { /* or the clock jumped */
            struct told o = make(f, "fn", "fg-cron", "0 * * * * *", cases[i].missed), gone = {0};
            int64_t last_ms = rig_now_ms + 19 * MINUTE / 2;
            struct timers_stats before, after;
            char last[RIG_TEXT];

            f->d->n = 0;
            timers_stats(f->timers, &before);
            if (stopped) {
                f->timers = timers_free(f->timers);
                before = (struct timers_stats){0};
            }
            rig_now_ms += 10 * MINUTE;
            if (stopped)
                f->timers = timers_new(f->loop, f->c, f->d);
            settle(f);
            assert_int_equal(f->d->n, cases[i].events);
            timers_stats(f->timers, &after);
            assert_int_equal(after.missed - before.missed, 10);
            snprintf(last, sizeof(last), "%s/%lld", o.id, (long long)last_ms);
            if (f->d->n > 0)
                assert_string_equal(f->d->events[f->d->n - 1].dedup, last);
            /* And from then on as ever. */
            go(f, MINUTE);
            assert_int_equal(f->d->n, cases[i].events + 1);
            catalog_delete_trigger(f->c, str_of(o.id), on_trigger, &gone);
            wait_for(f, &gone);
            settle(f);
        }
    }
}

static void all_that_was_missed_is_at_most_so_many(void **state)
{
    struct fix *f = *state;

    (void)make_one(f, "* * * * * *", "all");
    rig_now_ms += (TIMER_MISSED + 100) * INT64_C(1000);
    wait_for_events(f, TIMER_MISSED);
    go(f, 1000);
    assert_int_equal(f->d->n, TIMER_MISSED + 1);
}

static void a_clock_set_back_fires_nothing_again(void **state)
{
    struct fix *f = *state;
    struct told o = make_one(f, "0 0 * * * *", "all");

    go(f, HOUR);
    go(f, HOUR);
    assert_int_equal(f->d->n, 2);
    go(f, -2 * HOUR);
    go(f, HOUR);
    restart(f);
    go(f, HOUR);
    assert_int_equal(f->d->n, 2);
    go(f, HOUR);
    EXPECT_DUE(f, o.id, 3, AT(60), AT(120), AT(180));
}

static void a_disabled_time_is_not_missed(void **state)
{
    struct fix *f = *state;
    struct told o = make_one(f, "0 0 * * * *", "all");

    update(f, o.id, false, NULL);
    assert_int_equal(timers_next(f->timers, str_of(o.id)), -1);
    go(f, 5 * HOUR);
    restart(f);
    assert_int_equal(f->d->n, 0);
    update(f, o.id, true, NULL);
    assert_int_equal(f->d->n, 0);
    restart(f);
    assert_int_equal(f->d->n, 0);
    go(f, HOUR);
    EXPECT_DUE(f, o.id, 1, AT(360));
}

static void a_changed_schedule_holds_from_the_change_on(void **state)
{
    struct fix *f = *state;
    struct told o = make_one(f, "0 0 * * * *", "all");

    go(f, 30 * MINUTE);
    update(f, o.id, true, "0 */10 * * * *"); /* 00:30:30: 00:10 to 00:30 were not meant */
    assert_int_equal(f->d->n, 0);
    go(f, 10 * MINUTE);
    EXPECT_DUE(f, o.id, 1, AT(40));
    /* The change comes together with the due time: the due time is owed. */
    rig_now_ms = AT(50);
    update(f, o.id, true, "0 0 0 * * *");
    EXPECT_DUE(f, o.id, 2, AT(40), AT(50));
    assert_int_equal(timers_next(f->timers, str_of(o.id)), AT(INT64_C(24) * 60));
}

static void a_trigger_that_is_deleted_takes_its_cursor_along(void **state)
{
    struct fix *f = *state;
    struct told o = make_one(f, "0 * * * * *", "once"), gone = {0};
    struct fn_key key = key_of("fn");
    char name[RIG_TEXT];

    go(f, MINUTE);
    snprintf(name, sizeof(name), "timer/%s", o.id);
    assert_string_not_equal(rig_cursor(f->d, name), "");
    catalog_delete_trigger(f->c, str_of(o.id), on_trigger, &gone);
    wait_for(f, &gone);
    settle(f);
    assert_string_equal(rig_cursor(f->d, name), "");
    go(f, HOUR);
    assert_int_equal(f->d->n, 1);
    assert_int_equal(timers_next(f->timers, str_of(o.id)), -1);

    /* With its function, and while its put is under way. */
    o = make(f, "fn", "fg-cron", "0 * * * * *", "once");
    f->d->held = true;
    rig_now_ms += MINUTE;
    turn(f, 5);
    assert_int_equal(f->d->n, 2);
    gone = (struct told){0};
    catalog_delete(f->c, &key, on_fn, &gone);
    wait_for(f, &gone);
    f->d->held = false;
    settle(f);
    snprintf(name, sizeof(name), "timer/%s", o.id);
    assert_string_equal(rig_cursor(f->d, name), "");
    go(f, HOUR);
    assert_int_equal(f->d->n, 2);
}

static void whatever_the_store_answers_each_due_time_is_one_event(void **state)
{
    static const struct {
        enum rig_fault fault;
        int answer;
    } cases[] = {
            {RIG_REFUSED, -EAGAIN},  {RIG_REFUSED, -ENOBUFS}, {RIG_REFUSED, -EIO},
            {RIG_REFUSED, -ENOSPC},  {RIG_LOST_REQUEST, 0},   {RIG_LOST_ANSWER, 0},
            {RIG_NEVER, -ESHUTDOWN}, {RIG_REFUSED, -ESTALE},
    };
    struct fix *f = *state;
    struct told o = make_one(f, "0 * * * * *", "skip");

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = f->d->n;

        for (unsigned times = 1; times <= 3; times++) {
            f->d->fault = cases[i].fault;
            f->d->answer = cases[i].answer;
            f->d->times = times;
            f->d->cursor_times = 1; /* and the cursor cannot be read at first */
            rig_now_ms += MINUTE;
            wait_for_events(f, n + times);
            f->d->cursor_times = 0;
        }
    }
    for (size_t i = 0; i < f->d->n; i++) {
        char want[RIG_TEXT];

        snprintf(want, sizeof(want), "%s/%lld", o.id, (long long)AT((int64_t)i + 1));
        assert_string_equal(f->d->events[i].dedup, want);
    }
}

/* Everything at once: answers that are lost, restarts with puts under way, jumps both ways. */
static void no_order_of_faults_loses_or_doubles_a_due_time(void **state)
{
    static const enum rig_fault faults[] = {RIG_REFUSED, RIG_LOST_REQUEST, RIG_LOST_ANSWER,
                                            RIG_NEVER};
    static const int answers[] = {-EAGAIN, -ENOBUFS, -EIO, -ESHUTDOWN};
    struct fix *f = *state;
    struct told o = make_one(f, "*/10 * * * * *", "all");
    int64_t begin = rig_now_ms, furthest = begin;
    size_t n = 0;

    srand(5);
    for (int step = 0; step < 400; step++) {
        rig_now_ms += (rand() % 40 - 10) * INT64_C(1000);
        furthest = rig_now_ms > furthest ? rig_now_ms : furthest;
        f->d->held = rand() % 4 == 0;
        f->d->fault = faults[(size_t)rand() % ARRAY_LEN(faults)];
        f->d->answer = answers[(size_t)rand() % ARRAY_LEN(answers)];
        f->d->times = (unsigned)rand() % 3;
        f->d->cursor_times = (unsigned)rand() % 2;
        turn(f, (unsigned)rand() % 3);
        if (rand() % 5 == 0) {
            f->timers = timers_free(f->timers);
            f->timers = timers_new(f->loop, f->c, f->d);
        }
    }
    f->d->held = false;
    f->d->times = f->d->cursor_times = 0;
    rig_now_ms = furthest;
    for (int64_t ms = begin / 10000 * 10000 + 10000; ms <= furthest; ms += 10000)
        n++;
    wait_for_events(f, n);
    for (size_t i = 0; i < n; i++) {
        char want[RIG_TEXT];

        snprintf(want, sizeof(want), "%s/%lld", o.id,
                 (long long)(begin / 10000 + 1 + (int64_t)i) * 10000);
        assert_string_equal(f->d->events[i].dedup, want);
    }
}

static void what_comes_due_while_the_queue_is_full_is_late_and_not_missed(void **state)
{
    struct fix *f = *state;
    struct told o = make_one(f, "0 * * * * *", "skip");

    f->d->fault = RIG_REFUSED;
    f->d->answer = -ENOBUFS;
    f->d->times = 1000000;
    rig_now_ms += MINUTE / 2;
    for (int i = 0; i < 6; i++) { /* three minutes, and it is tried all the time */
        unsigned puts = f->d->puts;

        while (f->d->puts == puts)
            turn(f, 5);
        rig_now_ms += MINUTE / 2;
    }
    f->d->times = 0;
    wait_for_events(f, 4);
    EXPECT_DUE(f, o.id, 4, AT(1), AT(2), AT(3), AT(4));
}

/* Another daemon was quicker: its due time is done with, and the place is read anew. */
static void what_somebody_else_has_put_is_not_put_again(void **state)
{
    struct fix *f = *state;
    struct told o = make_one(f, "0 * * * * *", "all");
    char name[RIG_TEXT];

    go(f, MINUTE);
    snprintf(name, sizeof(name), "timer/%s", o.id);
    snprintf((char *)rig_cursor(f->d, name), RIG_TEXT, "%lld", (long long)AT(2));
    go(f, MINUTE);
    go(f, MINUTE);
    wait_for_events(f, 2);
    EXPECT_DUE(f, o.id, 2, AT(1), AT(3));
}

static void what_is_refused_for_good_is_left_out(void **state)
{
    struct fix *f = *state;
    struct told o = make_one(f, "0 * * * * *", "all");
    struct timers_stats stats;

    f->d->fault = RIG_NEVER;
    f->d->answer = -ENODATA;
    f->d->times = 1;
    go(f, MINUTE);
    f->d->fault = RIG_REFUSED;
    f->d->answer = -E2BIG;
    f->d->times = 1;
    go(f, MINUTE);
    go(f, MINUTE);
    EXPECT_DUE(f, o.id, 1, AT(3));
    timers_stats(f->timers, &stats);
    assert_int_equal(stats.left_out, 2);
}

static void a_thousand_in_one_second_are_each_one_event(void **state)
{
    struct fix *f = *state;
    uint64_t begin;
    char name[16];

    for (int i = 0; i < MANY / TRIGGERS_PER_FUNCTION; i++) {
        snprintf(name, sizeof(name), "fn%d", i);
        make_function(f, name);
        for (int k = 0; k < TRIGGERS_PER_FUNCTION; k++) {
            struct fn_key key = key_of(name);
            struct trigger *t = trigger_new(&key, S("timer"));
            struct told o = {0};

            free(t->config);
            t->config = config("fg-cron", "0 * * * * *", "once");
            t->modified_ms = rig_now_ms;
            catalog_create_trigger(f->c, t, on_trigger, &o);
            wait_for(f, &o);
        }
    }
    settle(f);
    begin = clock_mono_ns();
    rig_now_ms = AT(1);
    while (f->d->n < MANY)
        turn(f, 1);
    print_message("# a thousand handed over in %.1f ms\n", (double)(clock_mono_ns() - begin) / 1e6);
    go(f, 1);
    assert_int_equal(f->d->n, MANY);
    restart(f);
    assert_int_equal(f->d->n, MANY);
}

static void a_config_is_checked_with_a_sentence(void **state)
{
    static const struct {
        const char *text;
        int r;
        const char *says;
    } cases[] = {
            {"[]", -EINVAL, "no JSON object"},
            {"{}", -EINVAL, "'schedule' is missing"},
            {"{\"schedule\":\"3m\"}", -EINVAL, "'syntax' is missing"},
            {"{\"schedule\":\"3m\",\"syntax\":\"cron\"}", -EINVAL, "'syntax' is 'cron'"},
            {"{\"schedule\":\"61m\",\"syntax\":\"fg-rate\"}", -EINVAL, "1m to 60m"},
            {"{\"schedule\":3,\"syntax\":\"fg-rate\"}", -EINVAL, "schedule"},
            {"{\"schedule\":\"3m\",\"syntax\":\"fg-rate\",\"zone\":\"Mars/Base\"}", -ENOENT,
             "'Mars/Base'"},
            {"{\"schedule\":\"3m\",\"syntax\":\"fg-rate\",\"missed\":\"never\"}", -EINVAL,
             "skip, once or all"},
            {"{\"schedule\":\"3m\",\"syntax\":\"fg-rate\",\"color\":\"red\"}", -EINVAL,
             "nothing else"},
            {"{\"schedule\":\"3m\",\"syntax\":\"fg-rate\",\"missed\":\"all\",\"zone\":\"UTC\","
             "\"payload\":\"\"}",
             0, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};

        assert_int_equal(source_check(S("timer"), str_of(cases[i].text), &e), cases[i].r);
        t_has(e.msg, cases[i].says);
    }
    assert_int_equal(source_check(S("sundial"), S("{}"), NULL), -EINVAL);
}

static void a_payload_has_its_limit(void **state)
{
    struct err e = {0};

    (void)state;
    for (int over = 0; over < 2; over++) {
        struct buf text;

        buf_init(&text, 2ul * TIMER_PAYLOAD);
        buf_addz(&text, "{\"schedule\":\"3m\",\"syntax\":\"fg-rate\",\"payload\":\"");
        for (int i = 0; i < TIMER_PAYLOAD + over; i++)
            buf_addc(&text, 'x');
        buf_addz(&text, "\"}");
        assert_int_equal(timer_check(buf_str(&text), &e), over ? -E2BIG : 0);
        buf_done(&text);
    }
    t_has(e.msg, "4097 bytes");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(a_due_time_is_an_event_and_moves_the_cursor),
            T(intervals_begin_with_the_last_change),
            T(a_restart_neither_repeats_nor_forgets),
            T(what_was_missed_follows_the_policy),
            T(all_that_was_missed_is_at_most_so_many),
            T(a_clock_set_back_fires_nothing_again),
            T(a_disabled_time_is_not_missed),
            T(a_changed_schedule_holds_from_the_change_on),
            T(a_trigger_that_is_deleted_takes_its_cursor_along),
            T(whatever_the_store_answers_each_due_time_is_one_event),
            T(no_order_of_faults_loses_or_doubles_a_due_time),
            T(what_comes_due_while_the_queue_is_full_is_late_and_not_missed),
            T(what_somebody_else_has_put_is_not_put_again),
            T(what_is_refused_for_good_is_left_out),
            T(a_thousand_in_one_second_are_each_one_event),
            cmocka_unit_test(a_config_is_checked_with_a_sentence),
            cmocka_unit_test(a_payload_has_its_limit),
    };
    return T_RUN(tests);
}

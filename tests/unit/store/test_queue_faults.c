/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails: what it did not take is refused, and nothing that was taken is lost. */
#include <errno.h>

#include "file_layer.h"
#include "queue_disk.h"
#include "store/sqlite/queue_db.h"

static int set_up(void **state)
{
    struct disk *d = disk_new();

    qdb_log_pages = 4096;
    *state = d;
    t_ok(disk_open(d), &d->e);
    return 0;
}

static int tear_down(void **state)
{
    file_layer_heal();
    disk_free(*state);
    return 0;
}

static void reopen(struct disk *d)
{
    disk_close(d);
    t_ok(disk_open(d), &d->e);
    assert_string_equal(d->opened.said, "");
    disk_balances(d);
}

static bool is_there(struct disk *d, const char *id)
{
    assert_int_equal(list_id(&d->s, id), 0);
    return d->s.t->n == 1;
}

/* The fsync of the commit fails, and nobody knows what became of it; or one of the background
 * reading had failed before. */
static void fails(int r)
{
    assert_true(r == -EINPROGRESS || r == -EIO);
}

static void after_one_failed_fsync_all_is_refused_until_it_is_opened_again(void **state)
{
    struct disk *d = *state;

    assert_int_equal(put_id(&d->s, "q", "before"), 0);
    file_layer_fail_syncs(1);
    fails(put_id(&d->s, "q", "during"));
    assert_int_equal(put_id(&d->s, "q", "after"), -EIO);
    assert_int_equal(list_id(&d->s, "before"), -EIO);
    reopen(d);
    assert_true(is_there(d, "before"));
    assert_false(is_there(d, "after"));
    (void)put_id(&d->s, "q", "during"); /* the same id again: once, whatever became of it */
    assert_true(is_there(d, "during"));
    assert_int_equal(counts_of(&d->s, &(struct q_filter){0}), 0);
    assert_int_equal(d->s.t->rows[0].counts[Q_WAITING], 2);
    reopen(d);
    assert_int_equal(put_id(&d->s, "q", "after"), 0);
}

static void while_every_fsync_fails_nothing_is_acknowledged(void **state)
{
    struct disk *d = *state;

    assert_int_equal(put_id(&d->s, "q", "before"), 0);
    file_layer_fail_syncs(-1);
    fails(put_id(&d->s, "q", "during"));
    disk_close(d);
    for (int i = 0; i < 3; i++)
        if (disk_open(d) == 0) {
            assert_true(put_id(&d->s, "q", "still") < 0);
            disk_close(d);
        }
    file_layer_heal();
    t_ok(disk_open(d), &d->e);
    assert_string_equal(d->opened.said, "");
    assert_true(is_there(d, "before"));
    assert_int_equal(put_id(&d->s, "q", "after"), 0);
    disk_balances(d);
}

static void a_failed_fsync_in_a_checkpoint_loses_nothing(void **state)
{
    struct disk *d = *state;
    int failures = 0, r;

    qdb_log_pages = 20;
    for (int n = 0; n < 60; n++) {
        char id[16];

        snprintf(id, sizeof(id), "e%d", n);
        if (n == 20)
            file_layer_fail_syncs(1);
        if (put_id(&d->s, "q", id) < 0) {
            reopen(d);
            r = put_id(&d->s, "q", id); /* the same id: it may have been kept */
            assert_true(r == 0 || r == -EEXIST);
            failures++;
        }
    }
    assert_int_equal(failures, 1);
    reopen(d);
    for (int n = 0; n < 60; n++) {
        char id[16];

        snprintf(id, sizeof(id), "e%d", n);
        assert_true(is_there(d, id));
    }
}

/* 64 KiB each. */
static int put_large(struct disk *d, int n)
{
    static char payload[64 << 10];
    char id[16];

    snprintf(id, sizeof(id), "large%d", n);
    return put_one(&d->s, &(struct q_record){.queue = S("q"),
                                             .id = str_of(id),
                                             .payload = {payload, sizeof(payload)}});
}

static void a_full_disk_refuses_and_loses_nothing_and_goes_on_when_there_is_room(void **state)
{
    struct disk *d = *state;
    uint64_t token;
    int taken = 0;

    assert_int_equal(campaign_for(&d->s, "delivery", 60000, &token), 0);
    assert_int_equal(put_id(&d->s, "q", "small"), 0);
    file_layer_fill(1 << 20);
    while (put_large(d, taken) == 0)
        taken++;
    assert_true(taken >= 4 && taken <= 16);
    assert_int_equal(put_large(d, taken), -ENOSPC);
    assert_int_equal(put_large(d, taken), -ENOSPC); /* not a word of it was kept */
    assert_true(is_there(d, "small"));              /* reading goes on */
    file_layer_heal();
    assert_int_equal(put_large(d, taken++), 0);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(counts_of(&d->s, &(struct q_filter){0}), 0);
        assert_int_equal(d->s.t->rows[0].counts[Q_WAITING], taken + 1);
        assert_int_equal(d->s.t->rows[0].accepted, taken + 1);
        reopen(d);
    }
}

static void on_a_full_disk_the_small_ones_of_a_group_still_pass(void **state)
{
    static char payload[4 << 20];
    struct disk *d = *state;
    struct q_record large = {
            .queue = S("q"), .id = S("large"), .payload = {payload, sizeof(payload)}};
    struct q_record small = {.queue = S("q"), .id = S("small")};
    struct told *other = told_new();

    file_layer_fill(1 << 20);
    q_put(d->s.q, &(struct q_put){.records = &large, .nrecords = 1}, told_each, told_reset(other));
    q_put(d->s.q, &(struct q_put){.records = &small, .nrecords = 1}, told_each, told_reset(d->s.t));
    assert_int_equal(wait_for(&d->s), 0);
    loop_run_until(d->s.loop, &other->done);
    assert_int_equal(other->r, -ENOSPC);
    assert_true(is_there(d, "small"));
    assert_false(is_there(d, "large"));
    disk_balances(d);
    told_free(other);
}

/* ---- opened beside the loop ---- */

struct beside {
    bool done;
    int r;
    struct queue *q;
    char why[256];
};

static void on_opened(void *user, int r, struct queue *q, const struct q_opened *opened,
                      const struct err *e)
{
    struct beside *b = user;

    *b = (struct beside){.done = true, .r = r, .q = q};
    assert_string_equal(opened->said, "");
    if (r < 0)
        (void)snprintf(b->why, sizeof(b->why), "%s", e->msg);
}

static void it_is_opened_again_while_the_loop_goes_on(void **state)
{
    struct disk *d = *state;
    struct beside b = {0};

    assert_int_equal(put_id(&d->s, "q", "before"), 0);
    (void)queue_sqlite_begin(d->s.loop, d->path, on_opened, &b);
    assert_false(b.done);
    loop_run_until(d->s.loop, &b.done);
    assert_int_equal(b.r, -EBUSY); /* somebody has it open */
    assert_non_null(strstr(b.why, "in use"));
    disk_close(d);
    b.done = false;
    (void)queue_sqlite_begin(d->s.loop, d->path, on_opened, &b);
    loop_run_until(d->s.loop, &b.done);
    assert_int_equal(b.r, 0);
    d->s.q = b.q;
    assert_true(is_there(d, "before"));
    disk_balances(d);
}

static void on_seen(void *user)
{
    *(bool *)user = true;
}

/* Nobody hears of it, and it stands in nobody's way. */
static void who_is_forgotten_closes_what_it_opened(void **state)
{
    struct disk *d = *state;
    struct beside b = {0};

    disk_close(d);
    queue_sqlite_forget(NULL);
    queue_sqlite_forget(queue_sqlite_begin(d->s.loop, d->path, on_opened, &b));
    for (int tries = 0; tries < 10000 && disk_open(d) < 0; tries++) {
        bool seen = false;

        loop_post(d->s.loop, on_seen, &seen);
        loop_run_until(d->s.loop, &seen);
    }
    assert_int_equal(put_id(&d->s, "q", "after"), 0);
    assert_false(b.done);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(after_one_failed_fsync_all_is_refused_until_it_is_opened_again),
            T(while_every_fsync_fails_nothing_is_acknowledged),
            T(a_failed_fsync_in_a_checkpoint_loses_nothing),
            T(a_full_disk_refuses_and_loses_nothing_and_goes_on_when_there_is_room),
            T(on_a_full_disk_the_small_ones_of_a_group_still_pass),
            T(it_is_opened_again_while_the_loop_goes_on),
            T(who_is_forgotten_closes_what_it_opened),
    };

    file_layer_install();
    return T_RUN(tests);
}

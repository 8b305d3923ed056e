/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts: a run is recorded, then cut off at every sync of it, with what was not synced lost in
 * every way a disk may lose it. Whatever was acknowledged by then is there, in the state it was
 * acknowledged in or a later one; nothing is there that was not asked for; the ledger balances; and
 * it is no damage: a cut loses nothing anybody was told of.
 */
#include "file_layer.h"
#include "queue_disk.h"
#include "store/sqlite/queue_db.h"

enum { ROUNDS = 24, TOGETHER = 8, EVENTS = ROUNDS * TOGETHER, LOG_PAGES = 60 };

/* How far an event is: each step was asked for at one action, and acknowledged at another. */
enum step { PUT, LEASED, ENDED, STEPS };

struct history {
    size_t asked[STEPS], told[STEPS]; /* SIZE_MAX: not at all */
};

static struct history history[EVENTS];

static void now(uint32_t first, uint32_t n, enum step step, bool told)
{
    for (uint32_t i = first; i < first + n; i++) {
        if (told)
            history[i].told[step] = file_layer_actions();
        else
            history[i].asked[step] = file_layer_actions();
    }
}

static void put_some(struct disk *d, uint32_t first)
{
    struct q_record records[TOGETHER];
    char ids[TOGETHER][16], payload[6000];
    struct q_cursor cursor = {S("cursor"), STR_NONE, STR_NONE};
    char before[16], after[16];

    memset(payload, 'p', sizeof(payload));
    for (uint32_t i = 0; i < TOGETHER; i++) {
        snprintf(ids[i], sizeof(ids[i]), "event%u", first + i);
        records[i] = (struct q_record){
                .queue = first / TOGETHER % 2 ? S("even") : S("odd"),
                .source = S("test"),
                .id = str_of(ids[i]),
                .payload = {payload, (first + i) * 131 % sizeof(payload)},
        };
    }
    snprintf(before, sizeof(before), "%u", first);
    snprintf(after, sizeof(after), "%u", first + TOGETHER);
    cursor.expect = first > 0 ? str_of(before) : STR_NONE;
    cursor.next = str_of(after);
    now(first, TOGETHER, PUT, false);
    assert_int_equal(put_all(&d->s, &(struct q_put){.records = records,
                                                    .nrecords = TOGETHER,
                                                    .cursors = &cursor,
                                                    .ncursors = 1}),
                     0);
    now(first, TOGETHER, PUT, true);
}

/* Every event is leased; three of four come to an end. */
static void work_on(struct disk *d, uint64_t token, uint32_t first)
{
    struct q_end ends[TOGETHER];
    uint32_t n;

    now(first, TOGETHER, LEASED, false);
    assert_int_equal(lease_some(&d->s, token, first / TOGETHER % 2 ? "even" : "odd", TOGETHER), 0);
    assert_int_equal(d->s.t->n, TOGETHER);
    now(first, TOGETHER, LEASED, true);
    n = TOGETHER * 3 / 4;
    for (uint32_t i = 0; i < n; i++)
        ends[i] = (struct q_end){.item = item_of(&d->s.t->events[i]),
                                 .state = i == 0 ? Q_DEAD : Q_DONE,
                                 .note = S("that was it")};
    now(first, n, ENDED, false);
    assert_int_equal(finish_all(&d->s, token, ends, n), 0);
    now(first, n, ENDED, true);
}

static void record_run(struct disk *d)
{
    uint64_t token;

    memset(history, 0xff, sizeof(history));
    file_layer_record(d->path);
    t_ok(disk_open(d), &d->e);
    assert_int_equal(campaign_for(&d->s, "delivery", 60000, &token), 0);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        put_some(d, round * TOGETHER);
        if (round > 0)
            work_on(d, token, (round - 1) * TOGETHER);
    }
    disk_close(d);
    file_layer_stop();
}

static enum step step_of(enum q_state state)
{
    return state == Q_WAITING ? PUT : state == Q_RUNNING ? LEASED : ENDED;
}

/* What is there, against what was asked for and acknowledged before action n. */
static void check_events(struct disk *d, size_t n)
{
    struct q_filter f = {.limit = Q_LIST, .payload = true};
    bool seen[EVENTS] = {false};

    assert_int_equal(list_some(&d->s, &f), 0);
    assert_false(d->s.t->more);
    for (uint32_t i = 0; i < d->s.t->n; i++) {
        const struct q_event *ev = &d->s.t->events[i];
        uint64_t k;

        assert_int_equal(str_u64(str_from(ev->id, 5), 0, EVENTS - 1, &k), 0);
        assert_false(seen[k]);
        seen[k] = true;
        assert_int_equal(ev->payload.n, k * 131 % 6000);
        assert_true(history[k].asked[step_of(ev->state)] <= n);
        for (enum step step = PUT; step < STEPS; step++)
            if (history[k].told[step] <= n)
                assert_true(step_of(ev->state) >= step);
    }
    for (uint32_t k = 0; k < EVENTS; k++)
        if (history[k].told[PUT] <= n)
            assert_true(seen[k]);
}

static void check_cut(struct disk *d, size_t n, enum loss loss, unsigned seed, bool mark_then)
{
    file_layer_rebuild(d->path, n, loss, seed, mark_then);
    if (disk_open(d) < 0 || d->opened.said[0] || d->opened.lost || d->opened.salvaged)
        fail_msg("action %zu, loss %d, seed %u, mark %d: %s%s", n, loss, seed, mark_then, d->e.msg,
                 d->opened.said);
    check_events(d, n);
    disk_balances(d);
    assert_int_equal(d->s.q->stats.damaged, 0);
    disk_close(d);
}

static void a_power_cut_at_any_sync_loses_nothing_acknowledged(void **state)
{
    struct disk *d = disk_new(), *cut = disk_new();
    unsigned seeds = getenv("EVOKE_SOAK") ? 20 : 1;
    struct image file, mark;
    size_t cuts = 0, syncs = 0;

    (void)state;
    qdb_log_pages = LOG_PAGES;
    t_ok(disk_open(d), &d->e);
    assert_true(d->opened.created);
    disk_close(d);
    file = image_read(d, "");
    mark = image_read(d, ".mark");
    record_run(d);

    for (size_t n = 1; n <= file_layer_actions(); n++) {
        bool before = n < file_layer_actions() && file_layer_is_sync(n);

        if (!before && !file_layer_is_sync(n - 1))
            continue;
        syncs += before;
        for (enum loss loss = LOSE_NOTHING; loss < LOSSES; loss++)
            for (unsigned seed = 0; seed < seeds; seed++) {
                if (seed > 0 && loss != LOSE_SOME && loss != LOSE_SECTORS)
                    break;
                disk_wipe(cut);
                image_write(cut, "", &file);
                image_write(cut, ".mark", &mark);
                check_cut(cut, n, loss, (unsigned)n * 31 + seed, (n + loss) % 2 == 0);
                cuts++;
            }
    }
    print_message("# %zu syncs, %zu power cuts\n", syncs, cuts);
    assert_true(syncs > ROUNDS * 3);
    free(file.p);
    free(mark.p);
    disk_free(cut);
    disk_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_power_cut_at_any_sync_loses_nothing_acknowledged),
    };

    file_layer_install();
    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is carried over from a file that is damaged beyond a bit: all but what was on the damaged
 * page, as it was; and the ledger is that of what is there.
 */
#include <errno.h>

#include "base/clock.h"
#include "file_layer.h"
#include "queue_disk.h"
#include "store/sqlite/queue_db.h"
#include "store/sqlite/vfs.h"

enum { EVENTS = 400 };

struct store {
    struct disk *disk;
    struct image file, mark;
    struct buf dump;
};

static void fill(struct disk *d)
{
    static char payload[300];
    struct q_record records[EVENTS];
    char ids[EVENTS][24];
    uint64_t token;

    memset(payload, 'p', sizeof(payload));
    for (unsigned i = 0; i < EVENTS; i++) {
        snprintf(ids[i], sizeof(ids[i]), "event-with-number-%u", i);
        records[i] = (struct q_record){
                .queue = i % 3 ? S("some") : S("others"),
                .source = i % 2 ? S("timer") : STR_NONE,
                .id = str_of(ids[i]),
                .order = i % 10 == 0 ? S("key") : STR_NONE,
                .payload = {payload, sizeof(payload)},
        };
    }
    assert_int_equal(put_all(&d->s, &(struct q_put){.records = records, .nrecords = EVENTS}), 0);
    assert_int_equal(campaign_for(&d->s, "delivery", 60000, &token), 0);
    for (unsigned i = 0; i < EVENTS / 10; i++) {
        assert_int_equal(lease_some(&d->s, token, "some", 1), 0);
        assert_int_equal(
                end_one(&d->s, token, item_of(&d->s.t->events[0]), i % 2 ? Q_DEAD : Q_DONE), 0);
    }
}

static int set_up(void **state)
{
    struct store *s = xnew(struct store);
    struct disk *d = s->disk = disk_new();

    *state = s;
    t_ok(disk_open(d), &d->e);
    fill(d);
    buf_init(&s->dump, DISK_MOST);
    assert_int_equal(disk_dump(d, &s->dump), 0);
    disk_close(d);
    s->file = image_read(d, "");
    s->mark = image_read(d, ".mark");
    return 0;
}

static int tear_down(void **state)
{
    struct store *s = *state;

    disk_free(s->disk);
    free(s->file.p);
    free(s->mark.p);
    buf_done(&s->dump);
    free(s);
    return 0;
}

/* The store with one page of it (0: none) full of something else. */
static void destroy(struct store *s, uint32_t page)
{
    uint8_t kept[VFS_PAGE], *at = s->file.p + (size_t)(page ? page - 1 : 0) * VFS_PAGE;

    disk_wipe(s->disk);
    memcpy(kept, at, VFS_PAGE);
    if (page)
        memset(at, 0x5a, VFS_PAGE);
    image_write(s->disk, "", &s->file);
    image_write(s->disk, ".mark", &s->mark);
    memcpy(at, kept, VFS_PAGE);
}

/* Opened, read to the end, and opened again if there was damage. How many events there are then. */
static uint32_t open_and_count(struct store *s, bool *ret_loud)
{
    struct disk *d = s->disk;
    struct buf dump;
    struct str rest;
    uint32_t n = 0;

    buf_init(&dump, DISK_MOST);
    t_ok(disk_open(d), &d->e);
    *ret_loud = d->opened.said[0];
    if (disk_dump(d, &dump) < 0 || put_id(&d->s, "some", "another") < 0) {
        *ret_loud = true;
        disk_close(d);
        t_ok(disk_open(d), &d->e);
        t_has(d->opened.said, "damaged");
        assert_int_equal(disk_dump(d, &dump), 0);
    }
    disk_balances(d);
    for (rest = buf_str(&dump); rest.n > 0;) { /* each line of an event is one of before */
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t len = (size_t)(end - rest.p) + 1;

        if (memmem(rest.p, len, "event-with", 10)) {
            n++;
            if (!memmem(s->dump.p, s->dump.n, rest.p, len) && !memmem(rest.p, len, "lost-", 5))
                fail_msg("not what was put: %.*s", (int)len, rest.p);
        }
        rest = str_from(rest, len);
    }
    if (d->opened.salvaged) {
        assert_int_equal(d->opened.salvaged, n);
        assert_int_equal(put_id(&d->s, "some", "one more"), 0);
    }
    disk_close(d);
    buf_done(&dump);
    return n;
}

static void a_destroyed_page_costs_what_was_on_it(void **state)
{
    struct store *s = *state;
    uint32_t pages = (uint32_t)(s->file.n / VFS_PAGE), worst = EVENTS;
    uint64_t kept = 0;
    bool loud;

    destroy(s, 0);
    assert_int_equal(open_and_count(s, &loud), EVENTS);
    assert_false(loud);
    for (uint32_t page = 1; page <= pages; page++) {
        uint32_t n;

        destroy(s, page);
        n = open_and_count(s, &loud);
        assert_true(loud || n == EVENTS);
        worst = n < worst ? n : worst;
        kept += n;
        if (getenv("EVOKE_SHOW") && n < EVENTS)
            print_message("# page %u: %u events: %s\n", page, n, s->disk->opened.said);
    }
    print_message("# %u pages destroyed one by one: %.1f %% of events kept on average, at worst"
                  " %u of %d\n",
                  pages, 100.0 * (double)kept / pages / EVENTS, worst, EVENTS);
    assert_true(worst >= EVENTS * 3 / 4);
    assert_true(kept >= (uint64_t)pages * EVENTS * 95 / 100);
}

static void damage_is_found_before_anybody_needs_what_is_there(void **state)
{
    struct store *s = *state;
    struct disk *d = s->disk;
    uint32_t pages = (uint32_t)(s->file.n / VFS_PAGE);
    uint64_t deadline_ns;

    destroy(s, pages - 3);
    t_ok(disk_open(d), &d->e);
    assert_string_equal(d->opened.said, ""); /* opening did not look there */
    deadline_ns = clock_mono_ns() + 20000000000ull;
    do
        assert_int_equal(cursor_of(&d->s, "none"), 0);
    while (d->s.q->stats.damaged == 0 && clock_mono_ns() < deadline_ns);
    assert_int_equal(d->s.q->stats.damaged, 1);
    disk_close(d);
    t_ok(disk_open(d), &d->e);
    t_has(d->opened.said, "1 pages are lost");
    assert_true(d->opened.salvaged > 300);
    disk_close(d);
    t_ok(disk_open(d), &d->e);
    assert_string_equal(d->opened.said, "");
    assert_int_equal(d->s.q->stats.damaged, 0);
}

static void a_salvage_that_is_cut_off_is_finished(void **state)
{
    struct store *s = *state;
    struct disk *d = s->disk;
    char *salvaged = xasprintf("%s.salvaged", d->path);
    struct image whole;

    /* Filled, but not in its place yet: another store, so that it can be told apart. */
    destroy(s, 0);
    t_ok(disk_open(d), &d->e);
    assert_int_equal(put_id(&d->s, "some", "salvaged"), 0);
    disk_close(d);
    whole = image_read(d, "");
    destroy(s, 1);
    image_write(d, ".salvaged", &whole);
    image_write(d, ".new", &s->file); /* of one that was cut off earlier */
    t_ok(disk_open(d), &d->e);
    t_has(d->opened.said, "is finished");
    assert_int_equal(list_id(&d->s, "salvaged"), 0);
    assert_int_equal(d->s.t->n, 1);
    assert_int_equal(access(salvaged, F_OK), -1);
    disk_close(d);
    free(whole.p);
    free(salvaged);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(a_destroyed_page_costs_what_was_on_it),
            T(damage_is_found_before_anybody_needs_what_is_there),
            T(a_salvage_that_is_cut_off_is_finished),
    };

    file_layer_install();
    return T_RUN(tests);
}

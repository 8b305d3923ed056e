/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits that flip and files that end early: each is said loudly, or has no effect at all. Never a
 * store that is silently another one.
 *
 * Two stores are damaged: one that was closed (a database and a mark), and one that was killed, so
 * that most of it is in its log. For every page and every frame of the files, positions are taken
 * at a stride (EVOKE_SOAK: every byte); that every bit of a page counts is tested in test_vfs.c, and
 * of the mark in test_queue_mark.c.
 */
#include <errno.h>

#include "file_layer.h"
#include "queue_disk.h"
#include "store/sqlite/queue_db.h"

enum { FILES = 3, STRIDE = 331, LOG_STRIDE = 1571, FRAME = 24 + 4096, EVENTS = 24 };

static const char *const suffixes[FILES] = {"", "-wal", ".mark"};

struct store {
    struct disk *disk; /* where damaged copies are opened */
    struct image files[FILES];
    struct buf dump; /* of the undamaged one */
    uint64_t accepted;
};

/* Some of everything: payloads on pages of their own, order keys, notes, all states but running. */
static void fill(struct disk *d, bool copied)
{
    static char payload[9000];
    struct q_cursor cursor = {S("cursor"), STR_NONE, S("here")};
    uint64_t token;

    memset(payload, 'p', sizeof(payload));
    assert_int_equal(campaign_for(&d->s, "delivery", 60000, &token), 0);
    for (unsigned i = 0; i < EVENTS; i++) {
        char id[16];
        struct q_record rec = {.queue = i % 3 ? S("some") : S("others"),
                               .source = i % 2 ? S("timer") : STR_NONE,
                               .order = i % 4 == 1 ? S("key") : STR_NONE,
                               .payload = {payload, i == 7 ? sizeof(payload) : 40 * i}};

        snprintf(id, sizeof(id), "event%u", i);
        rec.id = str_of(id);
        assert_int_equal(put_one(&d->s, &rec), 0);
    }
    assert_int_equal(put_all(&d->s, &(struct q_put){.cursors = &cursor, .ncursors = 1}), 0);
    assert_int_equal(lease_some(&d->s, token, "some", 8), 0);
    for (uint32_t i = 0, n = d->s.t->n; i < n; i++) {
        struct q_item item;

        assert_int_equal(list_some(&d->s, &(struct q_filter){.states = 1 << Q_RUNNING, .limit = 1}),
                         0);
        item = item_of(&d->s.t->events[0]);
        assert_int_equal(end_one(&d->s, token, item, i % 3 == 0 ? Q_DEAD : Q_DONE), 0);
    }
    if (copied) { /* the log keeps every commit there was until the next one begins it anew */
        qdb_log_pages = 1;
        assert_int_equal(put_id(&d->s, "some", "last"), 0);
        assert_int_equal(put_id(&d->s, "some", "last"), -EEXIST); /* after the checkpoint */
        qdb_log_pages = 4096;
    }
}

static void take_images(struct disk *d, struct store *s)
{
    for (int i = 0; i < FILES; i++)
        s->files[i] = image_read(d, suffixes[i]);
}

static void put_images(struct store *s)
{
    disk_wipe(s->disk);
    for (int i = 0; i < FILES; i++)
        image_write(s->disk, suffixes[i], &s->files[i]);
}

/* killed: with its log, as it was before it was closed. copied: all of which is in the file, too. */
static struct store *store_new(bool killed, bool copied)
{
    struct store *s = xnew(struct store);
    struct disk *d = disk_new();

    t_ok(disk_open(d), &d->e);
    fill(d, copied);
    if (killed)
        take_images(d, s);
    disk_close(d);
    if (!killed)
        take_images(d, s);
    disk_free(d);

    buf_init(&s->dump, DISK_MOST);
    s->disk = disk_new();
    put_images(s);
    t_ok(disk_open(s->disk), &s->disk->e);
    assert_string_equal(s->disk->opened.said, "");
    assert_int_equal(disk_dump(s->disk, &s->dump), 0);
    assert_true(s->dump.n > 10000);
    assert_true((s->files[1].n != SIZE_MAX) == killed);
    return s;
}

static void store_free(struct store *s)
{
    for (int i = 0; i < FILES; i++)
        free(s->files[i].p);
    buf_done(&s->dump);
    disk_free(s->disk);
    free(s);
}

struct tally {
    unsigned loud, harmless;
};

/*
 * Open the damaged files and read everything. Loud: opening or reading says so. *ret_whole: all the
 * same nothing is missing. What is neither loud nor whole fails the test.
 */
static bool is_loud(struct store *s, const char *what, size_t at, bool *ret_whole)
{
    struct disk *d = s->disk;
    struct buf dump;
    bool loud;
    int r;

    buf_init(&dump, DISK_MOST);
    r = disk_open(d);
    loud = r < 0 || d->opened.said[0];
    if (r == 0) {
        r = disk_dump(d, &dump);
        loud = loud || r < 0 || d->s.q->stats.damaged > 0;
    }
    *ret_whole = r == 0 && str_eq(buf_str(&dump), buf_str(&s->dump));
    if (!loud && !*ret_whole)
        fail_msg("%s, %zu: silently another store", what, at);
    disk_close(d);
    buf_done(&dump);
    return loud;
}

/* After it was loud while it was read: opened once more it is salvaged, and goes on. */
static void goes_on(struct store *s, bool all)
{
    struct disk *d = s->disk;
    struct buf dump;

    buf_init(&dump, DISK_MOST);
    t_ok(disk_open(d), &d->e);
    assert_int_equal(disk_dump(d, &dump), 0);
    if (all)
        t_str(buf_str(&dump), buf_str(&s->dump));
    disk_balances(d);
    assert_int_equal(put_id(&d->s, "some", "another"), 0);
    disk_close(d);
    t_ok(disk_open(d), &d->e);
    assert_string_equal(d->opened.said, "");
    assert_int_equal(disk_dump(d, &dump), 0);
    disk_close(d);
    buf_done(&dump);
}

static void flip_all(struct store *s, const char *what)
{
    bool soak = getenv("EVOKE_SOAK") != NULL;
    unsigned seed = 20261122;

    for (int file = 0; file < FILES; file++) {
        struct image *m = &s->files[file];
        size_t stride = soak ? 1 : file == 1 ? LOG_STRIDE : STRIDE;
        struct tally tally = {0};

        for (size_t at = 0; m->n != SIZE_MAX && at < m->n; at += stride) {
            uint8_t bit = (uint8_t)(1 << rand_r(&seed) % 8);
            bool whole;

            put_images(s);
            m->p[at] ^= bit;
            image_write(s->disk, suffixes[file], m);
            m->p[at] ^= bit;
            if (is_loud(s, suffixes[file], at, &whole))
                tally.loud++;
            else
                tally.harmless++;
            if (file == 0) /* one bit of a page can be turned back: nothing is lost */
                goes_on(s, true);
            else if (tally.loud % 8 == 1)
                goes_on(s, false);
        }
        if (tally.loud + tally.harmless > 0)
            print_message("# %s%s: %u bits flipped, %u loud, %u without effect\n", what,
                          suffixes[file], tally.loud + tally.harmless, tally.loud, tally.harmless);
    }
}

static void a_flipped_bit_in_a_closed_store_is_loud_or_without_effect(void **state)
{
    struct store *s = store_new(false, false);

    (void)state;
    flip_all(s, "closed queue.db");
    store_free(s);
}

static void a_flipped_bit_in_a_killed_store_is_loud_or_without_effect(void **state)
{
    struct store *s = store_new(true, false);

    (void)state;
    flip_all(s, "killed queue.db");
    store_free(s);
}

static void a_flipped_bit_in_a_log_that_was_copied_is_loud_or_without_effect(void **state)
{
    struct store *s = store_new(true, true);

    (void)state;
    flip_all(s, "killed and copied queue.db");
    store_free(s);
}

/* Lengths at and around every page, and every 7th frame (EVOKE_SOAK: every one). */
static void cut_all(struct store *s, const char *what)
{
    static const int around[] = {-1, 0, 1, 24, 512};

    for (int file = 0; file < FILES; file++) {
        size_t n = s->files[file].n, unit = file == 0 ? 4096 : file == 1 ? FRAME : 512;
        size_t every = file == 1 && !getenv("EVOKE_SOAK") ? 7 : 1;
        struct tally tally = {0};

        for (size_t from = 0; n != SIZE_MAX && from <= n; from += unit * every)
            for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
                size_t to = from + (size_t)(file == 1 ? 32 : 0) + (size_t)around[i];
                bool whole;

                if (to >= n || (from == 0 && around[i] < 0))
                    continue;
                put_images(s);
                s->files[file].n = to;
                image_write(s->disk, suffixes[file], &s->files[file]);
                s->files[file].n = n;
                if (is_loud(s, suffixes[file], to, &whole))
                    tally.loud++;
                else
                    tally.harmless++;
                if (i == 0)
                    goes_on(s, false);
            }
        if (tally.loud + tally.harmless > 0)
            print_message("# %s%s: cut to %u lengths, %u loud, %u without effect\n", what,
                          suffixes[file], tally.loud + tally.harmless, tally.loud, tally.harmless);
    }
}

static void a_file_that_ends_early_is_loud_or_without_effect(void **state)
{
    struct store *s = store_new(false, false);

    (void)state;
    cut_all(s, "closed queue.db");
    store_free(s);
    s = store_new(true, false);
    cut_all(s, "killed queue.db");
    store_free(s);
}

static void a_file_that_is_missing_is_said(void **state)
{
    struct store *s = store_new(true, false);
    bool whole;

    (void)state;
    for (int file = 0; file < FILES; file++) {
        size_t n = s->files[file].n;

        put_images(s);
        s->files[file].n = SIZE_MAX;
        image_write(s->disk, suffixes[file], &s->files[file]);
        s->files[file].n = n;
        assert_true(is_loud(s, suffixes[file], 0, &whole));
        assert_int_equal(whole, file == 2); /* without its mark nothing is lost */
    }
    store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_flipped_bit_in_a_closed_store_is_loud_or_without_effect),
            cmocka_unit_test(a_flipped_bit_in_a_killed_store_is_loud_or_without_effect),
            cmocka_unit_test(a_flipped_bit_in_a_log_that_was_copied_is_loud_or_without_effect),
            cmocka_unit_test(a_file_that_ends_early_is_loud_or_without_effect),
            cmocka_unit_test(a_file_that_is_missing_is_said),
    };

    file_layer_install(); /* no real fsync */
    return T_RUN(tests);
}

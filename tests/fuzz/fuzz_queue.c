/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_queue.c - rows of the queue's file that nobody of us wrote: any column of any table but meta
 * has any value of any type. Opening says so or not; then every call ends, and what it tells is
 * within what queue.h allows.
 *
 * Input: a table and column, a row, a value (see `change`), again and again.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "fuzz.h"
#include "loop/loop.h"
#include "store/lease.h"
#include "store/queue.h"
#include "store/sqlite/vfs.h"

/* Everything but where a body belongs, and meta. */
static const char *const columns[] = {
        "event SET queue",    "event SET source",    "event SET state",   "event SET at",
        "event SET priority", "event SET attempt",   "event SET token",   "event SET created",
        "event SET expires",  "event SET id",        "event SET dedup",   "event SET okey",
        "event SET note",     "body SET attributes", "body SET payload",  "name SET id",
        "name SET text",      "ledger SET queue",    "ledger SET source", "ledger SET accepted",
        "ledger SET waiting", "ledger SET running",  "ledger SET dead",   "ledger SET passed",
        "cursor SET value",
};

struct world {
    struct loop *loop;
    struct queue *q;
    uint64_t token;
    struct q_end end;
    bool done;
};

static void on_each(void *user, int r, const int *ret, uint32_t n)
{
    (void)r;
    (void)ret;
    (void)n;
    ((struct world *)user)->done = true;
}

static void on_count(void *user, int r, uint64_t n)
{
    struct world *w = user;

    w->token = r == 0 ? n : 0;
    w->done = true;
}

static void on_events(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct world *w = user;

    (void)more;
    holds(r <= 0 && (r == 0 || n == 0) && n <= Q_LIST);
    for (uint32_t i = 0; i < n; i++) {
        holds(events[i].state >= 0 && events[i].state < Q_STATES);
        holds(events[i].order.n <= Q_ID);
        w->end.item = (struct q_item){events[i].seq, events[i].attempt};
    }
    w->done = true;
}

static void on_rows(void *user, int r, const struct q_ledger *rows, uint32_t n)
{
    (void)rows;
    holds(r == 0 || n == 0);
    ((struct world *)user)->done = true;
}

static void on_ready(void *user, int r, const struct q_ready *rows, uint32_t n)
{
    (void)rows;
    holds(r == 0 || n == 0);
    ((struct world *)user)->done = true;
}

static void wait_for(struct world *w)
{
    loop_run_until(w->loop, &w->done);
    w->done = false;
}

static bool open_it(struct world *w, const char *path)
{
    struct q_opened opened;
    struct err e = {0};

    return queue_sqlite_open(w->loop, path, 0, &w->q, &opened, &e) == 0;
}

static void fill(struct world *w)
{
    struct q_record recs[] = {
            {.queue = S("a"), .id = S("1"), .order = S("k"), .payload = S("p")},
            {.queue = S("a"), .id = S("2"), .order = S("k"), .dedup = S("d")},
            {.queue = S("b"), .source = S("t"), .id = S("3"), .priority = 9},
            {.queue = S("b"), .source = S("t"), .id = S("4"), .not_before_ms = 1},
    };
    struct q_cursor c = {S("c"), STR_NONE, S("1")};

    q_put(w->q, &(struct q_put){.records = recs, .nrecords = 4, .cursors = &c, .ncursors = 1},
          on_each, w);
    wait_for(w);
}

/* One change: which column, which row, a kind of value, eight bytes of it. */
enum { CHANGE = 11 };

static void change(sqlite3 *db, const uint8_t *in)
{
    const char *column = columns[in[0] % ARRAY_LEN(columns)];
    const char *set = strchr(column, ' ');
    cleanup_free char *sql = xasprintf("UPDATE OR IGNORE %s = ?1 WHERE (SELECT count(*) FROM %.*s)"
                                       " > 0 AND %s = (SELECT %s FROM %.*s LIMIT 1 OFFSET ?2)",
                                       column, (int)(set - column), column, set + 5, set + 5,
                                       (int)(set - column), column);
    sqlite3_stmt *st;
    int64_t number;
    double real;

    memcpy(&number, in + 3, sizeof(number));
    memcpy(&real, in + 3, sizeof(real));
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        return;
    switch (in[2] % 5) {
    case 0:
        sqlite3_bind_int64(st, 1, number);
        break;
    case 1:
        sqlite3_bind_int64(st, 1, number % 10);
        break;
    case 2:
        sqlite3_bind_blob(st, 1, in + 3, 8, SQLITE_STATIC);
        break;
    case 3:
        sqlite3_bind_double(st, 1, real);
        break;
    case 4:
        sqlite3_bind_zeroblob(st, 1, (int)(number & 0xfff));
        break;
    }
    sqlite3_bind_int(st, 2, in[1] % 4);
    (void)sqlite3_step(st);
    sqlite3_finalize(st);
}

static void change_all(const char *path, const uint8_t *data, size_t n)
{
    sqlite3 *db;

    holds(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, vfs_name()) == SQLITE_OK);
    (void)sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF", NULL, NULL,
                       NULL);
    for (; n >= CHANGE; n -= CHANGE, data += CHANGE)
        change(db, data);
    holds(sqlite3_close(db) == SQLITE_OK);
}

static void use(struct world *w)
{
    struct q_want wants[] = {{S("a"), 10}, {S("b"), 10}};

    q_list(w->q, &(struct q_filter){.limit = Q_LIST, .payload = true}, on_events, w);
    wait_for(w);
    q_counts(w->q, &(struct q_filter){0}, on_rows, w);
    wait_for(w);
    q_ready(w->q, on_ready, w);
    wait_for(w);
    lease_campaign(w->q, S("w"), 1000, on_count, w);
    wait_for(w);
    w->end = (struct q_end){.state = Q_DEAD};
    q_lease(w->q,
            &(struct q_lease){.token = w->token, .wants = wants, .nwants = 2, .visible_ms = 1000},
            on_events, w);
    wait_for(w);
    q_finish(w->q, w->token, &w->end, 1, on_each, w);
    wait_for(w);
    q_redrive(w->q, &(struct q_filter){.limit = 10}, 0, on_count, w);
    wait_for(w);
    q_purge(w->q, &(struct q_filter){.limit = 10}, on_count, w);
    wait_for(w);
    q_trim(w->q, INT64_MAX, 0, 10, on_count, w);
    wait_for(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    cleanup_free char *dir = xasprintf("%s/evoke-fuzz-XXXXXX", base);
    cleanup_free char *path = NULL;
    struct world w = {.loop = loop_new()};

    holds(mkdtemp(dir) != NULL);
    path = xasprintf("%s/queue.db", dir);
    holds(open_it(&w, path));
    fill(&w);
    w.q = q_close(w.q);
    change_all(path, data, n);
    if (open_it(&w, path)) {
        use(&w);
        w.q = q_close(w.q);
    }
    loop_free(w.loop);
    holds(io_remove_tree(AT_FDCWD, dir) == 0);
    return 0;
}

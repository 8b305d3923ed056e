/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.c - what the queue store costs: durable puts beside a bare SQLite loop with the same
 * grouping, and how it does with many events waiting. `queue [WAITING]`, 1,000,000 if left out; 0
 * for puts only. docs/bench.md
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "loop/loop.h"
#include "store/lease.h"
#include "store/queue.h"

enum { PAYLOAD = 256, ROUNDS = 7, PRODUCERS = 64, SLICE_MS = 300, MOST_LEASES = 200 };

static char payload[PAYLOAD];

/* ---- producers, each with one put in flight ---- */

struct world {
    struct loop *loop;
    struct queue *q;
    char *path;
    uint64_t number, acked, stop_ns;
    uint32_t in_flight;
    bool done;
    uint64_t token;
    uint32_t leased;
};

struct producer {
    struct world *w;
};

/* As a request id: in the order of time to the millisecond, which is ten events or more here. */
static void make_id(uint64_t n, char id[40])
{
    uint64_t x = (n + 1) * 0x9e3779b97f4a7c15u;

    x ^= x >> 29;
    snprintf(id, 40, "%012" PRIx64 "-%016" PRIx64, n / 16, x * 0xbf58476d1ce4e5b9u);
}

static void put_next(struct producer *p);

static void on_put(void *user, int r, const int *ret, uint32_t n)
{
    struct producer *p = user;
    struct world *w = p->w;

    if (r < 0 || (n > 0 && ret[0] < 0))
        exit(1);
    w->acked++;
    if (clock_mono_ns() < w->stop_ns) {
        put_next(p);
        return;
    }
    w->done = --w->in_flight == 0;
}

static void put_next(struct producer *p)
{
    struct q_record rec = {.queue = S("fn:bench"), .payload = {payload, PAYLOAD}};
    char id[40];

    make_id(p->w->number++, id);
    rec.id = str_of(id);
    q_put(p->w->q, &(struct q_put){.records = &rec, .nrecords = 1, .bound = 10000000}, on_put, p);
}

/* Puts a second, and how many were in one commit. */
static double put_rate(struct world *w, uint32_t producers, double *ret_group)
{
    struct producer p[PRODUCERS];
    uint64_t begin_ns = clock_mono_ns(), commits = w->q->stats.commits;

    w->acked = 0;
    w->done = false;
    w->stop_ns = begin_ns + SLICE_MS * 1000000ull;
    w->in_flight = producers;
    for (uint32_t i = 0; i < producers; i++) {
        p[i].w = w;
        put_next(&p[i]);
    }
    loop_run_until(w->loop, &w->done);
    commits = w->q->stats.commits - commits;
    *ret_group = commits > 0 ? (double)w->acked / (double)commits : 0;
    return (double)w->acked * 1e9 / (double)(clock_mono_ns() - begin_ns);
}

/* ---- the same rows by bare SQLite: WAL, FULL, a table with its unique id ---- */

struct bare {
    sqlite3 *db;
    sqlite3_stmt *put, *begin, *commit;
    uint64_t number;
};

static void bare_open(struct bare *b, const char *path)
{
    if (sqlite3_open(path, &b->db) != SQLITE_OK ||
        sqlite3_exec(b->db,
                     "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                     "PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;"
                     "PRAGMA wal_autocheckpoint = 4096;"
                     "CREATE TABLE event (seq INTEGER PRIMARY KEY, id BLOB UNIQUE, payload BLOB)",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(b->db, "INSERT INTO event (id, payload) VALUES (?1, ?2)", -1, &b->put,
                           NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(b->db, "BEGIN IMMEDIATE", -1, &b->begin, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(b->db, "COMMIT", -1, &b->commit, NULL) != SQLITE_OK)
        exit(1);
}

static void bare_step(sqlite3_stmt *st)
{
    if (sqlite3_step(st) != SQLITE_DONE)
        exit(1);
    sqlite3_reset(st);
}

static double bare_rate(struct bare *b, uint32_t group)
{
    uint64_t begin_ns = clock_mono_ns(), end_ns = begin_ns + SLICE_MS * 1000000ull, n = 0;

    while (clock_mono_ns() < end_ns) {
        bare_step(b->begin);
        for (uint32_t i = 0; i < group; i++, n++) {
            char id[40];

            make_id(b->number++, id);
            sqlite3_bind_blob(b->put, 1, id, (int)strlen(id), SQLITE_STATIC);
            sqlite3_bind_blob(b->put, 2, payload, PAYLOAD, SQLITE_STATIC);
            bare_step(b->put);
        }
        bare_step(b->commit);
    }
    return (double)n * 1e9 / (double)(clock_mono_ns() - begin_ns);
}

static void bare_close(struct bare *b)
{
    sqlite3_finalize(b->put);
    sqlite3_finalize(b->begin);
    sqlite3_finalize(b->commit);
    sqlite3_close(b->db);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof(*v), by_value);
    return v[n / 2];
}

/* Store and bare loop by turns; the group is what the store made of its producers. */
static void compare(struct world *w, struct bare *b, uint32_t producers)
{
    double ours[ROUNDS], bare[ROUNDS], ratio[ROUNDS], group;

    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = put_rate(w, producers, &group);
        bare[i] = bare_rate(b, (uint32_t)(group + 0.5));
        ratio[i] = ours[i] / bare[i];
    }
    median(ratio, ROUNDS); /* in order */
    printf("%2u producers: %.0f puts/s (group %.1f), bare %.0f rows/s, ratio %.2f (%.2f to %.2f)\n",
           producers, median(ours, ROUNDS), group, median(bare, ROUNDS), ratio[ROUNDS / 2],
           ratio[0], ratio[ROUNDS - 1]);
}

/* ---- many waiting ---- */

static void open_store(struct world *w)
{
    struct q_opened opened;
    struct err e = {0};

    if (queue_sqlite_open(w->loop, w->path, 0, &w->q, &opened, &e) < 0) {
        fprintf(stderr, "%s\n", e.msg);
        exit(1);
    }
}

static void on_fill(void *user, int r, const int *ret, uint32_t n)
{
    struct world *w = user;

    (void)ret;
    (void)n;
    if (r < 0)
        exit(1);
    w->done = --w->in_flight == 0;
}

/* In puts of a thousand, a few at a time. */
static void fill(struct world *w, uint64_t waiting)
{
    static struct q_record recs[Q_RECORDS];
    static char ids[Q_RECORDS][40];

    for (uint64_t n = 0; n < waiting; n += Q_RECORDS) {
        for (int i = 0; i < Q_RECORDS; i++) {
            make_id(w->number++, ids[i]);
            recs[i] = (struct q_record){
                    .queue = S("fn:bench"), .id = str_of(ids[i]), .payload = {payload, PAYLOAD}};
        }
        w->in_flight++;
        q_put(w->q, &(struct q_put){.records = recs, .nrecords = Q_RECORDS}, on_fill, w);
        w->done = w->in_flight < 4;
        loop_run_until(w->loop, &w->done);
    }
    w->done = w->in_flight == 0;
    loop_run_until(w->loop, &w->done);
}

static void on_token(void *user, int r, uint64_t token)
{
    struct world *w = user;

    if (r < 0)
        exit(1);
    w->token = token;
    w->done = true;
}

static void on_events(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct world *w = user;

    (void)events;
    (void)more;
    if (r < 0)
        exit(1);
    w->leased = n;
    w->done = true;
}

static double lease_ms(struct world *w, uint32_t n)
{
    struct q_want want = {S("fn:bench"), n};
    uint64_t begin_ns = clock_mono_ns();

    w->done = false;
    q_lease(w->q,
            &(struct q_lease){.token = w->token, .wants = &want, .nwants = 1, .visible_ms = 600000},
            on_events, w);
    loop_run_until(w->loop, &w->done);
    if (w->leased != n)
        exit(1);
    return (double)(clock_mono_ns() - begin_ns) / 1e6;
}

static long rss_kib(void)
{
    char buf[4096];
    FILE *f = fopen("/proc/self/status", "re");
    long kib = 0;

    while (f && fgets(buf, sizeof(buf), f))
        if (strncmp(buf, "VmRSS:", 6) == 0)
            kib = strtol(buf + 6, NULL, 10);
    if (f)
        fclose(f);
    return kib;
}

static void many(struct world *w, uint64_t waiting)
{
    double leases[MOST_LEASES], group;
    uint64_t begin_ns;
    long rss = rss_kib();

    begin_ns = clock_mono_ns();
    fill(w, waiting);
    printf("filled %" PRIu64 " in %.1f s; RSS %ld -> %ld KiB\n", waiting,
           (double)(clock_mono_ns() - begin_ns) / 1e9, rss, rss_kib());
    printf("puts/s with them waiting, 64 producers: %.0f", put_rate(w, PRODUCERS, &group));
    printf(" (group %.1f)\n", group);
    w->q = q_close(w->q);
    begin_ns = clock_mono_ns();
    open_store(w);
    printf("opened in %.1f ms", (double)(clock_mono_ns() - begin_ns) / 1e6);
    w->done = false;
    lease_campaign(w->q, S("delivery"), 600000, on_token, w);
    loop_run_until(w->loop, &w->done);
    printf(", first lease of 16 after %.2f ms", lease_ms(w, 16));
    for (int i = 0; i < MOST_LEASES; i++)
        leases[i] = lease_ms(w, 16);
    median(leases, MOST_LEASES);
    printf(", then %.2f ms (p99 %.2f, fsync included); RSS %ld KiB\n", leases[MOST_LEASES / 2],
           leases[MOST_LEASES * 99 / 100], rss_kib());
}

int main(int argc, char **argv)
{
    uint64_t waiting = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    const char *base = getenv("TMPDIR");
    char *dir = xasprintf("%s/evoke-bench-XXXXXX", base ? base : "/var/tmp");
    struct world w = {.loop = loop_new()};
    struct bare b = {0};
    char *bare_path;

    memset(payload, 'x', sizeof(payload));
    if (!mkdtemp(dir))
        return 1;
    w.path = xasprintf("%s/queue.db", dir);
    bare_path = xasprintf("%s/bare.db", dir);
    open_store(&w);
    bare_open(&b, bare_path);
    compare(&w, &b, PRODUCERS);
    compare(&w, &b, 1);
    bare_close(&b);
    if (waiting > 0)
        many(&w, waiting);
    q_close(w.q);
    loop_free(w.loop);
    free(w.path);
    free(bare_path);
    if (io_remove_tree(AT_FDCWD, dir) < 0)
        return 1;
    free(dir);
    return 0;
}

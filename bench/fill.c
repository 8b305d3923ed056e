/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fill.c - a queue of a daemon that does not run gets many more waiting events: what docs/bench.md
 * and the tests call a million waiting deliveries. Through the store's own calls, so with its ids,
 * its counts and its ledger.
 *
 * The newest event of the queue is the pattern: attributes, source and priority are its, the payload
 * is {"n":FIRST} and on, the ids are fill-FIRST and on.
 *
 * usage: bench-fill QUEUE.DB QUEUE COUNT FIRST
 * prints: COUNT seconds
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "loop/loop.h"
#include "store/queue.h"

enum { AT_ONCE = 4, TEXT = 40 };

struct fill {
    struct queue *q;
    const char *queue;
    struct q_record pattern; /* views of the texts below */
    char *source, *attributes;
    uint64_t next, end, under_way;
    bool done;
};

static void die(const char *what, int r)
{
    fprintf(stderr, "bench-fill: %s: %s\n", what, strerror(-r));
    exit(1);
}

static void on_pattern(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct fill *f = user;

    (void)more;
    if (r < 0 || n == 0)
        die("no event to take as a pattern", r < 0 ? r : -ENOENT);
    f->source = xstrndup(events->source.p, events->source.n);
    f->attributes = xstrndup(events->attributes.p, events->attributes.n);
    f->pattern = (struct q_record){.queue = str_of(f->queue),
                                   .source = {f->source, events->source.n},
                                   .attributes = {f->attributes, events->attributes.n},
                                   .priority = events->priority};
    f->done = true;
}

static void put(struct fill *f);

static void on_put(void *user, int r, const int *ret, uint32_t n)
{
    struct fill *f = user;

    if (r < 0)
        die("put", r);
    for (uint32_t i = 0; i < n; i++)
        if (ret[i] < 0)
            die("put: an id is there already", ret[i]);
    f->under_way--;
    put(f);
}

static void put(struct fill *f)
{
    static char ids[Q_RECORDS][TEXT], payloads[Q_RECORDS][TEXT];
    static struct q_record records[Q_RECORDS];
    struct q_put p = {.records = records};

    for (; p.nrecords < Q_RECORDS && f->next < f->end; p.nrecords++, f->next++) {
        struct q_record *record = &records[p.nrecords];

        (void)snprintf(ids[p.nrecords], TEXT, "fill-%llu", (unsigned long long)f->next);
        (void)snprintf(payloads[p.nrecords], TEXT, "{\"n\":%llu}", (unsigned long long)f->next);
        *record = f->pattern;
        record->id = str_of(ids[p.nrecords]);
        record->payload = str_of(payloads[p.nrecords]);
    }
    if (p.nrecords > 0) {
        f->under_way++;
        q_put(f->q, &p, on_put, f); /* -> on_put; copied */
    }
    f->done = f->under_way == 0;
}

int main(int argc, char **argv)
{
    struct fill f = {0};
    struct q_opened opened;
    struct err e = {0};
    struct loop *l;
    uint64_t begin;

    if (argc != 5)
        return 2;
    f.queue = argv[2];
    f.next = strtoull(argv[4], NULL, 10);
    f.end = f.next + strtoull(argv[3], NULL, 10);
    l = loop_new();
    if (queue_sqlite_open(l, argv[1], 10000, &f.q, &opened, &e) < 0) {
        fprintf(stderr, "bench-fill: %s\n", e.msg);
        return 1;
    }
    q_list(f.q, &(struct q_filter){.queue = str_of(f.queue), .limit = 1}, on_pattern, &f);
    loop_run_until(l, &f.done);
    begin = clock_mono_ns();
    for (int i = 0; i < AT_ONCE; i++)
        put(&f);
    loop_run_until(l, &f.done);
    printf("%s %.1f\n", argv[3], (double)(clock_mono_ns() - begin) / 1e9);
    q_close(f.q);
    loop_free(l);
    free(f.source);
    free(f.attributes);
    return 0;
}

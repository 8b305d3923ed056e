/* SPDX-License-Identifier: Apache-2.0 */
/* queue_sync.h - one call to a queue store, waited for: so that a test reads top to bottom. */
#ifndef EVOKE_TESTS_QUEUE_SYNC_H
#define EVOKE_TESTS_QUEUE_SYNC_H

#include <stdlib.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "loop/loop.h"
#include "store/lease.h"
#include "store/queue.h"

/* The answer to the last call; what it points to lives until the next. */
struct told {
    struct arena *arena; /* owned */
    bool done;
    int r;
    int each[Q_RECORDS];
    uint32_t n;
    bool more;
    uint64_t count; /* or a token */
    struct q_event *events;
    struct q_ledger *rows;
    struct q_ready *queues;
    struct str value;
};

static inline struct told *told_new(void)
{
    struct told *t = xnew(struct told);

    t->arena = arena_new(256u << 20);
    return t;
}

static inline struct told *told_free(struct told *t)
{
    if (t)
        arena_free(t->arena);
    free(t);
    return NULL;
}

static inline struct told *told_reset(struct told *t)
{
    struct arena *arena = t->arena;

    arena_reset(arena);
    *t = (struct told){.arena = arena};
    return t;
}

static inline struct str told_keep(struct told *t, struct str s)
{
    return (struct str){arena_strdup(t->arena, s), s.n};
}

static inline void told_each(void *user, int r, const int *ret, uint32_t n)
{
    struct told *t = user;

    t->r = r;
    t->n = n;
    if (n > 0)
        memcpy(t->each, ret, n * sizeof(*ret));
    t->done = true;
}

static inline void told_events(void *user, int r, const struct q_event *events, uint32_t n,
                               bool more)
{
    struct told *t = user;

    t->r = r;
    t->n = n;
    t->more = more;
    t->events = arena_alloc(t->arena, (n + 1) * sizeof(*events));
    for (uint32_t i = 0; i < n; i++) {
        struct q_event *ev = &t->events[i];

        *ev = events[i];
        ev->queue = told_keep(t, ev->queue);
        ev->source = told_keep(t, ev->source);
        ev->id = told_keep(t, ev->id);
        ev->dedup = told_keep(t, ev->dedup);
        ev->order = told_keep(t, ev->order);
        ev->attributes = told_keep(t, ev->attributes);
        ev->payload = told_keep(t, ev->payload);
        ev->note = told_keep(t, ev->note);
    }
    t->done = true;
}

static inline void told_count(void *user, int r, uint64_t n)
{
    struct told *t = user;

    t->r = r;
    t->count = n;
    t->done = true;
}

static inline void told_rows(void *user, int r, const struct q_ledger *rows, uint32_t n)
{
    struct told *t = user;

    t->r = r;
    t->n = n;
    t->rows = arena_alloc(t->arena, (n + 1) * sizeof(*rows));
    for (uint32_t i = 0; i < n; i++) {
        t->rows[i] = rows[i];
        t->rows[i].queue = told_keep(t, rows[i].queue);
        t->rows[i].source = told_keep(t, rows[i].source);
    }
    t->done = true;
}

static inline void told_ready(void *user, int r, const struct q_ready *rows, uint32_t n)
{
    struct told *t = user;

    t->r = r;
    t->n = n;
    t->queues = arena_alloc(t->arena, (n + 1) * sizeof(*rows));
    for (uint32_t i = 0; i < n; i++) {
        t->queues[i] = rows[i];
        t->queues[i].queue = told_keep(t, rows[i].queue);
    }
    t->done = true;
}

static inline void told_value(void *user, int r, struct str value)
{
    struct told *t = user;

    t->r = r;
    t->value = told_keep(t, value);
    t->done = true;
}

static inline void told_r(void *user, int r)
{
    struct told *t = user;

    t->r = r;
    t->done = true;
}

struct qs { /* who asks, and whom */
    struct loop *loop;
    struct queue *q;
    struct told *t;
};

static inline int wait_for(struct qs *s)
{
    loop_run_until(s->loop, &s->t->done);
    return s->t->r;
}

static inline int put_all(struct qs *s, const struct q_put *put)
{
    q_put(s->q, put, told_each, told_reset(s->t));
    return wait_for(s);
}

static inline int put_one(struct qs *s, const struct q_record *rec)
{
    int r = put_all(s, &(struct q_put){.records = rec, .nrecords = 1});

    return r < 0 ? r : s->t->each[0];
}

static inline int put_id(struct qs *s, const char *queue, const char *id)
{
    return put_one(s, &(struct q_record){.queue = str_of(queue), .id = str_of(id)});
}

static inline int lease_wants(struct qs *s, uint64_t token, const struct q_want *wants, uint32_t n,
                              uint32_t visible_ms)
{
    q_lease(s->q,
            &(struct q_lease){
                    .token = token, .wants = wants, .nwants = n, .visible_ms = visible_ms},
            told_events, told_reset(s->t));
    return wait_for(s);
}

static inline int lease_some(struct qs *s, uint64_t token, const char *queue, uint32_t most)
{
    return lease_wants(s, token, &(struct q_want){str_of(queue), most}, 1, 60000);
}

static inline int extend_all(struct qs *s, uint64_t token, const struct q_item *items, uint32_t n,
                             uint32_t ms)
{
    q_extend(s->q, token, items, n, ms, told_each, told_reset(s->t));
    return wait_for(s);
}

static inline int again_all(struct qs *s, uint64_t token, const struct q_again *items, uint32_t n)
{
    q_again(s->q, token, items, n, told_each, told_reset(s->t));
    return wait_for(s);
}

static inline int again_one(struct qs *s, uint64_t token, const struct q_again *item)
{
    int r = again_all(s, token, item, 1);

    return r < 0 ? r : s->t->each[0];
}

static inline int finish_all(struct qs *s, uint64_t token, const struct q_end *items, uint32_t n)
{
    q_finish(s->q, token, items, n, told_each, told_reset(s->t));
    return wait_for(s);
}

static inline int finish_one(struct qs *s, uint64_t token, const struct q_end *item)
{
    int r = finish_all(s, token, item, 1);

    return r < 0 ? r : s->t->each[0];
}

static inline int end_one(struct qs *s, uint64_t token, struct q_item item, enum q_state state)
{
    return finish_one(s, token, &(struct q_end){.item = item, .state = state});
}

static inline struct q_item item_of(const struct q_event *ev)
{
    return (struct q_item){ev->seq, ev->attempt};
}

static inline int cancel_id(struct qs *s, const char *id, struct str note)
{
    q_cancel(s->q, str_of(id), note, told_count, told_reset(s->t));
    return wait_for(s);
}

static inline int redrive_some(struct qs *s, const struct q_filter *f, int64_t expires_ms)
{
    q_redrive(s->q, f, expires_ms, told_count, told_reset(s->t));
    return wait_for(s);
}

static inline int purge_some(struct qs *s, const struct q_filter *f)
{
    q_purge(s->q, f, told_count, told_reset(s->t));
    return wait_for(s);
}

static inline int list_some(struct qs *s, const struct q_filter *f)
{
    q_list(s->q, f, told_events, told_reset(s->t));
    return wait_for(s);
}

static inline int list_id(struct qs *s, const char *id)
{
    return list_some(s, &(struct q_filter){.id = str_of(id), .limit = 1, .payload = true});
}

static inline int counts_of(struct qs *s, const struct q_filter *f)
{
    q_counts(s->q, f, told_rows, told_reset(s->t));
    return wait_for(s);
}

static inline int ready_all(struct qs *s)
{
    q_ready(s->q, told_ready, told_reset(s->t));
    return wait_for(s);
}

static inline int cursor_of(struct qs *s, const char *name)
{
    q_cursor(s->q, str_of(name), told_value, told_reset(s->t));
    return wait_for(s);
}

static inline int pass_some(struct qs *s, const char *queue, const char *source, uint64_t n,
                            const struct q_cursor *cursor)
{
    q_pass(s->q, str_of(queue), str_of(source), n, cursor, told_count, told_reset(s->t));
    return wait_for(s);
}

static inline int trim_some(struct qs *s, int64_t before_ms, uint64_t keep, uint32_t most)
{
    q_trim(s->q, before_ms, keep, most, told_count, told_reset(s->t));
    return wait_for(s);
}

static inline int campaign_for(struct qs *s, const char *name, uint32_t ttl_ms, uint64_t *ret_token)
{
    lease_campaign(s->q, str_of(name), ttl_ms, told_count, told_reset(s->t));
    wait_for(s);
    *ret_token = s->t->count;
    return s->t->r;
}

static inline int keep_it(struct qs *s, const char *name, uint64_t token, uint32_t ttl_ms)
{
    lease_keep(s->q, str_of(name), token, ttl_ms, told_count, told_reset(s->t));
    return wait_for(s);
}

static inline int revoke_it(struct qs *s, const char *name, uint64_t token)
{
    lease_revoke(s->q, str_of(name), token, told_count, told_reset(s->t));
    return wait_for(s);
}

static inline int backup_to(struct qs *s, const char *path)
{
    q_backup(s->q, str_of(path), told_r, told_reset(s->t));
    return wait_for(s);
}

#endif

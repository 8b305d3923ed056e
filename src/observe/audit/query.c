/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.c - who asks what the trail holds, and who waits for more of it.
 *
 * A query reads files on a worker thread, from a copy of the list of segments and up to the last
 * sequence number that was on disk when it began; a segment that is removed meanwhile is old news.
 * It reads AUDIT_SCAN bytes at most and then answers with what it has and `more`, so that no query
 * takes long and none is wrong: the cursor says how far it came.
 *
 * asked --> reading --nothing there, time left--> parked --something was written--> reading
 *              \______________ answered ______________/ time over, shut
 */
#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "observe/audit/internal.h"

#define QUESTION_MAGIC 0x41554451

enum { AUDIT_SCAN = 16 << 20, SEGMENT_READ = AUDIT_SEGMENT + (4 << 20) };

struct question {
    uint32_t magic;
    struct list node; /* in a->asked while parked */
    struct audit *a;
    struct audit_query q;
    void (*done)(void *user, struct audit_answer *answer);
    void *user;
    struct audit_answer answer;
    struct loop_timer *timer; /* owned; NULL: it does not wait */
    bool late;                /* its time is over */

    /* for the worker */
    struct audit_segment *segments; /* owned copy */
    uint32_t nsegments;
    uint64_t upto, scanned;
};

/* ---- on a worker thread ---- */

static bool matches_text(struct str want, struct str have)
{
    if (want.n && want.p[want.n - 1] == '*')
        return str_starts(have, (struct str){want.p, want.n - 1});
    return want.n == 0 || str_eq(want, have);
}

static bool matches_fields(const struct audit_query *q, struct str json)
{
    struct str who = S(""), name = S(""), op = S("");
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    int64_t status = 0;
    struct err e = {0};

    if (!q->who[0] && !q->op[0] && q->result == AUDIT_ANY)
        return true;
    tree = json_parse(json, &e);
    if (!tree || json_str(tree, "who", false, &who, &e) < 0 ||
        json_str(tree, "name", false, &name, &e) < 0 || json_str(tree, "op", false, &op, &e) < 0 ||
        json_int(tree, "status", false, 0, 999, &status, &e) < 0)
        return false;
    if (q->who[0] && !str_eq(str_of(q->who), who) && !str_eq(str_of(q->who), name))
        return false;
    return matches_text(str_of(q->op), op) &&
           (q->result == AUDIT_ANY || q->result == audit_result((int)status));
}

static bool matches(const struct audit_query *q, const struct audit_item *item)
{
    return (!q->since_ms || item->time_ms >= q->since_ms) &&
           (!q->until_ms || item->time_ms <= q->until_ms) && matches_fields(q, item->json);
}

static bool is_full(const struct question *k)
{
    return k->answer.n >= k->q.limit || k->answer.records.n >= AUDIT_ANSWER;
}

/* False: enough for this answer. Records seen before (written twice after a fault) are passed over. */
static bool read_lines(struct question *k, struct str rest)
{
    struct audit_answer *out = &k->answer;
    struct audit_item item;
    int r;

    while ((r = audit_next(&rest, &item)) != 0) {
        if (r < 0) {
            out->damaged++;
            continue;
        }
        if (item.sequence <= out->cursor)
            continue;
        if (item.sequence > k->upto)
            break;
        if (matches(&k->q, &item)) {
            if (is_full(k)) {
                out->more = true;
                return false;
            }
            if (out->n++ > 0)
                buf_addc(&out->records, ',');
            buf_adds(&out->records, item.json);
        }
        out->cursor = item.sequence;
    }
    return true;
}

static bool read_segment(struct question *k, const struct audit_segment *s)
{
    cleanup_with(buf_done) struct buf text;
    char name[AUDIT_NAME];
    struct err e = {0};

    buf_init(&text, SEGMENT_READ);
    audit_name(s->first, name);
    if (io_read_file(k->a->dir, name, &text, &e) < 0)
        return true; /* removed since */
    k->scanned += text.n;
    return read_lines(k, buf_str(&text));
}

/* Nothing in segment i can be wanted: all of it is older than since, or known already. */
static bool is_past(const struct question *k, uint32_t i)
{
    const struct audit_segment *next = &k->segments[i + 1];

    if (i + 1 == k->nsegments)
        return false;
    return next->first <= k->answer.cursor + 1 || (k->q.since_ms && next->first_ms < k->q.since_ms);
}

static void read_trail(void *user)
{
    struct question *k = OBJ(user, struct question, QUESTION_MAGIC);

    for (uint32_t i = 0; i < k->nsegments; i++) {
        if (is_past(k, i))
            continue;
        if (k->scanned >= AUDIT_SCAN) {
            k->answer.more = true;
            return;
        }
        if (!read_segment(k, &k->segments[i]))
            return;
    }
    if (k->answer.cursor < k->upto)
        k->answer.cursor = k->upto;
}

/* ---- on the loop ---- */

static void answer(struct question *k)
{
    struct audit *a = k->a;

    list_remove(&k->node);
    a->nasked--;
    loop_timer_free(k->timer);
    k->done(k->user, &k->answer);
    buf_done(&k->answer.records);
    free(k->segments);
    k->magic = 0;
    free(k);
}

static void park(struct question *k)
{
    if (k->answer.n == 0 && !k->answer.more && k->timer && !k->late && !k->a->shut)
        list_push_back(&k->a->asked, &k->node);
    else
        answer(k);
}

static void on_read(void *user);

static void read_again(struct question *k)
{
    struct audit *a = k->a;

    list_remove(&k->node);
    k->segments = xrealloc(k->segments, a->nsegments + 1, sizeof(*k->segments));
    memcpy(k->segments, a->segments, a->nsegments * sizeof(*k->segments));
    k->nsegments = a->nsegments;
    k->upto = a->durable;
    k->scanned = 0;
    a->nreading++;
    loop_work(a->loop, read_trail, on_read, k);
}

static void on_read(void *user)
{
    struct question *k = OBJ(user, struct question, QUESTION_MAGIC);
    struct audit *a = k->a;

    a->nreading--;
    if (k->answer.n == 0 && !k->answer.more && k->upto < a->durable)
        read_again(k); /* it grew while we read */
    else
        park(k);
    audit_settle(a);
}

static void on_late(void *user)
{
    struct question *k = OBJ(user, struct question, QUESTION_MAGIC);

    k->late = true;
    if (!list_empty(&k->node))
        answer(k);
}

int audit_ask(struct audit *a, const struct audit_query *q,
              void (*done)(void *user, struct audit_answer *answer), void *user)
{
    struct question *k;

    if (a->nasked >= AUDIT_WAITING)
        return -EBUSY;
    a->nasked++;
    k = xnew(struct question);
    k->magic = QUESTION_MAGIC;
    k->a = a;
    k->q = *q;
    k->done = done;
    k->user = user;
    k->answer.cursor = q->after;
    list_init(&k->node);
    buf_init(&k->answer.records, AUDIT_ANSWER + 2 * AUDIT_LINE);
    if (q->wait_ms && !a->shut) {
        k->timer = loop_timer_new(a->loop, on_late, k);
        loop_timer_start(k->timer, q->wait_ms);
    }
    read_again(k);
    return 0;
}

void audit_wake(struct audit *a)
{
    list_each (it, &a->asked)
        read_again(container_of(it, struct question, node));
}

void audit_stop_asking(struct audit *a)
{
    list_each (it, &a->asked)
        answer(container_of(it, struct question, node));
}

int audit_result_of(struct str name, enum audit_result *ret)
{
    static const char *const names[] = {[AUDIT_ANY] = "",
                                        [AUDIT_OK] = "ok",
                                        [AUDIT_DENIED] = "denied",
                                        [AUDIT_FAILED] = "failed"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(name, str_of(names[i]))) {
            *ret = (enum audit_result)i;
            return 0;
        }
    return -EINVAL;
}

enum audit_result audit_result(int status)
{
    if (status == 401 || status == 403)
        return AUDIT_DENIED;
    return status < 400 ? AUDIT_OK : AUDIT_FAILED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadline.c - first in, first out lists of deadlines, and one timer for all of them.
 *
 * Every wait of a kind is equally long, so a list is in order of expiry by construction: setting
 * and clearing cost two pointer swaps however many connections there are. Bodies are the exception,
 * their deadline moves with each byte (least rate); their entries are looked at in short, equal
 * steps, and conn_expired() decides.
 *
 * The timer is started for the earliest entry and not touched when that entry goes away: it fires
 * once for nothing, finds the next entry, and sleeps on.
 */
#include "base/obj.h"
#include "http/internal.h"

enum { LINGER_MS = 2000, BODY_STEP_MIN_MS = 5, BODY_STEP_MAX_MS = 1000 };

static uint64_t body_step(uint32_t base_ms)
{
    uint64_t step = base_ms / 8;

    if (step < BODY_STEP_MIN_MS)
        return BODY_STEP_MIN_MS;
    return step < BODY_STEP_MAX_MS ? step : BODY_STEP_MAX_MS;
}

static void arm(struct http_server *s, uint64_t due_ms, uint64_t now_ms)
{
    if (s->deadlines.armed_ms && s->deadlines.armed_ms <= due_ms)
        return;
    s->deadlines.armed_ms = due_ms;
    loop_timer_start(s->deadlines.timer, due_ms > now_ms ? due_ms - now_ms : 1);
}

static void on_timer(void *user)
{
    struct http_server *s = OBJ(user, struct http_server, SERVER_MAGIC);
    uint64_t now_ms = server_now_ms(s);

    s->deadlines.armed_ms = 0;
    for (int kind = DL_NONE + 1; kind < DL_KINDS; kind++) {
        struct list *queue = &s->deadlines.queues[kind];

        while (!list_empty(queue)) {
            struct conn *c = container_of(queue->next, struct conn, due_node);

            if (c->due_ms > now_ms) {
                arm(s, c->due_ms, now_ms);
                break;
            }
            deadline_set(c, DL_NONE);
            c->due = (enum deadline_kind)kind; /* which one it was */
            conn_expired(c);
            if (s->freed)
                return;
        }
    }
}

void deadlines_init(struct http_server *s)
{
    struct deadlines *d = &s->deadlines;

    for (int kind = 0; kind < DL_KINDS; kind++)
        list_init(&d->queues[kind]);
    d->wait_ms[DL_HEAD] = s->limits.header_timeout_ms;
    d->wait_ms[DL_IDLE] = s->limits.idle_timeout_ms;
    d->wait_ms[DL_BODY] = body_step(s->limits.body_base_ms);
    d->wait_ms[DL_WRITE] = s->limits.write_timeout_ms;
    d->wait_ms[DL_LINGER] = LINGER_MS;
    d->timer = loop_timer_new(s->loop, on_timer, s);
}

void deadline_set(struct conn *c, enum deadline_kind kind)
{
    struct http_server *s = c->server;
    uint64_t now_ms;

    list_remove(&c->due_node);
    c->due = kind;
    if (kind == DL_NONE)
        return;
    now_ms = server_now_ms(s);
    c->due_ms = now_ms + s->deadlines.wait_ms[kind];
    list_push_back(&s->deadlines.queues[kind], &c->due_node);
    arm(s, c->due_ms, now_ms);
}

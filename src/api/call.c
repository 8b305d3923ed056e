/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - the life of one call: admitted, verified, handled, answered once.
 *
 * A call is born with the head of its request and ends with its reply. Until the handler has it,
 * it is ours and dies with the request; from then on the handler owns it and ends it by replying,
 * also when nobody listens any more.
 *
 * The answer to a change is held until the audit trail has it (record.c).
 *
 * What always holds:
 *   (1) c->req is the live request or NULL; on_cancel sets it, and nothing else does before the end.
 *   (2) a call is freed in exactly two places: finish() and call_cancel() of a call not yet handed
 *       to its handler.
 *   (3) a held answer comes after handing over, so whoever goes away meanwhile leaves it to finish().
 */
#include "api/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/record.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "loop/loop.h"

#define CALL_MAGIC 0x43414c4c

enum { WORKER_BYTES = 256 * 1024 }; /* less is hashed and parsed within a millisecond */

struct life {
    struct call call; /* first: what everybody else sees */
    bool handed;      /* the handler has it and will reply */

    struct http_request *held; /* while a worker looks at it */
    enum auth_failure failure;
    struct err failed;
    bool parsed;        /* ahead: tree, or not_json says why not */
    struct cJSON *tree; /* owned */
    struct err not_json;

    struct record *record; /* owned; NULL: the trail does not want to know */
    struct {               /* the answer that waits for it */
        int status;
        char *type; /* owned */
        struct buf body;
    } answer;
};

struct call *call_new(struct http_request *r, const struct api *api, const struct api_set *set)
{
    struct life *l = xnew(struct life);

    l->call.magic = CALL_MAGIC;
    l->call.req = r;
    l->call.api = api;
    l->call.set = set;
    uuid7(clock_wall_ms(), l->call.request_id); /* events are found by it, see crypto.h */
    r->app = &l->call;
    return &l->call;
}

static struct life *life_of(struct call *c)
{
    assert(c && c->magic == CALL_MAGIC);
    return container_of(c, struct life, call);
}

static void bury(struct life *l)
{
    json_free(l->tree);
    free(l->call.by.role);
    l->record = record_free(l->record);
    l->call.magic = 0;
    free(l);
}

void call_matched(struct call *c)
{
    struct life *l = life_of(c);

    l->record = record_free(l->record); /* of the door */
    l->record = record_new(c);
}

void call_about(struct call *c, const struct fn_key *key)
{
    record_about(life_of(c)->record, key);
}

static void verify(struct life *l, const struct http_request *r)
{
    const struct api_set *set = l->call.set;

    if (set->verify)
        l->failure = set->verify(l->call.api->keys, r, &l->failed);
}

static void go_on(struct life *l)
{
    struct call *c = &l->call;

    if (l->failure != AUTH_OK) {
        c->set->refuse(c, l->failure, &l->failed);
        return;
    }
    l->handed = true;
    if (record_forbids(c, l->record))
        call_fail(c, 503, NULL, "nothing may change while the audit trail cannot be written");
    else if (permit_operation(c))
        c->op->handle(c);
}

/* On a worker thread: the request is held, and this call is nobody else's but for c->req. */
static void examine(void *user)
{
    struct life *l = life_of(user);

    verify(l, l->held);
    if (l->failure != AUTH_OK || !l->call.op->json)
        return;
    l->tree = json_parse(l->held->body, &l->not_json);
    l->parsed = true;
}

static void on_examined(void *user)
{
    struct life *l = life_of(user);

    http_release(TAKE_PTR(l->held));
    if (l->call.req)
        go_on(l);
    else
        bury(l);
}

/* In the cloud's words, or else in ours. */
static void word_too_large(const struct call *c, struct api_too_large *x, const char *why)
{
    (void)snprintf(x->message, sizeof(x->message), "%s", why);
    if (c->set->too_large)
        c->set->too_large(c->op, x);
}

/* False: it has replied. */
static bool choose(struct call *c)
{
    struct api_too_large x = {.status = 413};
    const struct api_op *op = c->set->choose(c);

    if (!op)
        return false;
    c->op = op;
    call_matched(c);
    if (c->req->body.n <= op->body_max)
        return true;
    word_too_large(c, &x, "the body is too large");
    call_fail(c, x.status, x.code, "%s", x.message);
    return false;
}

void call_run(struct call *c)
{
    struct life *l = life_of(c);

    if (c->set->choose && !choose(c))
        return;
    if (c->api->tracer)
        c->whole_ns = clock_mono_ns();
    if (c->req->body.n <= WORKER_BYTES) {
        verify(l, c->req);
        go_on(l);
        return;
    }
    l->held = c->req;
    http_hold(c->req);
    loop_work(c->api->loop, examine, on_examined, &l->call);
}

/* What a status is on the wire. */
static int sent(const struct call *c, int status)
{
    return c->set->in_band ? 200 : status;
}

void call_refuse(struct call *c, struct http_refusal *x)
{
    const struct api_set *set = life_of(c)->call.set;
    struct api_too_large too_large = {.status = x->status};

    if (x->status == 413)
        word_too_large(c, &too_large, x->why);
    else
        (void)snprintf(too_large.message, sizeof(too_large.message), "%s", x->why);
    x->status = too_large.status;
    (void)record_write(c, life_of(c)->record, x->status, false, NULL, NULL);
    x->type =
            set->error(NULL, c->request_id, x->status, too_large.code, too_large.message, x->body);
    x->status = sent(c, x->status);
    if (set->headers)
        set->headers(c);
}

void call_cancel(struct call *c)
{
    struct life *l = life_of(c);

    c->req = NULL;
    if (!l->handed && !l->held)
        bury(l);
}

static void count(struct api_counts *counts, const struct api_set *set, int status)
{
    uint32_t i = 0;

    if (!counts)
        return;
    while (counts->sets[i].set && counts->sets[i].set != set)
        if (++i == API_SETS)
            return;
    counts->sets[i].set = set;
    counts->sets[i].replies[status >= 100 && status <= 599 ? status / 100 : 0]++;
}

/* Headers of the set, then the request is ours to answer; NULL when nobody waits. */
static struct http_request *finish(struct call *c, int status)
{
    struct life *l = life_of(c);
    struct http_request *r = c->req;

    count(c->api->counts, c->set, status);
    if (r && c->set->headers)
        c->set->headers(c);
    bury(l);
    return r;
}

static void send_buf(struct call *c, int status, struct str content_type, struct buf *body)
{
    int wire = sent(c, status);
    struct http_request *r = finish(c, status);

    if (r)
        http_reply_buf(r, wire, content_type, body);
    else
        buf_done(body);
}

static void on_recorded(void *user)
{
    struct life *l = life_of(user);
    cleanup_free char *type = TAKE_PTR(l->answer.type);
    struct buf body = {0};

    buf_move(&body, &l->answer.body);
    send_buf(&l->call, l->answer.status, str_of(type), &body);
}

static bool must_wait(struct call *c, int status)
{
    struct life *l = life_of(c);

    return record_write(c, l->record, status, l->handed, on_recorded, c);
}

/* body is taken */
static void hold_answer(struct call *c, int status, struct str content_type, struct buf *body)
{
    struct life *l = life_of(c);

    l->answer.status = status;
    l->answer.type = str_dup(content_type);
    buf_move(&l->answer.body, body);
}

void call_reply(struct call *c, int status, struct str content_type, struct str body)
{
    int wire = sent(c, status);
    struct http_request *r;
    struct buf copy;

    if (must_wait(c, status)) {
        buf_init(&copy, body.n + 1);
        buf_adds(&copy, body);
        hold_answer(c, status, content_type, &copy);
        return;
    }
    r = finish(c, status);
    if (r)
        http_reply(r, wire, content_type, body);
}

void call_reply_buf(struct call *c, int status, struct str content_type, struct buf *body)
{
    if (must_wait(c, status))
        hold_answer(c, status, content_type, body);
    else
        send_buf(c, status, content_type, body);
}

struct http_request *call_hand_over(struct call *c, int status)
{
    struct life *l = life_of(c);

    (void)record_write(c, l->record, status, l->handed, NULL, NULL);
    return finish(c, status);
}

void call_note(struct call *c, const char *code)
{
    record_code(life_of(c)->record, code);
}

static void fail(struct call *c, int status, const char *code, const char *message)
{
    struct buf body;
    const char *type;

    record_code(life_of(c)->record, code);
    buf_init(&body, ERROR_BODY);
    type = c->set->error(c->req, c->request_id, status, code, message, &body);
    call_reply_buf(c, status, str_of(type), &body);
}

void call_fail(struct call *c, int status, const char *code, const char *fmt, ...)
{
    char message[ERROR_MESSAGE];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    fail(c, status, code, message);
}

static int status_of(const struct err *e)
{
    switch (e->kind) {
    case ERR_CALLER:
        return e->code == -ENOENT     ? 404
               : e->code == -EEXIST   ? 409
               : e->code == -EMSGSIZE ? 413
                                      : 400;
    case ERR_LIMIT:
        return 429;
    case ERR_FUNCTION:
        return 502;
    case ERR_HOST:
        return 503;
    case ERR_NONE:
        break;
    }
    return 500;
}

void call_fail_err(struct call *c, const char *code, const struct err *e)
{
    fail(c, status_of(e), code, e->msg);
}

void call_header(struct call *c, const char *name, struct str value)
{
    /* -EINVAL: the value is not allowed in HTTP; an answer without it beats no answer */
    if (life_of(c)->call.req)
        (void)http_add_header(c->req, name, value);
}

void call_headerf(struct call *c, const char *name, const char *fmt, ...)
{
    char value[HEADER_TEXT];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(value))
        call_header(c, name, (struct str){value, (size_t)n});
}

struct cJSON *call_json(struct call *c, struct err *e)
{
    struct life *l = life_of(c);

    if (!l->parsed)
        return json_parse(c->req->body, e);
    *e = l->not_json;
    return TAKE_PTR(l->tree);
}

/* Decoded, in the request's arena. What cannot be decoded stays as it is: its reader refuses it. */
static struct str decoded(struct call *c, struct str raw)
{
    cleanup_with(buf_done) struct buf b;
    char *copy;

    buf_init(&b, raw.n + 1);
    if (uri_decode(raw, true, &b) < 0)
        return raw;
    copy = arena_strdup(c->req->arena, buf_str(&b));
    return copy ? (struct str){copy, b.n} : raw;
}

struct str call_query(struct call *c, struct str name)
{
    struct str rest, key, value;

    if (!life_of(c)->call.req)
        return STR_NONE;
    rest = c->req->query;
    while (uri_query_next(&rest, &key, &value))
        if (str_eq(decoded(c, key), name))
            return value.p ? decoded(c, value) : S("");
    return STR_NONE;
}

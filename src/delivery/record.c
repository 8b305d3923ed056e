/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - what an event carries besides its bytes, as JSON text.
 *
 *   attributes  {"trigger":"other","q":"latest","replay_of":"..","cause":"..","depth":2,"trace":"00-..",
 *                "state":"..","type":"..","source":".."}: written when it is put, never changed
 *   note        {"n":1,"reason":"..","tries":[{"s":ms,"e":ms,"o":"error","x":"..","l":"..","i":".."}]}:
 *               written with each try; n: failed ones since it was put or redriven
 *
 * What is empty is left out. Of many tries the first and the latest are kept; a note that is too large
 * loses the logs of its tries, the oldest first.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "delivery/internal.h"

enum { ERROR_MOST = 1024, TAIL_MOST = 2048 };

static const char *const triggers[RUN_TRIGGERS] = {
        [RUN_HTTP] = "http", [RUN_TIMER] = "timer", [RUN_PUBSUB] = "pubsub", [RUN_OTHER] = "other"};

/* A NUL byte is one that no reader of ours would take: a function that prints one must not lose its
 * record, with the number of its tries in it, by that. It is shown as a space. */
static void put(struct jw *w, const char *key, struct str s)
{
    cleanup_free char *copy = s.n > 0 && memchr(s.p, 0, s.n) ? xcalloc(1, s.n) : NULL;

    for (size_t i = 0; copy && i < s.n; i++)
        copy[i] = (char)(s.p[i] ? s.p[i] : ' ');
    if (s.n > 0)
        jw_kstr(w, key, copy ? (struct str){copy, s.n} : s);
}

static struct str get(const struct cJSON *o, const char *key)
{
    struct str s = {"", 0};

    (void)json_str(o, key, false, &s, NULL);
    return s;
}

static int64_t get_int(const struct cJSON *o, const char *key)
{
    int64_t v = 0;

    (void)json_int(o, key, false, 0, INT64_MAX, &v, NULL);
    return v;
}

/* ---- attributes ---- */

void attributes_write(const struct attributes *a, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "trigger", triggers[a->trigger]);
    put(&w, "q", a->qualifier);
    put(&w, "replay_of", a->replay_of);
    put(&w, "cause", a->cause);
    if (a->depth > 0)
        jw_kint(&w, "depth", a->depth);
    put(&w, "trace", a->trace);
    put(&w, "state", a->state);
    put(&w, "type", a->type);
    put(&w, "source", a->ce_source);
    jw_obj_end(&w);
}

struct cJSON *attributes_read(struct str text, struct attributes *ret)
{
    struct cJSON *o = json_parse(text, NULL);
    struct str trigger = get(o, "trigger");

    *ret = (struct attributes){.qualifier = get(o, "q"),
                               .replay_of = get(o, "replay_of"),
                               .cause = get(o, "cause"),
                               .depth = (uint32_t)get_int(o, "depth"),
                               .trace = get(o, "trace"),
                               .state = get(o, "state"),
                               .type = get(o, "type"),
                               .ce_source = get(o, "source"),
                               .trigger = RUN_OTHER};
    for (int i = 0; i < RUN_TRIGGERS; i++)
        if (str_eq(trigger, str_of(triggers[i])))
            ret->trigger = (enum run_trigger)i;
    return o;
}

/* ---- notes ---- */

static bool continues(char c)
{
    return ((uint8_t)c & 0xc0) == 0x80;
}

/* Whole characters. */
static struct str head(struct str s, size_t most)
{
    if (s.n <= most)
        return s;
    s.n = most;
    while (s.n > 0 && continues(s.p[s.n]))
        s.n--;
    return s;
}

static struct str tail(struct str s, size_t most)
{
    if (s.n > most)
        s = str_from(s, s.n - most);
    while (s.n > 0 && continues(s.p[0]))
        s = str_from(s, 1);
    return s;
}

static void write_try(struct jw *w, const struct delivery_try *t, bool with_tail)
{
    jw_obj(w);
    jw_kint(w, "s", t->start_ms);
    jw_kint(w, "e", t->end_ms);
    put(w, "o", t->outcome);
    put(w, "x", t->error);
    if (with_tail)
        put(w, "l", t->tail);
    put(w, "i", t->instance);
    jw_obj_end(w);
}

static uint32_t read_tries(const struct cJSON *note, struct delivery_try tries[DELIVERY_TRIES])
{
    const struct cJSON *o, *list = json_get(note, "tries");
    uint32_t n = 0;

    cJSON_ArrayForEach(o, list)
    {
        if (n == DELIVERY_TRIES)
            break;
        tries[n++] = (struct delivery_try){.start_ms = get_int(o, "s"),
                                           .end_ms = get_int(o, "e"),
                                           .outcome = get(o, "o"),
                                           .error = get(o, "x"),
                                           .tail = get(o, "l"),
                                           .instance = get(o, "i")};
    }
    return n;
}

/* The latest; the second of those before makes room for it. */
static uint32_t add_try(struct delivery_try tries[DELIVERY_TRIES], uint32_t n,
                        const struct delivery_try *t)
{
    if (n == DELIVERY_TRIES) {
        memmove(tries + 1, tries + 2, (DELIVERY_TRIES - 2) * sizeof(tries[0]));
        n--;
    }
    tries[n] = *t;
    return n + 1;
}

static void write_note(const struct delivery_try *tries, uint32_t n, uint32_t tailless,
                       uint32_t failed, struct str reason, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "n", failed);
    put(&w, "reason", head(reason, ERROR_MOST));
    jw_key(&w, "tries");
    jw_arr(&w);
    for (uint32_t i = 0; i < n; i++)
        write_try(&w, &tries[i], i >= tailless);
    jw_arr_end(&w);
    jw_obj_end(&w);
}

void note_write(const struct held *h, const struct tried *t, int64_t now_ms, uint32_t failed,
                struct str reason, struct buf *out)
{
    struct cJSON *before = h->note.n > 0 ? json_parse(h->note, NULL) : NULL;
    struct delivery_try tries[DELIVERY_TRIES];
    uint32_t n = read_tries(before, tries);

    if (t)
        n = add_try(tries, n,
                    &(struct delivery_try){.start_ms = h->start_ms,
                                           .end_ms = now_ms,
                                           .outcome = str_of(t->outcome),
                                           .error = head(t->error, ERROR_MOST),
                                           .tail = tail(t->tail, TAIL_MOST),
                                           .instance = t->instance});
    for (uint32_t tailless = 0; tailless <= n; tailless++) {
        buf_reset(out);
        write_note(tries, n, tailless, failed, reason, out);
        if (buf_ok(out))
            break;
    }
    json_free(before);
}

uint32_t note_failed(struct str note)
{
    struct cJSON *o = note.n > 0 ? json_parse(note, NULL) : NULL;
    int64_t n = get_int(o, "n");

    json_free(o);
    return n < UINT32_MAX ? (uint32_t)n : 0;
}

/* ---- for those who show it ---- */

struct told_room {
    struct cJSON *attributes, *note;
};

int delivery_tell(const struct q_event *ev, struct delivery_told *ret)
{
    struct told_room *room = xnew(struct told_room);
    struct attributes a;

    room->attributes = attributes_read(ev->attributes, &a);
    room->note = ev->note.n > 0 ? json_parse(ev->note, NULL) : NULL;
    *ret = (struct delivery_told){.qualifier = a.qualifier.n > 0 ? a.qualifier : S("latest"),
                                  .replay_of = a.replay_of,
                                  .cause = a.cause,
                                  .reason = get(room->note, "reason"),
                                  .room = room};
    ret->ntries = read_tries(room->note, ret->tries);
    return room->attributes && (room->note || ev->note.n == 0) ? 0 : -EINVAL;
}

void delivery_told_done(struct delivery_told *t)
{
    struct told_room *room = t->room;

    if (!room)
        return;
    json_free(room->attributes);
    json_free(room->note);
    free(room);
    t->room = NULL;
}

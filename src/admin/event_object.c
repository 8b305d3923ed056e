/* SPDX-License-Identifier: Apache-2.0 */
/* event_object.c - one JSON object per asynchronous event. */
#include "admin/events.h"

#include <stdio.h>
#include <stdlib.h>

#include "admin/situation.h"
#include "api/api.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "catalog/triggers.h"
#include "delivery/delivery.h"
#include "store/queue.h"

enum { BASE64_MAX = (Q_PAYLOAD / 3 + 1) * 4 };

void admin_put_source(struct jw *w, struct call *c, struct str source)
{
    const struct trigger *t = source.n ? catalog_trigger(c->api->catalog, source) : NULL;

    jw_kstr(w, "source", source.n ? source : S("invoked"));
    jw_kstrz(w, "trigger", t ? t->name : "");
}

static void put_payload(struct jw *w, struct str payload)
{
    cleanup_with(buf_done) struct buf base64;

    buf_init(&base64, BASE64_MAX);
    if (str_utf8(payload) && !str_has(payload, '\0')) { /* many readers end a text at NUL */
        jw_kstr(w, "payload", payload);
    } else {
        base64_encode(payload, &base64);
        jw_kstr(w, "payload_base64", buf_str(&base64));
    }
}

static void put_try(struct jw *w, const struct delivery_try *t)
{
    jw_obj(w);
    jw_kint(w, "start_ms", t->start_ms);
    jw_kint(w, "end_ms", t->end_ms);
    jw_kstr(w, "outcome", t->outcome);
    jw_kstr(w, "error", t->error);
    jw_kstr(w, "log", t->tail);
    jw_kstr(w, "instance", t->instance);
    jw_obj_end(w);
}

/* Why the last try failed, in a line. */
static void put_last_error(struct jw *w, const struct delivery_told *told)
{
    const struct delivery_try *last = told->ntries ? &told->tries[told->ntries - 1] : NULL;
    cleanup_free char *text = last ? str_dup(last->error) : NULL;
    cleanup_with(json_freep) struct cJSON *tree = last ? json_parse(last->error, NULL) : NULL;
    char line[SITUATION_MESSAGE] = "", all[SITUATION_MESSAGE + 128];
    struct str type = STR_NONE;

    if (tree)
        (void)json_str(tree, "errorType", false, &type, NULL);
    if (text && text[0])
        situation_message(text, line);
    (void)snprintf(all, sizeof(all), "%.*s%s%s", (int)(type.n < 100 ? type.n : 100),
                   type.p ? type.p : "", type.n ? ": " : "", line);
    jw_kstrz(w, "error", all);
}

/* What was written down with it. */
static void put_told(struct jw *w, const struct q_event *ev, bool whole)
{
    struct delivery_told told = {0};

    (void)delivery_tell(ev, &told); /* what it fills is what could be read */
    jw_kstr(w, "qualifier", told.qualifier);
    jw_kstr(w, "replay_of", told.replay_of);
    jw_kstr(w, "cause", told.cause);
    jw_kstr(w, "reason", told.reason);
    put_last_error(w, &told);
    if (whole) {
        jw_key(w, "tries");
        jw_arr(w);
        for (uint32_t i = 0; i < told.ntries; i++)
            put_try(w, &told.tries[i]);
        jw_arr_end(w);
    }
    delivery_told_done(&told);
}

void admin_object_event(struct jw *w, struct call *c, const struct q_event *ev, bool whole)
{
    bool waits = ev->state == Q_WAITING, runs = ev->state == Q_RUNNING;

    jw_obj(w);
    jw_kstr(w, "id", ev->id);
    jw_kstr(w, "function", ev->queue);
    admin_put_source(w, c, ev->source);
    jw_kstrz(w, "state", q_state_names[ev->state]);
    jw_kint(w, "attempts", ev->attempt);
    jw_kint(w, "created_ms", ev->created_ms);
    if (!runs && ev->at_ms > 0) /* 0: it waits and is due at once */
        jw_kint(w, waits ? "next_ms" : "ended_ms", ev->at_ms);
    jw_kint(w, "expires_ms", ev->expires_ms);
    if (whole) /* a list leaves the payload where it is, and so knows no size */
        jw_kint(w, "bytes", (int64_t)ev->payload.n);
    put_told(w, ev, whole);
    if (whole)
        put_payload(w, ev->payload);
    jw_obj_end(w);
}

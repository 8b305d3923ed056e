/* SPDX-License-Identifier: Apache-2.0 */
/* events.h - what the operations on asynchronous events share. */
#ifndef EVOKE_ADMIN_EVENTS_H
#define EVOKE_ADMIN_EVENTS_H

#include <stdbool.h>

#include "base/str.h"

struct call;
struct err;
struct jw;
struct q_event;
struct queue;

enum {
    ADMIN_EVENT_ID = 145,
    ADMIN_EVENT_NAME = 128, /* what a caller may call his event; its id is longer */
};

/* 1 to ADMIN_EVENT_ID of A-Za-z0-9._- */
bool admin_event_id(struct str id);

/* The source as the store names it: "invoked" is none. */
struct str admin_source_of(struct str word);

/* The store of events; NULL: it has replied. */
struct queue *admin_queue(struct call *c);
/* The store said no: in our words. */
void admin_fail_queue(struct call *c, int r);
/* Who delivers said no: in its words, where it has some. */
void admin_fail_delivery(struct call *c, int r, const struct err *e);

/* 202 {"request_id"} */
void admin_reply_accepted(struct call *c, const char *id);

/* event_object.c: one as this API shows it; whole: with payload and tries. */
void admin_object_event(struct jw *w, struct call *c, const struct q_event *ev, bool whole);
/* "source" and "trigger": its id, "invoked" where there is none, and its name. */
void admin_put_source(struct jw *w, struct call *c, struct str source);

#endif

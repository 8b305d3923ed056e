/* SPDX-License-Identifier: Apache-2.0 */
/* gateway.h - what the files of the gateway's objects share; for no other room. */
#ifndef EVOKE_ADMIN_GATEWAY_H
#define EVOKE_ADMIN_GATEWAY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

struct cJSON;
struct call;
struct err;
struct gw_kind;
struct jw;
struct resource;

enum { GATE_OBJECT = 512 << 10, GATE_BODY = 256 << 10, GATE_LIST = 64 << 20 };

/* ---- gateway.c ---- */

/* The kind the path names; NULL: it has replied. */
const struct gw_kind *gate_kind(struct call *c);
/* The object the path names, if the caller may know of it; NULL: it has replied. Borrowed. */
const struct resource *gate_object(struct call *c, const struct gw_kind *kind);
void gate_put(struct jw *w, const struct call *c, const struct resource *r);
/* warnings: sentences, each ended by '\n'; may be empty. */
void gate_reply(struct call *c, int status, const struct resource *r, struct str warnings);
void gate_fail_write(struct call *c, const struct gw_kind *kind, int r);

/* ---- gateway_refs.c ---- */

/* Does everything exist that this draft names? 0 or -EINVAL. What may come later (a function) is
 * told in warnings. */
int gate_check_refs(const struct call *c, const struct resource *draft, const struct cJSON *body,
                    struct buf *warnings, struct err *e);
/* The id of an environment of that account and region: by its id or its name. 0 or -ENOENT; room is
 * borrowed until the next turn. */
int gate_env(const struct call *c, const struct resource *whose, struct str text, struct str *ret,
             struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* record.h - what the audit trail is told of a call; for this room only. */
#ifndef EVOKE_API_RECORD_H
#define EVOKE_API_RECORD_H

#include <stdbool.h>

struct call;
struct fn_key;
struct record; /* opaque; owned by its call */

/* After the route is known. NULL: the trail does not want to know of such calls. */
struct record *record_new(const struct call *c);
struct record *record_free(struct record *r);
/* All below take NULL for r. */
void record_about(struct record *r, const struct fn_key *key);
void record_code(struct record *r, const char *code);
/* The trail cannot be written, and without it nothing may change. */
bool record_forbids(const struct call *c, const struct record *r);
/* It is about to be answered. True: not before done(user) was called, once, in a later turn.
 * handled: its handler had it. */
bool record_write(const struct call *c, const struct record *r, int status, bool handled,
                  void (*done)(void *user), void *user);

#endif

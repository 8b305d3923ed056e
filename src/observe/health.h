/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h - what keeps this daemon from serving as it should, for GET /readyz. Rooms (or
 * src/daemon/ for them) report here what is wrong, and again when it is over; nobody is asked.
 *
 * Loop thread only. Saying the same again costs a string comparison.
 */
#ifndef EVOKE_OBSERVE_HEALTH_H
#define EVOKE_OBSERVE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct health; /* opaque */

enum { HEALTH_COMPONENTS = 16, HEALTH_REASON = 256 };

struct health *health_new(void);
struct health *health_free(struct health *h);
/*
 * component  a literal: "launcher", "store", "logs", "audit", "draining", ...; docs/operations.md
 *            says for each what to do
 * reason     one sentence without a full stop (copied, cut at HEALTH_REASON); NULL: it is well
 *
 * `since` is when the component was last well: another reason does not change it. h may be NULL.
 */
void health_set(struct health *h, const char *component, const char *reason);
bool health_ready(const struct health *h); /* nothing is wrong; true for NULL */

struct health_fault {
    const char *component, *reason; /* borrowed, until the next health_set() */
    int64_t since_ms;               /* Unix time */
};
/* The i-th fault, oldest component first; false: there is none. */
bool health_fault(const struct health *h, size_t i, struct health_fault *ret);
/* Called after every change; for the service manager's status line. */
void health_on_change(struct health *h, void (*fn)(void *user), void *user);

#endif

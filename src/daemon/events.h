/* SPDX-License-Identifier: Apache-2.0 */
/* events.h - the queue of events, their delivery and the timers: opened, reported, drained, closed. */
#ifndef EVOKE_DAEMON_EVENTS_H
#define EVOKE_DAEMON_EVENTS_H

struct api;
struct delivery_env;
struct err;
struct events; /* opaque */
struct fn;
struct options;

/* In the data directory, which is the current one. env: on_broken is ours to set. */
int events_open(const struct delivery_env *env, const struct options *o, struct events **ret,
                struct err *e);
void events_serve(const struct events *ev, struct api *api); /* its part of it is set */
void events_configure(struct events *ev, const struct options *o);
void events_function_changed(struct events *ev, const struct fn *before, const struct fn *after);
/* No new tries; those under way end. Before the pool is drained. */
void events_drain(struct events *ev, void (*on_drained)(void *user), void *user);
/* What still runs is given back and on disk when this returns. Before the invoker goes. */
struct events *events_free(struct events *ev);

#endif

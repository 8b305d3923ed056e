/* SPDX-License-Identifier: Apache-2.0 */
/* figures_events.h - the part of the figures that is about asynchronous events and timers. */
#ifndef EVOKE_DAEMON_FIGURES_EVENTS_H
#define EVOKE_DAEMON_FIGURES_EVENTS_H

#include <stdint.h>

struct catalog;
struct delivery;
struct event_figures; /* opaque */
struct metrics_events;
struct platform;
struct timers;

struct event_figures *event_figures_new(uint32_t rows_max);
/* After the store, which has completed all it was asked. */
struct event_figures *event_figures_free(struct event_figures *f);
/* Whom to ask from now on; NULL: nobody. */
void event_figures_ask(struct event_figures *f, struct delivery *delivery,
                       const struct timers *timers, const struct catalog *catalog);
/* Ask the ledger: done(arg) once, now or in a later turn. */
void event_figures_gather(struct event_figures *f, void (*done)(void *arg), void *arg);
/* What was gathered last. */
void event_figures_each(const struct event_figures *f,
                        void (*each)(void *to, const struct metrics_events *row), void *to);
void event_figures_put(const struct event_figures *f, struct platform *p);

#endif

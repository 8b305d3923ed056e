/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - one thread's event loop: descriptors, timers, signals, blocking work, messages from
 * other threads.
 *
 * libuv stands behind it and is named nowhere else. Rules: a callback never blocks; `user` is the
 * owning object, its magic is checked first; a source belongs to the object that made it and dies
 * with it; x_free() of any source is allowed at any time, also inside its own callback, after which
 * no callback of that source comes any more. Everything here is for the loop's own thread but
 * loop_post().
 */
#ifndef EVOKE_LOOP_LOOP_H
#define EVOKE_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;        /* opaque */
struct loop_io;     /* a watched descriptor; the descriptor stays its owner's */
struct loop_timer;  /* one shot, may be started again */
struct loop_signal; /* a signal of this process */

struct loop *loop_new(void);
/* Every source must be gone (asserted). Calls still deferred or posted are made, and work under way
 * is waited for and completed. */
struct loop *loop_free(struct loop *l);
int loop_run(struct loop *l); /* until loop_stop(); 0 */
void loop_stop(struct loop *l);
/* Run until `*done` is true: for start-up and tests. */
void loop_run_until(struct loop *l, const bool *done);
uint64_t loop_now_ns(const struct loop *l); /* monotonic, cached once per turn */

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* ready: LOOP_READ and/or LOOP_WRITE. Hang-up and errors are told as LOOP_READ: read(2) then says
 * which. The descriptor is made non-blocking; it must be one that can be polled (no regular file).
 */
typedef void loop_io_fn(void *user, unsigned ready);
struct loop_io *loop_io_new(struct loop *l, int fd, loop_io_fn *fn, void *user);
void loop_io_want(struct loop_io *io, unsigned what); /* 0 pauses; cheap when unchanged */
struct loop_io *loop_io_free(struct loop_io *io);     /* before closing the descriptor */

typedef void loop_fn(void *user);
struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *user);
/* Restarts when running. Fires never before delay_ms have passed; 0: in the next turn. */
void loop_timer_start(struct loop_timer *t, uint64_t delay_ms);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_running(const struct loop_timer *t);
struct loop_timer *loop_timer_free(struct loop_timer *t);

struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_fn *fn, void *user);
struct loop_signal *loop_signal_free(struct loop_signal *s);

/* Call fn after the callbacks of this turn, before the loop waits again; in the order given. For
 * "never free an object inside its own callback" and for writing once per turn what a turn
 * produced. What fn defers again comes after a look at the descriptors, so nobody starves. */
void loop_defer(struct loop *l, loop_fn *fn, void *user);

/* Thread-safe: fn runs on the loop's thread. Also wakes it. */
void loop_post(struct loop *l, loop_fn *fn, void *user);

/* Run work on a pool thread (it must not touch loop-owned objects), then done on the loop's thread.
 */
void loop_work(struct loop *l, loop_fn *work, loop_fn *done, void *user);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evoke.h - write a function as a program of your own: runtime `native`.
 *
 * The program is the executable `bootstrap` at the root of the code. Its life:
 *
 *   evoke_start(&w)             it runs; what the function is comes back in evoke_assigned()
 *   ... reading of files, tables and the like ...
 *   evoke_loaded(w)             if the function has an initializer whose own time begins here
 *   ... your own initialisation ...
 *   evoke_ready(w)              or evoke_failed_to_start(w, error)
 *   while (evoke_next_invocation(w, &inv) == 1)
 *       evoke_answer(w, p, n)   or evoke_fail(w, error, n): exactly one of them
 *   evoke_stop(w)
 *
 * The program has one invocation at a time. A function with an instance concurrency above 1 is sent
 * several at once; they wait here and are handed out in the order they became whole, so no thread
 * is needed. Answers of quick invocations may be written together, at the next
 * evoke_next_invocation() that has to wait.
 *
 * Functions return 0 or more, or a negative errno; -ECONNRESET means that the host is gone and the
 * program should end. Texts and events belong to the worker and are valid until the next call of
 * evoke_next_invocation(). Needs libc and descriptor 3; not thread-safe. Wire:
 * docs/protocol/frames.md.
 */
#ifndef EVOKE_H
#define EVOKE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evoke_worker; /* opaque */

struct evoke_invocation {
    const char *event; /* the bytes as they were sent; terminated, may hold zeros */
    size_t event_bytes;
    const char *open; /* JSON: request_id, timeout_ms, ... */
};

/* Say that we run and wait for the assignment. */
int evoke_start(struct evoke_worker **ret);
const char *evoke_assigned(const struct evoke_worker *w); /* JSON: handler, env, context, ... */
/* May be left out: then loading and initialising have their two times together. At most once. */
int evoke_loaded(struct evoke_worker *w);
int evoke_ready(struct evoke_worker *w);
/* error: JSON, at most 64 KiB, like {"errorMessage":"...","errorType":"..."}. End the program next.
 */
int evoke_failed_to_start(struct evoke_worker *w, const char *error);

/* 1 and *ret filled, or 0: no more, the host has closed the channel. */
int evoke_next_invocation(struct evoke_worker *w, struct evoke_invocation *ret);
int evoke_answer(struct evoke_worker *w, const void *p, size_t n);
int evoke_fail(struct evoke_worker *w, const char *error, size_t n);

/* A line of the function's log (a line feed is added). Between runs it goes to descriptor 2. */
int evoke_log(struct evoke_worker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void evoke_stop(struct evoke_worker *w);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of this room share: the loop itself and how its sources are counted.
 */
#ifndef EVOKE_LOOP_INTERNAL_H
#define EVOKE_LOOP_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "loop/loop.h"

enum { LOOP_MAGIC = 0x4c4f4f50 };

/* Calls to be made, in order. The array is kept between turns, so a busy loop does not allocate. */
struct calls {
    struct call {
        loop_fn *fn;
        void *user; /* borrowed */
    } * at;         /* owned */
    size_t n, cap;
};

struct loop {
    uint32_t magic;
    size_t sources;  /* living io, timers and signals; zero before loop_free() */
    uint64_t now_ns; /* this phase's time, 0 while nobody asked */

    uv_loop_t uv;
    uv_prepare_t before_wait; /* runs what timers and deferred calls deferred */
    uv_check_t after_wait;    /* runs what descriptors deferred */
    uv_idle_t hurry;          /* active: the next wait is only a look */
    uv_async_t wake;

    const bool *until; /* borrowed; what loop_run_until() waits for, NULL outside */
    struct calls deferred, running;
    pthread_mutex_t posted_lock; /* held for an append or a swap, never across a call */
    struct calls posted, taken;
};

/* A failure here means that the process is out of descriptors or memory of its own choosing, or
 * that a caller passed a descriptor that cannot be waited for: nothing anybody could handle. */
void loop_must(int r, const char *what);

#endif

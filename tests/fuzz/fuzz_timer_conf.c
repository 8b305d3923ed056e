/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_timer_conf.c - the config of a timer trigger. One that is refused says why; one that is taken has
 * a schedule whose due times grow, and a payload within its limit.
 */
#include "base/err.h"
#include "fuzz.h"
#include "schedule/schedule.h"
#include "source/timer.h"
#include "source/timer_conf.h"

enum { MAX_INPUT = 64 * 1024, TIMES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const int64_t start = 1800000000000;
    struct str text = {(const char *)data, n};
    struct timer_conf conf = {0};
    struct err e = {0};
    int64_t at = start;

    if (n > MAX_INPUT)
        return 0;
    if (timer_conf_read(text, &conf, &e) < 0) {
        holds(e.code < 0 && e.msg[0] && !conf.schedule && !conf.payload);
        return 0;
    }
    holds(conf.schedule && conf.missed >= 0 && conf.missed < TIMER_POLICIES);
    holds(!conf.payload || str_of(conf.payload).n <= TIMER_PAYLOAD);
    for (int i = 0; i < TIMES && at >= 0; i++) {
        int64_t next = schedule_next(conf.schedule, at, start);

        holds(next < 0 || next > at);
        at = next;
    }
    timer_conf_done(&conf);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - every clock we read, behind one interface. */
#ifndef EVOKE_BASE_CLOCK_H
#define EVOKE_BASE_CLOCK_H

#include <stdint.h>

#include "base/str.h"

uint64_t clock_mono_ns(void); /* CLOCK_MONOTONIC, for durations and deadlines */
int64_t clock_wall_ms(void);  /* Unix time in ms */

/*
 * The clock that events and timers live by: Unix time in ms, unless a test moves it. Signatures,
 * logs and deadlines of requests do not use it.
 */
int64_t clock_store_ms(void);
/* How long to wait, in real ms, until it shows at_ms; at most CLOCK_LOOK_MS, since it may jump: look
 * again then. 0: it does. */
enum { CLOCK_LOOK_MS = 1000 };
uint64_t clock_store_wait_ms(int64_t at_ms);

struct err;
/* From now on it shows what a test wrote to this file, as a test changes it (clock_shift.c). To be
 * called before anybody reads it. 0, or negative: no such file, or malformed. */
int clock_follow(const char *path, struct err *e);
void clock_unfollow(void); /* real time again */

enum { CLOCK_TEXT = 40 }; /* room for any text below, terminator included */

const char *clock_iso(int64_t wall_ms, char out[CLOCK_TEXT]);    /* 2026-11-21T20:47:58Z */
const char *clock_iso_ms(int64_t wall_ms, char out[CLOCK_TEXT]); /* 2026-11-21T20:47:58.123Z */
const char *clock_sql(int64_t wall_ms, char out[CLOCK_TEXT]);    /* 2026-11-21 20:47:58 (UTC) */
const char *clock_http(int64_t wall_ms, char out[CLOCK_TEXT]);   /* RFC 9110 IMF-fixdate */
/* 0 or -EINVAL; ret is Unix time in ms. */
int clock_parse_compact(struct str s, int64_t *ret); /* 20261121T204758Z */
int clock_parse_iso(struct str s, int64_t *ret);     /* 2026-11-21T20:47:58Z */
int clock_parse_http(struct str s, int64_t *ret);    /* Sat, 21 Nov 2026 20:50:18 GMT */

#endif

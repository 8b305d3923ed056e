/* SPDX-License-Identifier: Apache-2.0 */
/* mismatch.h - the two ends do not fit: another version, another time of day. */
#ifndef EVOKE_CLI_MISMATCH_H
#define EVOKE_CLI_MISMATCH_H

#include <stdint.h>

#include "base/str.h"

struct err;

/* Of "1.2.3": major, then minor; the rest is compatible. -1: a is older than b, 1: newer, 0: alike,
 * or one of them is no version. */
int mismatch_order(struct str a, struct str b);
/* Daemon and program differ by more than the last number: says so on stderr, once per process. */
void mismatch_warn(struct str daemon);

/*
 * After a refusal, e holds the daemon's words; these put in its place what helps more.
 *
 * mismatch_unknown  404 or 405 of a path that this program knows: the daemon is another version
 * mismatch_clock    401: date, the daemon's own, and now_ms differ by more than signatures allow
 */
void mismatch_unknown(struct str daemon, struct err *e);
void mismatch_clock(struct str date, int64_t now_ms, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* timer_conf.h - the config of a timer trigger, read; inside source/. */
#ifndef EVOKE_SOURCE_TIMER_CONF_H
#define EVOKE_SOURCE_TIMER_CONF_H

#include "base/str.h"

struct err;
struct schedule;

enum timer_missed { TIMER_SKIP, TIMER_ONCE, TIMER_ALL, TIMER_POLICIES };

struct timer_conf {
    struct schedule *schedule; /* owned */
    enum timer_missed missed;
    char *payload; /* owned */
};

/* As timer_check(). ret is zeroed on failure. */
int timer_conf_read(struct str json, struct timer_conf *ret, struct err *e);
void timer_conf_done(struct timer_conf *c);

#endif

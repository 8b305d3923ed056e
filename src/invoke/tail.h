/* SPDX-License-Identifier: Apache-2.0 */
/* tail.h - the last bytes of a log, however long it was. */
#ifndef EVOKE_INVOKE_TAIL_H
#define EVOKE_INVOKE_TAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct tail {
    char *p;    /* owned; NULL until something was added */
    size_t max; /* bytes kept */
    size_t at;  /* where the next byte goes */
    bool full;  /* it has gone round: the oldest byte is at `at` */
};

void tail_init(struct tail *t, size_t max);
void tail_done(struct tail *t);
void tail_add(struct tail *t, struct str text);
/* In order, whole UTF-8 characters from the front on. Valid until the next call; the ring starts
 * afresh behind it, so this is for the end. */
struct str tail_text(struct tail *t);

#endif

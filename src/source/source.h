/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - what can call a function by itself: one row per source, so that who makes a trigger need
 * not know them. */
#ifndef EVOKE_SOURCE_SOURCE_H
#define EVOKE_SOURCE_SOURCE_H

#include "base/str.h"

struct err;

struct source {
    const char *name; /* of struct trigger */
    /* Is this JSON object a config of it? 0, or negative with a sentence. */
    int (*check)(struct str config, struct err *e);
};

const struct source *source_of(struct str name); /* or NULL */
/* source_of(name)->check(config); -EINVAL with a sentence for a source that is not known. */
int source_check(struct str name, struct str config, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.h - large bodies on disk: written as they come, read as memory once they are whole.
 *
 * All bodies of a server share one nameless file, each with a range of its own: ten thousand bodies
 * under way cost one descriptor, and what is announced costs nothing, because ranges that are not
 * written are holes. A body gives its blocks back as soon as it is dropped.
 */
#ifndef EVOKE_HTTP_SPOOL_H
#define EVOKE_HTTP_SPOOL_H

#include <stdint.h>

#include "base/str.h"

struct spool_file;

struct spool {
    int dir;                 /* borrowed; -1: there is none */
    struct spool_file *file; /* in which the next body begins; NULL while there is none */
};

struct spooled {             /* a body; zeroed: it is not on disk */
    struct spool_file *file; /* counted there */
    uint64_t at, n;
    void *map; /* of n bytes, read-only; NULL until spool_map() */
};

void spool_init(struct spool *s, int dir);
void spool_done(struct spool *s); /* bodies may live on */

/* A range of `most` bytes. 0 or -errno. */
int spool_begin(struct spool *s, uint64_t most, struct spooled *ret);
/* 0 or -errno: -ENOSPC, -EDQUOT the disk is full. */
int spool_add(struct spooled *b, struct str bytes);
/* The whole body, until spool_drop(); no more is added. Other threads may read it. 0 or -errno. */
int spool_map(struct spooled *b, struct str *ret);
void spool_drop(struct spooled *b); /* nothing, if it is zeroed; b is zeroed afterwards */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_mark.h - how far a queue's file was committed, told beside it.
 *
 * A log that lost its tail ends early and looks whole. "<path>.mark" holds the number of the last
 * commit, written after that commit was on disk and before anybody was told of it: so it is never
 * ahead of a file that is whole, and a file behind its mark has lost something.
 *
 * Calls block, none for an fsync but where it is said. One thread at a time.
 */
#ifndef EVOKE_STORE_SQLITE_QUEUE_MARK_H
#define EVOKE_STORE_SQLITE_QUEUE_MARK_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct queue_mark; /* opaque */

struct mark_point {
    uint64_t commit;   /* number of the last commit */
    uint64_t next_seq; /* the first sequence number it left unused */
    uint64_t copied;   /* up to this commit all of the log is in the file itself */
    bool copying;      /* ... and some of what came later may be: a checkpoint had begun */
    bool damaged;      /* damage was found: carry records over before the file is used again */
};

enum mark_state {
    MARK_NONE,    /* there is no such file */
    MARK_WHOLE,   /* ret_was is what was written last */
    MARK_DAMAGED, /* part of it: ret_was is the last or the last but one, or all 0 */
};

/* Opens or creates the mark of the store `path`. A new or damaged one must be set before it holds
 * anything. -errno. */
int queue_mark_open(const char *path, struct queue_mark **ret, enum mark_state *ret_state,
                    struct mark_point *ret_was, struct err *e);
/* What the store is now, on disk when it returns. -errno. */
int queue_mark_set(struct queue_mark *m, const struct mark_point *p, struct err *e);

/* After each commit. Failing leaves the mark behind, which is safe: it is counted, no more. */
void queue_mark_commit(struct queue_mark *m, uint64_t commit, uint64_t next_seq);
/* Before a checkpoint, and after one that copied all of the log (fsync). */
void queue_mark_copying(struct queue_mark *m);
void queue_mark_copied(struct queue_mark *m);
void queue_mark_damaged(struct queue_mark *m); /* fsync */

uint64_t queue_mark_errors(const struct queue_mark *m);    /* writes that failed */
struct queue_mark *queue_mark_close(struct queue_mark *m); /* fsync; NULL is fine */

#endif

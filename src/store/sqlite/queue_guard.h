/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_guard.h - distrust around a queue's file: is it what was committed, is it whole, and what
 * to do when not.
 *
 * Calls block. One thread at a time. The caller holds the lock file: nobody else is here.
 */
#ifndef EVOKE_STORE_SQLITE_QUEUE_GUARD_H
#define EVOKE_STORE_SQLITE_QUEUE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "store/sqlite/queue_mark.h"

struct err;
struct q_opened;
struct queue_guard; /* opaque */
struct sqlite3;

/* How the store opens its file; user is what was given with it. */
struct guard_ops {
    /* Open the file, through vfs.h, with SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE: what closing it may write
     * is not decided yet. An empty one is made a store. Fills in commit and next_seq.
     * -EBADMSG: damaged. After any failure nothing is open. */
    int (*open)(void *user, const char *path, struct mark_point *ret, struct err *e);
    void (*close)(void *user);
    struct sqlite3 *(*conn)(void *user); /* while it is open */
};

/*
 * Open the store `path`, whatever state it was left in. Records of a damaged file are carried over
 * into a new one, and the old one is moved aside as "<path>.damaged-<time>" with its log.
 * ret_opened tells of all that was found. After a failure nothing is open.
 *
 *   -EIO   damaged, and not even that could be done
 */
int queue_guard_open(const char *path, const struct guard_ops *ops, void *user,
                     struct queue_guard **ret, struct q_opened *ret_opened, struct err *e);
/* Numbers below were used, also where the records are lost. */
uint64_t queue_guard_next_seq(const struct queue_guard *g);

/* After each commit, before anybody is told of it. */
void queue_guard_commit(struct queue_guard *g, uint64_t commit, uint64_t next_seq);
/* From the log into the file, as far as it goes. SQLITE_OK or its code. */
int queue_guard_checkpoint(struct queue_guard *g);
/* A damaged page was read: it will be salvaged when it is opened next. */
void queue_guard_damaged(struct queue_guard *g);

/*
 * Read a little of the file, to find damage before somebody needs what is there: a third of a
 * millisecond. Between groups, when there is nothing else to do. SQLITE_OK; or the code of a
 * checkpoint, which at the end is part of it.
 */
int queue_guard_step(struct queue_guard *g, bool *ret_more);
uint64_t queue_guard_found(const struct queue_guard *g); /* damaged pages, so far */

/* Before the store closes its file. The log goes into it, unless something was wrong: then it stays,
 * since a second fsync may succeed and yet lose what the first one could not write. NULL is fine. */
void queue_guard_leave(struct queue_guard *g, bool broken);
/* After that. NULL is fine. */
struct queue_guard *queue_guard_close(struct queue_guard *g);

/* ---- for the files of the guard ---- */

enum { VERIFY_SUSPECTS = 256 };

/* queue_verify.c: reading all of the file once, beside the store's work. */
struct verify {
    uint32_t next;  /* the page to read next; 0: all were */
    uint32_t pages; /* that many there were */
    bool judged;
    uint32_t suspects[VERIFY_SUSPECTS];
    uint32_t nsuspects;
    uint64_t found;
};
void verify_begin(struct verify *v);
bool verify_step(struct verify *v, struct sqlite3 *conn); /* true: there is more to read */
bool verify_waits(const struct verify *v);                /* for all of the log to be in the file */
/* It is: what of the suspects is damage, once all was read. Returns how much was found. */
uint64_t verify_judge(struct verify *v, struct sqlite3 *conn);

/* queue_salvage.c */
struct salvaged {
    uint64_t events; /* carried over */
    uint64_t wanted,
            live;    /* waiting, running or dead: by the old ledger, as far as it is there; and
                              now */
    uint64_t mended; /* wrong bits that were turned back */
    uint64_t lost;   /* pages that were not what was written */
};
/* Every record of `from` that can be read, into `into`, a new store nobody has open. */
int queue_salvage(const char *from, const char *into, const struct mark_point *was,
                  struct salvaged *ret, struct err *e);

#endif

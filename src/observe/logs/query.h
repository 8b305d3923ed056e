/* SPDX-License-Identifier: Apache-2.0 */
/* query.h - which records are wanted, and finding them in the segments. For worker threads;
 * knows no loop. */
#ifndef EVOKE_OBSERVE_LOGS_QUERY_H
#define EVOKE_OBSERVE_LOGS_QUERY_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"
#include "observe/logs/logs.h"
#include "observe/logs/segment.h"

/* ---- match.c: does a record fit? ---- */

struct log_match; /* opaque: a query's conditions, its expression compiled */

/* The texts are copied. -EINVAL with e. */
int log_match_new(const struct logs_query *q, struct log_match **ret, struct err *e);
struct log_match *log_match_free(struct log_match *m);
/* A search begins on this thread: an expression that is slow line after line has a second. */
void log_match_begin(struct log_match *m);
/* By what a sidecar knows. A gap fits whatever is asked for, within its time. */
bool log_match_entry(const struct log_match *m, const struct seg_entry *en);
bool log_match_has_grep(const struct log_match *m);
/*
 * By its names and text. 1: it fits, and *text holds what is to be shown (views into the record, or
 * into lines, which is emptied first); 0: not; -EINVAL with e: the expression takes too long.
 */
int log_match_record(struct log_match *m, const struct log_record *r, struct buf *lines,
                     struct str *text, struct err *e);

/* ---- query.c ---- */

/* What an answer becomes, record by record; the same for segments and memory. */
struct log_answering {
    const struct logs_query *q;
    struct log_match *match;
    const struct logs_reader_ops *ops; /* record, sees */
    void *user;
    struct buf lines;
    /* out */
    uint32_t records;
    size_t text_bytes;
    uint64_t cursor; /* of the last record that was looked at */
    bool full;       /* limit or text: there is more */
    uint64_t lost_lines, lost_bytes;
    struct err err;
};

/* One more record. False: the answer is full and this one is not in it, or it failed (err). */
bool log_answer_record(struct log_answering *a, struct str function, const struct log_record *r);

/*
 * Answer from the segments below `logs`: records up to `upto`. 0 or negative (a->err set); a->cursor
 * and a->full are set. Stops early when *cancel.
 */
int log_query_run(int logs, uint64_t upto, struct log_answering *a, const atomic_bool *cancel);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.h - what functions print, kept: append-only segments per function, written a moment later by
 * a worker, found again by function, time, request, status, version and expression, and followed.
 *
 * A run is one record as a rule. One that lasts longer than a moment, or prints more than some KiB,
 * is several: parts, and the last one has the facts of its end. Records are numbered through the
 * whole store; a cursor is such a number, so it means the same for one function and for all, and
 * after a restart.
 *
 * Nothing is dropped in silence: what could not be kept is counted (struct logs_stats) and told in
 * the function's own log, as a gap. docs/adr/0010-log-store.md
 */
#ifndef EVOKE_OBSERVE_LOGS_LOGS_H
#define EVOKE_OBSERVE_LOGS_LOGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "observe/logs/record.h"
#include "observe/run.h"

struct err;
struct health;
struct logs; /* opaque */
struct logs_reader;
struct loop;

struct logs_conf {
    uint64_t function_bytes; /* kept per function. default 256 MiB */
    uint64_t total_bytes;    /* and of all. default 4 GiB */
    uint64_t age_ms;         /* nothing older. default 7 days */
    uint64_t segment_bytes;  /* 0: a sixteenth of function_bytes, 64 KiB to 16 MiB */
    uint64_t buffer_bytes;   /* text that waits to be written. default 16 MiB */
    uint64_t recent_bytes;   /* written, and kept in memory for who follows. default 2 MiB */
    uint32_t flush_ms;       /* a line waits so long; twice that while nobody follows. default 50 */
    uint32_t functions;      /* known at once. default 20000 */
    struct health *health;   /* told as "logs" what the disk refuses; borrowed, or NULL */
};

void logs_conf_default(struct logs_conf *c);
/* dir is made if it is not there. What a daemon before left behind is mended, and told to those it
 * concerns. A disk that takes nothing is no error: records are counted as lost until it does. */
int logs_open(struct loop *l, const char *dir, const struct logs_conf *c, struct logs **ret,
              struct err *e);
/* Other function_bytes, total_bytes and age_ms from now on; what is over them goes with the sweep this
 * begins. */
void logs_keep(struct logs *s, const struct logs_conf *c);
/* Nobody waits any more: those who do are answered, new ones are answered at once. For draining. */
void logs_quiet(struct logs *s);
/* fn is told when functions should print less (full) and when there is room again; never full while
 * the disk refuses or hangs. May be told in any call of this header. fn NULL: nobody. */
void logs_on_pressure(struct logs *s, void (*fn)(void *user, bool full), void *user);
/* Every run has ended. Writes what is left and leaves the mark of a clean end. */
struct logs *logs_free(struct logs *s);

extern const struct run_watch logs_watch; /* user: the store */

/* For metrics. Bytes and lines of text; totals since the start but for those `now`. */
struct logs_stats {
    uint64_t records, lines, bytes;        /* written */
    uint64_t dropped_lines, dropped_bytes; /* could not be: buffer full, disk refused */
    uint64_t disk_errors;
    uint64_t flushes, flush_ns; /* batches; from when each took off to its being written */
    uint64_t pressed;           /* times the buffer was so full that functions had to wait */
    uint64_t expired_segments, expired_bytes; /* removed by age or size */
    uint64_t damaged;                         /* records or tails that were skipped or cut */
    uint64_t queries, queries_refused;
    /* now */
    uint64_t buffer_bytes; /* waiting to be written */
    uint64_t disk_bytes;   /* at the last look */
    uint64_t functions, followers, queries_running;
};
void logs_stats(const struct logs *s, struct logs_stats *ret);

/* ---- reading ---- */

enum {
    LOGS_LIMIT = 1000, /* records, if one says nothing */
    LOGS_LIMIT_MAX = 10000,
    LOGS_TEXT_MAX = 1 << 20, /* an answer ends early at so much text */
    LOGS_WAIT_MAX_MS = 30000,
    LOGS_GREP_MAX = 1024,
    LOGS_REQUEST_MAX = 255,
    LOGS_CURSOR_TEXT = 21, /* with its end */
    LOGS_READERS = 1024,   /* that wait or run at once */
};

struct logs_query {
    struct str function; /* its path (fn_key_path); empty: all of them */
    bool has_after;
    uint64_t after;                       /* records after this one */
    int64_t since_ms;                     /* INT64_MIN: from the beginning */
    int64_t until_ms;                     /* inclusive; INT64_MAX */
    struct str request_id, version, grep; /* empty: any */
    int status;       /* enum outcome_class, -1: any. A record without END has none */
    uint32_t limit;   /* 1 to LOGS_LIMIT_MAX */
    uint32_t last;    /* not 0: the last so many that fit */
    uint32_t wait_ms; /* to LOGS_WAIT_MAX_MS */
};

void logs_query_init(struct logs_query *q); /* everything, LOGS_LIMIT, no waiting */

bool logs_know(const struct logs *s, struct str function); /* it has, or had, a log */
uint64_t logs_now(const struct logs *s);                   /* after everything that can be read */

void logs_cursor_print(uint64_t seq, char out[LOGS_CURSOR_TEXT]);
int logs_cursor_parse(struct str text, uint64_t *ret); /* 0, or -EINVAL */

struct logs_answer {
    int r; /* 0, or negative with err */
    const struct err *err;
    uint64_t cursor;
    bool more;
    uint64_t lost_lines, lost_bytes; /* the sum of its gaps */
};

struct logs_reader_ops {
    /* A record that fits, oldest first; with grep its text holds only the lines that match. On any
     * thread, never on two at once; views valid during the call. */
    void (*record)(void *user, struct str function, const struct log_record *r);
    /* Once, on the loop, never before logs_read() returns; the reader is gone afterwards. */
    void (*done)(void *user, const struct logs_answer *a);
    /* Asked now and then, on the loop: does anybody still want the answer? Else it comes soon, and
     * says what it has. */
    bool (*wanted)(void *user);
    /* May the one who asks see this function's log? On any thread, pure. NULL: all of them. */
    bool (*sees)(void *user, struct str function);
};

/* The texts of q are copied. 0, or -EINVAL (grep: the message names offset and reason), -EAGAIN
 * (LOGS_READERS are at work). */
int logs_read(struct logs *s, const struct logs_query *q, const struct logs_reader_ops *ops,
              void *user, struct err *e);

#endif

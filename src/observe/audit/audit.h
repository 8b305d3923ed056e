/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - who did what through the control plane, in an append-only trail.
 *
 * audit/<first sequence number, 20 digits>.log in the data directory, one record a line:
 *   <crc32c of the JSON, 8 hex digits> <JSON>\n     {"sequence":7,"time_ms":...,"op":"DeleteFunction",...}
 * Sequence numbers have no gaps; the first one that is left tells how many were removed by size or
 * age. docs/audit.md
 *
 * Loop thread only. Files are written and read on worker threads.
 */
#ifndef EVOKE_OBSERVE_AUDIT_AUDIT_H
#define EVOKE_OBSERVE_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct audit; /* opaque */
struct err;
struct health;
struct loop;

enum audit_what { AUDIT_OFF, AUDIT_CHANGES, AUDIT_ALL };

struct audit_conf {
    enum audit_what what; /* CHANGES: and whatever was refused; ALL: reads too */
    uint64_t size_bytes;  /* of the whole trail; the oldest segment goes first */
    uint32_t age_days;
    bool strict; /* while the trail cannot be written, nothing may change */
};

enum {
    AUDIT_PENDING =
            1
            << 20, /* bytes that wait for a disk that fails; what comes then is lost, and counted */
    AUDIT_STRANGERS = 60, /* their records at once, one more each second; others are counted */
    AUDIT_TEXT = 768,     /* bytes of each text of a record; the rest is cut */
};

struct audit_record {
    int64_t time_ms; /* of its answer */
    const char *op, *api;
    struct str who;  /* access key; with status 401 whose it claimed to be, "" if it named none */
    struct str name; /* of that key, or the path of the function whose role it is */
    struct str address, object;
    int status; /* of HTTP */
    struct str code;
    const char *request_id;
    uint64_t took_ms;
    bool stranger; /* refused before anybody knew who it is; see AUDIT_STRANGERS */
};

/* path: made if need be. A torn last line, which a crash leaves, is removed: nobody was told that
 * it was written. health may be NULL. */
int audit_open(struct loop *l, const char *path, const struct audit_conf *conf,
               struct health *health, struct audit **ret, struct err *e);
/* Writes what waits. Queries must have been ended (audit_shut). */
struct audit *audit_close(struct audit *a);
/* Answer every query that waits for something to happen, now and from here on. */
void audit_shut(struct audit *a);

const struct audit_conf *audit_conf(const struct audit *a);
/* From now on. What is too much or too old goes with the next record. */
void audit_keep(struct audit *a, const struct audit_conf *conf);
/* The last write failed, and so far none after it went well. */
bool audit_failing(const struct audit *a);
/*
 * Append. done (may be NULL) is called once, never from inside: when the record is on disk, or could
 * not be put there (it is tried again every second; an err line, readiness and a counter tell).
 */
void audit_write(struct audit *a, const struct audit_record *rec, void (*done)(void *user),
                 void *user);

enum audit_result { AUDIT_ANY, AUDIT_OK, AUDIT_DENIED, AUDIT_FAILED };
int audit_result_of(struct str name,
                    enum audit_result *ret); /* "ok", "denied", "failed"; -EINVAL */
enum audit_result audit_result(int status);

enum { AUDIT_FILTER = 256, AUDIT_LIMIT = 10000, AUDIT_ANSWER = 1 << 20, AUDIT_WAITING = 64 };

/* What is asked; texts "" and numbers 0: everything. */
struct audit_query {
    uint64_t after; /* sequence number: the cursor of the last answer */
    int64_t since_ms, until_ms;
    char who[AUDIT_FILTER]; /* access key or name */
    char op[AUDIT_FILTER];  /* may end in '*' */
    enum audit_result result;
    uint32_t limit;   /* 1 to AUDIT_LIMIT */
    uint32_t wait_ms; /* how long to wait for a record while there is none */
};

struct audit_answer {
    struct buf records; /* JSON objects with commas between; at most AUDIT_ANSWER and one more */
    uint32_t n;
    uint64_t cursor;  /* everything up to it has been looked at */
    bool more;        /* there is more behind it already */
    uint32_t damaged; /* lines whose checksum is wrong, left out */
};

/* done is called once, never from inside; the answer is its caller's, but records may be taken.
 * -EBUSY: AUDIT_WAITING queries wait already. */
int audit_ask(struct audit *a, const struct audit_query *q,
              void (*done)(void *user, struct audit_answer *answer), void *user);

struct audit_stats {
    uint64_t records, failures, lost; /* written, failed writes, never written: since the start */
    uint64_t bytes, segments, first, last; /* on disk; sequence numbers */
    uint64_t pending_bytes;
};
void audit_stats(const struct audit *a, struct audit_stats *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h - the function log store from inside, for its own files.
 *
 * Who owns what: everything is the loop's, but for what is marked `worker`, which is the flush job's
 * while one is under way (s->flying) and nobody's else otherwise. Jobs that read (query.c) have
 * what they need copied, and batches they hold do not change any more.
 */
#ifndef EVOKE_OBSERVE_LOGS_INTERNAL_H
#define EVOKE_OBSERVE_LOGS_INTERNAL_H

#include "base/buf.h"
#include "base/list.h"
#include "observe/logs/logs.h"
#include "observe/logs/segment.h"

enum {
    LOGS_MAGIC = 0x4c4f4753,
    LOGS_RUN_MAGIC = 0x4c4f4752,
    LOGS_READER_MAGIC = 0x4c4f4744,
    LOGS_HELD = 4096, /* text a run keeps before it becomes a part; also the longest whole line */
    LOGS_OPEN = 32,   /* segments kept open */
    LOGS_SYNC_EACH = 16,        /* more at once: the whole file system */
    LOGS_BATCH_NOW = 64 * 1024, /* so much is written at once */
    LOGS_STALE = 64,
    LOGS_HOT_SLOTS = 1024,
    LOGS_HOT_TEXT = 248,
    LOGS_SEQ_EPOCH = 40, /* a sequence is the epoch of the store, and a counter of so many bits */
};

struct batch_ref { /* one record */
    uint32_t flog; /* index into batch->flogs */
    uint32_t next; /* of the same function, index + 1 */
    uint32_t at, size;
    uint32_t lines, text;
    bool failed; /* not written */
};

struct batch_flog {
    struct flog *f;
    uint32_t head, tail; /* index + 1 into refs */
    /* worker: what came of it */
    int r;
    uint64_t lost_lines, lost_bytes;
    struct seg_mend mend;
};

/* Records in the order they came; grows, is written, is kept for followers, goes. */
struct batch {
    struct list link; /* in recent */
    char *bytes;
    size_t n, cap;
    struct batch_ref *refs;
    uint32_t nrefs, crefs;
    struct batch_flog *flogs;
    uint32_t nflogs, cflogs;
    uint64_t first_seq, last_seq; /* first_seq: nothing before it and after the batch before */
    uint32_t holders;
};

/* The log of one function. */
struct flog {
    struct logs *s;
    char *path;
    char dir[SEG_DIR_TEXT];
    uint32_t runs;                   /* under way */
    uint32_t pending;                /* records not yet written */
    uint32_t current;                /* index + 1 in the batch that grows */
    uint32_t hot;                    /* slot + 1 */
    uint64_t last_seq;               /* written */
    uint64_t lost_lines, lost_bytes; /* not yet told */
    const char *lost_why;
    uint64_t retry_ns; /* not told before */
    struct list lossy;
    /* worker */
    struct segment seg;
    bool dirty; /* not synced */
    uint64_t used_ns;
};

/* A run under way. */
struct logs_run {
    uint32_t magic;
    struct flog *f;
    struct list talking; /* has text */
    int64_t first_ms;    /* of the text it holds */
    uint64_t since_ns;   /* likewise, on the loop's clock */
    uint32_t n;
    bool parts;
    uint8_t trigger;
    char request_id[LOG_NAME_MAX + 1], instance[LOG_NAME_MAX + 1], version[LOG_NAME_MAX + 1];
    char held[LOGS_HELD];
};

struct logs {
    uint32_t magic;
    struct loop *loop;
    struct logs_conf conf;
    int dir; /* owned */
    struct map *flogs;
    struct buf path; /* scratch */
    uint64_t seq, flushed_seq;
    uint64_t live; /* its owner, and runs */
    bool quiet, closed;
    bool turned; /* a job or a reader has ended */

    struct batch *batch;  /* grows */
    struct batch *flying; /* a worker has it; NULL: no flush job */
    bool flushing, syncing, sweeping;
    struct list recent; /* of batches, oldest first */
    size_t recent_bytes;
    struct batch *spare;
    struct list talking, lossy;
    struct logs_run *free_runs[64];
    uint32_t nfree;
    struct loop_timer *tick;
    uint64_t tick_ns;    /* when it is due */
    uint64_t flushed_ns; /* when the last batch took off */
    uint64_t failing_ns; /* of the last line about a disk that refuses */
    bool failing;
    int sync_failing; /* what the last sync said; 0: it was well */
    bool pressed;     /* said to be full */
    void (*on_pressure)(void *user, bool full);
    void *pressure_user; /* borrowed */

    struct hot_slot *hot;      /* mapped */
    struct hot_slot *hot_file; /* worker: likewise, to take its place; or NULL */
    bool hot_kept;             /* hot is the file, and no memory of our own */
    bool state_kept;           /* worker: this start is on disk */
    uint32_t hot_next;

    /* worker */
    struct flog *open[LOGS_OPEN];
    uint32_t nopen;
    struct flog *dirty[LOGS_SYNC_EACH];
    uint32_t ndirty; /* more than LOGS_SYNC_EACH: all of them */
    /* set before the job begins */
    bool may_sync;
    int64_t age_ms;
    uint64_t synced_ns;
    int sync_fds[LOGS_SYNC_EACH];
    uint32_t nsync;
    bool sync_all;
    int sync_r; /* of the last sync */
    int kept_r; /* not 0: state and hot are not kept yet */

    /* sweep */
    uint64_t swept_ns, swept_at_bytes;
    bool retiring; /* a flush job removes what is stale */
    struct loop_timer *sweep_timer;
    struct logs_stale { /* worker, once a flush job has begun */
        char dir[SEG_DIR_TEXT];
        uint64_t first_seq;
        struct flog *f; /* or NULL */
    } stale[LOGS_STALE];
    uint32_t nstale;

    struct list readers;
    struct loop_timer *read_timer;
    uint32_t nreaders, reading;
    struct logs_stats stats;
};

struct hot_slot {
    uint8_t used; /* 2: the path did not fit */
    char path[LOGS_HOT_TEXT + 7];
};

/* logs.c */
struct flog *logs_flog(struct logs *s, struct str path); /* made if need be; NULL: too many */
void logs_schedule(struct logs *s);
void logs_hold(struct logs *s);
void logs_unhold(struct logs *s);

/* batch.c: records into the batch that grows */
struct batch *batch_new(struct logs *s);
void batch_free(struct batch *b);
void batch_unhold(struct logs *s, struct batch *b);
size_t logs_waiting(const struct logs *s); /* bytes not yet written */
/* r->seq and lines are set here. False: there was no room, and that is counted. */
bool logs_emit(struct flog *f, struct log_record *r, struct str held, struct str text);
void logs_lose(struct flog *f, uint64_t lines, uint64_t bytes, const char *why);
void logs_tell_gap(struct flog *f, uint64_t lines, uint64_t bytes, const char *why);
void logs_tell_lost(struct flog *f); /* if it may be told now */

/* run.c */
/* What runs under way have said in whole lines, if their moment is over. */
void logs_cut_parts(struct logs *s, bool all);

/* pressure.c */
void logs_feel(struct logs *s); /* what waits, or the disk, has changed */

/* flush.c */
void logs_flush(struct logs *s);          /* if there is need and no flush job */
void logs_flush_now(struct logs *s);      /* blocking: at the end */
bool logs_restless(const struct logs *s); /* something is open or not synced */
/* The disk refuses: said once a minute, and to readyz. path: of the function; or NULL. */
void logs_say_failing(struct logs *s, const char *path, int r);

/* hot.c */
void logs_hot_open(struct logs *s);
int logs_hot_keep(struct logs *s);   /* worker: the file, if it is not kept yet */
void logs_hot_adopt(struct logs *s); /* and from now on that */
void logs_hot_set(struct flog *f);
void logs_hot_clear(struct flog *f); /* if nothing of it is left */
void logs_hot_close(struct logs *s);

/* state.c: what the end before was like */
void logs_state_open(struct logs *s);
/* Worker: what could not be written at the start; no record is, before. 0, or negative. */
int logs_state_keep(struct logs *s);
void logs_state_close(struct logs *s);

/* sweep.c: what is too old or too much */
void logs_sweep(struct logs *s);  /* if it is time */
void logs_retire(struct logs *s); /* worker: the newest segments it named */

/* read.c */
void logs_wake_readers(struct logs *s);
void logs_end_readers(struct logs *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_db.h - the SQLite file behind queue_sqlite.c. Calls block. One thread at a time.
 *
 *   event    one row per event, small: what changes with its life, and what it is looked up by
 *   body     attributes and payload, written once: a lease does not copy 16 MB
 *   name     names of queues and sources, once each
 *   ledger   per queue and source how many were accepted, and how many are in each state
 *   cursor   places in sources
 *   meta     one row: commits so far, the next seq, the last fencing token
 */
#ifndef EVOKE_STORE_SQLITE_QUEUE_DB_H
#define EVOKE_STORE_SQLITE_QUEUE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "store/queue.h"

struct err;
struct list;
struct map;
struct q_job;
struct queue_guard;
struct sqlite3;
struct sqlite3_stmt;

enum qdb_stmt {
    QDB_BEGIN,
    QDB_COMMIT,
    QDB_ROLLBACK,
    QDB_META,
    QDB_NAME,
    QDB_LEDGER,
    QDB_PUT,
    QDB_PUT_BODY,
    QDB_UNPUT,
    QDB_UNPUT_BODY,
    QDB_ROW,
    QDB_BODY,
    QDB_FIND,
    QDB_MOVE,
    QDB_STATE,
    QDB_EXTEND,
    QDB_KEY_RUNNING,
    QDB_KEY_FREE,
    QDB_KEY_HELD,
    QDB_PRIORITY,
    QDB_TIMED,
    QDB_AT_ONCE,
    QDB_JUDGE_TIMED,
    QDB_JUDGE_AT_ONCE,
    QDB_RUN_OUT,
    QDB_OF_OTHERS,
    QDB_NEXT_TIMED,
    QDB_NEXT_END,
    QDB_CURSOR,
    QDB_SET_CURSOR,
    QDB_DROP_CURSOR,
    QDB_OLDEST_ENDED,
    QDB_DROP,
    QDB_DROP_BODY,
    QDB_NEWEST,
    QDB_NEWEST_OF,
    QDB_NEWEST_DEAD,
    QDB_RUNNING,
    QDB_OLDEST,
    QDB_OLDEST_OF,
    QDB_OLDEST_DEAD,
    QDB_STMTS,
};

/*
 * In column event.state. What waits behind an earlier event of its order key is HELD: it is no
 * candidate, so a lease never steps over a million of them. Outside it is WAITING as well.
 */
enum { QDB_HELD = Q_STATES };

struct qdb_name {
    int64_t id;
    struct str text;   /* owned */
    struct list rows;  /* of the ledger, where it is a queue */
    struct list fresh; /* while the file does not know it yet */
};

/* A row of the ledger. All of them are in memory: every change of an event changes one. */
struct qdb_row {
    struct list of_queue; /* in its queue's rows */
    struct list dirty;    /* while `now` differs from the file */
    struct qdb_name *queue, *source;
    struct q_ledger now, committed; /* names are not filled in */
};

/* Moves with a commit. */
struct qdb_meta {
    uint64_t commits;
    uint64_t next_seq;
    uint64_t token; /* the last one given */
    uint64_t ended; /* events kept to be looked at: neither waiting, running nor dead */
};

/* Who holds a lease. In memory only: whoever opens the file is alone with it. */
struct qdb_holder {
    struct list node;
    struct str name; /* owned */
    struct qdb_held {
        uint64_t token; /* 0: nobody */
        uint64_t until_ns;
    } now, committed;
};

struct qdb {
    struct sqlite3 *conn;
    struct sqlite3_stmt *stmts[QDB_STMTS];
    struct queue_guard *guard; /* owned */
    int lock_fd;

    struct map *names;          /* text to qdb_name */
    struct qdb_name **by_id;    /* owned, and so are they */
    uint32_t nnames, names_cap; /* by_id[1] is the first */
    struct list fresh, dirty;   /* names, rows */
    struct list holders;

    struct qdb_meta meta, committed;
    struct q_stats totals, committed_totals;
    bool changed; /* in this transaction */
    bool broken;  /* an I/O error: everything is refused until it is opened again */
    int wal_pages;
    int64_t now_ms; /* of the job being carried out */
    uint64_t now_ns;
};

/* queue_open.c */
int qdb_open(struct qdb *db, const char *path, uint32_t wait_ms, struct q_opened *ret,
             struct err *e);
void qdb_close(struct qdb *db); /* also a half-opened one */

/* queue_group.c: carry out all of the list (no backups), in order, in one commit. Each then has its
 * result, or is `walking`. */
void qdb_group(struct qdb *db, struct list *works);
void qdb_tidy(struct qdb *db); /* between groups: keep the log short */
extern int qdb_log_pages;      /* how long the log may become; tests make it short */
bool qdb_idle(struct qdb *db); /* nothing to do: look for damage. True: there is more to read */

/*
 * The rest is for the files of this store. Inside a transaction: SQLITE_OK, or SQLite's code for
 * what failed. What is merely refused is in the job.
 */
struct sqlite3_stmt *qdb_stmt(struct qdb *db, enum qdb_stmt which);
void qdb_bind(struct sqlite3_stmt *st, int at, struct str s);         /* n 0: an empty blob */
void qdb_bind_or_null(struct sqlite3_stmt *st, int at, struct str s); /* n 0: NULL */
struct str qdb_bytes(struct sqlite3_stmt *st, int column);            /* borrowed */
int qdb_run(struct qdb *db, enum qdb_stmt which);                     /* one without rows */
int qdb_end(struct sqlite3_stmt *st, int code); /* resets; ROW and DONE become OK */

/* queue_ledger.c */
int qdb_ledger_load(struct qdb *db);
int qdb_ledger_flush(struct qdb *db); /* before the commit */
void qdb_ledger_settle(struct qdb *db, bool committed);
void qdb_ledger_free(struct qdb *db);
struct qdb_name *qdb_name_find(struct qdb *db, struct str text); /* or NULL */
struct qdb_name *qdb_name_get(struct qdb *db, struct str text);
struct qdb_name *qdb_name_at(struct qdb *db, int64_t id); /* or NULL */
struct qdb_row *qdb_ledger_row(struct qdb_name *queue, struct qdb_name *source);
struct q_ledger *qdb_ledger_change(struct qdb *db, struct qdb_row *row);
uint64_t qdb_ledger_sum(const struct qdb_name *queue, enum q_state state);
int qdb_do_counts(struct qdb *db, struct q_job *job);

/* queue_row.c: an event's row, and the one way it changes. */
struct qdb_event {
    uint64_t seq;
    struct qdb_row *row;
    int state;  /* enum q_state or QDB_HELD */
    int64_t at; /* waiting: not before; running: until, CLOCK_MONOTONIC in ms; else: when it ended */
    uint8_t priority;
    uint32_t attempt;
    uint64_t token;
    int64_t created_ms, expires_ms;
    char order[Q_ID];
    size_t norder; /* 0: none */
};
struct qdb_move {
    enum q_state to;
    int64_t at;
    uint32_t attempt;
    uint64_t token;
    int64_t expires_ms;
    struct str note; /* p NULL: as it was */
};
enum q_state qdb_public(int state);
int qdb_event_get(struct qdb *db, uint64_t seq, struct qdb_event *ret, bool *ret_found);
int qdb_event_find(struct qdb *db, struct str id, uint64_t *ret_seq); /* 0: there is none */
int qdb_event_move(struct qdb *db, struct qdb_event *ev, const struct qdb_move *to);
int qdb_event_show(struct qdb *db, struct q_job *job, uint64_t seq, bool payload);
/* What a new event of this key begins as. */
int qdb_key_state(struct qdb *db, const struct qdb_name *queue, struct str order, int *ret);

/* queue_put.c */
int qdb_put_records(struct qdb *db, const struct q_record *records, uint32_t n, int *each);
int qdb_do_put(struct qdb *db, struct q_job *job);
int qdb_do_pass(struct qdb *db, struct q_job *job);
int qdb_do_cursor(struct qdb *db, struct q_job *job);

/* queue_lease.c */
bool qdb_token_held(const struct qdb *db, uint64_t token);
int qdb_do_lease(struct qdb *db, struct q_job *job);
int qdb_do_ready(struct qdb *db, struct q_job *job);
int qdb_do_campaign(struct qdb *db, struct q_job *job);
int qdb_do_keep(struct qdb *db, struct q_job *job);
int qdb_do_revoke(struct qdb *db, struct q_job *job);
void qdb_holders_settle(struct qdb *db, bool committed);
void qdb_holders_free(struct qdb *db);

/* queue_item.c */
int qdb_do_extend(struct qdb *db, struct q_job *job);
int qdb_do_again(struct qdb *db, struct q_job *job);
int qdb_do_finish(struct qdb *db, struct q_job *job);
int qdb_do_cancel(struct qdb *db, struct q_job *job);

/* queue_walk.c. The first three may leave the job `walking`: give it to the next group again. */
int qdb_do_list(struct qdb *db, struct q_job *job);
int qdb_do_redrive(struct qdb *db, struct q_job *job);
int qdb_do_purge(struct qdb *db, struct q_job *job);
int qdb_do_trim(struct qdb *db, struct q_job *job);

#endif

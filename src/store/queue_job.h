/* SPDX-License-Identifier: Apache-2.0 */
/* queue_job.h - a request to a queue store with its result: what backends of queue.h share. Not for
 * other rooms. */
#ifndef EVOKE_STORE_QUEUE_JOB_H
#define EVOKE_STORE_QUEUE_JOB_H

#include "store/desk.h"
#include "store/queue.h"

enum q_job_kind {
    Q_JOB_PUT,
    Q_JOB_LEASE,
    Q_JOB_EXTEND,
    Q_JOB_AGAIN,
    Q_JOB_FINISH,
    Q_JOB_CANCEL,
    Q_JOB_REDRIVE,
    Q_JOB_PURGE,
    Q_JOB_LIST,
    Q_JOB_COUNTS,
    Q_JOB_READY,
    Q_JOB_CURSOR,
    Q_JOB_PASS,
    Q_JOB_TRIM,
    Q_JOB_CAMPAIGN,
    Q_JOB_KEEP,
    Q_JOB_REVOKE,
    Q_JOB_BACKUP,
    Q_JOBS,
};

/* Every field a request may have; which of them count is the kind's affair. */
struct q_asked {
    struct q_put put;
    struct q_lease lease;
    struct q_filter filter;
    uint64_t token;
    const struct q_item *items;
    const struct q_again *agains;
    const struct q_end *ends;
    uint32_t n;            /* of these three */
    uint32_t ms;           /* visible, or a lease's time to live */
    struct str name, note; /* id, cursor, lease or path; pass: the queue */
    struct str source;
    const struct q_cursor *cursor; /* NULL: none */
    int64_t at_ms;                 /* expires, or ended before */
    uint64_t number, keep;         /* passed; to be kept */
};

struct q_block; /* bytes of an answer */

struct q_job {
    struct work work; /* its r is the result */
    enum q_job_kind kind;
    void *user;
    union {
        q_put_fn *put;
        q_events_fn *events;
        q_items_fn *items;
        q_count_fn *count;
        q_ledger_fn *ledger;
        q_ready_fn *ready;
        q_cursor_fn *cursor;
        lease_fn *lease;
        q_backup_fn *backup;
    } fn;
    struct q_asked asked; /* all it points to is this job's */
    char *room;           /* owned: what `asked` points to */

    /* The answer. */
    int *each; /* owned: of record or item i; their number is known from what was asked */
    struct q_event *events;
    struct q_ledger *rows;
    struct q_ready *queues;
    uint32_t n; /* of these three, owned */
    bool more;
    uint64_t count; /* or a token */
    struct str value;
    struct q_block *blocks; /* owned: the bytes of all these */
    size_t bytes;           /* in blocks */

    /* A walk over many events, a piece at a time. */
    uint64_t place;  /* how far it came; 0: not begun */
    uint64_t *found; /* owned: seq of what fits */
    uint32_t nfound;
    bool walking; /* there is more to look at */

    struct q_stats totals; /* of the store when it was carried out */
    bool carried_out;
};

/*
 * A copy of what is asked, `asked` being borrowed for the call. One that breaks a limit of queue.h
 * is born with r = -E2BIG, carries no copy, and goes straight to its completion.
 */
struct q_job *q_job_new(enum q_job_kind kind, const struct q_asked *asked, void *user);
struct q_job *q_job_free(struct q_job *job);
void q_job_complete(struct q_job *job); /* calls the completion, then frees the job */

uint32_t q_job_items(const struct q_job *job); /* how many results `each` holds */
/* Forget every answer, to be carried out again. */
void q_job_restart(struct q_job *job);
void q_job_fail(struct q_job *job, int r);

/* Answers; copied. */
struct str q_job_keep(struct q_job *job, struct str s);
void q_job_add_event(struct q_job *job, const struct q_event *event);
void q_job_add_row(struct q_job *job, const struct q_ledger *row);
void q_job_add_queue(struct q_job *job, const struct q_ready *queue);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.h - what `evoke logs` and `evoke audit` have in common: a list of the daemon that grows, read
 * with a cursor.
 *
 * One answer is asked for, written, and only then the next one: a slow terminal slows us, never fills
 * us. A follower's question waits in the daemon. While there is no daemon it is asked again, and goes
 * on where it was.
 */
#ifndef EVOKE_CLI_FOLLOW_H
#define EVOKE_CLI_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/args.h"

struct cJSON;
struct client;
struct err;

struct follow {
    const char *list;  /* borrowed; "logs": GET /evoke/v1/logs */
    bool on;           /* after the last record, until Ctrl-C */
    bool hold;         /* the daemon may hold the question until there is more */
    struct buf filter; /* owned; of every question */
    struct buf first;  /* owned; of those before the first answer: where to begin */
    char *cursor;      /* owned; NULL before the first answer */
    bool away;         /* the daemon did not answer, which was said */
};

struct follow_ops {
    /* Write the records (an array) of an answer, all the way out. */
    int (*answer)(void *user, const struct cJSON *answer, const struct cJSON *records,
                  struct err *e);
    void (*idle)(void *user); /* all was written, we are going to wait; or NULL */
};

void follow_init(struct follow *f, const char *list, bool on);
void follow_done(struct follow *f);

void follow_text(struct buf *query, const char *key, struct str value);
void follow_number(struct buf *query, const char *key, int64_t value);
/* The rows of the options --since and --until, and what was given, checked. */
#define FOLLOW_SPAN                                                                                \
    {.name = "since",                                                                              \
     .kind = OPTION_TEXT,                                                                          \
     .arg = "TIME",                                                                                \
     .help = "from then on: 10m, 2h, 2026-11-22T10:00:00Z",                                        \
     .min = 1,                                                                                     \
     .max = 64},                                                                                   \
    {                                                                                              \
        .name = "until", .kind = OPTION_TEXT, .arg = "TIME", .help = "to then", .min = 1,          \
        .max = 64                                                                                  \
    }
int follow_span(struct follow *f, const struct args *args, struct err *e);

/* 0 at the end of the list, -EINTR after Ctrl-C, or what a question or ops->answer failed with. */
int follow_run(struct follow *f, struct client *client, const struct follow_ops *ops, void *user,
               struct err *e);
/* The exit code for what follow_run() returned; tells of e. */
int follow_exit(int r, const struct err *e);

#endif

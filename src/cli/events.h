/* SPDX-License-Identifier: Apache-2.0 */
/* events.h - asynchronous events from the side of who looks: lists page by page, one in full. */
#ifndef EVOKE_CLI_EVENTS_H
#define EVOKE_CLI_EVENTS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/args.h"
#include "cli/command.h"

struct cJSON;
struct client;
struct err;

enum { EVENTS_PAGE = 1000, EVENTS_MOST = 100000, EVENTS_DEFAULT = 50 };

/* The row of --limit. */
#define EVENTS_LIMIT                                                                               \
    {                                                                                              \
        .name = "limit", .letter = 'n', .kind = OPTION_INT, .arg = "N",                            \
        .help = "how many at most", .def = "50", .min = 1, .max = EVENTS_MOST                      \
    }

/* "&key=value", encoded */
void events_query(struct buf *query, const char *key, struct str value);
/* --since and --until of the command line as "since_ms" and "until_ms" (0: not given). */
int events_span(const struct args *args, int64_t *ret_since_ms, int64_t *ret_until_ms,
                struct err *e);

/* The full key of the function that word means, as in "function": .... */
int events_function(struct client *c, const char *word, struct buf *out, struct err *e);

/* Newest first, up to most, as many pages as it takes. An array, owned. */
int events_list(struct client *c, struct str query, int64_t most, struct cJSON **ret,
                struct err *e);
/* On a terminal: "function" of rows that are all of one space is the name alone. */
void events_shorten(struct cJSON *rows);
void events_print(enum output_format format, const struct cJSON *events);

/* "/evoke/v1/events/<id>" and what follows. */
void events_path(const char *id, const char *rest, struct buf *path);
int events_get(struct client *c, const char *id, struct cJSON **ret, struct err *e);
/* One in full, for people: what was accepted, each try, how it ended, what to do next (stderr). */
void events_show(enum output_format format, const struct cJSON *event);

/* An event was accepted: its request id on stdout, what next on stderr. */
void events_accepted(enum output_format format, const struct cJSON *answer);

/* A request with a JSON body and a JSON answer (ret NULL: none is wanted). Returns the status. */
int events_post(struct client *c, const char *method, struct str path, struct str body,
                struct cJSON **ret, struct err *e);

/* "? [y/N]" where both question and answer have a terminal; a script is not asked. */
bool events_agreed(const char *question);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - the program's own log: one event, one line of key=value or JSON on stderr, or one entry of
 * the systemd journal. Never a function's output, never a secret. Log once, at the edge; below it,
 * return. Nothing here allocates. docs/logging.md */
#ifndef EVOKE_BASE_LOG_H
#define EVOKE_BASE_LOG_H

#include <stdint.h>

#include "base/str.h"

struct err;

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

/* Travels with an object, so that each line can be joined to its cause. Fields may be NULL. */
struct log_cx {
    const char *component; /* "http", "pool", ... */
    const char *function;  /* "functiongraph/p/r/default/hello" */
    const char *request_id;
};

enum { LOG_RULES = 32, LOG_COMPONENT = 24 };

struct log_conf {
    enum log_format format;
    enum log_level level; /* of every component that has no rule */
    uint32_t nrules;
    struct {
        char component[LOG_COMPONENT];
        enum log_level level;
    } rules[LOG_RULES];
};

/* levels: "info", "info,pool=debug,http=warn"; format: "logfmt", "json". A component's name is 1 to
 * 23 of a-z, 0-9, '-' and '_'; each is named once, and without a bare level it is info. -EINVAL with
 * a sentence, *ret untouched. */
int log_conf_parse(struct str levels, struct str format, struct log_conf *ret, struct err *e);

/* process: keeper, launcher, daemon. If stderr is the journal ($JOURNAL_STREAM), entries go there by
 * its own protocol: one descriptor more, close-on-exec. */
void log_open(const char *process, enum log_level level);
/* From any thread, at any time: lines after it follow the new rules. */
void log_set(const struct log_conf *conf);
/* From here on stderr only: for a child of fork() whose descriptors are about to change places. */
void log_plain(void);
/* err: failed and passed on. warn: failed, we went on ("ignoring", "retrying"). info: what an
 * operator would tell a colleague. debug: free. cx may be NULL. Of one message (component and fmt)
 * LOG_BURST lines pass in LOG_WINDOW_S; the rest are counted and told of in one line. */
enum { LOG_BURST = 40, LOG_WINDOW_S = 10 };
void log_line(enum log_level level, const struct log_cx *cx, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* Tell of what was held back in windows that have ended (all: in every one, for the process ends).
 * Any line does so too; a process that may fall silent after a flood asks now and then. */
void log_flush(bool all);

#define log_err(cx, ...)   log_line(LOG_ERR, cx, __VA_ARGS__)
#define log_warn(cx, ...)  log_line(LOG_WARN, cx, __VA_ARGS__)
#define log_info(cx, ...)  log_line(LOG_INFO, cx, __VA_ARGS__)
#define log_debug(cx, ...) log_line(LOG_DEBUG, cx, __VA_ARGS__)

#endif

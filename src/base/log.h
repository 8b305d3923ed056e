/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - the program's own log: one line of key=value per event on stderr. Never a function's
 * output, never a secret. Log once, at the edge; below it, return. */
#ifndef EVOKE_BASE_LOG_H
#define EVOKE_BASE_LOG_H

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Travels with an object, so that each line can be joined to its cause. Fields may be NULL. */
struct log_cx {
    const char *component; /* "http", "pool", ... */
    const char *function;  /* "functiongraph/p/r/default/hello" */
    const char *request_id;
};

void log_open(const char *process, enum log_level level); /* process: keeper, launcher, daemon */
/* err: failed and passed on. warn: failed, we went on ("ignoring", "retrying"). info: what an
 * operator would tell a colleague. debug: free. cx may be NULL. */
void log_line(enum log_level level, const struct log_cx *cx, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

#define log_err(cx, ...)   log_line(LOG_ERR, cx, __VA_ARGS__)
#define log_warn(cx, ...)  log_line(LOG_WARN, cx, __VA_ARGS__)
#define log_info(cx, ...)  log_line(LOG_INFO, cx, __VA_ARGS__)
#define log_debug(cx, ...) log_line(LOG_DEBUG, cx, __VA_ARGS__)

#endif

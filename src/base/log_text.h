/* SPDX-License-Identifier: Apache-2.0 */
/* log_text.h - one event of the log as text; shared by the log's files, not for other rooms. */
#ifndef EVOKE_BASE_LOG_TEXT_H
#define EVOKE_BASE_LOG_TEXT_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

/* A line that leaves in one write of at most PIPE_BUF bytes is never torn apart (pipe(7)). */
enum { LOG_TEXT_MAX = 4096, LOG_MSG_MAX = 3072, LOG_FIELD_MAX = 256 };
_Static_assert(LOG_TEXT_MAX <= PIPE_BUF, "a longer line could be torn apart in a pipe");

struct log_event {
    int64_t wall_ms;
    enum log_level level;
    const char *process;
    const struct log_cx *cx; /* or NULL */
    const char *msg;
};

struct log_text {
    char p[LOG_TEXT_MAX];
    size_t n;
};

extern const char *const log_level_names[];

/* Each cuts values that are too long, and ends with a newline. */
void log_text_logfmt(const struct log_event *ev, struct log_text *out);
void log_text_json(const struct log_event *ev, struct log_text *out);
/* systemd's native journal protocol: one datagram. https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ */
void log_text_journal(const struct log_event *ev, struct log_text *out);

#endif

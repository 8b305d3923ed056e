/* SPDX-License-Identifier: Apache-2.0 */
/* log_limit.h - how much of one message is let through; shared by the log's files, not for other
 * rooms. Not locked: log.c does. */
#ifndef EVOKE_BASE_LOG_LIMIT_H
#define EVOKE_BASE_LOG_LIMIT_H

#include "base/log.h"

enum { LOG_LIMIT_SITES = 64, LOG_LIMIT_SAMPLE = 160 };

/* One message: a component and the place in the source that says it (its format's address). */
struct log_site {
    const char *component, *fmt; /* fmt NULL: free */
    enum log_level level;
    uint64_t since_ns; /* the window's begin */
    uint32_t passed, held;
    char sample[LOG_LIMIT_SAMPLE]; /* the last line that passed before one was held */
};

struct log_limit {
    struct log_site sites[LOG_LIMIT_SITES];
    uint32_t holding; /* sites with held > 0 */
};

/* May this line pass? Counted either way. What had to make room for it is copied to *ret_gone, with
 * held > 0 if there is something to tell of it. */
bool log_limit_pass(struct log_limit *l, enum log_level level, const char *component,
                    const char *fmt, const char *msg, uint64_t now_ns, struct log_site *ret_gone);
/* One site whose window has ended (all: or not) with lines held; false: there is none. It is free
 * afterwards. Call until false. */
bool log_limit_take(struct log_limit *l, uint64_t now_ns, bool all, struct log_site *ret);

#endif

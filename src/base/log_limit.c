/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_limit.c - a flood becomes a burst and a number.
 *
 * A fixed table, found by walking it: it is small, and only lines that would be written come here.
 * When it is full, the site with the oldest window makes room, and what it held is told first. So
 * the sum of lines written and lines counted is always the number of lines said.
 */
#include "base/log_limit.h"

#include <stdio.h>

static const uint64_t window_ns = LOG_WINDOW_S * 1000000000ULL;

static bool ended(const struct log_site *s, uint64_t now_ns)
{
    return now_ns - s->since_ns >= window_ns;
}

static void clear(struct log_limit *l, struct log_site *s)
{
    if (s->held)
        l->holding--;
    *s = (struct log_site){0};
}

static struct log_site *find(struct log_limit *l, const char *component, const char *fmt,
                             struct log_site *ret_gone)
{
    struct log_site *oldest = &l->sites[0];

    for (size_t i = 0; i < LOG_LIMIT_SITES; i++) {
        struct log_site *s = &l->sites[i];

        if (s->fmt == fmt && s->component == component)
            return s;
        if (!s->fmt || (oldest->fmt && s->since_ns < oldest->since_ns))
            oldest = s;
    }
    *ret_gone = *oldest;
    clear(l, oldest);
    return oldest;
}

bool log_limit_pass(struct log_limit *l, enum log_level level, const char *component,
                    const char *fmt, const char *msg, uint64_t now_ns, struct log_site *ret_gone)
{
    struct log_site *s;

    ret_gone->held = 0;
    s = find(l, component, fmt, ret_gone);
    if (s->fmt && ended(s, now_ns)) {
        *ret_gone = *s;
        clear(l, s);
    }
    if (!s->fmt)
        *s = (struct log_site){.component = component, .fmt = fmt, .since_ns = now_ns};
    s->level = level;
    if (s->passed < LOG_BURST) {
        if (++s->passed == LOG_BURST)
            (void)snprintf(s->sample, sizeof(s->sample), "%s", msg);
        return true;
    }
    if (s->held++ == 0)
        l->holding++;
    return false;
}

bool log_limit_take(struct log_limit *l, uint64_t now_ns, bool all, struct log_site *ret)
{
    for (size_t i = 0; l->holding > 0 && i < LOG_LIMIT_SITES; i++) {
        struct log_site *s = &l->sites[i];

        if (!s->held || (!all && !ended(s, now_ns)))
            continue;
        *ret = *s;
        clear(l, s);
        return true;
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - one event, one line, one write(2).
 *
 * Three processes and several threads share one stderr. A line that leaves in a single write of at
 * most PIPE_BUF bytes is never cut in two by somebody else's (pipe(7)), so there is no lock here.
 * Whatever strangers can put into a field is quoted: a log line never holds a second line, and a
 * terminal that shows it never sees a control sequence.
 *
 * Process name and level are set once, before there are threads, and only read afterwards.
 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"

enum { LINE_MAX_BYTES = 4096, MSG_MAX = 3072, FIELD_MAX = 256, TAIL = 2 /* quote, newline */ };

_Static_assert(LINE_MAX_BYTES <= PIPE_BUF, "a longer line could be torn apart in a pipe");

static char process_name[32] = "evoke";
static enum log_level highest = LOG_INFO;

struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
};

void log_open(const char *process, enum log_level level)
{
    snprintf(process_name, sizeof(process_name), "%s", process);
    highest = level;
}

static bool add(struct line *l, const char *p, size_t n)
{
    if (l->n + n > sizeof(l->text) - TAIL)
        return false;
    memcpy(l->text + l->n, p, n);
    l->n += n;
    return true;
}

/* One character of a quoted value: as it is, or as an escape. Returns how many bytes it took, 0
 * when the line is full. */
static size_t add_char(struct line *l, struct str s)
{
    size_t step = utf8_step(s.p, s.n);
    char c = s.p[0], hex[5];
    /* U+0080 to U+009F are control characters too, and some terminals obey them. */
    bool control = (step == 1 && ((uint8_t)c < 0x20 || c == 0x7f)) ||
                   (step == 2 && (uint8_t)c == 0xc2 && (uint8_t)s.p[1] < 0xa0);

    if (c == '"' || c == '\\')
        return add(l, (char[]){'\\', c}, 2) ? 1 : 0;
    if (c == '\n')
        return add(l, "\\n", 2) ? 1 : 0;
    if (c == '\t')
        return add(l, "\\t", 2) ? 1 : 0;
    if (step > 0 && !control)
        return add(l, s.p, step) ? step : 0;
    snprintf(hex, sizeof(hex), "\\x%02x", (unsigned)(uint8_t)c);
    return add(l, hex, 4) ? 1 : 0;
}

/* The second byte of an escaped U+0080..U+009F is no valid start, so it is escaped by itself. */
static void add_quoted(struct line *l, struct str s)
{
    if (!add(l, "\"", 1))
        return;
    for (size_t step; s.n > 0; s = str_from(s, step)) {
        step = add_char(l, s);
        if (step == 0)
            break;
    }
    l->text[l->n++] = '"'; /* TAIL keeps this byte free */
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] <= ' ' || (uint8_t)s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\' ||
            s.p[i] == '=')
            return false;
    return s.n > 0;
}

static void add_field(struct line *l, const char *key, const char *value)
{
    struct str s = str_of(value);

    if (!value)
        return;
    if (s.n > FIELD_MAX)
        s.n = FIELD_MAX;
    add(l, key, strlen(key));
    if (is_plain(s))
        add(l, s.p, s.n);
    else
        add_quoted(l, s);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERR:
        return "err";
    case LOG_WARN:
        return "warn";
    case LOG_INFO:
        return "info";
    case LOG_DEBUG:
        return "debug";
    }
    return "err";
}

void log_line(enum log_level level, const struct log_cx *cx, const char *fmt, ...)
{
    int saved = errno;
    struct line l = {.n = 0};
    char ts[CLOCK_TEXT], msg[MSG_MAX];
    va_list ap;

    if (level > highest)
        return;
    va_start(ap, fmt);
    if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
        msg[0] = '\0';
    va_end(ap);

    add_field(&l, "ts=", clock_iso_ms(clock_wall_ms(), ts));
    add_field(&l, " level=", level_name(level));
    add_field(&l, " process=", process_name);
    if (cx) {
        add_field(&l, " component=", cx->component);
        add_field(&l, " function=", cx->function);
        add_field(&l, " request_id=", cx->request_id);
    }
    add(&l, " msg=", 5);
    add_quoted(&l, str_of(msg));
    l.text[l.n++] = '\n';

    /* A log that cannot be written has nobody left to tell. */
    if (write(STDERR_FILENO, l.text, l.n) < 0)
        errno = saved;
    errno = saved;
}

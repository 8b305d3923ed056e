/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_text.c - three ways to write down one event.
 *
 * Whatever strangers can put into a field is quoted: a line never holds a second line, a terminal
 * that shows it never sees a control sequence, and JSON stays JSON where the text was cut. The
 * fields are the same in all three, and come from one walk.
 */
#include "base/log_text.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"

enum { TAIL = 3 /* quote, brace, newline */ };

const char *const log_level_names[] = {
        [LOG_ERR] = "err", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static bool add(struct log_text *l, const char *p, size_t n)
{
    if (l->n + n > sizeof(l->p) - TAIL)
        return false;
    memcpy(l->p + l->n, p, n);
    l->n += n;
    return true;
}

static void addz(struct log_text *l, const char *s)
{
    (void)add(l, s, strlen(s));
}

static struct str cut(const char *value, size_t max)
{
    struct str s = str_of(value);

    if (s.n > max)
        s.n = max;
    return s;
}

/* U+0080 to U+009F are control characters too, and some terminals obey them. */
static bool is_control(struct str s, size_t step)
{
    uint8_t c = (uint8_t)s.p[0];

    return (step == 1 && (c < 0x20 || c == 0x7f)) ||
           (step == 2 && c == 0xc2 && (uint8_t)s.p[1] < 0xa0);
}

/* One character of a quoted value: as it is, or as an escape. Returns how many bytes it took, 0
 * when the line is full. */
typedef size_t add_char_fn(struct log_text *l, struct str s);

static size_t add_simple(struct log_text *l, struct str s, size_t step)
{
    char c = s.p[0];

    if (c == '"' || c == '\\')
        return add(l, (char[]){'\\', c}, 2) ? 1 : 0;
    if (c == '\n')
        return add(l, "\\n", 2) ? 1 : 0;
    if (c == '\t')
        return add(l, "\\t", 2) ? 1 : 0;
    return add(l, s.p, step) ? step : 0;
}

static bool is_simple(struct str s, size_t step)
{
    return s.p[0] == '\n' || s.p[0] == '\t' || (step > 0 && !is_control(s, step));
}

/* The second byte of an escaped U+0080..U+009F is no valid start, so it is escaped by itself. */
static size_t add_char_logfmt(struct log_text *l, struct str s)
{
    size_t step = utf8_step(s.p, s.n);
    char hex[5];

    if (is_simple(s, step))
        return add_simple(l, s, step);
    snprintf(hex, sizeof(hex), "\\x%02x", (unsigned)(uint8_t)s.p[0]);
    return add(l, hex, 4) ? 1 : 0;
}

/* What is no UTF-8 becomes U+FFFD: JSON has no way to say a byte. */
static size_t add_char_json(struct log_text *l, struct str s)
{
    size_t step = utf8_step(s.p, s.n);
    char hex[7];

    if (is_simple(s, step))
        return add_simple(l, s, step);
    if (step == 0)
        return add(l, "\xef\xbf\xbd", 3) ? 1 : 0;
    snprintf(hex, sizeof(hex), "\\u%04x", (unsigned)(uint8_t)s.p[step - 1]);
    return add(l, hex, 6) ? step : 0;
}

static void add_quoted(struct log_text *l, struct str s, add_char_fn *add_char)
{
    if (!add(l, "\"", 1))
        return;
    for (size_t step; s.n > 0; s = str_from(s, step)) {
        step = add_char(l, s);
        if (step == 0)
            break;
    }
    l->p[l->n++] = '"'; /* TAIL keeps this byte free */
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] <= ' ' || (uint8_t)s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\' ||
            s.p[i] == '=')
            return false;
    return s.n > 0;
}

typedef void add_field_fn(struct log_text *l, const char *key, struct str value);

static void add_logfmt(struct log_text *l, const char *key, struct str value)
{
    if (l->n > 0)
        addz(l, " ");
    addz(l, key);
    addz(l, "=");
    if (is_plain(value) && strcmp(key, "msg") != 0)
        (void)add(l, value.p, value.n);
    else
        add_quoted(l, value, add_char_logfmt);
}

static void add_json(struct log_text *l, const char *key, struct str value)
{
    addz(l, l->n > 0 ? "," : "{");
    add_quoted(l, str_of(key), add_char_json);
    addz(l, ":");
    add_quoted(l, value, add_char_json);
}

/* A value with a newline in it is told with its length, little endian. */
static void add_journal(struct log_text *l, const char *key, struct str value)
{
    uint64_t n = value.n;
    char size[8];

    if (l->n + strlen(key) + value.n + sizeof(size) + 2 > sizeof(l->p))
        return;
    addz(l, key);
    if (str_has(value, '\n')) {
        for (size_t i = 0; i < sizeof(size); i++)
            size[i] = (char)(n >> (8 * i));
        addz(l, "\n");
        (void)add(l, size, sizeof(size));
    } else {
        addz(l, "=");
    }
    (void)add(l, value.p, value.n);
    addz(l, "\n");
}

static void add_cx(struct log_text *l, const struct log_cx *cx, add_field_fn *field,
                   const char *const keys[3])
{
    const char *const values[3] = {cx ? cx->component : NULL, cx ? cx->function : NULL,
                                   cx ? cx->request_id : NULL};

    for (size_t i = 0; i < 3; i++)
        if (values[i])
            field(l, keys[i], cut(values[i], LOG_FIELD_MAX));
}

static void add_all(struct log_text *l, const struct log_event *ev, add_field_fn *field)
{
    static const char *const keys[3] = {"component", "function", "request_id"};
    char ts[CLOCK_TEXT];

    l->n = 0;
    field(l, "ts", str_of(clock_iso_ms(ev->wall_ms, ts)));
    field(l, "level", str_of(log_level_names[ev->level]));
    field(l, "process", str_of(ev->process));
    add_cx(l, ev->cx, field, keys);
    field(l, "msg", str_of(ev->msg));
}

void log_text_logfmt(const struct log_event *ev, struct log_text *out)
{
    add_all(out, ev, add_logfmt);
    out->p[out->n++] = '\n';
}

void log_text_json(const struct log_event *ev, struct log_text *out)
{
    add_all(out, ev, add_json);
    out->p[out->n++] = '}';
    out->p[out->n++] = '\n';
}

void log_text_journal(const struct log_event *ev, struct log_text *out)
{
    static const char *const keys[3] = {"EVOKE_COMPONENT", "EVOKE_FUNCTION", "EVOKE_REQUEST_ID"};
    static const char *const priorities[] = {
            [LOG_ERR] = "3", [LOG_WARN] = "4", [LOG_INFO] = "6", [LOG_DEBUG] = "7"}; /* syslog(3) */

    out->n = 0;
    add_journal(out, "MESSAGE", cut(ev->msg, LOG_MSG_MAX - 1));
    add_journal(out, "PRIORITY", str_of(priorities[ev->level]));
    add_journal(out, "SYSLOG_IDENTIFIER", S("evoke"));
    add_journal(out, "EVOKE_PROCESS", str_of(ev->process));
    add_cx(out, ev->cx, add_journal, keys);
}

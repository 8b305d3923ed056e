/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_write.c - JSON text straight into a buffer, without a tree.
 *
 * The writer knows just enough to place commas: how deep it is, whether this level has something in
 * it, and whether a key waits for its value. After a nested value closes, its parent is never empty
 * any more, so one `first` flag serves all depths. Errors are the buffer's: write on, test
 * buf_ok() at the end.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "base/utf8.h"

void jw_init(struct jw *w, struct buf *out)
{
    *w = (struct jw){.out = out, .first = true};
}

/* Before a value or a key: the comma, unless we are first or behind a key. */
static void separate(struct jw *w)
{
    if (!w->first && !w->after_key)
        buf_addc(w->out, ',');
    w->first = w->after_key = false;
}

static void open_level(struct jw *w, char bracket)
{
    separate(w);
    buf_addc(w->out, bracket);
    w->depth++;
    w->first = true;
}

static void close_level(struct jw *w, char bracket)
{
    assert(w->depth > 0 && !w->after_key);
    buf_addc(w->out, bracket);
    w->depth--;
    w->first = false;
}

void jw_obj(struct jw *w)
{
    open_level(w, '{');
}

void jw_obj_end(struct jw *w)
{
    close_level(w, '}');
}

void jw_arr(struct jw *w)
{
    open_level(w, '[');
}

void jw_arr_end(struct jw *w)
{
    close_level(w, ']');
}

void jw_name(struct jw *w, struct str name)
{
    assert(w->depth > 0 && !w->after_key);
    separate(w);
    json_quote(w->out, name);
    buf_addc(w->out, ':');
    w->after_key = true;
}

void jw_key(struct jw *w, const char *key)
{
    jw_name(w, str_of(key));
}

void jw_str(struct jw *w, struct str s)
{
    separate(w);
    json_quote(w->out, s);
}

void jw_int(struct jw *w, int64_t v)
{
    separate(w);
    if (v < 0)
        buf_addc(w->out, '-');
    buf_addu(w->out, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void jw_fix(struct jw *w, uint64_t v, unsigned decimals)
{
    while (decimals > 0 && v % 10 == 0) {
        v /= 10;
        decimals--;
    }
    separate(w);
    if (decimals > 0)
        buf_addfix(w->out, v, decimals);
    else
        buf_addu(w->out, v);
}

void jw_bool(struct jw *w, bool v)
{
    separate(w);
    buf_adds(w->out, v ? S("true") : S("false"));
}

void jw_null(struct jw *w)
{
    separate(w);
    buf_adds(w->out, S("null"));
}

void jw_raw(struct jw *w, struct str json)
{
    separate(w);
    buf_adds(w->out, json);
}

void jw_kstr(struct jw *w, const char *key, struct str s)
{
    jw_key(w, key);
    jw_str(w, s);
}

void jw_kstrz(struct jw *w, const char *key, const char *s)
{
    jw_kstr(w, key, str_of(s));
}

void jw_kint(struct jw *w, const char *key, int64_t v)
{
    jw_key(w, key);
    jw_int(w, v);
}

void jw_kbool(struct jw *w, const char *key, bool v)
{
    jw_key(w, key);
    jw_bool(w, v);
}

/* Bytes from the start of s that need no escape. */
static size_t plain_run(struct str s)
{
    size_t i = 0, step;

    while (i < s.n && (uint8_t)s.p[i] >= 0x20 && s.p[i] != '"' && s.p[i] != '\\') {
        step = utf8_step(s.p + i, s.n - i);
        if (step == 0)
            break;
        i += step;
    }
    return i;
}

static void add_escaped(struct buf *out, uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
        buf_add(out, (char[]){'\\', (char)c}, 2);
        break;
    case '\b':
        buf_adds(out, S("\\b"));
        break;
    case '\f':
        buf_adds(out, S("\\f"));
        break;
    case '\n':
        buf_adds(out, S("\\n"));
        break;
    case '\r':
        buf_adds(out, S("\\r"));
        break;
    case '\t':
        buf_adds(out, S("\\t"));
        break;
    default:
        if (c < 0x20)
            buf_addf(out, "\\u%04x", c);
        else
            buf_adds(out, S("\xef\xbf\xbd")); /* U+FFFD */
        break;
    }
}

void json_quote(struct buf *out, struct str s)
{
    buf_addc(out, '"');
    while (s.n > 0) {
        size_t run = plain_run(s);

        buf_add(out, s.p, run);
        s = str_from(s, run);
        if (s.n > 0) {
            add_escaped(out, (uint8_t)s.p[0]);
            s = str_from(s, 1);
        }
    }
    buf_addc(out, '"');
}

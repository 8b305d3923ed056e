/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.c - writes down who has to act, and in which words.
 *
 * The struct is on the caller's stack and never grows: a report that needs memory is no report when
 * memory is the problem. Long messages are cut at their end, between two characters, because what
 * stands in front (the outermost context) tells the reader where to look.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* vsnprintf() cuts between bytes; take a half-cut UTF-8 character off the end. */
static void tidy_end(char *msg, size_t size)
{
    size_t n = strlen(msg), start = n;

    if (n + 1 < size)
        return;
    while (start > 0 && n - start < 4 && ((unsigned char)msg[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0 && (unsigned char)msg[start - 1] >= 0xc0) {
        unsigned char lead = (unsigned char)msg[start - 1];
        size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

        if (n - (start - 1) < want)
            msg[start - 1] = '\0';
    }
}

/* Append to a message that may be full already. */
static void __attribute__((format(printf, 2, 0)))
vappend(struct err *e, const char *fmt, va_list ap)
{
    size_t n = strlen(e->msg);

    if (vsnprintf(e->msg + n, sizeof(e->msg) - n, fmt, ap) < 0)
        e->msg[n] = '\0';
    tidy_end(e->msg, sizeof(e->msg));
}

static void __attribute__((format(printf, 2, 3))) append(struct err *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vappend(e, fmt, ap);
    va_end(ap);
}

int err_set(struct err *e, enum err_kind kind, int code, const char *fmt, ...)
{
    struct err made = {.code = code, .kind = kind};
    va_list ap;

    if (!e)
        return code;
    va_start(ap, fmt);
    vappend(&made, fmt, ap);
    va_end(ap);
    *e = made; /* last, so that an argument may be e->msg itself */
    return code;
}

int err_sys(struct err *e, const char *fmt, ...)
{
    int code = -errno;
    struct err made = {.code = code, .kind = ERR_HOST};
    va_list ap;

    if (!e)
        return code;
    va_start(ap, fmt);
    vappend(&made, fmt, ap);
    va_end(ap);
    append(&made, ": %s", strerror(-code));
    *e = made;
    return code;
}

int err_wrap(struct err *e, int r, const char *fmt, ...)
{
    struct err made = {.code = r};
    va_list ap;

    if (!e || r >= 0)
        return r;
    made.kind = e->kind == ERR_NONE ? ERR_HOST : e->kind;
    va_start(ap, fmt);
    vappend(&made, fmt, ap);
    va_end(ap);
    append(&made, ": %s", e->kind == ERR_NONE ? strerror(-r) : e->msg);
    *e = made;
    return r;
}

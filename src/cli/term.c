/* SPDX-License-Identifier: Apache-2.0 */
/*
 * term.c - the last step between us and whoever reads: a terminal, a pipe or a file.
 *
 * A function's output is whatever its author, or its author's visitors, made it print. On a
 * terminal such bytes are commands: they retitle windows, paint over the line above, answer
 * questions by typing for you, or turn the direction of the text so that code reads as something
 * else (CVE-2021-42574). So what we did not write ourselves goes through term_safe(). In a pipe it
 * is data, and data passes unchanged.
 *
 * A terminal is taken to speak UTF-8, whatever LANG says: in a container LANG is mostly unset and
 * the terminal around it still does. What is not UTF-8 is shown as bytes, so no 8-bit control can
 * come out either way.
 */
#include "cli/term.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "base/obj.h"
#include "cli/command.h"
#include "cli/interrupt.h"

enum { WIDTH_UNKNOWN = 80, TAB = 8, LAST_CHANCE_MS = 200 };

struct term term_of(FILE *out)
{
    const char *no_color = getenv("NO_COLOR"), *kind = getenv("TERM");
    struct term t = {.out = out, .tty = isatty(fileno(out)) == 1};

    t.colour = t.tty && !(no_color && *no_color) && kind && *kind && strcmp(kind, "dumb") != 0;
    return t;
}

size_t term_width(const struct term *t)
{
    struct winsize size;

    if (!t->tty)
        return 0;
    if (ioctl(fileno(t->out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return WIDTH_UNKNOWN;
    return size.ws_col;
}

const char *term_style(const struct term *t, enum term_style style)
{
    /* ECMA-48, SGR */
    static const char *const sequences[TERM_STYLES] = {
            [TERM_PLAIN] = "\x1b[0m", [TERM_BOLD] = "\x1b[1m",     [TERM_DIM] = "\x1b[2m",
            [TERM_RED] = "\x1b[31m",  [TERM_GREEN] = "\x1b[32m",   [TERM_YELLOW] = "\x1b[33m",
            [TERM_BLUE] = "\x1b[34m", [TERM_MAGENTA] = "\x1b[35m", [TERM_CYAN] = "\x1b[36m",
    };

    return t->colour ? sequences[style] : "";
}

/* ---- characters ------------------------------------------------------------------------------ */

/* The character at the beginning of text (not empty): *ret_n bytes; -1 and 1 byte if there is none
 * in UTF-8. */
static int32_t next_char(struct str text, size_t *ret_n)
{
    uint8_t lead = (uint8_t)text.p[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    int32_t c = n == 1 ? lead : lead & (0x7f >> n);

    if (n > text.n || !str_utf8((struct str){text.p, n})) {
        *ret_n = 1;
        return -1;
    }
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((uint8_t)text.p[i] & 0x3f);
    *ret_n = n;
    return c;
}

/* Characters that command, or that nobody sees. Joiners (U+200C, U+200D) and variation selectors
 * belong to writing and stay. Source: UAX #9, UTR #36, Unicode's general category Cf. */
static bool is_unsafe(int32_t c)
{
    static const struct {
        int32_t first, last;
    } unsafe[] = {
            {0x00, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},     {0x180e, 0x180e},
            {0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
            {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };

    for (size_t i = 0; i < ARRAY_LEN(unsafe); i++)
        if (c >= unsafe[i].first && c <= unsafe[i].last)
            return true;
    return false;
}

static void add_visible(int32_t c, uint8_t byte, struct buf *out)
{
    if (c < 0x80)
        buf_addf(out, "\\x%02x", byte);
    else
        buf_addf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
}

static bool is_kept(struct str text, enum term_keep keep)
{
    return keep == TERM_TEXT && (text.p[0] == '\n' || text.p[0] == '\t');
}

void term_safe(struct str text, enum term_keep keep, struct buf *out)
{
    while (text.n > 0) {
        size_t plain = 0, n;
        int32_t c;

        while (plain < text.n && text.p[plain] >= ' ' && text.p[plain] < 0x7f)
            plain++;
        buf_add(out, text.p, plain);
        text = str_from(text, plain);
        if (text.n == 0)
            return;
        c = next_char(text, &n);
        if (c >= 0 && (!is_unsafe(c) || is_kept(text, keep)))
            buf_add(out, text.p, n);
        else if (keep != TERM_TEXT || !str_starts(text, S("\r\n")))
            add_visible(c, (uint8_t)text.p[0], out);
        text = str_from(text, n);
    }
}

/* Columns of one character that stands at column. */
static size_t char_width(int32_t c, size_t column)
{
    static locale_t utf8;
    locale_t before;
    int width;

    if (c == '\t')
        return TAB - column % TAB;
    if (c < 0x300)
        return 1;
    /* wcwidth(3) goes by the locale, and ours is C. */
    if (!utf8)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8)
        return 1;
    before = uselocale(utf8);
    width = wcwidth((wchar_t)c);
    uselocale(before);
    return width < 0 ? 1 : (size_t)width;
}

/* How much of text fits; *ret_columns: what that takes. */
static size_t fit(struct str text, size_t columns, size_t *ret_columns)
{
    size_t used = 0, at = 0, n;

    while (at < text.n) {
        size_t width = char_width(next_char(str_from(text, at), &n), used);

        if (used + width > columns)
            break;
        used += width;
        at += n;
    }
    *ret_columns = used;
    return at;
}

size_t term_columns(struct str text)
{
    size_t used;

    (void)fit(text, SIZE_MAX / 2, &used);
    return used;
}

struct str term_cut(struct str text, size_t columns)
{
    size_t used;

    return (struct str){text.p, fit(text, columns, &used)};
}

void term_cell(struct str text, size_t columns, struct buf *out)
{
    size_t used, n = fit(text, columns, &used);

    if (n < text.n && columns > 0) {
        n = fit(text, columns - 1, &used);
        buf_add(out, text.p, n);
        buf_addz(out, "…");
        used++;
    } else {
        buf_add(out, text.p, n);
    }
    for (; used < columns; used++)
        buf_addc(out, ' ');
}

/* ---- streams --------------------------------------------------------------------------------- */

/* Why stdout took no more; 0: it took all so far. stdio keeps the fact, not the reason. */
static int stdout_error;

static int failed(FILE *out)
{
    int code = errno ? errno : ENODATA; /* ENODATA: it failed long ago, and nobody looked why */

    if (out == stdout && !stdout_error)
        stdout_error = code;
    return -code;
}

int term_flush(const struct term *t)
{
    errno = 0;
    return fflush(t->out) == 0 ? 0 : failed(t->out);
}

/* After Ctrl-C a reader that reads still gets what was begun, whole; PIPE_BUF bytes never block
 * then, poll(2) and pipe(7). */
static bool takes_more(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return !interrupt_seen() || poll(&p, 1, LAST_CHANCE_MS) == 1;
}

/* Past stdio, which after a signal begins a write that was half done again: Ctrl-C must end the
 * wait for a reader that does not read. */
int term_put(const struct term *t, struct str text)
{
    int r = term_flush(t);

    while (r == 0 && text.n > 0) {
        size_t most = interrupt_seen() && text.n > PIPE_BUF ? PIPE_BUF : text.n;
        ssize_t n;

        if (!takes_more(fileno(t->out)))
            return -EINTR;
        n = write(fileno(t->out), text.p, most);
        if (n > 0)
            text = str_from(text, (size_t)n);
        else if (n < 0 && errno != EINTR)
            r = failed(t->out);
    }
    return r;
}

int term_write(const struct term *t, struct str text)
{
    struct buf safe;
    int r;

    if (!t->tty)
        return term_put(t, text);
    /* A byte that was not plain takes four; a character of four bytes ten. */
    buf_init(&safe, 4 * text.n + 1);
    term_safe(text, TERM_TEXT, &safe);
    r = term_put(t, buf_str(&safe));
    buf_done(&safe);
    return r;
}

/* After a hang-up isatty(3) fails as well: what is left of a terminal is a device that answers EIO. */
static bool is_gone(int code)
{
    struct stat st;

    return code == EPIPE || (code == EIO && fstat(STDOUT_FILENO, &st) == 0 && S_ISCHR(st.st_mode));
}

int term_end(int exit_code)
{
    errno = 0;
    if (fflush(stdout) != 0 || (ferror(stdout) && !stdout_error))
        (void)failed(stdout);
    if (!stdout_error)
        return exit_code;
    if (is_gone(stdout_error))
        return TERM_GONE;
    fprintf(stderr, "evoke: not all of the result could be written%s%s\n",
            stdout_error == ENODATA ? "" : ": ",
            stdout_error == ENODATA ? "" : strerror(stdout_error));
    return EXIT_INTERNAL;
}

bool term_heard(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO};

    return poll(&p, 1, 0) <= 0 || !(p.revents & (POLLERR | POLLHUP | POLLNVAL));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* term.h - writing to people: is it a terminal, how wide, in colour or not, and how text that we
 * did not write gets there without commanding the terminal. UTF-8 throughout. */
#ifndef EVOKE_CLI_TERM_H
#define EVOKE_CLI_TERM_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/str.h"

enum term_style {
    TERM_PLAIN, /* ends any other */
    TERM_BOLD,
    TERM_DIM,
    TERM_RED,
    TERM_GREEN,
    TERM_YELLOW,
    TERM_BLUE,
    TERM_MAGENTA,
    TERM_CYAN,
    TERM_STYLES,
};

/* Where a stream leads to, asked once. Passed by value or pointer; owns nothing. */
struct term {
    FILE *out;   /* borrowed */
    bool tty;    /* somebody looks at it */
    bool colour; /* tty, and neither NO_COLOR (no-color.org) nor TERM=dumb */
};

struct term term_of(FILE *out);

/* Columns as of now (it may be resized at any time), 80 where the terminal does not say; 0: not a
 * terminal, cut nothing. */
size_t term_width(const struct term *t);

/* The sequence that begins a style, "" without colour. Every style is ended by TERM_PLAIN. */
const char *term_style(const struct term *t, enum term_style style);

/* What a text that others wrote keeps on its way to a terminal. */
enum term_keep {
    TERM_TEXT, /* '\n' and tabs */
    TERM_LINE, /* neither: one cell or line stays one */
};

/*
 * The same text with everything that commands a terminal, or hides from its reader, made visible:
 * control bytes and bytes that are not UTF-8 as \x1b; C1 controls, direction overrides and other
 * invisible characters as \u202e or \U000e0041. The '\r' of "\r\n" is dropped with TERM_TEXT.
 * Colours a function writes are among it: who wants them takes a pipe.
 */
void term_safe(struct str text, enum term_keep keep, struct buf *out);

/* Columns a safe text without '\n' takes, beginning at column 0; tabs go to multiples of 8. */
size_t term_columns(struct str text);
/* The longest beginning of it that fits; no character is cut apart. */
struct str term_cut(struct str text, size_t columns);
/* It, padded with blanks to columns, or cut with a "…" at its end. */
void term_cell(struct str text, size_t columns, struct buf *out);

/*
 * Text that others wrote: safe on a terminal, every byte unchanged elsewhere. 0, or negative when
 * the stream takes no more: whoever writes in a loop ends then (term_end() finds the words).
 * -EINTR: Ctrl-C while a slow reader was waited for (interrupt.h); what it did not take is gone.
 */
int term_write(const struct term *t, struct str text);
int term_put(const struct term *t, struct str text); /* as it is: safe already, or not for people */
int term_flush(const struct term *t); /* the two above leave nothing behind in t->out */

/*
 * The last thing a program does: what is still buffered in stdout goes out. Returns exit_code; or
 * EXIT_INTERNAL with a sentence on stderr when not all was written (a full disk must not look
 * like success); or TERM_GONE in silence when there is nobody to read it: the pipe's reader has
 * ended, the terminal was closed.
 */
int term_end(int exit_code);

enum { TERM_GONE = 141 }; /* 128 + SIGPIPE, what a shell shows for a program that died of it */

/* True while somebody could read stdout: for who waits long without writing. */
bool term_heard(void);

#endif

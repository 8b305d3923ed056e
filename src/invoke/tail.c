/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail.c - a ring of the last bytes of a log. A function may print gigabytes; what the clouds hand
 * to a caller is the end of it, so nothing else is kept here.
 */
#include "invoke/tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void tail_init(struct tail *t, size_t max)
{
    *t = (struct tail){.max = max};
}

void tail_done(struct tail *t)
{
    free(t->p);
    *t = (struct tail){.max = t->max};
}

void tail_add(struct tail *t, struct str text)
{
    size_t first;

    if (t->max == 0 || text.n == 0)
        return;
    if (!t->p)
        t->p = xrealloc(NULL, 1, t->max); /* read only where it was written */
    if (text.n > t->max) {
        text = str_from(text, text.n - t->max);
        t->full = true;
    }

    first = t->max - t->at < text.n ? t->max - t->at : text.n;
    memcpy(t->p + t->at, text.p, first);
    memcpy(t->p, text.p + first, text.n - first);
    t->full = t->full || t->at + text.n >= t->max;
    t->at = (t->at + text.n) % t->max;
}

/* The first byte of a character is none of 10xxxxxx; a character has at most three of those. */
static struct str from_whole_character(struct str s)
{
    size_t i = 0;

    while (i < 3 && i < s.n && ((unsigned char)s.p[i] & 0xc0) == 0x80)
        i++;
    return str_from(s, i);
}

struct str tail_text(struct tail *t)
{
    char *line;

    if (!t->p)
        return STR_NONE;
    if (!t->full)
        return (struct str){t->p, t->at};

    line = xrealloc(NULL, 1, t->max);
    memcpy(line, t->p + t->at, t->max - t->at);
    memcpy(line + (t->max - t->at), t->p, t->at);
    free(t->p);
    t->p = line;
    t->at = 0;
    return from_whole_character((struct str){t->p, t->max});
}

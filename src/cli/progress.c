/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - "\r", the line, and what is left of an older one wiped. */
#include "cli/progress.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/units.h"

enum { EVERY_NS = 100000000, BAR_MAX = 40, LINE_MAX_BYTES = 1024 };

void progress_begin(struct progress *p, const char *what)
{
    *p = (struct progress){.term = term_of(stderr), .what = what, .begun_ns = clock_mono_ns()};
    p->shown_ns = p->begun_ns;
}

bool progress_due(struct progress *p)
{
    uint64_t now = clock_mono_ns();

    if (!p->term.tty || now - p->shown_ns < EVERY_NS)
        return false;
    p->shown_ns = now;
    return true;
}

void progress_line(struct progress *p, struct str line)
{
    struct str fits = term_cut(line, term_width(&p->term) - 1);

    fprintf(stderr, "\r%.*s\x1b[K", STR_ARG(fits));
    fflush(stderr);
    p->shown = true;
}

void progress_bar(const char *what, uint64_t done, uint64_t total, uint64_t took_ns, size_t columns,
                  struct buf *out)
{
    char have[UNITS_TEXT], of[UNITS_TEXT], rate[UNITS_TEXT];
    uint64_t per_s = took_ns ? (uint64_t)((double)done * 1e9 / (double)took_ns) : 0;
    struct buf tail;
    size_t room;

    buf_init(&tail, LINE_MAX_BYTES);
    buf_addf(&tail, "%s of %s, %s/s", units_bytes(done, have), units_bytes(total, of),
             units_bytes(per_s, rate));
    buf_addf(out, "%s ", what);
    room = term_columns(buf_str(out)) + tail.n + 4;
    room = columns > room ? columns - room : 0;
    room = room < BAR_MAX ? room : BAR_MAX;
    if (room >= 8) {
        size_t full = total ? (size_t)((double)done / (double)total * (double)room) : room;

        buf_addc(out, '[');
        for (size_t i = 0; i < room; i++)
            buf_addc(out, i < full ? '#' : '-');
        buf_addz(out, "] ");
    }
    buf_adds(out, buf_str(&tail));
    buf_done(&tail);
}

void progress_bytes(struct progress *p, uint64_t done, uint64_t total)
{
    cleanup_with(buf_done) struct buf line = {0};

    if (!progress_due(p))
        return;
    buf_init(&line, LINE_MAX_BYTES);
    progress_bar(p->what, done < total ? done : total, total, p->shown_ns - p->begun_ns,
                 term_width(&p->term), &line);
    progress_line(p, buf_str(&line));
}

void progress_end(struct progress *p)
{
    if (p->shown)
        fputs("\r\x1b[K", stderr);
    p->shown = false;
}

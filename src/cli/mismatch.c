/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mismatch.c - the two ends do not fit: another version, another time of day.
 *
 * Both look like something else at first: a command of tomorrow is a path nobody has, and a clock
 * that is wrong is a signature that is. Every answer tells its version and its time, so what is
 * really the matter can be said here, with the way out.
 */
#include "cli/mismatch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"

enum { ALLOWED_MS = 15 * 60 * 1000 };

/* false: it does not begin with two numbers. */
static bool parse(struct str version, uint64_t ret[2])
{
    for (int i = 0; i < 2; i++)
        if (str_u64(str_cut(&version, '.'), 0, UINT32_MAX, &ret[i]) < 0)
            return false;
    return true;
}

int mismatch_order(struct str a, struct str b)
{
    uint64_t left[2], right[2];

    if (!parse(a, left) || !parse(b, right))
        return 0;
    for (int i = 0; i < 2; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

void mismatch_warn(struct str daemon)
{
    static bool warned;
    int order = mismatch_order(daemon, S(EVOKE_VERSION));

    if (order == 0 || warned)
        return;
    warned = true;
    fprintf(stderr, "evoke: the daemon is version %.*s, this program " EVOKE_VERSION ": %s\n",
            (int)(daemon.n < 32 ? daemon.n : 32), daemon.p,
            order < 0 ? "the daemon is older; update it" : "this program is older; update it");
}

void mismatch_unknown(struct str daemon, struct err *e)
{
    if (daemon.n && str_eq(daemon, S(EVOKE_VERSION)))
        return;
    (void)err_set(e, ERR_CALLER, -ENOSYS,
                  "the daemon is version %.*s, this command needs " EVOKE_VERSION
                  ": update the daemon and restart it",
                  (int)(daemon.n ? (daemon.n < 32 ? daemon.n : 32) : 14),
                  daemon.n ? daemon.p : "0.1.0 or older");
}

/* "17 min", "3 h", "12 days": what a person corrects. */
static void print_span(int64_t ms, char *out, size_t size)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "days"}, {3600000, "h"}, {60000, "min"}};
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(units) && ms < 2 * units[i].ms)
        i++;
    (void)snprintf(out, size, "%lld %s", (long long)((ms + units[i].ms / 2) / units[i].ms),
                   units[i].name);
}

void mismatch_clock(struct str date, int64_t now_ms, struct err *e)
{
    char here[CLOCK_TEXT], there[CLOCK_TEXT], span[32];
    int64_t daemon_ms, behind_ms;

    if (clock_parse_http(date, &daemon_ms) < 0)
        return;
    behind_ms = daemon_ms - now_ms;
    /* Seconds are lost in the header, and on the way. */
    if (behind_ms < ALLOWED_MS - 2000 && behind_ms > -ALLOWED_MS + 2000)
        return;
    print_span(behind_ms < 0 ? -behind_ms : behind_ms, span, sizeof(span));
    (void)err_set(e, ERR_CALLER, -EACCES,
                  "your clock is %s %s the daemon's (here %s, there %s), and signatures are good "
                  "for 15 min: set the clock that is wrong, for example with "
                  "`timedatectl set-ntp true`",
                  span, behind_ms > 0 ? "behind" : "ahead of", clock_iso(now_ms, here),
                  clock_iso(daemon_ms, there));
}

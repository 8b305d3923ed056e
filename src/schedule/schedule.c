/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule.c - an expression, a zone, and the next moment at which both say so.
 *
 * An interval needs no calendar: anchor + k * interval. A cron expression names times of a wall
 * clock, and a wall clock is now and then moved. Between two moves it runs evenly, so the search
 * goes from one such stretch (zone_at()) to the next, and within it is arithmetic:
 *
 *   stretch            [from ------------------- until)      UTC
 *   wall clock         from + offset ... until + offset      named times: cron_first()
 *
 * Where the clock is put forward, the times between from + before and from + offset do not exist;
 * where it is put back, those between from + offset and from + before come twice. An expression that
 * names hours means a time of day, once a day: what falls into a gap is due at its end, once, and
 * what comes twice is due the first time. One that leaves the hour open means "every so often": it
 * goes by elapsed time, nothing is made up for and nothing left out. docs/compat/schedules.md
 *
 * All of it is bounded: a stretch that holds nothing is left for the one that holds the next named
 * time, and cron_first() looks at 400 years at most.
 */
#include "schedule/schedule.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/obj.h"
#include "schedule/civil.h"
#include "schedule/cron.h"
#include "schedule/every.h"
#include "schedule/zone.h"

struct schedule {
    struct zone *zone; /* owned */
    int64_t every_s;   /* 0: cron */
    struct cron cron;
};

const char *const schedule_syntax_names[SCHEDULE_SYNTAXES] = {
        [SCHEDULE_FG_RATE] = "fg-rate",
        [SCHEDULE_FG_CRON] = "fg-cron",
        [SCHEDULE_FC] = "fc",
        [SCHEDULE_SCF] = "scf",
};

static const struct cron_syntax *const crons[SCHEDULE_SYNTAXES] = {
        [SCHEDULE_FG_RATE] = NULL, /* no cron at all */
        [SCHEDULE_FG_CRON] = &cron_functiongraph,
        [SCHEDULE_FC] = &cron_fc,
        [SCHEDULE_SCF] = &cron_scf,
};

int schedule_syntax_of(struct str name, enum schedule_syntax *ret)
{
    for (enum schedule_syntax i = 0; i < SCHEDULE_SYNTAXES; i++)
        if (str_eq(name, str_of(schedule_syntax_names[i]))) {
            *ret = i;
            return 0;
        }
    return -EINVAL;
}

/* ---- reading ---- */

/* "CRON_TZ=Asia/Shanghai " off the front, if it is there. */
static int cut_zone(const struct cron_syntax *syntax, struct str *rest, struct str *zone,
                    struct err *e)
{
    static const struct str prefix = S("CRON_TZ=");
    struct str text = str_trim(*rest);
    size_t n = prefix.n;

    if (!str_starts(text, prefix))
        return 0;
    if (!syntax->zone)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'CRON_TZ=' at character %zu: this cloud's expressions name no time zone; "
                       "fields allowed: %s",
                       (size_t)(text.p - rest->p) + 1, syntax->usage);
    while (n < text.n && text.p[n] != ' ' && text.p[n] != '\t')
        n++;
    *zone = (struct str){text.p + prefix.n, n - prefix.n};
    if (zone->n == 0)
        return err_set(
                e, ERR_CALLER, -EINVAL,
                "'CRON_TZ=' at character %zu names no time zone: an IANA name is allowed, as "
                "Asia/Shanghai",
                (size_t)(text.p - rest->p) + 1);
    *rest = str_from(text, n);
    return 0;
}

static int parse_cron(const struct cron_syntax *syntax, struct str whole, struct str *zone,
                      struct schedule *s, struct err *e)
{
    static const struct str every = S("@every ");
    struct str text = whole;
    int r = cut_zone(syntax, &text, zone, e);

    if (r < 0)
        return r;
    text = str_trim(text);
    if (text.n == 0 || text.p[0] != '@')
        return cron_parse(syntax, whole, text, &s->cron, e);
    if (syntax->every && str_starts(text, every))
        return every_parse(whole, str_trim(str_from(text, every.n)), &s->every_s, e);
    return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' at character %zu is no expression: %s%s%s",
                   (int)(text.n < 40 ? text.n : 40), text.p, (size_t)(text.p - whole.p) + 1,
                   syntax->every ? "'@every' with a duration, or " : "", "fields: ", syntax->usage);
}

int schedule_parse(enum schedule_syntax syntax, struct str text, struct str zone,
                   struct schedule **ret, struct err *e)
{
    const struct cron_syntax *cron = crons[syntax];
    struct schedule *s;
    int r;

    if (text.n > SCHEDULE_TEXT)
        return err_set(e, ERR_CALLER, -EINVAL, "the expression has %zu bytes; %d are allowed",
                       text.n, SCHEDULE_TEXT);
    s = xnew(struct schedule);
    if (cron)
        r = parse_cron(cron, text, &zone, s, e);
    else
        r = rate_parse(text, &s->every_s, e);
    if (r == 0)
        r = zone_load(zone.n > 0 ? zone : S("UTC"), &s->zone, e);
    if (r < 0) {
        schedule_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

struct schedule *schedule_free(struct schedule *s)
{
    if (!s)
        return NULL;
    zone_free(s->zone);
    free(s);
    return NULL;
}

/* ---- the next one ---- */

/* Unix time of the end of the year 9999. */
#define LAST_S (INT64_C(253402300799))

static int64_t next_every(int64_t every_s, int64_t after_s, int64_t anchor_s)
{
    int64_t k = after_s < anchor_s ? 1 : (after_s - anchor_s) / every_s + 1, ahead;

    if (__builtin_mul_overflow(k, every_s, &ahead) || ahead > LAST_S - anchor_s)
        return -1;
    return anchor_s + ahead;
}

/* Due within this stretch at or after t: the moment, or -1 with the next named time in *ret_wall
 * (INT64_MIN: none ever). */
static int64_t next_in(const struct cron *c, const struct zone_span *span, int64_t t,
                       int64_t *ret_wall)
{
    int64_t wall = t + span->offset, found;

    if (!c->any_hour && span->from > INT64_MIN) {
        int64_t before = span->from + span->before, after = span->from + span->offset;

        if (t == span->from && before < after && cron_first(c, before, &found) && found < after)
            return t;
        if (wall < before)
            wall = before;
    }
    if (!cron_first(c, wall, &found)) {
        *ret_wall = INT64_MIN;
        return -1;
    }
    *ret_wall = found;
    return found - span->offset < span->until ? found - span->offset : -1;
}

static int64_t next_cron(const struct schedule *s, int64_t t)
{
    int64_t due = -1, wall = INT64_MIN, earliest;

    while (t <= LAST_S) {
        struct zone_span span = zone_at(s->zone, t);

        due = next_in(&s->cron, &span, t, &wall);
        if (due >= 0 || wall == INT64_MIN)
            break;
        /* No clock is so far from UTC that this wall time could come earlier. */
        earliest = wall - OFFSET_MOST;
        t = earliest > span.until ? earliest : span.until;
    }
    return due <= LAST_S ? due : -1;
}

int64_t schedule_next(const struct schedule *s, int64_t after_ms, int64_t anchor_ms)
{
    int64_t after_s = floor_div(after_ms, 1000), anchor_s = floor_div(anchor_ms, 1000), due;

    if (after_s < -1)
        after_s = -1;
    if (anchor_s < 0)
        anchor_s = 0;
    if (after_s >= LAST_S || anchor_s >= LAST_S)
        return -1;
    due = s->every_s > 0 ? next_every(s->every_s, after_s, anchor_s) : next_cron(s, after_s + 1);
    return due < 0 ? -1 : due * 1000;
}

/* The later one asks from, the fewer due times are left: halve until one is. */
int64_t schedule_last(const struct schedule *s, int64_t after_ms, int64_t until_ms,
                      int64_t anchor_ms)
{
    int64_t last = schedule_next(s, after_ms, anchor_ms), low = last, high = until_ms;

    if (last < 0 || last > until_ms)
        return -1;
    while (low < high) { /* `last` is due; after `high` nothing is */
        int64_t middle = low + (high - low) / 2, due = schedule_next(s, middle, anchor_ms);

        if (due >= 0 && due <= until_ms)
            last = low = due;
        else
            high = middle;
    }
    return last;
}

void schedule_time(const struct schedule *s, int64_t ms, char out[SCHEDULE_TIME])
{
    int64_t at = floor_div(ms, 1000), day;
    int32_t offset, of_day;
    unsigned minutes;
    struct civil date;
    char text[128]; /* gcc reckons with years of eleven digits */
    int n;

    at = at < 0 ? 0 : at > LAST_S ? LAST_S : at;
    offset = zone_at(s->zone, at).offset;
    day = floor_div(at + offset, DAY_S);
    of_day = (int32_t)(at + offset - day * DAY_S);
    date = civil_of(day);
    minutes = (unsigned)(offset < 0 ? -offset : offset) / 60;
    n = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d%c%02u:%02u", date.year,
                 date.month, date.day, of_day / 3600, of_day / 60 % 60, of_day % 60,
                 offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
    assert(n > 0 && n < SCHEDULE_TIME);
    memcpy(out, text, (size_t)n + 1);
}

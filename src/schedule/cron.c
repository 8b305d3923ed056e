/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cron.c - reads a cron expression by its cloud's table, and finds the next second it names.
 *
 *   field   = element { "," element }
 *   element = ( "*" | "?" | value [ "-" value ] ) [ "/" step ]      a/n: from a to the field's end
 *
 * A field becomes a set of bits, so reading is the only place where clouds differ. Day of month and
 * day of week are one condition: where both restrict, a day that fits either is taken; "*" and "?"
 * do not restrict. A date that no year has (30 February) is refused when it is read: a search over
 * one turn of the calendar, 400 years, finds nothing.
 *
 * The search goes by days: whole years and months that are not meant are stepped over, and of a day
 * the next time is looked up in the bits. So 29 February on a Monday costs some forty months and not
 * a billion seconds.
 */
#include "schedule/cron.h"

#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "base/obj.h"
#include "schedule/civil.h"

enum { CYCLE_YEARS = 400, SHOWN = 40 };

/* ---- reading ---- */

/* One field on its way. */
struct reader {
    const struct cron_field *field;
    struct str whole, text;    /* the expression; this field */
    unsigned number;           /* of the field, from 1 */
    uint64_t bits[CRON_WORDS]; /* bit 0: field->min */
    bool any;                  /* "*" or "?" is in it */
    struct err *e;
};

static struct str shown(struct str text)
{
    return text.n > SHOWN ? (struct str){text.p, SHOWN} : text;
}

/* "field 3 (hour) '25' at character 5: 25 is not allowed; allowed are 0-23 and , - * /" */
static int refuse(const struct reader *rd, const char *why, struct str what)
{
    char signs[16] = "";
    size_t n = 0;

    for (const char *s = rd->field->signs; *s && n + 3 < sizeof(signs); s++) {
        signs[n++] = ' ';
        signs[n++] = *s;
    }
    signs[n] = '\0';
    return err_set(rd->e, ERR_CALLER, -EINVAL,
                   "field %u (%s) '%.*s' at character %zu: %s '%.*s'; allowed are %s and%s",
                   rd->number, rd->field->name, STR_ARG(shown(rd->text)),
                   (size_t)(rd->text.p - rd->whole.p) + 1, why, STR_ARG(shown(what)),
                   rd->field->allowed, signs);
}

static int read_value(const struct reader *rd, struct str text, int *ret)
{
    const struct cron_field *f = rd->field;
    uint64_t v;
    int r;

    for (int i = 0; f->names && f->names[i]; i++)
        if (str_ieq(text, str_of(f->names[i]))) {
            *ret = f->first_name + i;
            return 0;
        }
    r = str_u64(text, (uint64_t)f->min, (uint64_t)f->max, &v);
    if (r == -ERANGE)
        return refuse(rd, "out of range is", text);
    if (r < 0)
        return refuse(rd, text.n > 0 ? "neither a number nor a name is" : "a value is missing in",
                      text.n > 0 ? text : rd->text);
    *ret = (int)v;
    return 0;
}

static int read_step(const struct reader *rd, struct str text, int *ret)
{
    const struct cron_field *f = rd->field;
    uint64_t v;

    /* A step over all the values of a field would silently name the first one only. */
    if (str_u64(text, 1, (uint64_t)(f->max - f->min) + 1, &v) < 0)
        return refuse(rd, "no step for this field is", text);
    *ret = (int)v;
    return 0;
}

static void add(struct reader *rd, int from, int to, int step)
{
    for (int v = from; v <= to; v += step)
        rd->bits[(v - rd->field->min) / 64] |= UINT64_C(1) << ((v - rd->field->min) % 64);
}

static int read_element(struct reader *rd, struct str element)
{
    const struct cron_field *f = rd->field;
    struct str rest = element, range = str_cut(&rest, '/'), low, high = range;
    int from = f->min, to = f->max, step = 1, r = 0;

    if (rest.p)
        r = read_step(rd, rest, &step);
    if (r < 0)
        return r;
    if (str_eq(range, S("*"))) {
        rd->any |= step == 1;
    } else if (str_eq(element, S("?"))) {
        if (rd->text.n > 1)
            return refuse(rd, "'?' stands alone, not in", rd->text);
        rd->any = true;
    } else {
        low = str_cut(&high, '-');
        r = read_value(rd, low, &from);
        if (r == 0 && high.p)
            r = read_value(rd, high, &to);
        else if (r == 0 && !rest.p)
            to = from;
        if (r == 0 && from > to)
            r = refuse(rd, "the range runs backwards in", range);
    }
    if (r == 0)
        add(rd, from, to, step);
    return r;
}

static int read_field(struct reader *rd)
{
    struct str rest = rd->text;
    int r = 0;

    for (size_t i = 0; i < rest.n; i++) {
        char c = str_lower(rest.p[i]);
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');

        if (!plain && !strchr(rd->field->signs, c))
            return refuse(rd, "no character of this field is", (struct str){rest.p + i, 1});
    }
    while (r == 0 && rest.p)
        r = read_element(rd, str_cut(&rest, ','));
    return r;
}

static void take(struct cron *c, enum cron_part part, const struct reader *rd)
{
    uint64_t bits = rd->bits[0];

    switch (part) {
    case CRON_SECOND:
        c->seconds = bits;
        break;
    case CRON_MINUTE:
        c->minutes = bits;
        break;
    case CRON_HOUR:
        c->hours = (uint32_t)bits;
        c->any_hour = c->hours == (1u << 24) - 1;
        break;
    case CRON_DAY:
        c->days = (uint32_t)(bits << 1);
        c->any_day = rd->any;
        break;
    case CRON_MONTH:
        c->months = (uint16_t)(bits << 1);
        break;
    case CRON_WEEKDAY:
        c->weekdays = (uint8_t)((bits & 127) | (bits >> 7 & 1)); /* 7 is Sunday, too */
        c->any_weekday = rd->any;
        break;
    case CRON_YEAR:
        memcpy(c->years, rd->bits, sizeof(c->years));
        c->any_year = rd->any;
        break;
    case CRON_PARTS:
        break;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str cut_word(struct str *rest)
{
    struct str word;
    size_t n = 0;

    *rest = str_trim(*rest);
    while (n < rest->n && !is_blank(rest->p[n]))
        n++;
    word = (struct str){rest->p, n};
    *rest = str_trim(str_from(*rest, n));
    return word;
}

static const struct cron_form *form_of(const struct cron_syntax *syntax, struct str text)
{
    unsigned words = 0;

    while (cut_word(&text).n > 0)
        words++;
    for (const struct cron_form *f = syntax->forms; f < syntax->forms + CRON_FORMS; f++)
        if (f->fields > 0 && f->fields == words)
            return f;
    return NULL;
}

int cron_parse(const struct cron_syntax *syntax, struct str whole, struct str text,
               struct cron *ret, struct err *e)
{
    /* Of a field that is left out: at second 0, on any day, in any year. */
    struct cron c = {.seconds = 1, .any_weekday = true, .any_year = true};
    const struct cron_form *form = form_of(syntax, text);
    struct str texts[CRON_PARTS] = {{NULL, 0}};
    int64_t found;
    int r;

    if (!form)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.*s' has not the number of fields that is allowed: %s",
                       STR_ARG(shown(text)), syntax->usage);
    for (unsigned i = 0; i < form->fields; i++) {
        struct reader rd = {.field = &syntax->parts[form->first + i],
                            .whole = whole,
                            .text = cut_word(&text),
                            .number = i + 1,
                            .e = e};

        r = read_field(&rd);
        if (r < 0)
            return r;
        take(&c, form->first + i, &rd);
        texts[form->first + i] = rd.text;
    }
    if (!cron_first(&c, 0, &found))
        return err_set(
                e, ERR_CALLER, -EINVAL,
                "field %d (day of month) '%.*s' at character %zu: no month of '%.*s' has such "
                "a day%s",
                CRON_DAY - (int)form->first + 1, STR_ARG(shown(texts[CRON_DAY])),
                (size_t)(texts[CRON_DAY].p - whole.p) + 1, STR_ARG(shown(texts[CRON_MONTH])),
                c.any_year ? "" : " in the years given");
    *ret = c;
    return 0;
}

/* ---- the next one ---- */

static int next_bit(uint64_t bits, int from)
{
    bits = from < 64 ? bits >> from << from : 0;
    return bits ? __builtin_ctzll(bits) : -1;
}

/* The first time of a day at or after this second of it, or -1. */
static int64_t first_time(const struct cron *c, int64_t of_day)
{
    int hour = (int)(of_day / 3600), minute = (int)(of_day / 60 % 60), second = (int)(of_day % 60);

    for (int h = next_bit(c->hours, hour); h >= 0; h = next_bit(c->hours, h + 1)) {
        for (int m = next_bit(c->minutes, h > hour ? 0 : minute); m >= 0;
             m = next_bit(c->minutes, m + 1)) {
            int s = next_bit(c->seconds, h > hour || m > minute ? 0 : second);

            if (s >= 0)
                return h * 3600 + m * 60 + s;
        }
    }
    return -1;
}

static bool has_year(const struct cron *c, int year)
{
    int i = year - CRON_YEAR_MIN;

    return c->any_year ||
           (i >= 0 && year <= CRON_YEAR_MAX && (c->years[i / 64] >> (i % 64) & 1) != 0);
}

static bool has_day(const struct cron *c, int day, int weekday)
{
    bool by_month = (c->days >> day & 1) != 0, by_week = (c->weekdays >> weekday & 1) != 0;

    if (c->any_day)
        return c->any_weekday || by_week;
    return by_month || (!c->any_weekday && by_week);
}

static bool first_of_month(const struct cron *c, struct civil from, int64_t *ret)
{
    int64_t first = day_of(from.year, from.month, 1);

    for (int d = from.day; d <= month_days(from.year, from.month); d++)
        if (has_day(c, d, weekday_of(first + d - 1))) {
            *ret = first + d - 1;
            return true;
        }
    return false;
}

static bool first_day(const struct cron *c, int64_t day, int64_t *ret)
{
    struct civil at = civil_of(day);
    int last = at.year + CYCLE_YEARS < YEAR_MOST ? at.year + CYCLE_YEARS : YEAR_MOST;

    if (!c->any_year && last > CRON_YEAR_MAX)
        last = CRON_YEAR_MAX;
    for (; at.year <= last; at = (struct civil){at.year + 1, 1, 1})
        for (; has_year(c, at.year) && at.month <= 12;
             at = (struct civil){at.year, at.month + 1, 1})
            if ((c->months >> at.month & 1) && first_of_month(c, at, ret))
                return true;
    return false;
}

bool cron_first(const struct cron *c, int64_t from, int64_t *ret)
{
    int64_t day = floor_div(from, DAY_S), found, time;

    if (!first_day(c, day, &found))
        return false;
    time = first_time(c, found == day ? from - day * DAY_S : 0);
    if (time < 0) {
        if (!first_day(c, day + 1, &found))
            return false;
        time = first_time(c, 0);
    }
    *ret = found * DAY_S + time;
    return true;
}

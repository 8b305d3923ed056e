/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule_of.c - cron, rate or every -> schedule and syntax.
 *
 * FunctionGraph has rates of their own ("3m") beside its cron expressions, FC says them as "@every
 * 3m", SCF has neither. Whether an expression is well-formed the daemon judges, whose parser
 * points to the field.
 */
#include "cli/schedule_of.h"

#include <cjson/cJSON.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"

static const struct {
    const char *dialect, *cron, *rate, *every; /* names of syntaxes; NULL: it has none */
    bool rate_is_every;                        /* a rate is written "@every 3m" */
} clouds[] = {
        {"functiongraph", "fg-cron", "fg-rate", "fg-cron", false},
        {"fc", "fc", "fc", "fc", true},
        {"scf", "scf", NULL, NULL, false},
};

static void add(struct cJSON *config, const char *key, struct str value)
{
    cleanup_free char *text = str_dup(value);

    cJSON_AddStringToObject(config, key, text);
}

static int add_schedule(struct cJSON *config, struct str text, const char *syntax, bool every,
                        struct err *e)
{
    cleanup_free char *schedule = xasprintf("%s%.*s", every ? "@every " : "", STR_ARG(text));

    if (!syntax)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "this cloud's timers know no intervals, only cron expressions");
    cJSON_AddStringToObject(config, "schedule", schedule);
    cJSON_AddStringToObject(config, "syntax", syntax);
    return 0;
}

int schedule_of(const struct timer_words *w, struct str dialect, struct cJSON *config,
                struct err *e)
{
    size_t i = 0;
    int r;

    if ((w->cron.p != NULL) + (w->rate.p != NULL) + (w->every.p != NULL) != 1)
        return err_set(e, ERR_CALLER, -EINVAL, "a timer has one of cron, rate and every");
    while (i < ARRAY_LEN(clouds) && !str_eq(str_of(clouds[i].dialect), dialect))
        i++;
    if (i == ARRAY_LEN(clouds))
        return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is none of functiongraph, fc, scf",
                       STR_ARG(dialect));
    if (w->cron.p)
        r = add_schedule(config, w->cron, clouds[i].cron, false, e);
    else if (w->rate.p)
        r = add_schedule(config, w->rate, clouds[i].rate, clouds[i].rate_is_every, e);
    else
        r = add_schedule(config, w->every, clouds[i].every, true, e);
    if (r < 0)
        return r;
    if (w->zone.p)
        add(config, "zone", w->zone);
    if (w->missed.p)
        add(config, "missed", w->missed);
    if (w->payload.p)
        add(config, "payload", w->payload);
    return 0;
}

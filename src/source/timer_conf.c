/* SPDX-License-Identifier: Apache-2.0 */
/* timer_conf.c - reads the config of a timer trigger (timer.h has its form). */
#include "source/timer_conf.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "schedule/schedule.h"
#include "source/timer.h"

static const struct str policies[TIMER_POLICIES] = {
        [TIMER_SKIP] = S("skip"),
        [TIMER_ONCE] = S("once"),
        [TIMER_ALL] = S("all"),
};

/* What stands in it; p NULL: it does not. */
struct words {
    struct str schedule, syntax, zone, missed, payload;
};

static const struct {
    const char *key;
    size_t at;
} keys[] = {
        {"schedule", offsetof(struct words, schedule)}, {"syntax", offsetof(struct words, syntax)},
        {"zone", offsetof(struct words, zone)},         {"missed", offsetof(struct words, missed)},
        {"payload", offsetof(struct words, payload)},
};

static int read_words(const struct cJSON *tree, struct words *ret, struct err *e)
{
    int known = 0;

    if (!cJSON_IsObject(tree))
        return err_set(e, ERR_CALLER, -EINVAL, "the config of a timer is no JSON object");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct str *word = (struct str *)((char *)ret + keys[i].at);
        int r = json_str(tree, keys[i].key, false, word, e);

        if (r < 0)
            return r;
        known += cJSON_GetObjectItemCaseSensitive(tree, keys[i].key) != NULL;
    }
    if (cJSON_GetArraySize(tree) != known)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the config of a timer has schedule, syntax, zone, missed and payload, each "
                       "once, and nothing else");
    if (!ret->schedule.p || !ret->syntax.p)
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' is missing",
                       ret->schedule.p ? "syntax" : "schedule");
    return 0;
}

static int read_policy(struct str word, enum timer_missed *ret, struct err *e)
{
    *ret = TIMER_ONCE;
    if (!word.p)
        return 0;
    for (enum timer_missed i = 0; i < TIMER_POLICIES; i++)
        if (str_eq(word, policies[i])) {
            *ret = i;
            return 0;
        }
    return err_set(e, ERR_CALLER, -EINVAL, "'missed' is '%.*s', not skip, once or all",
                   (int)(word.n < 40 ? word.n : 40), word.p);
}

static int read_conf(const struct words *w, struct timer_conf *ret, struct err *e)
{
    enum schedule_syntax syntax;
    int r;

    if (schedule_syntax_of(w->syntax, &syntax) < 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'syntax' is '%.*s', not fg-rate, fg-cron, fc or scf",
                       (int)(w->syntax.n < 40 ? w->syntax.n : 40), w->syntax.p);
    r = read_policy(w->missed, &ret->missed, e);
    if (r < 0)
        return r;
    if (w->payload.n > TIMER_PAYLOAD)
        return err_set(e, ERR_LIMIT, -E2BIG, "'payload' has %zu bytes; %d are allowed",
                       w->payload.n, TIMER_PAYLOAD);
    r = schedule_parse(syntax, w->schedule, w->zone, &ret->schedule, e);
    if (r == 0)
        ret->payload = str_dup(w->payload);
    return r;
}

int timer_conf_read(struct str json, struct timer_conf *ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(json, e);
    struct words w = {{NULL, 0}};
    int r;

    *ret = (struct timer_conf){0};
    if (!tree)
        return -EINVAL;
    r = read_words(tree, &w, e);
    return r < 0 ? r : read_conf(&w, ret, e);
}

void timer_conf_done(struct timer_conf *c)
{
    schedule_free(c->schedule);
    free(c->payload);
    *c = (struct timer_conf){0};
}

int timer_check(struct str config, struct err *e)
{
    struct timer_conf c;
    int r = timer_conf_read(config, &c, e);

    timer_conf_done(&c);
    return r;
}

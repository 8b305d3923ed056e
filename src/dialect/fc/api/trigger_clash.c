/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger_clash.c - what one trigger forbids another.
 *
 * In 2016-08-15 a function with an HTTP trigger has no other kind; it has one HTTP trigger per version or alias. Two
 * rules on one bucket clash where they share a kind of event ("ObjectCreated:*" is all that create) and
 * prefixes overlap (one begins with the other) and suffixes overlap likewise; a bucket has ten at most.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "catalog/triggers.h"
#include "dialect/fc/api/trigger.h"
#include "dialect/fc/api/trigger_fields.h"
#include "fn/trigger.h"

enum { RULES_PER_BUCKET = 10 };

struct look {
    const struct trigger *draft;
    struct cJSON *extra;         /* of the draft */
    bool alone;                  /* an HTTP trigger has no other kind beside it */
    const struct trigger *clash; /* found */
    int rules;                   /* of its bucket, others than it */
};

/* ---- beside an HTTP trigger ---- */

static bool beside(void *user, const struct trigger *t)
{
    struct look *l = user;
    bool http = strcmp(t->source, "http") == 0, wants = strcmp(l->draft->source, "http") == 0;

    if (strcmp(t->id, l->draft->id) == 0 || strcmp(t->name, l->draft->name) == 0)
        return true; /* it is this one, or it says so itself: TriggerAlreadyExists */
    if ((http != wants && l->alone) ||
        (http && wants && strcmp(t->qualifier, l->draft->qualifier) == 0))
        l->clash = t;
    return l->clash == NULL;
}

static int check_http(const struct catalog *c, struct look *l, struct err *e)
{
    struct fn_key key = trigger_key(l->draft);

    catalog_each_trigger(c, &key, beside, l);
    if (!l->clash)
        return 0;
    if (strcmp(l->draft->source, "http") != 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "function '%s' has an HTTP trigger '%s': it may have no other kind",
                       l->draft->function, l->clash->name);
    if (strcmp(l->clash->source, "http") != 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "function '%s' has a trigger '%s' of type %s: it may have no HTTP trigger",
                       l->draft->function, l->clash->name, l->clash->source);
    return err_set(e, ERR_CALLER, -EINVAL,
                   "function '%s' has an HTTP trigger '%s' already, and may have one",
                   l->draft->function, l->clash->name);
}

/* ---- rules of a bucket ---- */

static struct str text_at(const struct cJSON *extra, const char *path)
{
    const struct cJSON *value = fc_config_at(extra, path);

    return cJSON_IsString(value) ? str_of(value->valuestring) : S("");
}

static bool same_kind(const char *a, const char *b)
{
    struct str x = str_of(a), y = str_of(b);

    if (str_eq(x, y))
        return true;
    if (str_ends(x, S(":*")))
        return str_starts(y, (struct str){x.p, x.n - 1});
    return str_ends(y, S(":*")) && str_starts(x, (struct str){y.p, y.n - 1});
}

static bool share_event(const struct cJSON *a, const struct cJSON *b)
{
    const struct cJSON *x, *y;

    cJSON_ArrayForEach(x, fc_config_at(a, "triggerConfig.events"))
    {
        cJSON_ArrayForEach(y, fc_config_at(b, "triggerConfig.events"))
        {
            if (cJSON_IsString(x) && cJSON_IsString(y) && same_kind(x->valuestring, y->valuestring))
                return true;
        }
    }
    return false;
}

static bool overlap(const struct cJSON *a, const struct cJSON *b)
{
    struct str p = text_at(a, "triggerConfig.filter.key.prefix");
    struct str q = text_at(b, "triggerConfig.filter.key.prefix");
    struct str s = text_at(a, "triggerConfig.filter.key.suffix");
    struct str u = text_at(b, "triggerConfig.filter.key.suffix");

    return (str_starts(p, q) || str_starts(q, p)) && (str_ends(s, u) || str_ends(u, s));
}

static bool on_bucket(void *user, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *extra = NULL;
    struct look *l = user;

    if (t->dialect != DIALECT_FC || strcmp(t->source, "oss") != 0 ||
        strcmp(t->id, l->draft->id) == 0 || strcmp(t->account, l->draft->account) != 0)
        return true;
    extra = json_parse(str_of(t->extra), NULL);
    if (!str_eq(text_at(extra, "sourceArn"), text_at(l->extra, "sourceArn")))
        return true;
    l->rules++;
    if (share_event(extra, l->extra) && overlap(extra, l->extra))
        l->clash = t;
    return l->clash == NULL;
}

static int check_bucket(const struct catalog *c, struct look *l, struct err *e)
{
    catalog_each_trigger(c, NULL, on_bucket, l);
    if (l->clash)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "event source 'oss' returned error: Cannot specify overlapping prefix and "
                       "suffix with same event type.");
    if (l->rules >= RULES_PER_BUCKET)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "event source 'oss' returned error: a bucket has at most %d rules",
                       RULES_PER_BUCKET);
    return 0;
}

int fc_trigger_clash(const struct catalog *c, const struct trigger *draft, bool alone,
                     struct err *e)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(draft->extra), NULL);
    struct look l = {.draft = draft, .extra = extra, .alone = alone};
    int r = check_http(c, &l, e);

    l.clash = NULL;
    if (r == 0 && strcmp(draft->source, "oss") == 0)
        r = check_bucket(c, &l, e);
    return r;
}

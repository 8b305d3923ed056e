/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_events.c - `async` and `triggers` of a function in evoke.yaml.
 *
 * Form only, as everywhere in the manifest: whether 40 d is too old, or an expression a good one,
 * the daemon judges.
 */
#include "cli/manifest_events.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/http_trigger.h"
#include "cli/manifest.h"
#include "cli/name.h"
#include "cli/schedule_of.h"

enum kind { WORDS, NUMBER, SWITCH };

struct key {
    const char *name, *sends; /* async: the request's key */
    enum kind kind;
};

static const struct key async_keys[] = {
        {"max_age", "max_age_s", NUMBER},
        {"retries", "max_retries", NUMBER},
        {"on_success", "on_success", WORDS},
        {"on_failure", "on_failure", WORDS},
};

static const struct key trigger_keys[] = {
        {"cron", NULL, WORDS},     {"rate", NULL, WORDS},         {"every", NULL, WORDS},
        {"zone", NULL, WORDS},     {"missed", NULL, WORDS},       {"payload", NULL, WORDS},
        {"enabled", NULL, SWITCH}, {"concurrency", NULL, NUMBER},
};

static const char *const kind_words[] = {
        [WORDS] = "text", [NUMBER] = "a whole number", [SWITCH] = "true or false"};

static bool is_kind(const struct cJSON *v, enum kind kind)
{
    switch (kind) {
    case WORDS:
        return cJSON_IsString(v) && v->valuestring[0];
    case NUMBER:
        return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble <= 1e9 &&
               v->valuedouble == (double)(int64_t)v->valuedouble;
    case SWITCH:
        return cJSON_IsBool(v);
    }
    return false;
}

/* where: "functions.hello.async" */
static int check(const char *where, const struct cJSON *map, const struct key *keys, size_t n,
                 struct err *e)
{
    if (!cJSON_IsObject(map))
        return err_set(e, ERR_CALLER, -EINVAL, "%.160s must be a map", where);
    for (const struct cJSON *v = map->child; v; v = v->next) {
        size_t i = 0;

        while (i < n && strcmp(keys[i].name, v->string) != 0)
            i++;
        if (i == n)
            return err_set(e, ERR_CALLER, -EINVAL, "%.160s.%.64s: unknown key", where, v->string);
        if (!is_kind(v, keys[i].kind))
            return err_set(e, ERR_CALLER, -EINVAL, "%.160s.%s must be %s", where, v->string,
                           kind_words[keys[i].kind]);
    }
    return 0;
}

int manifest_read_async(const char *fn, const struct cJSON *value, const struct cJSON **ret,
                        struct err *e)
{
    cleanup_with(buf_done) struct buf where;
    int r;

    buf_init(&where, 4096);
    buf_addf(&where, "functions.%.128s.async", fn);
    r = check(where.p, value, async_keys, ARRAY_LEN(async_keys), e);
    if (r == 0)
        *ret = value;
    return r;
}

/* The member that makes it HTTP: "apig", "apigw" or "http"; NULL: it is a timer. */
static const struct cJSON *http_of(const struct cJSON *trigger)
{
    const struct cJSON *v = cJSON_IsObject(trigger) ? trigger->child : NULL;

    while (v && !http_is_source(v->string))
        v = v->next;
    return v;
}

/* Beside it stands only whether it is enabled. */
static int check_http(const char *where, const struct cJSON *trigger, const struct cJSON *http,
                      struct err *e)
{
    cleanup_with(buf_done) struct buf inner;

    buf_init(&inner, 4096);
    buf_addf(&inner, "%s.%s", where, http->string);
    for (const struct cJSON *v = trigger->child; v; v = v->next) {
        if (v == http)
            continue;
        if (strcmp(v->string, "enabled") != 0)
            return err_set(e, ERR_CALLER, -EINVAL, "%.160s has '%s', so '%.64s' has no meaning",
                           where, http->string, v->string);
        if (!cJSON_IsBool(v))
            return err_set(e, ERR_CALLER, -EINVAL, "%.160s.enabled must be true or false", where);
    }
    return http_check(inner.p, http->string, http, e);
}

static int check_trigger(const char *fn, const struct cJSON *trigger, struct err *e)
{
    cleanup_with(buf_done) struct buf where;
    const struct cJSON *http = http_of(trigger);
    int r, ways;

    buf_init(&where, 4096);
    buf_addf(&where, "functions.%.64s.triggers.%.64s", fn, trigger->string);
    if (http)
        return check_http(where.p, trigger, http, e);
    r = check(where.p, trigger, trigger_keys, ARRAY_LEN(trigger_keys), e);
    if (r < 0)
        return r;
    ways = (json_get(trigger, "cron") != NULL) + (json_get(trigger, "rate") != NULL) +
           (json_get(trigger, "every") != NULL);
    return ways == 1 ? 0
                     : err_set(e, ERR_CALLER, -EINVAL,
                               "%s must have one of cron, rate, every, apig, apigw and http",
                               where.p);
}

int manifest_read_triggers(const char *fn, const struct cJSON *value, const struct cJSON **ret,
                           struct err *e)
{
    int r = 0;

    if (!cJSON_IsObject(value))
        return err_set(e, ERR_CALLER, -EINVAL, "functions.%.128s.triggers must be a map", fn);
    for (const struct cJSON *t = value->child; t && r == 0; t = t->next)
        r = check_trigger(fn, t, e);
    if (r == 0)
        *ret = value;
    return r;
}

static struct str words_of(const struct cJSON *map, const char *key)
{
    struct str s = STR_NONE;

    (void)json_str(map, key, false, &s, NULL);
    return s;
}

/* "https://..." or a function: name, space/name, or all of it. */
static void put_target(struct jw *w, const struct name *of, struct str to)
{
    bool http = str_starts(to, S("http://")) || str_starts(to, S("https://"));
    cleanup_with(buf_done) struct buf full;
    struct name name = {0};

    buf_init(&full, 8 << 10);
    if (!http && name_parse(to, &name, NULL) == 0) {
        name.dialect = name.dialect.p ? name.dialect : of->dialect;
        name.account = name.account.p ? name.account : of->account;
        name.region = name.region.p ? name.region : of->region;
        name.space = name.space.p ? name.space : of->space;
        name_print(&name, &full);
        to = buf_str(&full);
    }
    jw_obj(w);
    jw_kstrz(w, "kind", http ? "http" : "function");
    jw_kstr(w, "to", to);
    jw_obj_end(w);
}

void manifest_put_async(struct jw *w, const struct name *of, const struct cJSON *async)
{
    jw_obj(w);
    for (size_t i = 0; i < ARRAY_LEN(async_keys); i++) {
        const struct cJSON *v = json_get(async, async_keys[i].name);

        if (!v)
            continue;
        jw_key(w, async_keys[i].sends);
        if (async_keys[i].kind == NUMBER)
            jw_int(w, (int64_t)v->valuedouble);
        else
            put_target(w, of, str_of(v->valuestring));
    }
    jw_obj_end(w);
}

static int put_http(const struct manifest_function *f, const struct cJSON *http, struct cJSON *body,
                    struct err *e)
{
    const char *source = http_source_of(f->name.dialect);

    if (!source || strcmp(source, http->string) != 0)
        return err_set(e, ERR_CALLER, -EINVAL, "functions of %.*s have '%s', not '%s'",
                       STR_ARG(f->name.dialect), source ? source : "no HTTP triggers",
                       http->string);
    http_config(http, cJSON_AddObjectToObject(body, "config"));
    return 0;
}

static int put_timer(const struct manifest_function *f, const struct cJSON *trigger,
                     struct cJSON *body, struct err *e)
{
    struct timer_words words = {.cron = words_of(trigger, "cron"),
                                .rate = words_of(trigger, "rate"),
                                .every = words_of(trigger, "every"),
                                .zone = words_of(trigger, "zone"),
                                .missed = words_of(trigger, "missed"),
                                .payload = words_of(trigger, "payload")};

    return schedule_of(&words, f->name.dialect, cJSON_AddObjectToObject(body, "config"), e);
}

int manifest_trigger(const struct manifest_function *f, const struct cJSON *trigger,
                     struct buf *out, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *body = cJSON_CreateObject();
    const struct cJSON *http = http_of(trigger);
    int64_t concurrency = 0;
    bool enabled = true;
    int r;

    (void)json_bool(trigger, "enabled", false, &enabled, NULL);
    cJSON_AddStringToObject(body, "source", http ? http->string : "timer");
    cJSON_AddBoolToObject(body, "enabled", enabled);
    (void)json_int(trigger, "concurrency", false, 0, INT64_MAX, &concurrency, NULL);
    cJSON_AddNumberToObject(body, "concurrency",
                            (double)concurrency); /* 0, too: it may have been */
    r = http ? put_http(f, http, body, e) : put_timer(f, trigger, body, e);
    if (r >= 0)
        json_print(body, out);
    return r < 0 ? err_wrap(e, r, "trigger '%.64s'", trigger->string) : 0;
}

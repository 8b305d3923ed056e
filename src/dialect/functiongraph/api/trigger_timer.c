/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger_timer.c - event_data of a TIMER, between the cloud's words and the source's.
 *
 *   name, schedule_type, schedule, user_event    what the source needs (source/timer.h)
 *   missed_policy, max_concurrency               additions of ours: skip, once or all; 0: no bound
 *   the rest (sync_execution, ...)               kept and given back
 *
 * Pure but for the clock the schedule's parser does not read.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"
#include "fn/trigger.h"
#include "source/timer.h"

enum { NAME_MAX_CHARS = 64, TEXT_MAX = 2 * TRIGGER_CONFIG };

static const struct {
    const char *cloud, *syntax;
} types[] = {
        {"Rate", "fg-rate"},
        {"Cron", "fg-cron"},
};

static const char *const understood[] = {"name",       "schedule_type", "schedule",
                                         "user_event", "missed_policy", "max_concurrency",
                                         "triggerid"};

static bool is_understood(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(understood); i++)
        if (strcmp(understood[i], key) == 0)
            return true;
    return false;
}

static const char *type_of(struct str syntax)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(syntax, str_of(types[i].syntax)))
            return types[i].cloud;
    return "Cron"; /* of another dialect's syntax: it came through another door */
}

static int syntax_of(struct str type, struct str *ret, struct fg_error *x)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(type, str_of(types[i].cloud))) {
            *ret = str_of(types[i].syntax);
            return 0;
        }
    return fg_refuse(x, 400, "FSS.1109", "schedule_type is '%.*s', not Rate or Cron",
                     (int)(type.n < 32 ? type.n : 32), type.p ? type.p : "");
}

static bool name_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = str_lower(s.p[i]);
        bool letter = ch >= 'a' && ch <= 'z';

        if (!letter && (i == 0 || !((ch >= '0' && ch <= '9') || ch == '_' || ch == '-')))
            return false;
    }
    return s.n > 0 && s.n <= NAME_MAX_CHARS;
}

/* The source's form of it, fields in one order. */
struct config {
    struct str schedule, syntax, zone, missed, payload; /* p NULL: not said */
};

static void config_read(const struct cJSON *json, struct config *k)
{
    (void)json_str(json, "schedule", false, &k->schedule, NULL);
    (void)json_str(json, "syntax", false, &k->syntax, NULL);
    (void)json_str(json, "zone", false, &k->zone, NULL);
    (void)json_str(json, "missed", false, &k->missed, NULL);
    (void)json_str(json, "payload", false, &k->payload, NULL);
}

static void put_said(struct jw *w, const char *key, struct str s)
{
    if (s.p)
        jw_kstr(w, key, s);
}

static void config_write(const struct config *k, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    put_said(&w, "schedule", k->schedule);
    put_said(&w, "syntax", k->syntax);
    put_said(&w, "zone", k->zone);
    put_said(&w, "missed", k->missed);
    put_said(&w, "payload", k->payload);
    jw_obj_end(&w);
}

static int read_name(const struct cJSON *data, bool update, struct trigger *draft,
                     struct fg_error *x)
{
    struct str name = STR_NONE;

    if (json_str(data, "name", false, &name, &x->e) < 0)
        return -EINVAL;
    if (update && (!name.p || str_eq(name, str_of(draft->name))))
        return 0;
    if (update)
        return fg_refuse(x, 400, "FSS.1109", "the name of a trigger cannot change, it is '%s'",
                         draft->name);
    if (!name_ok(name))
        return fg_refuse(x, 400, "FSS.1109",
                         "name has not 1 to %d letters, digits, '_', '-', a letter first",
                         NAME_MAX_CHARS);
    fn_set(&draft->name, name);
    return 0;
}

static int read_config(const struct cJSON *data, struct config *k, struct fg_error *x)
{
    struct str type = STR_NONE;

    if (json_str(data, "schedule_type", false, &type, &x->e) < 0 ||
        json_str(data, "schedule", false, &k->schedule, &x->e) < 0 ||
        json_str(data, "user_event", false, &k->payload, &x->e) < 0 ||
        json_str(data, "missed_policy", false, &k->missed, &x->e) < 0)
        return -EINVAL;
    if (type.p && syntax_of(type, &k->syntax, x) < 0)
        return -EINVAL;
    if (!k->syntax.p || !k->schedule.p)
        return fg_refuse(x, 400, "FSS.1109", "%s is missing",
                         k->syntax.p ? "schedule" : "schedule_type");
    if (k->missed.p && !str_eq(k->missed, S("skip")) && !str_eq(k->missed, S("once")) &&
        !str_eq(k->missed, S("all")))
        return fg_refuse(x, 400, "FSS.1109", "missed_policy is not skip, once or all");
    if (k->payload.n > TIMER_PAYLOAD)
        return fg_refuse(x, 400, "FSS.1109", "user_event has %zu bytes, %d are allowed",
                         k->payload.n, TIMER_PAYLOAD);
    return 0;
}

static int read_bound(const struct cJSON *data, struct trigger *draft, struct fg_error *x)
{
    int64_t n = draft->concurrency;

    if (json_int(data, "max_concurrency", false, 0, TRIGGER_CONCURRENCY, &n, &x->e) < 0)
        return -EINVAL;
    draft->concurrency = (uint32_t)n;
    return 0;
}

/* What we have no word for, over what was kept before. */
static int keep_rest(const struct cJSON *data, struct trigger *draft, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *kept = json_parse(str_of(draft->extra), NULL);
    cleanup_with(buf_done) struct buf text;
    const struct cJSON *field;
    bool sync = false;

    buf_init(&text, TRIGGER_CONFIG);
    if (json_bool(data, "sync_execution", false, &sync, &x->e) < 0)
        return -EINVAL;
    cJSON_ArrayForEach(field, data)
    {
        if (is_understood(field->string))
            continue;
        cJSON_DeleteItemFromObjectCaseSensitive(kept, field->string);
        if (!cJSON_IsNull(field))
            (void)cJSON_AddItemToObject(kept, field->string, cJSON_Duplicate(field, true));
    }
    json_print(kept, &text);
    if (!buf_ok(&text))
        return fg_refuse(x, 400, "FSS.1109", "event_data is larger than %d bytes", TRIGGER_CONFIG);
    fn_set(&draft->extra, buf_str(&text));
    return 0;
}

int fg_parse_timer(const struct cJSON *data, bool update, struct trigger *draft, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *before = json_parse(str_of(draft->config), NULL);
    cleanup_with(buf_done) struct buf text;
    struct config k = {0};
    int r;

    buf_init(&text, TEXT_MAX);
    x->status = 400;
    x->code = "FSS.1109";
    config_read(before, &k);
    if (read_name(data, update, draft, x) < 0 || read_config(data, &k, x) < 0 ||
        read_bound(data, draft, x) < 0)
        return -EINVAL;
    config_write(&k, &text);
    r = timer_check(buf_str(&text), &x->e);
    if (r < 0)
        return -EINVAL;
    fn_set(&draft->config, buf_str(&text));
    return keep_rest(data, draft, x);
}

void fg_put_timer(struct jw *w, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *config = json_parse(str_of(t->config), NULL);
    cleanup_with(json_freep) struct cJSON *kept = json_parse(str_of(t->extra), NULL);
    cleanup_with(buf_done) struct buf text;
    const struct cJSON *field;
    struct config k = {0};

    buf_init(&text, TEXT_MAX);
    config_read(config, &k);
    jw_obj(w);
    jw_kstrz(w, "name", t->name);
    jw_kstrz(w, "schedule_type", type_of(k.syntax));
    jw_kstr(w, "schedule", k.schedule);
    jw_kstr(w, "user_event", k.payload);
    if (k.missed.p)
        jw_kstr(w, "missed_policy", k.missed);
    if (t->concurrency > 0)
        jw_kint(w, "max_concurrency", t->concurrency);
    jw_kstrz(w, "triggerid", t->id);
    cJSON_ArrayForEach(field, kept)
    {
        if (is_understood(field->string))
            continue;
        buf_reset(&text);
        json_print(field, &text);
        jw_key(w, field->string);
        jw_raw(w, buf_str(&text));
    }
    jw_obj_end(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger_fields.c - event_data of a type that waits for its source: checked by its fields, kept in
 * trigger->extra, given back.
 *
 * Passwords are looked at and forgotten: nobody connects with them yet, and what is not kept cannot be
 * given away. Whoever adds the source of a type adds where its secret is kept. Fields we have no word
 * for are kept as they came.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/triggers.h"
#include "dialect/functiongraph/api/trigger.h"

/* Of whatever type: never kept, also where a type has no such field. */
static const char *const secrets[] = {"db_password", "kafka_password", "access_password",
                                      "secret_key", "password"};

static bool is_secret(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        if (strcmp(secrets[i], name) == 0)
            return true;
    return false;
}

static size_t characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static bool among(const char *const *values, const char *s)
{
    for (; values && *values; values++)
        if (strcmp(*values, s) == 0)
            return true;
    return !values;
}

static int check_text(const struct fg_trigger_type *type, const struct fg_trigger_field *f,
                      const struct cJSON *v, struct fg_error *x)
{
    size_t n;

    /* The SDK's update says it as true or false, a create as a text. */
    if (cJSON_IsBool(v) && f->values && among(f->values, "true"))
        return 0;
    if (!cJSON_IsString(v))
        return fg_refuse(x, 400, type->wrong, "%s is not a text", f->name);
    n = characters(v->valuestring);
    if (n < (size_t)f->min || n > (size_t)f->max)
        return fg_refuse(x, 400, type->wrong, "%s has %zu characters, %lld to %lld are allowed",
                         f->name, n, (long long)f->min, (long long)f->max);
    return among(f->values, v->valuestring)
                   ? 0
                   : fg_refuse(x, 400, type->wrong, "%s is none of its values", f->name);
}

static int check_list(const struct fg_trigger_type *type, const struct fg_trigger_field *f,
                      const struct cJSON *v, struct fg_error *x)
{
    const struct cJSON *one;
    int n = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : -1;

    if (n < f->min || n > f->max)
        return fg_refuse(x, 400, type->wrong, "%s is not a list of %lld to %lld texts", f->name,
                         (long long)f->min, (long long)f->max);
    cJSON_ArrayForEach(one, v)
    {
        if (!cJSON_IsString(one) || one->valuestring[0] == '\0' ||
            !among(f->values, one->valuestring))
            return fg_refuse(x, 400, type->wrong, "%s has what is none of its values", f->name);
    }
    return 0;
}

static int check_field(const struct fg_trigger_type *type, const struct fg_trigger_field *f,
                       const struct cJSON *v, struct fg_error *x)
{
    switch (f->kind) {
    case FG_TEXT:
        return check_text(type, f, v, x);
    case FG_NUMBER:
        if (!cJSON_IsNumber(v) || !(v->valuedouble >= (double)f->min) ||
            !(v->valuedouble <= (double)f->max) ||
            v->valuedouble != (double)(int64_t)v->valuedouble)
            return fg_refuse(x, 400, type->wrong, "%s is not a whole number from %lld to %lld",
                             f->name, (long long)f->min, (long long)f->max);
        return 0;
    case FG_SWITCH:
        return cJSON_IsBool(v) ? 0
                               : fg_refuse(x, 400, type->wrong, "%s is not true or false", f->name);
    case FG_TEXTS:
        return check_list(type, f, v, x);
    }
    return -EINVAL;
}

/* Is a "...:*" that stands for b? */
static bool covers(const char *a, const char *b)
{
    size_t n = strlen(a);

    return n >= 2 && strcmp(a + n - 2, ":*") == 0 && strncmp(a, b, n - 1) == 0;
}

/* A wildcard stands for all of its kind: to name one of them beside it would say it twice. */
static int check_events(const struct fg_trigger_type *type, const struct cJSON *data,
                        struct fg_error *x)
{
    const struct cJSON *events = strcmp(type->code, "OBS") == 0 ? json_get(data, "events") : NULL;
    const struct cJSON *a, *b;

    cJSON_ArrayForEach(a, events)
    {
        cJSON_ArrayForEach(b, events)
        {
            if (a != b && covers(a->valuestring, b->valuestring))
                return fg_refuse(x, 400, type->wrong, "events has %s and %s", a->valuestring,
                                 b->valuestring);
        }
    }
    return 0;
}

/* What fields say together. */
static int check_whole(const struct fg_trigger_type *type, const struct cJSON *sent,
                       const struct cJSON *data, struct fg_error *x)
{
    struct str user = S(""), password = S("");

    if (strcmp(type->code, "KAFKA") == 0) {
        (void)json_str(data, "kafka_user", false, &user, NULL);
        (void)json_str(sent, "kafka_password", false, &password, NULL);
        if (password.n > 0 && user.n == 0)
            return fg_refuse(x, 400, "FSS.1113", "kafka_password is there, kafka_user is not");
    }
    if (strcmp(type->code, "OPENSOURCEKAFKA") == 0 && !json_get(data, "kafka_connect_address") &&
        !json_get(data, "connect_address"))
        return fg_refuse(x, 400, type->wrong, "kafka_connect_address is missing");
    return check_events(type, data, x);
}

/* Into kept, over what is there; null removes. */
static void keep(const struct cJSON *data, struct cJSON *kept)
{
    const struct cJSON *v;

    cJSON_ArrayForEach(v, data)
    {
        cJSON_DeleteItemFromObjectCaseSensitive(kept, v->string);
        if (!cJSON_IsNull(v) && !is_secret(v->string))
            (void)cJSON_AddItemToObject(kept, v->string, cJSON_Duplicate(v, true));
    }
}

int fg_parse_fields_of(const struct fg_trigger_type *type, const struct cJSON *data, bool update,
                       struct trigger *draft, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *kept = json_parse(str_of(draft->extra), NULL);
    cleanup_with(buf_done) struct buf text;
    struct str name = S("");

    buf_init(&text, TRIGGER_CONFIG);
    if (!kept)
        kept = cJSON_CreateObject();
    for (uint32_t i = 0; i < type->nfields; i++) {
        const struct fg_trigger_field *f = &type->fields[i];
        const struct cJSON *v = json_get(data, f->name);

        if (!v && f->must && !(update && (f->secret || json_get(kept, f->name))))
            return fg_refuse(x, 400, type->wrong, "%s is missing", f->name);
        if (v && check_field(type, f, v, x) < 0)
            return -EINVAL;
    }
    keep(data, kept);
    if (check_whole(type, data, kept, x) < 0)
        return -EINVAL;
    json_print(kept, &text);
    if (!buf_ok(&text))
        return fg_refuse(x, 400, type->wrong, "event_data is larger than %d bytes", TRIGGER_CONFIG);
    if (!update) {
        (void)json_str(kept, "name", false, &name, NULL);
        fn_set(&draft->name, name);
        fn_set(&draft->config, S("{}"));
    }
    fn_set(&draft->extra, buf_str(&text));
    return 0;
}

void fg_put_fields_of(struct jw *w, const struct trigger *t, const char *more_key, struct str more)
{
    cleanup_with(json_freep) struct cJSON *kept = json_parse(str_of(t->extra), NULL);
    cleanup_with(buf_done) struct buf text;
    const struct cJSON *v;

    buf_init(&text, 2ul * TRIGGER_CONFIG);
    jw_obj(w);
    cJSON_ArrayForEach(v, kept)
    {
        if (is_secret(v->string) || (more_key && strcmp(v->string, more_key) == 0))
            continue;
        buf_reset(&text);
        json_print(v, &text);
        jw_key(w, v->string);
        jw_raw(w, buf_str(&text));
    }
    if (more_key) {
        jw_key(w, more_key);
        jw_raw(w, more);
    }
    jw_obj_end(w);
}

/* ---- OBS: two of a project may not hear of the same object ---- */

struct overlap {
    const struct trigger *draft;
    const struct cJSON *data;
    bool found;
};

static struct str text_of(const struct cJSON *data, const char *key)
{
    struct str s = S("");

    (void)json_str(data, key, false, &s, NULL);
    return s;
}

static bool one_begins(struct str a, struct str b)
{
    return str_starts(a, b) || str_starts(b, a);
}

static bool one_ends(struct str a, struct str b)
{
    return str_ends(a, b) || str_ends(b, a);
}

/* "s3:ObjectCreated:*" and "s3:ObjectCreated:Put" */
static bool meets(const char *a, const char *b)
{
    return strcmp(a, b) == 0 || covers(a, b) || covers(b, a);
}

static bool share_event(const struct cJSON *a, const struct cJSON *b)
{
    const struct cJSON *x, *y;

    cJSON_ArrayForEach(x, json_get(a, "events"))
    {
        cJSON_ArrayForEach(y, json_get(b, "events"))
        {
            if (meets(x->valuestring, y->valuestring))
                return true;
        }
    }
    return false;
}

static bool compare(void *user, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *other = NULL;
    struct overlap *o = user;

    if (strcmp(t->source, "obs") != 0 || t->dialect != o->draft->dialect ||
        strcmp(t->account, o->draft->account) != 0 || strcmp(t->id, o->draft->id) == 0)
        return true;
    other = json_parse(str_of(t->extra), NULL);
    o->found = str_eq(text_of(other, "bucket"), text_of(o->data, "bucket")) &&
               one_begins(text_of(other, "prefix"), text_of(o->data, "prefix")) &&
               one_ends(text_of(other, "suffix"), text_of(o->data, "suffix")) &&
               share_event(other, o->data);
    return !o->found;
}

int fg_check_overlap(struct call *c, const struct trigger *draft, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *data = NULL;
    struct overlap o = {.draft = draft};

    if (strcmp(draft->source, "obs") != 0)
        return 0;
    data = json_parse(str_of(draft->extra), NULL);
    o.data = data;
    catalog_each_trigger(c->api->catalog, NULL, compare, &o);
    return o.found ? fg_refuse(x, 403, "FSS.1108",
                               "another OBS trigger hears of the same objects of this bucket")
                   : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.c - create, list, show, change and delete triggers, of every type the cloud has
 * (trigger_types.c).
 *
 * A path names a trigger three times over: by function, type and id. All three must fit, or it is
 * not there: an id alone is no way to somebody else's trigger.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/triggers.h"
#include "dialect/functiongraph/api/trigger.h"
#include "source/source.h"

enum {
    SWEEP_MAGIC = 0x46475357,
    TYPE = 2, /* captures behind project and URN */
    ID = 3,
    PULL_MAX = 10, /* of one function: FSS.1123 */
    ANSWER_MAX = 4 * TRIGGER_CONFIG,
    LIST_MAX = 64 << 20,
};

/* ---- as the cloud shows them ---- */

static void put_trigger(struct jw *w, struct call *c, const struct trigger *t)
{
    const struct fg_trigger_type *type = fg_trigger_type_of(t);
    char text[CLOCK_TEXT];

    jw_obj(w);
    jw_kstrz(w, "trigger_id", t->id);
    jw_kstrz(w, "trigger_type_code", type->code);
    jw_kstrz(w, "trigger_status", t->enabled ? "ACTIVE" : "DISABLED");
    jw_key(w, "event_data");
    if (type->put)
        type->put(w, c, t);
    else
        fg_put_fields_of(w, t, NULL, STR_NONE);
    jw_kstrz(w, "last_updated_time", clock_sql(t->modified_ms, text));
    jw_kstrz(w, "created_time", clock_sql(t->created_ms, text));
    jw_obj_end(w);
}

static void reply_trigger(struct call *c, int status, const struct trigger *t)
{
    struct buf body;
    struct jw w;

    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    put_trigger(&w, c, t);
    fg_reply_json(c, status, &body);
}

static void fail_trigger(struct call *c, int r)
{
    if (r == -EDQUOT)
        call_fail(c, 403, "FSS.1123", "the function has as many triggers as it may");
    else if (r == -EEXIST)
        call_fail(c, 409, "FSS.1148", "a trigger of this name exists");
    else if (r == -ESTALE)
        call_fail(c, 409, "FSS.0409", "the trigger was changed by somebody else meanwhile");
    else
        fg_fail_catalog(c, r);
}

struct listing {
    struct jw w;
    struct call *call;
    struct str project;
};

static bool list_one(void *user, const struct trigger *t)
{
    struct listing *l = user;

    if (t->dialect == DIALECT_FUNCTIONGRAPH && str_eq(str_of(t->account), l->project) &&
        fg_trigger_type_of(t))
        put_trigger(&l->w, l->call, t);
    return true;
}

/* key NULL: of the whole project. A bare array. */
static void list(struct call *c, struct str project, const struct fn_key *key)
{
    struct listing l = {.call = c, .project = project};
    struct buf body;

    buf_init(&body, LIST_MAX);
    jw_init(&l.w, &body);
    jw_arr(&l.w);
    catalog_each_trigger(c->api->catalog, key, list_one, &l);
    jw_arr_end(&l.w);
    fg_reply_json(c, 200, &body);
}

void fg_list_triggers(struct call *c)
{
    struct fg_urn urn;
    struct fn_key key;

    if (!fg_target(c, &urn))
        return;
    key = fg_key(&urn);
    list(c, urn.project, &key);
}

void fg_list_all_triggers(struct call *c)
{
    struct str project;

    if (fg_project(c, &project))
        list(c, project, NULL);
}

void fg_list_trigger_types(struct call *c)
{
    struct str project;
    struct buf body;
    struct jw w;

    if (!fg_project(c, &project))
        return;
    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_arr(&w);
    for (size_t i = 0; i < fg_trigger_types_n; i++)
        if (source_of(str_of(fg_trigger_types[i].source))) {
            jw_obj(&w);
            jw_kstrz(&w, "type", fg_trigger_types[i].code);
            jw_kstrz(&w, "display_name", fg_trigger_types[i].name);
            jw_obj_end(&w);
        }
    jw_arr_end(&w);
    fg_reply_json(c, 200, &body);
}

/* ---- create ---- */

struct census {
    const struct fg_trigger_type *type;
    const struct trigger *draft;
    struct str identity;
    uint32_t n, of_project;
    bool taken;
};

/* What two triggers may not have in common: a name, or that field of event_data. */
static struct str identity_of(const struct fg_trigger_type *type, const struct trigger *t,
                              const struct cJSON *kept)
{
    struct str s = S("");

    if (!type->identity || strcmp(type->identity, "name") == 0)
        return str_of(t->name);
    (void)json_str(kept, type->identity, false, &s, NULL);
    return s;
}

static bool count_one(void *user, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *kept = json_parse(str_of(t->extra), NULL);
    struct census *s = user;

    s->n++;
    if (strcmp(t->source, s->draft->source) == 0 && s->identity.n > 0 &&
        str_eq(identity_of(s->type, t, kept), s->identity))
        s->taken = true;
    return true;
}

static bool count_project(void *user, const struct trigger *t)
{
    struct census *s = user;

    s->of_project += strcmp(t->source, s->draft->source) == 0 && t->dialect == s->draft->dialect &&
                     strcmp(t->account, s->draft->account) == 0;
    return true;
}

static int check_room(struct call *c, const struct fg_trigger_type *type,
                      const struct trigger *draft, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *kept = json_parse(str_of(draft->extra), NULL);
    struct census s = {.type = type, .draft = draft, .identity = identity_of(type, draft, kept)};
    struct fn_key key = trigger_key(draft);

    catalog_each_trigger(c->api->catalog, &key, count_one, &s);
    if (s.taken)
        return fg_refuse(x, 409, type->exists, "the %s trigger '%.*s' exists", type->code,
                         STR_ARG(s.identity));
    if (s.n >= PULL_MAX)
        return fg_refuse(x, 403, "FSS.1123", "the function has %u triggers, %d are allowed", s.n,
                         PULL_MAX);
    if (type->most == 0)
        return fg_check_overlap(c, draft, x);
    catalog_each_trigger(c->api->catalog, NULL, count_project, &s);
    if (s.of_project >= type->most)
        return fg_refuse(x, 403, "FSS.1123", "the project has %u %s triggers, %u are allowed",
                         s.of_project, type->code, type->most);
    return 0;
}

static int read_type(const struct cJSON *body, const struct fg_trigger_type **ret,
                     struct fg_error *x)
{
    struct str code = STR_NONE;

    if (json_str(body, "trigger_type_code", false, &code, &x->e) < 0)
        return -EINVAL;
    *ret = fg_trigger_type(code);
    if (*ret)
        return 0;
    return fg_refuse(x, 400, "FSS.1101", "trigger_type_code '%.*s' is no type of trigger",
                     (int)(code.n < 32 ? code.n : 32), code.p ? code.p : "");
}

static int read_status(const struct fg_trigger_type *type, const struct cJSON *body, bool *enabled,
                       struct fg_error *x)
{
    struct str status = *enabled ? S("ACTIVE") : S("DISABLED");

    if (json_str(body, "trigger_status", false, &status, &x->e) < 0)
        return -EINVAL;
    if (!str_eq(status, S("ACTIVE")) && !str_eq(status, S("DISABLED")))
        return fg_refuse(x, 400, "FSS.0400", "trigger_status is not ACTIVE or DISABLED");
    *enabled = str_eq(status, S("ACTIVE"));
    if (!*enabled && type->always)
        return fg_refuse(x, 400, "FSS.0400",
                         "a trigger of type %s cannot be disabled, only deleted", type->code);
    return 0;
}

static int parse_data(struct call *c, const struct fg_trigger_type *type, const struct cJSON *data,
                      bool update, struct trigger *draft, struct fg_error *x)
{
    if (type->parse)
        return type->parse(c, type, data, update, draft, x);
    return fg_parse_fields_of(type, data, update, draft, x);
}

static void refused_by_default(struct fg_error *x)
{
    x->status = 400;
    x->code = "FSS.0400";
}

static int read_create(struct call *c, const struct cJSON *body, struct trigger *draft,
                       struct fg_error *x)
{
    const struct cJSON *data = json_get(body, "event_data");
    const struct fg_trigger_type *type;

    refused_by_default(x);
    if (read_type(body, &type, x) < 0)
        return -EINVAL;
    draft->enabled = !type->off;
    if (read_status(type, body, &draft->enabled, x) < 0)
        return -EINVAL;
    if (!cJSON_IsObject(data))
        return fg_refuse(x, 400, type->wrong, "event_data is not an object");
    fn_set(&draft->source, str_of(type->source));
    if (parse_data(c, type, data, false, draft, x) < 0)
        return -EINVAL;
    return check_room(c, type, draft, x);
}

static void on_created(void *user, int r, const struct trigger *t)
{
    struct call *c = user;

    if (r < 0)
        fail_trigger(c, r);
    else
        reply_trigger(c, 201, t);
}

void fg_create_trigger(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fg_error x = {0};
    struct trigger *draft;
    struct fg_urn urn;
    struct fn_key key;

    if (!fg_target(c, &urn))
        return;
    body = fg_body(c);
    if (!body)
        return;
    key = fg_key(&urn);
    draft = trigger_new(&key, S(""));
    if (read_create(c, body, draft, &x) < 0) {
        trigger_unref(draft);
        fg_fail(c, &x);
        return;
    }
    draft->created_ms = draft->modified_ms = clock_store_ms();
    catalog_create_trigger(c->api->catalog, draft, on_created, c); /* -> on_created */
}

/* ---- one trigger ---- */

static bool is_of(const struct trigger *t, const struct fg_urn *u)
{
    return t->dialect == DIALECT_FUNCTIONGRAPH && str_eq(str_of(t->account), u->project) &&
           str_eq(str_of(t->region), u->region) && str_eq(str_of(t->space), u->package) &&
           str_eq(str_of(t->function), u->name);
}

static void fail_missing(struct call *c, const struct fg_trigger_type *type)
{
    call_fail(c, 404, type->missing, "Not found the trigger");
}

/* What the path names; NULL: it has replied. */
static const struct trigger *find(struct call *c)
{
    const struct fg_trigger_type *type;
    const struct trigger *t;
    struct fg_urn urn;

    if (!fg_target(c, &urn))
        return NULL;
    type = fg_trigger_type(c->captures[TYPE]);
    if (!type) {
        call_fail(c, 404, "FSS.1137", "Not found the trigger type");
        return NULL;
    }
    t = catalog_trigger(c->api->catalog, c->captures[ID]);
    if (t && is_of(t, &urn) && fg_trigger_type_of(t) == type)
        return t;
    fail_missing(c, type);
    return NULL;
}

void fg_show_trigger(struct call *c)
{
    const struct trigger *t = find(c);

    if (t)
        reply_trigger(c, 200, t);
}

/* Terraform sends event_data as an object; the SDK as an array of objects, of fields that mean
 * nothing to a timer. */
static int read_update(struct call *c, const struct cJSON *body, struct trigger *draft,
                       struct fg_error *x)
{
    const struct fg_trigger_type *type = fg_trigger_type_of(draft);
    const struct cJSON *data = json_get(body, "event_data"), *parts, *part;

    refused_by_default(x);
    if (read_status(type, body, &draft->enabled, x) < 0)
        return -EINVAL;
    if (!data)
        return 0;
    if (cJSON_IsObject(data) && parse_data(c, type, data, true, draft, x) < 0)
        return -EINVAL;
    if (!cJSON_IsObject(data) && !cJSON_IsArray(data))
        return fg_refuse(x, 400, type->wrong, "event_data is not an object or an array of objects");
    parts = cJSON_IsArray(data) ? data : NULL;
    cJSON_ArrayForEach(part, parts)
    {
        if (!cJSON_IsObject(part))
            return fg_refuse(x, 400, type->wrong, "event_data has what is not an object");
        if (parse_data(c, type, part, true, draft, x) < 0)
            return -EINVAL;
    }
    return fg_check_overlap(c, draft, x);
}

static void on_updated(void *user, int r, const struct trigger *t)
{
    struct call *c = user;

    if (r == -ENOENT)
        call_fail(c, 404, "FSS.1131", "Not found the trigger");
    else if (r < 0)
        fail_trigger(c, r);
    else
        reply_trigger(c, 200, t);
}

void fg_update_trigger(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct trigger *t = find(c);
    struct fg_error x = {0};
    struct trigger *draft;

    if (!t)
        return;
    body = fg_body(c);
    if (!body)
        return;
    draft = trigger_copy(t);
    if (read_update(c, body, draft, &x) < 0) {
        trigger_unref(draft);
        fg_fail(c, &x);
        return;
    }
    draft->modified_ms = clock_store_ms();
    catalog_update_trigger(c->api->catalog, draft, on_updated, c); /* -> on_updated */
}

static void on_deleted(void *user, int r, const struct trigger *t)
{
    struct call *c = user;

    (void)t;
    if (r == -ENOENT)
        call_fail(c, 404, "FSS.1131", "Not found the trigger");
    else if (r < 0)
        fail_trigger(c, r);
    else
        call_reply(c, 204, S(""), S(""));
}

void fg_delete_trigger(struct call *c)
{
    const struct trigger *t = find(c);

    if (t)
        catalog_delete_trigger(c->api->catalog, str_of(t->id), on_deleted, c); /* -> on_deleted */
}

/* ---- all triggers of a function ---- */

struct sweep {
    uint32_t magic;
    struct call *call;
    struct cJSON *ids; /* owned; an array of those that are left */
};

static struct call *sweep_free(struct sweep *s)
{
    struct call *c = s->call;

    json_free(s->ids);
    s->magic = 0;
    free(s);
    return c;
}

static bool note_id(void *user, const struct trigger *t)
{
    struct sweep *s = user;

    (void)cJSON_AddItemToArray(s->ids, cJSON_CreateString(t->id));
    return true;
}

static void on_swept(void *user, int r, const struct trigger *t);

static void sweep_on(struct sweep *s)
{
    struct cJSON *id = cJSON_DetachItemFromArray(s->ids, 0);

    if (!id) {
        call_reply(sweep_free(s), 204, S(""), S(""));
        return;
    }
    catalog_delete_trigger(s->call->api->catalog, str_of(id->valuestring), on_swept, s);
    json_free(id);
}

static void on_swept(void *user, int r, const struct trigger *t)
{
    struct sweep *s = OBJ(user, struct sweep, SWEEP_MAGIC);

    (void)t;
    if (r < 0 && r != -ENOENT) /* somebody else was quicker */
        fail_trigger(sweep_free(s), r);
    else
        sweep_on(s);
}

void fg_delete_triggers(struct call *c)
{
    struct fg_urn urn;
    struct fn_key key;
    struct sweep *s;

    if (!fg_target(c, &urn))
        return;
    key = fg_key(&urn);
    s = xnew(struct sweep);
    s->magic = SWEEP_MAGIC;
    s->call = c;
    s->ids = cJSON_CreateArray();
    catalog_each_trigger(c->api->catalog, &key, note_id, s);
    sweep_on(s); /* -> on_swept, one after the other */
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger_conf.c - a trigger's config between the cloud's words and the record.
 *
 *   http   {"authType","methods","disableURLInternet"}  our {"auth","methods","public"}
 *   timer  {"cronExpression","enable","payload"}        our {"schedule","syntax":"fc","payload"}, enabled
 *   others as they were sent, in `extra` (trigger_fields.c says what may stand in them)
 *
 * So a trigger that was made elsewhere (evoke.yaml) reads the same here. In the later API versions
 * triggerConfig is the same as JSON text: both are taken. A partial one in a change changes what it
 * names: Funcraft and Serverless Devs always send all of it, so nothing that works there depends on it.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/api/trigger.h"
#include "dialect/fc/api/trigger_fields.h"
#include "fn/fn.h"
#include "fn/trigger.h"
#include "gateway/model/binding.h"
#include "source/timer.h"

/* How a source's ARN begins, and what stands in it behind region and account. NULL: it has none. */
static const struct {
    const char *name, *service, *resource;
} types[] = {
        {"http", NULL, NULL},
        {"timer", NULL, NULL},
        {"oss", "acs:oss:", ""},
        {"log", "acs:log:", "project/"},
        {"mns_topic", "acs:mns:", "/topics/"},
        {"tablestore", "acs:ots:", "instance/"},
        {"cdn_events", "acs:cdn:", NULL},
        {"eventbridge", NULL, NULL},
        {"rds", "acs:rds:", "dbinstance/"},
        {"datahub", NULL, NULL},
};

static int type_of(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(name, str_of(types[i].name)))
            return (int)i;
    return -1;
}

const char *fc_trigger_type(struct str name)
{
    int type = type_of(name);

    return type < 0 ? NULL : types[type].name;
}

static bool is(const struct trigger *t, const char *source)
{
    return strcmp(t->source, source) == 0;
}

/* ---- reading ---- */

/* The object itself, or the tree of its text in *ret_tree (owned by the caller). NULL: it is neither,
 * and e says so; or absent, and e is untouched. */
static const struct cJSON *config_in(const struct cJSON *body, struct cJSON **ret_tree,
                                     struct err *e)
{
    const struct cJSON *config = json_geti(body, "triggerConfig");

    if (!config || cJSON_IsNull(config))
        return NULL;
    if (cJSON_IsString(config)) {
        *ret_tree = json_parse(str_of(config->valuestring), e);
        config = *ret_tree;
    }
    if (cJSON_IsObject(config))
        return config;
    (void)err_set(e, ERR_CALLER, -EINVAL, "triggerConfig must be a JSON object");
    return NULL;
}

static void put_methods(struct jw *w, const struct cJSON *methods)
{
    jw_key(w, "methods");
    jw_arr(w);
    for (const struct cJSON *m = methods->child; m; m = m->next)
        jw_str(w, cJSON_IsString(m) ? str_of(m->valuestring) : S(""));
    jw_arr_end(w);
}

static int write_http(const struct cJSON *config, struct trigger *draft, bool is_new, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *old =
            is_new ? NULL : json_parse(str_of(draft->config), NULL);
    cleanup_with(buf_done) struct buf out = {0};
    const struct cJSON *methods = json_geti(config, "methods");
    struct str auth = STR_NONE;
    bool disabled = false, public = true;
    struct jw w;

    (void)json_str(old, "auth", false, &auth, NULL);
    (void)json_bool(old, "public", false, &public, NULL);
    disabled = !public;
    if (json_str(config, "authType", true, &auth, e) < 0 ||
        json_bool(config, "disableURLInternet", true, &disabled, e) < 0)
        return -EINVAL;
    if (!methods || cJSON_IsNull(methods))
        methods = old ? json_get(old, "methods") : NULL;
    if (!auth.p || !methods || !cJSON_IsArray(methods))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "invalid HTTP trigger config: authType and methods must be set");
    buf_init(&out, TRIGGER_CONFIG);
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kstr(&w, "auth", auth);
    put_methods(&w, methods);
    jw_kbool(&w, "public", !disabled);
    jw_obj_end(&w);
    if (!buf_ok(&out))
        return err_set(e, ERR_CALLER, -EINVAL, "invalid HTTP trigger config: it is too long");
    if (binding_check_http(buf_str(&out), e) < 0)
        return err_wrap(e, -EINVAL, "invalid HTTP trigger config");
    fn_set(&draft->config, buf_str(&out));
    return 0;
}

static int write_timer(const struct cJSON *config, struct trigger *draft, bool is_new,
                       struct err *e)
{
    cleanup_with(json_freep) struct cJSON *old =
            is_new ? NULL : json_parse(str_of(draft->config), NULL);
    cleanup_with(buf_done) struct buf out = {0};
    struct str cron = STR_NONE, payload = S("");
    bool enabled = is_new ? true : draft->enabled;
    struct jw w;

    (void)json_str(old, "schedule", false, &cron, NULL);
    (void)json_str(old, "payload", false, &payload, NULL);
    if (json_str(config, "cronExpression", true, &cron, e) < 0 ||
        json_str(config, "payload", true, &payload, e) < 0 ||
        json_bool(config, "enable", true, &enabled, e) < 0)
        return err_wrap(e, -EINVAL, "invalid timer trigger config");
    if (cron.n == 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "invalid timer trigger config: cronExpression must be set");
    buf_init(&out, TRIGGER_CONFIG);
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kstr(&w, "schedule", cron);
    jw_kstrz(&w, "syntax", "fc");
    jw_kstr(&w, "payload", payload);
    jw_obj_end(&w);
    if (!buf_ok(&out))
        return err_set(e, ERR_CALLER, -EINVAL, "invalid timer trigger config: it is too long");
    if (timer_check(buf_str(&out), e) < 0)
        return err_wrap(e, -EINVAL, "invalid timer trigger config");
    fn_set(&draft->config, buf_str(&out));
    draft->enabled = enabled;
    return 0;
}

/* cdn_events: which event it is never changes. */
static int check_fixed(const struct cJSON *before, const struct cJSON *now, struct err *e)
{
    static const char *const fixed[] = {"eventName", "eventVersion"};

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        const struct cJSON *a = fc_config_at(before, fixed[i]), *b = fc_config_at(now, fixed[i]);

        if (a && b && !cJSON_Compare(a, b, true))
            return err_set(e, ERR_CALLER, -EINVAL,
                           "invalid cdn_events trigger config: %s cannot be changed", fixed[i]);
    }
    return 0;
}

static void enable_by(const struct cJSON *config, struct trigger *draft)
{
    const struct cJSON *flag = fc_config_at(config, "enable");

    if (!flag)
        flag = fc_config_at(config, "triggerEnable");
    if (flag)
        draft->enabled = cJSON_IsTrue(flag);
}

/* Of a type that waits: over what was kept, key by key, into the tree of extra. */
static int write_kept(const struct cJSON *config, struct trigger *draft, struct cJSON *extra,
                      bool is_new, struct err *e)
{
    const struct cJSON *before = json_get(extra, "triggerConfig");
    struct cJSON *all = is_new || !before ? cJSON_CreateObject() : cJSON_Duplicate(before, true);
    int r = 0;

    for (const struct cJSON *m = config->child; m; m = m->next) {
        if (cJSON_IsNull(m))
            continue;
        cJSON_DeleteItemFromObject(all, m->string); /* without case */
        (void)cJSON_AddItemToObject(all, m->string, cJSON_Duplicate(m, true));
    }
    r = fc_config_check(draft->source, all, e);
    if (r == 0 && !is_new && is(draft, "cdn_events"))
        r = check_fixed(before, all, e);
    if (r < 0) {
        json_free(all);
        return r;
    }
    enable_by(all, draft);
    cJSON_DeleteItemFromObjectCaseSensitive(extra, "triggerConfig");
    (void)cJSON_AddItemToObject(extra, "triggerConfig", all);
    return 0;
}

/* "acs:oss:<region>:<account>:<resource>" */
static int check_arn(int type, struct str arn, struct err *e)
{
    struct str rest = arn;
    size_t colons = 0;

    if (!types[type].service)
        return 0;
    if (!str_starts(arn, str_of(types[type].service)))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "sourceArn of a trigger of type %s must begin with %s (actual: '%.*s')",
                       types[type].name, types[type].service, (int)(arn.n < 128 ? arn.n : 128),
                       arn.p ? arn.p : "");
    while (rest.p && colons < 4) {
        (void)str_cut(&rest, ':');
        colons++;
    }
    if (types[type].resource && (!rest.p || !str_starts(rest, str_of(types[type].resource)) ||
                                 rest.n == strlen(types[type].resource)))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "sourceArn of a trigger of type %s must be %s{region}:{account}:%s{name} "
                       "(actual: '%.*s')",
                       types[type].name, types[type].service, types[type].resource,
                       (int)(arn.n < 128 ? arn.n : 128), arn.p);
    return 0;
}

static int take_text(const struct cJSON *body, const char *key, size_t max, struct cJSON *extra,
                     struct err *e)
{
    struct str text = STR_NONE;

    if (json_str(body, key, true, &text, e) < 0)
        return -EINVAL;
    if (!text.p)
        return 0;
    if (text.n > max)
        return err_set(e, ERR_CALLER, -EINVAL, "%s must have at most %zu bytes", key, max);
    cJSON_DeleteItemFromObjectCaseSensitive(extra, key);
    (void)cJSON_AddStringToObject(extra, key, text.p);
    return 0;
}

static int read_type(const struct cJSON *body, struct trigger *draft, bool is_new, struct err *e)
{
    struct str name = STR_NONE, before = str_of(draft->source);
    int type;

    if (json_str(body, "triggerType", true, &name, e) < 0)
        return -EINVAL;
    if (!is_new && name.n > 0 && !str_eq(name, before))
        return err_set(e, ERR_CALLER, -EINVAL, "triggerType cannot be changed, it is %s",
                       draft->source);
    type = type_of(is_new ? name : before);
    if (type >= 0)
        fn_set(&draft->source, str_of(types[type].name));
    else
        (void)err_set(e, ERR_CALLER, -EINVAL,
                      name.n ? "triggerType is set to an invalid value (actual: '%.*s')"
                             : "triggerType is required%.*s",
                      (int)(name.n < 64 ? name.n : 64), name.p ? name.p : "");
    return type < 0 ? -EINVAL : type;
}

static int write_config(const struct cJSON *config, struct trigger *draft, struct cJSON *extra,
                        bool is_new, struct err *e)
{
    if (is(draft, "http"))
        return write_http(config, draft, is_new, e);
    if (is(draft, "timer"))
        return write_timer(config, draft, is_new, e);
    fn_set(&draft->config, S("{}"));
    return write_kept(config, draft, extra, is_new, e);
}

int fc_trigger_fill(const struct cJSON *body, struct trigger *draft, bool is_new, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL,
                                          *extra = json_parse(str_of(draft->extra), NULL);
    cleanup_with(buf_done) struct buf text;
    int type = read_type(body, draft, is_new, e);
    const struct cJSON *config;
    struct str arn = STR_NONE;

    buf_init(&text, TRIGGER_CONFIG);
    if (type < 0)
        return type;
    if (!extra)
        extra = cJSON_CreateObject();
    config = config_in(body, &tree, e);
    if (!config && e->code < 0)
        return e->code;
    if (!config && is_new)
        return err_set(e, ERR_CALLER, -EINVAL, "triggerConfig must be set");
    if (take_text(body, "description", FC_DESCRIPTION_MAX, extra, e) < 0 ||
        take_text(body, "invocationRole", 1024, extra, e) < 0 ||
        take_text(body, "sourceArn", 1024, extra, e) < 0)
        return -EINVAL;
    (void)json_str(extra, "sourceArn", false, &arn, NULL);
    if (check_arn(type, arn, e) < 0 ||
        (config && write_config(config, draft, extra, is_new, e) < 0))
        return -EINVAL;
    json_print(extra, &text);
    if (!buf_ok(&text))
        return err_set(e, ERR_CALLER, -EINVAL, "the trigger has more than %d bytes",
                       TRIGGER_CONFIG);
    fn_set(&draft->extra, buf_str(&text));
    return 0;
}

/* ---- as the cloud shows them ---- */

static void put_http(struct jw *w, const struct cJSON *config)
{
    const struct cJSON *methods = json_get(config, "methods");
    struct str auth = S("anonymous");
    bool public = true;

    (void)json_str(config, "auth", false, &auth, NULL);
    (void)json_bool(config, "public", false, &public, NULL);
    jw_obj(w);
    jw_kstr(w, "authType", auth);
    jw_key(w, "methods");
    jw_arr(w);
    for (const struct cJSON *m = methods ? methods->child : NULL; m; m = m->next)
        jw_str(w, str_of(m->valuestring));
    jw_arr_end(w);
    jw_kbool(w, "disableURLInternet", !public);
    jw_obj_end(w);
}

static void put_timer(struct jw *w, const struct cJSON *config, bool enabled)
{
    struct str cron = S(""), payload = S("");

    (void)json_str(config, "schedule", false, &cron, NULL);
    (void)json_str(config, "payload", false, &payload, NULL);
    jw_obj(w);
    jw_kstr(w, "cronExpression", cron);
    jw_kbool(w, "enable", enabled);
    jw_kstr(w, "payload", payload);
    jw_obj_end(w);
}

void fc_trigger_put_config(struct jw *w, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *config = json_parse(str_of(t->config), NULL);
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(t->extra), NULL);
    const struct cJSON *kept = json_get(extra, "triggerConfig");

    if (is(t, "http")) {
        put_http(w, config);
    } else if (is(t, "timer")) {
        put_timer(w, config, t->enabled);
    } else {
        cleanup_with(buf_done) struct buf text;

        buf_init(&text, TRIGGER_CONFIG);
        if (kept)
            json_print(kept, &text);
        jw_raw(w, kept && buf_ok(&text) ? buf_str(&text) : S("{}"));
    }
}

char *fc_trigger_text(const struct trigger *t, const char *key)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(t->extra), NULL);
    struct str text = S("");

    (void)json_str(extra, key, false, &text, NULL);
    return str_dup(text);
}

const char *fc_trigger_etag(const struct trigger *t, char room[FC_ETAG_TEXT])
{
    char text[UUID_TEXT + 24], hex[SHA256_HEX];

    (void)snprintf(text, sizeof(text), "%s@%llu", t->id, (unsigned long long)t->revision);
    sha256_hex(str_of(text), hex);
    (void)snprintf(room, FC_ETAG_TEXT, "%.32s", hex);
    return room;
}

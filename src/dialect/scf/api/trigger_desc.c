/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger_desc.c - TriggerDesc of each type, between the cloud's words and the sources'.
 *
 * A timer comes as a bare cron expression and goes out as {"cron": 7 fields}. An API of the gateway is
 * the source apigw; what is told of it has the URL where it can be called here. For the other types
 * there is no source yet: what is said is checked as far as the cloud does, kept and given back.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/triggers.h"
#include "dialect/scf/api/parse.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/scf/api/trigger.h"
#include "fn/fn.h"
#include "gateway/plane/address.h"
#include "source/source.h"

enum { DESC_MAX = 32 << 10, CRON_MAX = 512, ARGUMENT_MAX = 4096 };

#define DOMAIN "apigw.localhost"

struct kind {
    const char *type, *source;
    /* desc: parsed, or NULL; config and extra of the draft are to be filled. */
    int (*fill)(const struct catalog *c, struct str text, const struct cJSON *desc,
                const struct cJSON *p, struct trigger *draft, struct scf_error *x);
    bool bare; /* the desc need not be JSON */
};

static int bad(struct scf_error *x, const char *what)
{
    return scf_refuse_as(x, "InvalidParameterValue.TriggerDesc", "%s", what);
}

static void set_config(struct trigger *t, struct buf *text)
{
    fn_set(&t->config, buf_str(text));
}

/* ---- timer ---- */

static size_t fields_of(struct str cron)
{
    size_t n = 0;

    for (size_t i = 0; i < cron.n; i++)
        n += cron.p[i] != ' ' && (i == 0 || cron.p[i - 1] == ' ');
    return n;
}

/* "0 <expr> *" of five fields. */
static int fill_timer(const struct catalog *c, struct str text, const struct cJSON *desc,
                      const struct cJSON *p, struct trigger *draft, struct scf_error *x)
{
    struct str cron = desc ? scf_text(desc, "cron") : str_trim(text);
    struct str argument = scf_text(p, "CustomArgument");
    cleanup_with(json_freep) struct cJSON *before = json_parse(str_of(draft->config), NULL);
    cleanup_with(buf_done) struct buf config;
    cleanup_with(buf_done) struct buf whole;
    struct err e = {0};
    struct jw w;

    (void)c;
    buf_init(&config, 2ul * ARGUMENT_MAX + CRON_MAX + 256);
    buf_init(&whole, CRON_MAX);
    if (!cron.p || !cron.n)
        cron = scf_text(before, "schedule");
    if (!argument.p)
        argument = scf_text(before, "payload");
    if (argument.n > ARGUMENT_MAX)
        return scf_refuse_as(x, "InvalidParameterValue.CustomArgument",
                             "CustomArgument has more than %d bytes.", ARGUMENT_MAX);
    if (fields_of(cron) == 5)
        buf_addf(&whole, "0 %.*s *", STR_ARG(cron));
    else
        buf_adds(&whole, cron);
    if (!buf_ok(&whole))
        return bad(x, "The cron expression is too long.");
    jw_init(&w, &config);
    jw_obj(&w);
    jw_kstr(&w, "schedule", buf_str(&whole));
    jw_kstrz(&w, "syntax", "scf");
    jw_kstrz(&w, "zone", "Asia/Shanghai");
    if (argument.n)
        jw_kstr(&w, "payload", argument);
    jw_obj_end(&w);
    if (source_check(S("timer"), buf_str(&config), &e) < 0)
        return bad(x, e.msg);
    set_config(draft, &config);
    return 0;
}

/* ---- apigw ---- */

struct by_id { /* the name of a service that is known by its id */
    const struct catalog *catalog;
    struct str id;
    char name[128];
};

static bool is_service(void *user, const struct trigger *t)
{
    struct by_id *s = user;
    struct gw_address at;
    bool same = false;

    if (strcmp(t->source, "apigw") == 0 && gw_address_of(s->catalog, DOMAIN, t, &at) == 0) {
        struct str host = buf_str(&at.host);

        same = str_eq(str_cut(&host, '.'), s->id);
        gw_address_done(&at);
    }
    if (same) {
        cleanup_with(json_freep) struct cJSON *config = json_parse(str_of(t->config), NULL);

        (void)snprintf(s->name, sizeof(s->name), "%.*s", STR_ARG(scf_text(config, "service")));
    }
    return !same;
}

static bool is_true(struct str s)
{
    return str_ieq(s, S("TRUE"));
}

static struct str or (struct str s, struct str absent)
{
    return s.n ? s : absent;
}

static int fill_apigw(const struct catalog *c, struct str text, const struct cJSON *desc,
                      const struct cJSON *p, struct trigger *draft, struct scf_error *x)
{
    const struct cJSON *api = json_get(desc, "api"), *request = json_get(api, "requestConfig");
    const struct cJSON *service = json_get(desc, "service");
    struct by_id by = {.catalog = c, .id = scf_text(service, "serviceId")};
    struct str name = or (scf_text(service, "serviceName"), S("SCF_API_SERVICE"));
    cleanup_with(buf_done) struct buf config = {0};
    struct err e = {0};
    struct jw w;

    (void)text;
    (void)p;
    if (by.id.n) {
        catalog_each_trigger(c, NULL, is_service, &by);
        name = str_of(by.name);
        if (!name.n)
            return scf_refuse_as(x, "InvalidParameterValue.ApiGateway",
                                 "There is no service '%.*s'.", (int)(by.id.n < 64 ? by.id.n : 64),
                                 by.id.p);
    }
    buf_init(&config, DESC_MAX);
    jw_init(&w, &config);
    jw_obj(&w);
    jw_kstr(&w, "service", name);
    jw_kstr(&w, "stage", or (scf_text(json_get(desc, "release"), "environmentName"), S("release")));
    jw_kstr(&w, "method", or (scf_text(request, "method"), S("ANY")));
    if (scf_text(request, "path").n)
        jw_kstr(&w, "path", scf_text(request, "path"));
    jw_kbool(&w, "integrated", is_true(scf_text(api, "isIntegratedResponse")));
    jw_kbool(&w, "cors", is_true(scf_text(api, "enableCORS")));
    jw_kbool(&w, "base64", is_true(scf_text(api, "IsBase64Encoded")));
    jw_kstrz(&w, "auth", is_true(scf_text(api, "authRequired")) ? "secret" : "none");
    if (json_get(api, "serviceTimeout"))
        jw_kint(&w, "timeout_ms", scf_number(api, "serviceTimeout", 0) * 1000);
    jw_obj_end(&w);
    if (source_check(S("apigw"), buf_str(&config), &e) < 0)
        return bad(x, e.msg);
    set_config(draft, &config);
    return 0;
}

/* ---- those that wait for their source ---- */

static int fill_cos(const struct catalog *c, struct str text, const struct cJSON *desc,
                    const struct cJSON *p, struct trigger *draft, struct scf_error *x)
{
    struct str event = scf_text(desc, "event");
    struct str suffix = scf_text(json_get(desc, "filter"), "Suffix");

    (void)c, (void)text, (void)draft;
    if (str_find(scf_text(p, "TriggerName"), S(".cos.")) < 0)
        return scf_refuse_as(x, "InvalidParameterValue.TriggerName",
                             "The name of a cos trigger is <bucket>-<appid>.cos.<region>."
                             "myqcloud.com.");
    if (!str_starts(event, S("cos:Object")))
        return bad(x, "event is one like cos:ObjectCreated:*.");
    if (suffix.n && suffix.p[0] != '.')
        return bad(x, "filter.Suffix begins with a dot.");
    return 0;
}

static int fill_ckafka(const struct catalog *c, struct str text, const struct cJSON *desc,
                       const struct cJSON *p, struct trigger *draft, struct scf_error *x)
{
    const struct cJSON *most = json_get(desc, "maxMsgNum");
    struct str name = scf_text(p, "TriggerName");
    uint64_t n = 0;

    (void)c, (void)text, (void)draft;
    if (!str_has(name, '-'))
        return scf_refuse_as(x, "InvalidParameterValue.TriggerName",
                             "The name of a ckafka trigger is <instance>-<topic>.");
    if (!most || (cJSON_IsString(most) ? str_u64(str_of(most->valuestring), 1, 10000, &n) < 0
                                       : scf_number(desc, "maxMsgNum", 0) < 1 ||
                                                 scf_number(desc, "maxMsgNum", 0) > 10000))
        return bad(x, "maxMsgNum is 1 to 10000.");
    return 0;
}

static int fill_http(const struct catalog *c, struct str text, const struct cJSON *desc,
                     const struct cJSON *p, struct trigger *draft, struct scf_error *x)
{
    struct str auth = scf_text(desc, "AuthType");

    (void)c, (void)text, (void)p, (void)draft;
    if (!str_eq(auth, S("NONE")) && !str_eq(auth, S("CAM")))
        return bad(x, "AuthType is NONE or CAM.");
    return 0;
}

static int fill_any(const struct catalog *c, struct str text, const struct cJSON *desc,
                    const struct cJSON *p, struct trigger *draft, struct scf_error *x)
{
    (void)c, (void)text, (void)desc, (void)p, (void)draft, (void)x;
    return 0;
}

/* "http" is a source of another cloud: of a function's own URL the name is another one here. */
static const struct kind kinds[] = {
        {"timer", "timer", fill_timer, true},
        {"apigw", "apigw", fill_apigw, false},
        {"cos", "cos", fill_cos, false},
        {"cmq", "cmq", fill_any, true},
        {"ckafka", "ckafka", fill_ckafka, false},
        {"http", "function-url", fill_http, false},
        {"eb", "eb", fill_any, true},
        {"mqtt", "mqtt", fill_any, true},
        {"vod", "vod", fill_any, true},
        {"cm", "cm", fill_any, true},
        {"custom_kafka", "custom_kafka", fill_any, true},
};

static const struct kind *kind_of_source(struct str source)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(source, str_of(kinds[i].source)))
            return &kinds[i];
    return NULL;
}

struct str scf_trigger_source(struct str type)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(type, str_of(kinds[i].type)))
            return str_of(kinds[i].source);
    return S("");
}

struct str scf_trigger_type(struct str source)
{
    const struct kind *k = kind_of_source(source);

    return k ? str_of(k->type) : source;
}

/* What is kept beside the source's config: the desc as it came, and the words around it. */
static int keep(const struct cJSON *p, const struct cJSON *desc, struct trigger *draft,
                struct scf_error *x)
{
    static const char *const words[] = {"Description", "CustomArgument"};
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(draft->extra), NULL);
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, TRIGGER_CONFIG);
    if (desc) {
        cJSON_DeleteItemFromObjectCaseSensitive(extra, "desc");
        (void)cJSON_AddItemToObject(extra, "desc", cJSON_Duplicate(desc, true));
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!scf_text(p, words[i]).p)
            continue;
        cJSON_DeleteItemFromObjectCaseSensitive(extra, words[i]);
        (void)cJSON_AddStringToObject(extra, words[i], scf_text(p, words[i]).p);
    }
    json_print(extra, &text);
    if (!buf_ok(&text))
        return bad(x, "TriggerDesc is too long.");
    fn_set(&draft->extra, buf_str(&text));
    return 0;
}

int scf_trigger_fill(const struct catalog *c, const struct cJSON *p, struct trigger *draft,
                     struct scf_error *x)
{
    const struct kind *k = kind_of_source(str_of(draft->source));
    struct str text = scf_text(p, "TriggerDesc");
    cleanup_with(json_freep) struct cJSON *desc = NULL;
    bool update = draft->revision != 0;

    if (text.n > DESC_MAX)
        return bad(x, "TriggerDesc is too long.");
    if (text.n && str_starts(str_trim(text), S("{")))
        desc = json_parse(text, NULL);
    if (text.n && !cJSON_IsObject(desc) && !(k->bare && !str_starts(str_trim(text), S("{"))))
        return bad(x, "TriggerDesc is not a JSON object.");
    if (!text.n && !update && (!k->bare || strcmp(k->source, "timer") == 0))
        return bad(x, "TriggerDesc is missing.");
    if (text.n || !update || strcmp(k->source, "timer") == 0) {
        int r = k->fill(c, text, desc, p, draft, x);

        if (r < 0)
            return r;
    }
    return keep(p, strcmp(k->source, "timer") == 0 ? NULL : desc, draft, x);
}

/* ---- and back ---- */

static void put_timer(struct jw *w, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *config = json_parse(str_of(t->config), NULL);

    jw_obj(w);
    jw_kstr(w, "cron", scf_text(config, "schedule"));
    jw_obj_end(w);
}

static const char *truth(bool v)
{
    return v ? "TRUE" : "FALSE";
}

static void put_api(struct jw *w, const struct trigger *t, const struct cJSON *config)
{
    char id[16];

    (void)snprintf(id, sizeof(id), "api-%.8s", t->id + 28); /* its last, random digits */
    jw_key(w, "api");
    jw_obj(w);
    jw_kstrz(w, "apiId", id);
    jw_kstrz(w, "apiName", t->name);
    jw_kstrz(w, "authRequired", truth(str_eq(scf_text(config, "auth"), S("secret"))));
    jw_kstrz(w, "isIntegratedResponse", truth(scf_flag(config, "integrated", false)));
    jw_kstrz(w, "enableCORS", truth(scf_flag(config, "cors", false)));
    jw_kstrz(w, "IsBase64Encoded", truth(scf_flag(config, "base64", false)));
    jw_kint(w, "serviceTimeout", scf_number(config, "timeout_ms", 15000) / 1000);
    jw_key(w, "requestConfig");
    jw_obj(w);
    jw_kstr(w, "method", scf_text(config, "method"));
    jw_kstr(w, "path", scf_text(config, "path"));
    jw_obj_end(w);
    jw_obj_end(w);
}

static void put_apigw(struct jw *w, const struct catalog *c, struct str host,
                      const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *config = json_parse(str_of(t->config), NULL);
    cleanup_with(buf_done) struct buf url;
    struct gw_address at;
    struct str id;

    buf_init(&url, 8192);
    jw_obj(w);
    put_api(w, t, config);
    jw_key(w, "service");
    jw_obj(w);
    jw_kstr(w, "serviceName", scf_text(config, "service"));
    if (gw_address_of(c, DOMAIN, t, &at) == 0) {
        id = buf_str(&at.host);
        jw_kstr(w, "serviceId", str_cut(&id, '.'));
        buf_addf(&url, "http://%.*s%s", STR_ARG(host), at.by_path.p);
        jw_kstr(w, "subDomain", buf_str(&url));
        gw_address_done(&at);
    }
    jw_obj_end(w);
    jw_key(w, "release");
    jw_obj(w);
    jw_kstr(w, "environmentName", scf_text(config, "stage"));
    jw_obj_end(w);
    jw_obj_end(w);
}

/* "<instance>-<topic>": the instance has a '-' of its own ("ckafka-1a2b-topic"). */
static struct str topic_of(struct str name)
{
    struct str rest = name;

    if (str_starts(rest, S("ckafka-")))
        rest = str_from(rest, 7);
    (void)str_cut(&rest, '-');
    return rest;
}

static void put_kept(struct jw *w, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(t->extra), NULL);
    cleanup_with(json_freep) struct cJSON *desc = cJSON_Duplicate(json_get(extra, "desc"), true);
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, DESC_MAX);
    if (desc && strcmp(t->source, "ckafka") == 0 && !json_get(desc, "topicName")) {
        struct str topic = topic_of(str_of(t->name));

        (void)cJSON_AddStringToObject(desc, "topicName", topic.p ? topic.p : "");
    }
    if (desc)
        json_print(desc, &text);
    jw_raw(w, desc && buf_ok(&text) ? buf_str(&text) : S("{}"));
}

void scf_trigger_put_desc(struct jw *w, const struct catalog *c, struct str host,
                          const struct trigger *t)
{
    cleanup_with(buf_done) struct buf text;
    struct jw inner;

    buf_init(&text, 2ul * DESC_MAX);
    jw_init(&inner, &text);
    if (strcmp(t->source, "timer") == 0)
        put_timer(&inner, t);
    else if (strcmp(t->source, "apigw") == 0)
        put_apigw(&inner, c, host, t);
    else
        put_kept(&inner, t);
    jw_kstr(w, "TriggerDesc", buf_ok(&text) ? buf_str(&text) : S("{}"));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger_apig.c - event_data of APIG, APIC and DEDICATEDGATEWAY, between the cloud's words and the
 * gateway's (gateway/model/binding.h).
 *
 * The trigger is the API: the gateway routes by it as it does by one of evoke.yaml, and its id is the
 * API's. The group must be there when it is named by id; its name goes into the config. What was sent
 * is kept beside it and given back.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "catalog/triggers.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/trigger.h"
#include "gateway/gateway.h"
#include "gateway/plane/address.h"
#include "source/source.h"

enum { TIMEOUT_MS = 60000, NAME_MOST = 64, TEXT_MAX = 2 * TRIGGER_CONFIG };

struct said {
    struct str name, path, protocol, method, group_id, group_name, match, env_name, env_id, auth,
            backend;
    int64_t type, timeout_ms;
};

static const struct {
    const char *key;
    size_t at;
} texts[] = {
        {"name", offsetof(struct said, name)},
        {"path", offsetof(struct said, path)},
        {"protocol", offsetof(struct said, protocol)},
        {"req_method", offsetof(struct said, method)},
        {"group_id", offsetof(struct said, group_id)},
        {"group_name", offsetof(struct said, group_name)},
        {"match_mode", offsetof(struct said, match)},
        {"env_name", offsetof(struct said, env_name)},
        {"env_id", offsetof(struct said, env_id)},
        {"auth", offsetof(struct said, auth)},
        {"backend_type", offsetof(struct said, backend)},
};

static bool is_one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_eq(s, str_of(*words)))
            return true;
    return false;
}

static int check_words(const struct fg_trigger_type *type, const struct said *k, struct fg_error *x)
{
    static const char *const protocols[] = {"HTTP", "HTTPS", NULL},
                             *const matches[] = {"SWA", "NORMAL", NULL},
                             *const auths[] = {"IAM", "APP", "NONE", NULL};

    if (k->name.n == 0 || k->name.n > NAME_MOST)
        return fg_refuse(x, 400, type->wrong, "name has not 1 to %d bytes", NAME_MOST);
    if (k->protocol.p && !is_one_of(k->protocol, protocols))
        return fg_refuse(x, 400, type->wrong, "protocol is not HTTP or HTTPS");
    if (k->match.p && !is_one_of(k->match, matches))
        return fg_refuse(x, 400, type->wrong, "match_mode is not SWA or NORMAL");
    if (!is_one_of(k->auth, auths))
        return fg_refuse(x, 400, type->wrong, "auth is not IAM, APP or NONE");
    if (k->backend.p && !str_eq(k->backend, S("FUNCTION")))
        return fg_refuse(x, 400, type->wrong, "backend_type is not FUNCTION");
    if (!k->group_id.n && !k->group_name.n)
        return fg_refuse(x, 400, type->wrong, "group_id is missing");
    if (!k->env_name.n && !k->env_id.n)
        return fg_refuse(x, 400, type->wrong, "env_id is missing");
    return 0;
}

static int read_said(const struct fg_trigger_type *type, const struct cJSON *data, struct said *k,
                     struct fg_error *x)
{
    const struct cJSON *info = json_get(data, "func_info");

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (json_str(data, texts[i].key, false, (struct str *)((char *)k + texts[i].at), &x->e) < 0)
            return -EINVAL;
    if (json_int(data, "type", false, 1, 2, &k->type, &x->e) < 0)
        return -EINVAL;
    if (info && !cJSON_IsObject(info))
        return fg_refuse(x, 400, type->wrong, "func_info is not an object");
    if (json_int(info, "timeout", false, 1, TIMEOUT_MS, &k->timeout_ms, &x->e) < 0)
        return -EINVAL;
    return check_words(type, k, x);
}

/* The group's name and the environment's. */
static int resolve(struct call *c, const struct fg_trigger_type *type, struct said *k,
                   struct fg_error *x)
{
    if (k->group_id.n) {
        const struct resource *group = apig_look(c, &apig_groups, k->group_id);

        if (!group)
            return fg_refuse(x, 404, type->missing, "Not found the API group '%.*s'",
                             (int)(k->group_id.n < 64 ? k->group_id.n : 64), k->group_id.p);
        k->group_name = str_of(group->name);
    }
    if (k->env_id.n) {
        struct str name = apig_env_name(c, k->env_id);

        if (!name.p)
            return fg_refuse(x, 400, type->wrong, "env_id is no environment");
        k->env_name = name;
    }
    return 0;
}

static void write_config(const struct said *k, struct buf *out)
{
    char auth[8] = "";
    struct jw w;

    for (size_t i = 0; i < k->auth.n && i + 1 < sizeof(auth); i++)
        auth[i] = str_lower(k->auth.p[i]);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "group", k->group_name);
    jw_kstr(&w, "stage", k->env_name);
    if (k->method.p)
        jw_kstr(&w, "method", k->method);
    if (k->path.p)
        jw_kstr(&w, "path", k->path);
    jw_kstrz(&w, "match", str_eq(k->match, S("NORMAL")) ? "exact" : "prefix");
    jw_kstrz(&w, "auth", auth);
    if (k->timeout_ms > 0)
        jw_kint(&w, "timeout_ms", k->timeout_ms);
    jw_obj_end(&w);
}

int fg_parse_apig(struct call *c, const struct fg_trigger_type *type, const struct cJSON *data,
                  bool update, struct trigger *draft, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *kept = json_parse(str_of(draft->extra), NULL);
    cleanup_with(buf_done) struct buf config;
    cleanup_with(buf_done) struct buf extra;
    struct said k = {0};
    const struct cJSON *v;

    buf_init(&config, TEXT_MAX);
    buf_init(&extra, TRIGGER_CONFIG);
    x->status = 400;
    x->code = type->wrong;
    if (!kept)
        kept = cJSON_CreateObject();
    cJSON_ArrayForEach(v, data) apig_set(kept, v->string, cJSON_Duplicate(v, true));
    if (read_said(type, kept, &k, x) < 0 || resolve(c, type, &k, x) < 0)
        return -EINVAL;
    if (update && !str_eq(k.name, str_of(draft->name)))
        return fg_refuse(x, 400, type->wrong, "the name of a trigger cannot change");
    apig_set_str(kept, "trigger_type_code", str_of(type->code));
    write_config(&k, &config);
    if (source_check(S("apig"), buf_str(&config), &x->e) < 0)
        return -EINVAL;
    json_print(kept, &extra);
    if (!buf_ok(&extra))
        return fg_refuse(x, 400, type->wrong, "event_data is larger than %d bytes", TRIGGER_CONFIG);
    fn_set(&draft->name, k.name);
    fn_set(&draft->config, buf_str(&config));
    fn_set(&draft->extra, buf_str(&extra));
    return 0;
}

static void set_default(struct cJSON *o, const char *key, struct str value)
{
    if (!json_get(o, key))
        apig_set_str(o, key, value);
}

/* One that came through another door has no words of this one: they are made of its config. */
static void say_config(const struct trigger *t, struct cJSON *o)
{
    cleanup_with(json_freep) struct cJSON *config = json_parse(str_of(t->config), NULL);
    struct str auth = apig_text(config, "auth"), path = apig_text(config, "path"),
               stage = apig_text(config, "stage"), method = apig_text(config, "method");

    set_default(o, "name", str_of(t->name));
    set_default(o, "type", STR_NONE);
    apig_set_int(o, "type", 1);
    set_default(o, "group_name", apig_text(config, "group"));
    set_default(o, "env_name", stage.n ? stage : S("RELEASE"));
    set_default(o, "req_method", method.n ? method : S("ANY"));
    set_default(o, "match_mode",
                str_eq(apig_text(config, "match"), S("prefix")) ? S("SWA") : S("NORMAL"));
    set_default(o, "auth",
                str_eq(auth, S("iam"))   ? S("IAM")
                : str_eq(auth, S("app")) ? S("APP")
                                         : S("NONE"));
    set_default(o, "protocol", S("HTTP"));
    set_default(o, "backend_type", S("FUNCTION"));
    if (path.n > 0)
        set_default(o, "path", path);
}

static void add_address(struct call *c, const struct trigger *t, struct cJSON *o)
{
    struct gw_address a;
    struct buf url;

    if (!c->api->gateway ||
        gw_address_of(c->api->catalog, gateway_domain(c->api->gateway), t, &a) < 0)
        return;
    buf_init(&url, TEXT_MAX);
    buf_addf(&url, "http://%s%s", a.host.p, a.path.p);
    apig_set_str(o, "invoke_url", buf_str(&url));
    apig_set_str(o, "sl_domain", buf_str(&a.host));
    buf_done(&url);
    gw_address_done(&a);
}

void fg_put_apig(struct jw *w, struct call *c, const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *o = json_parse(str_of(t->extra), NULL);
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, TEXT_MAX);
    if (!o)
        o = cJSON_CreateObject();
    if (!json_get(o, "trigger_type_code"))
        say_config(t, o);
    cJSON_DeleteItemFromObjectCaseSensitive(o, "trigger_type_code");
    apig_set_str(o, "api_id", str_of(t->id));
    apig_set_str(o, "api_name", str_of(t->name));
    add_address(c, t, o);
    json_print(o, &text);
    jw_raw(w, buf_ok(&text) ? buf_str(&text) : S("{}"));
}

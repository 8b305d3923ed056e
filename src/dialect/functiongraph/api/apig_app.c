/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_app.c - apps, which are what callers sign with: their key and secret, and their app codes.
 *
 * A key belongs to one app of the whole installation, since requests name the key alone. What a
 * client does not choose is random. Whoever may read may read secrets, as with the environment of
 * functions.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"
#include "gateway/plane/objects.h"

enum { CODE_BYTES = 48 };

static size_t count_auths(const struct call *c, struct str app)
{
    struct resource_filter filter = apig_filter(c, &apig_app_auths, app);

    return catalog_count_resources(c->api->catalog, &filter);
}

static void adorn(const struct call *c, const struct resource *r, struct cJSON *object)
{
    apig_set_str(object, "creator", S("USER"));
    apig_set_str(object, "app_type", S("apig"));
    apig_set_int(object, "status", 1);
    apig_set_int(object, "bind_num", (int64_t)count_auths(c, str_of(r->id)));
    apig_set_time(object, "register_time", r->created_ms);
    apig_set_time(object, "update_time", r->modified_ms);
}

static const struct apig_default defaults[] = {{"remark", "\"\""}, {NULL, NULL}};
const struct apig_kind apig_apps = {
        .name = "app",
        .list = "apps",
        .what = "app",
        .missing = "APIG.3004",
        .exists = "APIG.3203",
        .quota = "APIG.3103",
        .defaults = defaults,
        .adorn = adorn,
        .merge = true,
};

static void adorn_code(const struct call *c, const struct resource *r, struct cJSON *object)
{
    (void)c;
    apig_set_str(object, "app_id", str_of(r->parent));
    apig_set_time(object, "create_time", r->created_ms);
}

const struct apig_kind apig_app_codes = {
        .name = "app_code",
        .list = "app_codes",
        .what = "app code",
        .missing = "APIG.3046",
        .exists = "APIG.3217",
        .quota = "APIG.3100",
        .adorn = adorn_code,
};

/* ---- apps ---- */

struct taken {
    const char *field;
    struct str value, self;
    bool found;
};

static bool find_taken(void *user, const struct resource *r)
{
    struct taken *t = user;
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);

    t->found = !str_eq(str_of(r->id), t->self) && str_eq(apig_text(body, t->field), t->value);
    return !t->found;
}

/* Of every account: a request names nothing else. False: it has replied. */
static bool is_free(struct call *c, const char *kind, const char *field, struct str value,
                    struct str self)
{
    struct resource_filter all = {.kind = str_of(kind), .dialect = -1};
    struct taken t = {.field = field, .value = value, .self = self};

    if (value.n == 0)
        return true;
    catalog_each_resource(c->api->catalog, &all, find_taken, &t);
    if (t.found)
        apig_fail_parameter(c, field, "it is in use");
    return !t.found;
}

static void add_keys(struct cJSON *body)
{
    char key[GW_NEW_ID], secret[GW_NEW_ID];

    gw_new_id(key);
    gw_new_id(secret);
    if (apig_text(body, "app_key").n == 0)
        apig_set_str(body, "app_key", str_of(key));
    if (apig_text(body, "app_secret").n == 0)
        apig_set_str(body, "app_secret", str_of(secret));
}

void apig_create_app(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct resource *draft;

    if (!apig_enter(c) || !(body = apig_body(c)) ||
        !is_free(c, "app", "app_key", apig_text(body, "app_key"), S("")))
        return;
    add_keys(body);
    draft = apig_draft(c, &apig_apps, S(""), S(""), body);
    if (draft)
        apig_create(c, &apig_apps, draft);
}

struct listing {
    struct apig_list l;
    struct apig_match match;
    struct str key;
};

static bool list_app(void *user, const struct resource *r)
{
    struct listing *x = user;
    struct cJSON *one;

    if (!apig_matches(&x->match, r))
        return true;
    one = apig_object(x->l.c, &apig_apps, r);
    if ((x->key.n == 0 || str_eq(x->key, apig_text(one, "app_key"))) && apig_list_wants(&x->l))
        apig_list_add(&x->l, one);
    else
        json_free(one);
    return true;
}

void apig_list_apps(struct call *c)
{
    struct listing x = {.key = call_query(c, S("app_key"))};
    struct resource_filter filter = apig_filter(c, &apig_apps, S(""));

    apig_match_query(c, &x.match);
    if (!apig_enter(c) || !apig_list_begin(&x.l, c, apig_apps.list))
        return;
    catalog_each_resource(c->api->catalog, &filter, list_app, &x);
    apig_list_end(&x.l);
}

/* The app the path names. NULL: it has replied. */
static const struct resource *app_of(struct call *c)
{
    return apig_enter(c) ? apig_find(c, &apig_apps, apig_path(c, 0)) : NULL;
}

void apig_show_app(struct call *c)
{
    const struct resource *r = app_of(c);

    if (r)
        apig_reply_resource(c, 200, &apig_apps, r);
}

/* Does it exist? Without what only its owner may know. */
void apig_check_app(struct call *c)
{
    const struct resource *r = app_of(c);
    cleanup_with(json_freep) struct cJSON *body = r ? json_parse(str_of(r->body), NULL) : NULL;
    struct cJSON *some;

    if (!r)
        return;
    some = cJSON_CreateObject();
    apig_set_str(some, "id", str_of(r->id));
    apig_set_str(some, "name", str_of(r->name));
    apig_set_str(some, "remark", apig_text(body, "remark"));
    apig_reply(c, 200, some);
}

void apig_update_app(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *r = app_of(c);

    if (r && (body = apig_body(c)) &&
        is_free(c, "app", "app_key", apig_text(body, "app_key"), str_of(r->id)))
        apig_change(c, &apig_apps, r, body);
}

void apig_reset_app_secret(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL, *only = NULL;
    const struct resource *r = app_of(c);
    char fresh[GW_NEW_ID];
    struct str secret;

    if (!r || !(body = apig_body(c)))
        return;
    gw_new_id(fresh);
    secret = apig_text(body, "app_secret");
    only = cJSON_CreateObject();
    apig_set_str(only, "app_secret", secret.n > 0 ? secret : str_of(fresh));
    apig_change(c, &apig_apps, r, only);
}

void apig_delete_app(struct call *c)
{
    const struct resource *r = app_of(c);

    if (r)
        apig_remove(c, &apig_apps, r);
}

/* ---- app codes ---- */

static void create_code(struct call *c, const struct resource *app, struct cJSON *body)
{
    struct resource *draft;
    struct str code = apig_text(body, "app_code");

    if (!is_free(c, "app_code", "app_code", code, S("")))
        return;
    draft = apig_draft(c, &apig_app_codes, S(""), str_of(app->id), body);
    if (draft)
        apig_create(c, &apig_app_codes, draft);
}

void apig_create_app_code(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *app = app_of(c);

    if (app && (body = apig_body(c)))
        create_code(c, app, body);
}

/* One of the gateway's choice. */
void apig_make_app_code(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *app = app_of(c);
    uint8_t raw[CODE_BYTES];
    char code[2 * CODE_BYTES + 1];

    if (!app)
        return;
    random_bytes(raw, sizeof(raw));
    hex_encode(raw, sizeof(raw), code);
    body = cJSON_CreateObject();
    apig_set_str(body, "app_code", str_of(code));
    create_code(c, app, body);
}

void apig_list_app_codes(struct call *c)
{
    const struct resource *app = app_of(c);

    if (app)
        apig_list_kind(c, &apig_app_codes, str_of(app->id));
}

/* NULL: it has replied. */
static const struct resource *code_of(struct call *c)
{
    const struct resource *app = app_of(c);

    return app ? apig_find_in(c, &apig_app_codes, apig_path(c, 1), str_of(app->id)) : NULL;
}

void apig_show_app_code(struct call *c)
{
    const struct resource *r = code_of(c);

    if (r)
        apig_reply_resource(c, 200, &apig_app_codes, r);
}

void apig_delete_app_code(struct call *c)
{
    const struct resource *r = code_of(c);

    if (r)
        apig_remove(c, &apig_app_codes, r);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binding.c - reads the config of a trigger that is HTTP (binding.h has its forms).
 *
 * One row per key: for which sources it is, of which type, with which words. Sources and limits:
 * functiongraph.md 5.2 (req_uri, func_info.timeout), scf.md 1.1.1 and 5 (serviceTimeout, the three
 * environments, base64 rules), function-compute.md 3.2 (triggerConfig) of our reference.
 */
#include "gateway/model/binding.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "gateway/model/match.h"

enum {
    APIG = 1 << BINDING_APIG,
    APIGW = 1 << BINDING_APIGW,
    HTTP = 1 << BINDING_HTTP,
    NAME_MAX_BYTES = 64,
    METHODS = 8,
    BASE64_RULES = 10,
    BASE64_RULE = 40,
    SHOWN = 60,
};

static const char *const source_names[BINDINGS] = {
        [BINDING_APIG] = "apig",
        [BINDING_APIGW] = "apigw",
        [BINDING_HTTP] = "http",
};

static const char *const methods[] = {"GET",  "POST",  "PUT",     "DELETE",
                                      "HEAD", "PATCH", "OPTIONS", "ANY"};

/* Which word means which auth, where. */
static const struct {
    unsigned sources;
    const char *word;
    enum gw_auth auth;
} auths[] = {
        {APIG | APIGW, "none", GW_AUTH_NONE}, {APIG | APIGW, "app", GW_AUTH_APP},
        {APIG, "iam", GW_AUTH_IAM},           {APIG, "authorizer", GW_AUTH_AUTHORIZER},
        {APIGW, "secret", GW_AUTH_SECRET},    {HTTP, "anonymous", GW_AUTH_NONE},
        {HTTP, "function", GW_AUTH_FC},
};

/* Most a backend may take, and what it may where nothing is said. */
static const struct {
    uint32_t preset_ms, most_ms;
} timeouts[BINDINGS] = {
        [BINDING_APIG] = {5000, 600000},
        [BINDING_APIGW] = {10000, 1800000},
        [BINDING_HTTP] = {0, 0}, /* as long as the function may */
};

static int say(struct err *e, const char *key, struct str value, const char *rule)
{
    return err_set(e, ERR_CALLER, -EINVAL, "'%s' is '%.*s', %s", key,
                   (int)(value.n < SHOWN ? value.n : SHOWN), value.p ? value.p : "", rule);
}

/* ---- one key each ---- */

static int read_name(struct str value, const char *key, struct err *e)
{
    if (value.n == 0 || value.n > NAME_MAX_BYTES)
        return say(e, key, value, "which must have 1 to 64 bytes");
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] <= ' ' || strchr("/?#%", value.p[i]))
            return say(e, key, value, "which has a space or one of / ? # %");
    return 0;
}

static int take_text(struct binding *b, const struct cJSON *at, const char *key, struct str *ret,
                     struct err *e)
{
    (void)b;
    if (!cJSON_IsString(at))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' must be a text", key);
    *ret = str_of(at->valuestring);
    return 0;
}

static int take_name(struct binding *b, const struct cJSON *at, const char *key, struct str *ret,
                     struct err *e)
{
    int r = take_text(b, at, key, ret, e);

    return r < 0 ? r : read_name(*ret, key, e);
}

static int set_group(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    return take_name(b, at, key, &b->group, e);
}

static int set_stage(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    int r = take_name(b, at, key, &b->stage, e);

    if (r == 0 && b->source == BINDING_APIGW && !str_eq(b->stage, S("release")) &&
        !str_eq(b->stage, S("prepub")) && !str_eq(b->stage, S("test")))
        return say(e, key, b->stage, "not release, prepub or test");
    return r;
}

static bool is_method(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq(word, str_of(methods[i])))
            return true;
    return false;
}

static int set_method(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    int r = take_text(b, at, key, &b->method, e);

    if (r == 0 && !is_method(b->method))
        return say(e, key, b->method, "not GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS or ANY");
    return r;
}

static int set_path(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    int r = take_text(b, at, key, &b->path, e);

    if (r < 0)
        return r;
    r = gw_pattern_check(b->path, e);
    return r < 0 ? err_wrap(e, r, "'%s'", key) : 0;
}

static int set_match(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    struct str word = STR_NONE;
    int r = take_text(b, at, key, &word, e);

    b->prefix = str_eq(word, S("prefix"));
    if (r == 0 && !b->prefix && !str_eq(word, S("exact")))
        return say(e, key, word, "not exact or prefix");
    return r;
}

static int set_auth(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    static const char *const rules[BINDINGS] = {
            [BINDING_APIG] = "not none, app, iam or authorizer",
            [BINDING_APIGW] = "not none, secret or app",
            [BINDING_HTTP] = "not anonymous or function",
    };
    struct str word = STR_NONE;
    int r = take_text(b, at, key, &word, e);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(auths); i++)
        if ((auths[i].sources & 1u << b->source) && str_eq(word, str_of(auths[i].word))) {
            b->auth = auths[i].auth;
            return 0;
        }
    return say(e, key, word, rules[b->source]);
}

static int set_authorizer(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    return take_name(b, at, key, &b->authorizer, e);
}

static int set_timeout(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    int64_t ms = 0;
    int r = json_int(b->tree, key, false, 1, timeouts[b->source].most_ms, &ms, e);

    (void)at;
    b->timeout_ms = (uint32_t)ms;
    return r;
}

static int take_bool(const struct cJSON *at, const char *key, bool *ret, struct err *e)
{
    if (!cJSON_IsBool(at))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' must be true or false", key);
    *ret = cJSON_IsTrue(at);
    return 0;
}

static int set_integrated(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    return take_bool(at, key, &b->integrated, e);
}

static int set_cors(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    return take_bool(at, key, &b->cors, e);
}

static int set_public(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    return take_bool(at, key, &b->public, e);
}

/* A list of texts as one, parts separated by commas. */
static int join(const struct cJSON *list, const char *key, int most, size_t bytes,
                bool (*ok)(struct str), struct buf *out, struct err *e)
{
    const struct cJSON *item;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) < 1 || cJSON_GetArraySize(list) > most)
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' must be a list of 1 to %d texts", key, most);
    for (item = list->child; item; item = item->next) {
        struct str word = cJSON_IsString(item) ? str_of(item->valuestring) : STR_NONE;

        if (word.n == 0 || word.n > bytes || !ok(word))
            return say(e, key, word, "which is none of those it may have");
        if (out->n > 0)
            buf_addc(out, ',');
        buf_adds(out, word);
    }
    return 0;
}

static bool is_media_type(struct str word)
{
    return !str_has(word, ',') && !str_has(word, '\n');
}

static int set_base64(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    if (b->source == BINDING_APIGW && cJSON_IsArray(at))
        return join(at, key, BASE64_RULES, BASE64_RULE, is_media_type, &b->base64_types, e);
    return take_bool(at, key, &b->base64, e);
}

static bool is_one_method(struct str word)
{
    return is_method(word) && !str_eq(word, S("ANY"));
}

static int set_methods(struct binding *b, const struct cJSON *at, const char *key, struct err *e)
{
    return join(at, key, METHODS, 8, is_one_method, &b->methods, e);
}

static const struct {
    unsigned sources;
    const char *key;
    int (*set)(struct binding *b, const struct cJSON *at, const char *key, struct err *e);
} keys[] = {
        {APIG, "group", set_group},
        {APIGW, "service", set_group},
        {APIG | APIGW, "stage", set_stage},
        {APIG | APIGW, "method", set_method},
        {APIG | APIGW, "path", set_path},
        {APIG, "match", set_match},
        {APIG | APIGW | HTTP, "auth", set_auth},
        {APIG, "authorizer", set_authorizer},
        {APIG | APIGW, "timeout_ms", set_timeout},
        {APIGW, "integrated", set_integrated},
        {APIG | APIGW, "cors", set_cors},
        {APIG | APIGW, "base64", set_base64},
        {HTTP, "methods", set_methods},
        {HTTP, "public", set_public},
};

/* ---- all of them ---- */

static void preset(struct binding *b, enum binding_source source)
{
    *b = (struct binding){.source = source, .public = true, .auth = GW_AUTH_NONE};
    b->group = source == BINDING_APIG ? S("default") : S("SCF_API_SERVICE");
    b->stage = source == BINDING_APIG ? S("RELEASE") : S("release");
    b->method = source == BINDING_APIGW ? S("GET") : S("ANY");
    b->base64 = source == BINDING_APIG;
    b->timeout_ms = timeouts[source].preset_ms;
    buf_init(&b->methods, 256);
    buf_init(&b->base64_types, 1024);
}

static int read_keys(struct binding *b, struct err *e)
{
    int known = 0;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct cJSON *at = cJSON_GetObjectItemCaseSensitive(b->tree, keys[i].key);
        int r;

        if (!at || !(keys[i].sources & 1u << b->source))
            continue;
        known++;
        r = keys[i].set(b, at, keys[i].key, e);
        if (r < 0)
            return r;
    }
    if (cJSON_GetArraySize(b->tree) == known)
        return 0;
    for (const struct cJSON *at = b->tree->child; at; at = at->next) {
        size_t i = 0;

        while (i < ARRAY_LEN(keys) &&
               (!(keys[i].sources & 1u << b->source) || strcmp(keys[i].key, at->string) != 0))
            i++;
        if (i == ARRAY_LEN(keys))
            return say(e, "config", str_of(at->string), "which this source does not know");
    }
    return err_set(e, ERR_CALLER, -EINVAL, "a key of the config is there twice");
}

static int parse(struct binding *b, struct str config, struct err *e)
{
    int r;

    b->tree = json_parse(config, e);
    if (!b->tree)
        return -EINVAL;
    if (!cJSON_IsObject(b->tree))
        return err_set(e, ERR_CALLER, -EINVAL, "the config is no JSON object");
    r = read_keys(b, e);
    if (r < 0)
        return r;
    if ((b->auth == GW_AUTH_AUTHORIZER) != (b->authorizer.n > 0))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'auth' is authorizer where 'authorizer' names one, and only there");
    return 0;
}

int binding_parse(struct str source, struct str config, struct binding *ret, struct err *e)
{
    struct binding b;
    int r;

    for (enum binding_source s = 0; s < BINDINGS; s++) {
        if (!str_eq(source, str_of(source_names[s])))
            continue;
        preset(&b, s);
        r = parse(&b, config, e);
        if (r == 0)
            *ret = b;
        else
            binding_done(&b);
        return r;
    }
    return err_set(e, ERR_CALLER, -ENOENT, "this source is not HTTP");
}

void binding_done(struct binding *b)
{
    json_free(b->tree);
    buf_done(&b->methods);
    buf_done(&b->base64_types);
}

static int check(const char *source, struct str config, struct err *e)
{
    struct binding b;
    int r = binding_parse(str_of(source), config, &b, e);

    if (r == 0)
        binding_done(&b);
    return r;
}

int binding_check_apig(struct str config, struct err *e)
{
    return check(source_names[BINDING_APIG], config, e);
}

int binding_check_apigw(struct str config, struct err *e)
{
    return check(source_names[BINDING_APIGW], config, e);
}

int binding_check_http(struct str config, struct err *e)
{
    return check(source_names[BINDING_HTTP], config, e);
}

void gw_id_of(int dialect, struct str account, struct str region, struct str name, char ret[GW_ID])
{
    cleanup_with(buf_done) struct buf b;
    uint8_t digest[SHA256_LEN];
    char hex[33];

    buf_init(&b, 4096);
    buf_addf(&b, "%d\n%.*s\n%.*s\n%.*s", dialect, STR_ARG(account), STR_ARG(region), STR_ARG(name));
    sha256(buf_str(&b), digest);
    hex_encode(digest, 16, hex);
    if (dialect == DIALECT_SCF)
        (void)snprintf(ret, GW_ID, "service-%.8s", hex);
    else
        (void)snprintf(ret, GW_ID, "%s", hex);
}

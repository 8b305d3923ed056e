/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias_parse.c - an alias between the cloud's words and the record.
 *
 *   versionId                where it points; "LATEST" is one
 *   additionalVersionWeight  {"2": 0.05}: one other version and its share
 *   resolvePolicy            "Random" (by share) or "Content": the other version is for those requests
 *                            that routePolicy picks
 *   routePolicy              {"condition": "AND"|"OR", "policyItems": [{type, key, value, operator}]}
 *
 * The three are kept in `extra` as they were sent and read again with each change, so that what an
 * update leaves out counts still.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/fc/api/alias.h"
#include "dialect/fc/api/parse.h"
#include "fn/fn.h"

enum { VALUE_MAX = 1024 };

static const struct {
    const char *cloud;
    enum alias_part part;
} parts[] = {
        {"Header", ALIAS_HEADER},
        {"Cookie", ALIAS_COOKIE},
        {"Param", ALIAS_QUERY},
};

static const struct {
    const char *cloud;
    enum alias_op op;
} operators[] = {
        {"=", ALIAS_EQUAL}, {"!=", ALIAS_NOT_EQUAL},    {">", ALIAS_ABOVE},
        {"<", ALIAS_BELOW}, {">=", ALIAS_AT_LEAST},     {"<=", ALIAS_AT_MOST},
        {"in", ALIAS_IN},   {"percent", ALIAS_PERCENT},
};

static const char *const kept[] = {"additionalVersionWeight", "resolvePolicy", "routePolicy"};

static int refuse(struct fc_alias_error *x, int status, const char *code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
static int refuse(struct fc_alias_error *x, int status, const char *code, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    x->status = status;
    x->code = code;
    return err_set(&x->e, ERR_CALLER, -EINVAL, "%s", text);
}

static const char *version_in(struct str version)
{
    return qualifier_is_latest(version) ? "latest" : NULL;
}

static int set_version(const struct cJSON *body, struct alias *draft, bool is_new,
                       bool (*has)(void *user, struct str version), void *user,
                       struct fc_alias_error *x)
{
    struct str version = STR_NONE;

    if (json_str(body, "versionId", true, &version, &x->e) < 0)
        return refuse(x, 400, "InvalidArgument", "versionId must be a string");
    if (version.n == 0)
        return is_new ? refuse(x, 400, "InvalidArgument", "versionId is required") : 0;
    if (!version_in(version) && !has(user, version))
        return refuse(x, 404, "VersionNotFound", "version '%.*s' of %s '%s' does not exist",
                      (int)(version.n < 64 ? version.n : 64), version.p,
                      draft->function[0] ? "function" : "service",
                      draft->function[0] ? draft->function : draft->space);
    fn_set(&draft->version, version_in(version) ? S("latest") : version);
    return 0;
}

static int set_description(const struct cJSON *body, struct alias *draft, struct fc_alias_error *x)
{
    struct str text = str_of(draft->description);

    if (json_str(body, "description", true, &text, &x->e) < 0)
        return refuse(x, 400, "InvalidArgument", "description must be a string");
    if (text.n > FC_DESCRIPTION_MAX)
        return refuse(x, 400, "InvalidArgument",
                      "description is set to an invalid value (allowed length: 0 to %d, actual: "
                      "%zu)",
                      FC_DESCRIPTION_MAX, text.n);
    if (text.p != draft->description)
        fn_set(&draft->description, text);
    return 0;
}

/* What the request names, over what was kept. */
static struct cJSON *settings(const struct cJSON *body, const struct alias *draft)
{
    struct cJSON *all = json_parse(str_of(draft->extra), NULL);

    if (!all)
        all = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct cJSON *said = json_geti(body, kept[i]);

        if (!said || cJSON_IsNull(said))
            continue;
        cJSON_DeleteItemFromObjectCaseSensitive(all, kept[i]);
        (void)cJSON_AddItemToObject(all, kept[i], cJSON_Duplicate(said, true));
    }
    return all;
}

/* The one entry, if there is one. */
static int read_weight(const struct cJSON *all, struct alias *draft,
                       bool (*has)(void *user, struct str version), void *user,
                       const struct cJSON **ret, struct fc_alias_error *x)
{
    const struct cJSON *weights = json_get(all, "additionalVersionWeight"), *one;

    *ret = NULL;
    if (!weights)
        return 0;
    if (!cJSON_IsObject(weights))
        return refuse(x, 400, "InvalidArgument", "additionalVersionWeight must be an object");
    one = weights->child;
    if (!one)
        return 0;
    if (one->next)
        return refuse(x, 400, "InvalidArgument",
                      "additionalVersionWeight may have one version beside versionId");
    if (!cJSON_IsNumber(one) || !(one->valuedouble >= 0 && one->valuedouble <= 1))
        return refuse(x, 400, "InvalidArgument",
                      "the weight of version '%.64s' must be a number between 0 and 1",
                      one->string);
    if (str_eq(str_of(one->string), str_of(draft->version)))
        return refuse(x, 400, "AdditionalVersionContainsMajorVersion",
                      "additionalVersionWeight map[%s:%g] should not contain major version %s",
                      one->string, one->valuedouble, draft->version);
    if (!version_in(str_of(one->string)) && !has(user, str_of(one->string)))
        return refuse(x, 404, "VersionNotFound", "version '%.64s' of %s '%s' does not exist",
                      one->string, draft->function[0] ? "function" : "service",
                      draft->function[0] ? draft->function : draft->space);
    *ret = one;
    return 0;
}

static int add_rule(const struct cJSON *item, struct alias *draft, struct fc_alias_error *x)
{
    struct str type = STR_NONE, key = STR_NONE, value = STR_NONE, op = STR_NONE;
    size_t p = 0, o = 0;

    if (!cJSON_IsObject(item) || json_str(item, "type", true, &type, &x->e) < 0 ||
        json_str(item, "key", true, &key, &x->e) < 0 ||
        json_str(item, "value", true, &value, &x->e) < 0 ||
        json_str(item, "operator", true, &op, &x->e) < 0)
        return refuse(
                x, 400, "InvalidArgument",
                "a policy item must be an object of the strings type, key, value and operator");
    while (p < ARRAY_LEN(parts) && !str_ieq(type, str_of(parts[p].cloud)))
        p++;
    if (p == ARRAY_LEN(parts))
        return refuse(
                x, 400, "InvalidArgument",
                "type of a policy item is set to an invalid value (allowed: Header | Cookie | "
                "Param, actual: '%.*s')",
                (int)(type.n < 32 ? type.n : 32), type.p ? type.p : "");
    while (o < ARRAY_LEN(operators) && !str_ieq(op, str_of(operators[o].cloud)))
        o++;
    if (o == ARRAY_LEN(operators))
        return refuse(
                x, 400, "InvalidArgument",
                "operator of a policy item is set to an invalid value (allowed: = | != | > | < "
                "| >= | <= | in | percent, actual: '%.*s')",
                (int)(op.n < 32 ? op.n : 32), op.p ? op.p : "");
    if (key.n == 0 || key.n > VALUE_MAX || value.n > VALUE_MAX)
        return refuse(x, 400, "InvalidArgument",
                      "key and value of a policy item have 1 to %d characters", VALUE_MAX);
    alias_add_rule(draft, parts[p].part, key, operators[o].op, value);
    return 0;
}

static int add_rules(const struct cJSON *all, const struct cJSON *other, struct alias *draft,
                     struct fc_alias_error *x)
{
    const struct cJSON *policy = json_get(all, "routePolicy");
    const struct cJSON *items = json_geti(policy, "policyItems"), *item;
    struct str condition = S("AND");

    if (!cJSON_IsObject(policy) || !cJSON_IsArray(items) || !items->child)
        return refuse(x, 400, "InvalidArgument",
                      "resolvePolicy Content needs a routePolicy with policyItems");
    if (json_str(policy, "condition", true, &condition, &x->e) < 0 ||
        (!str_ieq(condition, S("AND")) && !str_ieq(condition, S("OR"))))
        return refuse(x, 400, "InvalidArgument",
                      "condition is set to an invalid value (allowed: AND | OR)");
    if (cJSON_GetArraySize(items) > ALIAS_RULES)
        return refuse(x, 400, "InvalidArgument", "policyItems may have %d items", ALIAS_RULES);
    alias_add_other(draft, str_of(other->string), 0, str_ieq(condition, S("OR")));
    cJSON_ArrayForEach(item, items)
    {
        if (add_rule(item, draft, x) < 0)
            return -EINVAL;
    }
    return 0;
}

static int set_others(const struct cJSON *all, struct alias *draft,
                      bool (*has)(void *user, struct str version), void *user,
                      struct fc_alias_error *x)
{
    struct str policy = S("Random");
    const struct cJSON *other;
    bool content;

    if (json_str(all, "resolvePolicy", false, &policy, &x->e) < 0)
        return refuse(x, 400, "InvalidArgument", "resolvePolicy must be a string");
    content = str_ieq(policy, S("Content"));
    if (policy.n && !content && !str_ieq(policy, S("Random")))
        return refuse(
                x, 400, "InvalidArgument",
                "resolvePolicy is set to an invalid value (allowed: Random | Content, actual: "
                "'%.*s')",
                (int)(policy.n < 32 ? policy.n : 32), policy.p);
    if (read_weight(all, draft, has, user, &other, x) < 0)
        return -EINVAL;
    if (content && !other)
        return refuse(x, 400, "InvalidArgument",
                      "resolvePolicy Content needs a version in additionalVersionWeight");
    if (content)
        return add_rules(all, other, draft, x);
    if (other)
        alias_add_other(draft,
                        version_in(str_of(other->string)) ? S("latest") : str_of(other->string),
                        (uint32_t)(other->valuedouble * ALIAS_WHOLE + 0.5), false);
    return 0;
}

struct alias *fc_alias_draft(const struct alias *a)
{
    struct fn_key owner = alias_owner(a);
    struct alias *draft = alias_new(&owner, str_of(a->name));

    fn_set(&draft->version, str_of(a->version));
    fn_set(&draft->description, str_of(a->description));
    fn_set(&draft->extra, str_of(a->extra));
    draft->created_ms = a->created_ms;
    draft->modified_ms = clock_wall_ms();
    draft->revision = a->revision;
    return draft;
}

int fc_alias_parse(const struct cJSON *body, struct alias *draft, bool is_new,
                   bool (*has)(void *user, struct str version), void *user,
                   struct fc_alias_error *x)
{
    cleanup_with(json_freep) struct cJSON *all = settings(body, draft);
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, ALIAS_EXTRA);
    if (set_version(body, draft, is_new, has, user, x) < 0 || set_description(body, draft, x) < 0)
        return -EINVAL;
    if (set_others(all, draft, has, user, x) < 0)
        return -EINVAL;
    json_print(all, &text);
    if (!buf_ok(&text))
        return refuse(x, 400, "InvalidArgument", "routePolicy has more than %d bytes", ALIAS_EXTRA);
    fn_set(&draft->extra, buf_str(&text));
    return 0;
}

/* ---- and back ---- */

static void put_weight(struct jw *w, const struct alias *a)
{
    jw_key(w, "additionalVersionWeight");
    jw_obj(w);
    for (uint32_t i = 0; i < a->nothers; i++) {
        jw_key(w, a->others[i].version);
        jw_fix(w, a->others[i].share, 4);
    }
    jw_obj_end(w);
}

void fc_alias_put(struct jw *w, const struct alias *a)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(a->extra), NULL);
    struct str policy = S("Random");
    char text[CLOCK_TEXT];

    (void)json_str(extra, "resolvePolicy", false, &policy, NULL);
    jw_obj(w);
    jw_kstrz(w, "aliasName", a->name);
    jw_kstrz(w, "versionId", version_in(str_of(a->version)) ? "LATEST" : a->version);
    jw_kstrz(w, "description", a->description);
    if (json_get(extra, "additionalVersionWeight")) {
        cleanup_with(buf_done) struct buf weights;

        buf_init(&weights, ALIAS_EXTRA);
        json_print(json_get(extra, "additionalVersionWeight"), &weights);
        jw_key(w, "additionalVersionWeight");
        jw_raw(w, buf_str(&weights));
    } else {
        put_weight(w, a); /* made through another door */
    }
    jw_kstr(w, "resolvePolicy", policy.n ? policy : S("Random"));
    if (json_get(extra, "routePolicy")) {
        cleanup_with(buf_done) struct buf rules;

        buf_init(&rules, ALIAS_EXTRA);
        json_print(json_get(extra, "routePolicy"), &rules);
        jw_key(w, "routePolicy");
        jw_raw(w, buf_str(&rules));
    }
    jw_kstrz(w, "createdTime", clock_iso(a->created_ms, text));
    jw_kstrz(w, "lastModifiedTime", clock_iso(a->modified_ms, text));
    jw_obj_end(w);
}

const char *fc_alias_etag(const struct alias *a, char out[FC_ETAG_TEXT])
{
    char text[2 * ALIAS_NAME + 64], hex[SHA256_HEX];

    (void)snprintf(text, sizeof(text), "%s@%lld@%llu", a->name, (long long)a->created_ms,
                   (unsigned long long)a->revision);
    sha256_hex(str_of(text), hex);
    (void)snprintf(out, FC_ETAG_TEXT, "%.32s", hex);
    return out;
}

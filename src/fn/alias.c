/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias.c - the record of an alias, the same way as fn.c: drafted, frozen, shared, stored as one
 * canonical JSON object (field.c):
 *
 * {"v":1, <the fields of the table>, "others":[{"version":"2","share":500,"any":false,
 *  "rules":[{"part":"header","op":"=","key":"x-user","value":"a"}]}]}
 */
#include "fn/alias.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/field.h"

enum { FORMAT = 1, STORED_MAX = 1 << 20 };

const char *const alias_part_names[ALIAS_PARTS] = {
        [ALIAS_HEADER] = "header",
        [ALIAS_COOKIE] = "cookie",
        [ALIAS_QUERY] = "query",
        [ALIAS_ROUTING_KEY] = "routing_key",
};

const char *const alias_op_names[ALIAS_OPS] = {
        [ALIAS_EQUAL] = "=", [ALIAS_NOT_EQUAL] = "!=", [ALIAS_ABOVE] = ">",
        [ALIAS_BELOW] = "<", [ALIAS_AT_LEAST] = ">=",  [ALIAS_AT_MOST] = "<=",
        [ALIAS_IN] = "in",   [ALIAS_PERCENT] = "%",    [ALIAS_RANGE] = "range",
};

#define AT(type_, member)                                                                          \
    {                                                                                              \
        .key = #member, .type = FIELD_##type_, .at = offsetof(struct alias, member)                \
    }

static const struct field fields[] = {
        AT(DIALECT, dialect), AT(TEXT, account),   AT(TEXT, region),     AT(TEXT, space),
        AT(TEXT, function),   AT(TEXT, name),      AT(TEXT, version),    AT(TEXT, description),
        AT(TEXT, extra),      AT(I64, created_ms), AT(I64, modified_ms),
};

static const struct field other_fields[] = {
        {.key = "version", .type = FIELD_TEXT, .at = offsetof(struct alias_other, version)},
        {.key = "share", .type = FIELD_U32, .at = offsetof(struct alias_other, share)},
        {.key = "any", .type = FIELD_BOOL, .at = offsetof(struct alias_other, any)},
};

struct alias *alias_new(const struct fn_key *owner, struct str name)
{
    struct alias *a = xnew(struct alias);

    a->refs = 1;
    a->dialect = owner->dialect;
    a->account = str_dup(owner->account);
    a->region = str_dup(owner->region);
    a->space = str_dup(owner->space);
    a->function = str_dup(owner->name);
    a->name = str_dup(name);
    a->version = xstrdup("latest");
    a->description = xstrdup("");
    a->extra = xstrdup("{}");
    return a;
}

struct alias *alias_copy(const struct alias *a)
{
    struct alias *copy = xnew(struct alias);

    *copy = *a;
    copy->refs = 1;
    fields_own(fields, ARRAY_LEN(fields), copy);
    copy->others = NULL;
    copy->nothers = 0;
    for (uint32_t i = 0; i < a->nothers; i++) {
        const struct alias_other *o = &a->others[i];

        alias_add_other(copy, str_of(o->version), o->share, o->any);
        for (uint32_t j = 0; j < o->nrules; j++)
            alias_add_rule(copy, o->rules[j].part, str_of(o->rules[j].key), o->rules[j].op,
                           str_of(o->rules[j].value));
    }
    return copy;
}

const struct alias *alias_ref(const struct alias *a)
{
    ((struct alias *)a)->refs++; /* the count is the one thing that changes in a frozen record */
    return a;
}

void alias_set_others_done(struct alias *a)
{
    for (uint32_t i = 0; i < a->nothers; i++) {
        struct alias_other *o = &a->others[i];

        for (uint32_t j = 0; j < o->nrules; j++) {
            free(o->rules[j].key);
            free(o->rules[j].value);
        }
        free(o->rules);
        free(o->version);
    }
    free(a->others);
    a->others = NULL;
    a->nothers = 0;
}

void alias_unref(const struct alias *a)
{
    struct alias *mine = (struct alias *)a;

    if (!mine)
        return;
    assert(mine->refs > 0);
    if (--mine->refs > 0)
        return;
    alias_set_others_done(mine);
    fields_free(fields, ARRAY_LEN(fields), mine);
    free(mine);
}

struct fn_key alias_owner(const struct alias *a)
{
    return (struct fn_key){
            .dialect = a->dialect,
            .account = str_of(a->account),
            .region = str_of(a->region),
            .space = str_of(a->space),
            .name = str_of(a->function),
    };
}

void alias_add_other(struct alias *a, struct str version, uint32_t share, bool any)
{
    assert(a->nothers < ALIAS_OTHERS && share <= ALIAS_WHOLE);
    a->others = xrealloc(a->others, a->nothers + 1, sizeof(*a->others));
    a->others[a->nothers++] =
            (struct alias_other){.version = str_dup(version), .share = share, .any = any};
}

void alias_add_rule(struct alias *a, enum alias_part part, struct str key, enum alias_op op,
                    struct str value)
{
    struct alias_other *o;

    assert(a->nothers > 0);
    o = &a->others[a->nothers - 1];
    assert(o->nrules < ALIAS_RULES);
    o->rules = xrealloc(o->rules, o->nrules + 1, sizeof(*o->rules));
    o->rules[o->nrules++] = (struct alias_rule){
            .part = part, .op = op, .key = str_dup(key), .value = str_dup(value)};
}

/* ---- stored form ---- */

static void encode_rules(const struct alias_other *o, struct jw *w)
{
    jw_key(w, "rules");
    jw_arr(w);
    for (uint32_t i = 0; i < o->nrules; i++) {
        const struct alias_rule *rule = &o->rules[i];

        jw_obj(w);
        jw_kstrz(w, "part", alias_part_names[rule->part]);
        jw_kstrz(w, "op", alias_op_names[rule->op]);
        jw_kstrz(w, "key", rule->key);
        jw_kstrz(w, "value", rule->value);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

void alias_encode(const struct alias *a, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "v", FORMAT);
    fields_write(fields, ARRAY_LEN(fields), a, &w);
    jw_key(&w, "others");
    jw_arr(&w);
    for (uint32_t i = 0; i < a->nothers; i++) {
        jw_obj(&w);
        fields_write(other_fields, ARRAY_LEN(other_fields), &a->others[i], &w);
        encode_rules(&a->others[i], &w);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
}

static int one_of(const struct cJSON *tree, const char *key, const char *const *names, size_t n,
                  struct err *e)
{
    struct str text = STR_NONE;
    int r = json_str(tree, key, false, &text, e);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        if (str_eq(text, str_of(names[i])))
            return (int)i;
    return err_set(e, ERR_HOST, -EINVAL, "'%s' is none of those there are", key);
}

static int read_rule(const struct cJSON *tree, struct alias *a, struct err *e)
{
    int part = one_of(tree, "part", alias_part_names, ALIAS_PARTS, e);
    int op = part < 0 ? part : one_of(tree, "op", alias_op_names, ALIAS_OPS, e);
    struct str key = STR_NONE, value = STR_NONE;
    int r;

    if (op < 0)
        return op;
    r = json_str(tree, "key", false, &key, e);
    if (r == 0)
        r = json_str(tree, "value", false, &value, e);
    if (r == 0)
        alias_add_rule(a, (enum alias_part)part, key, (enum alias_op)op, value);
    return r;
}

static int read_other(const struct cJSON *tree, struct alias *a, struct err *e)
{
    const struct cJSON *rules = json_get(tree, "rules"), *it;
    struct alias_other o = {0};
    int r = fields_read(other_fields, ARRAY_LEN(other_fields), tree, &o, e);

    if (r == 0 && o.share > ALIAS_WHOLE)
        r = err_set(e, ERR_HOST, -EINVAL, "'share' is above %d", ALIAS_WHOLE);
    if (r == 0 && cJSON_GetArraySize(rules) > ALIAS_RULES)
        r = err_set(e, ERR_HOST, -EINVAL, "'rules' is longer than %d", ALIAS_RULES);
    if (r == 0)
        alias_add_other(a, str_of(o.version), o.share, o.any);
    free(o.version);
    if (r < 0)
        return r;
    cJSON_ArrayForEach(it, rules)
    {
        r = read_rule(it, a, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_record(struct str json, struct alias *a, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf again;
    const struct cJSON *others, *it;
    int r;

    buf_init(&again, STORED_MAX);
    r = fields_parse(json, FORMAT, fields, ARRAY_LEN(fields), a, &tree, e);
    if (r == 0)
        r = field_check_object("extra", a->extra, e);
    if (r < 0)
        return r;

    others = json_get(tree, "others");
    if (cJSON_GetArraySize(others) > ALIAS_OTHERS)
        return err_set(e, ERR_HOST, -EINVAL, "'others' is longer than %d", ALIAS_OTHERS);
    cJSON_ArrayForEach(it, others)
    {
        r = read_other(it, a, e);
        if (r < 0)
            return r;
    }
    alias_encode(a, &again);
    return field_check_same(json, &again, e);
}

int alias_decode(struct str json, uint64_t revision, struct alias **ret, struct err *e)
{
    struct alias *a = alias_new(&(struct fn_key){0}, STR_NONE);
    int r = read_record(json, a, e);

    if (r < 0) {
        alias_unref(a);
        return err_wrap(e, r, "alias record");
    }

    a->revision = revision;
    *ret = a;
    return 0;
}

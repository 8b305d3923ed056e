/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias_parse.c - an alias in a request:
 *
 *   {"name","version","description","additional_version_weights":{"v2":10},
 *    "additional_version_strategy":{"v2":{"combine_type":"and","rules":[{"rule_type":"header",
 *     "param":"x-user","op":"in","value":"a,b"}]}}}
 *
 * Weights or a strategy, for one other version. What a change does not name is emptied: it says how
 * the alias is from now on.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/functiongraph/api/alias.h"
#include "dialect/functiongraph/api/fg.h"

enum { DESCRIPTION = 512, PERCENT = 100, RULE_TEXT = 1024 };

static bool has_version(const struct fg_alias_ask *ask, struct str version)
{
    return catalog_version(ask->catalog, ask->key, version) != NULL;
}

/* The one other version of an object {"v2": ...}; NULL: none. */
static const struct cJSON *only_member(const struct cJSON *tree, const char *what,
                                       struct fg_error *x)
{
    if (!tree || cJSON_IsNull(tree))
        return NULL;
    if (!cJSON_IsObject(tree))
        (void)fg_refuse(x, 400, "FSS.1092", "%s is not an object", what);
    else if (cJSON_GetArraySize(tree) > 1)
        (void)fg_refuse(x, 400, "FSS.1091", "%s names more than one version", what);
    else
        return tree->child;
    return NULL;
}

static int check_other(const struct fg_alias_ask *ask, struct str version, const struct alias *a,
                       struct fg_error *x)
{
    if (str_eq(version, str_of(a->version)))
        return fg_refuse(x, 400, "FSS.1093", "the additional version is the alias's own, '%s'",
                         a->version);
    if (!has_version(ask, version))
        return fg_refuse(x, 404, "FSS.1052", "Not found the function version '%.*s'",
                         STR_ARG(version));
    return 0;
}

static int parse_weights(const struct fg_alias_ask *ask, const struct cJSON *tree, struct alias *a,
                         struct fg_error *x)
{
    const struct cJSON *one = only_member(tree, "additional_version_weights", x);
    int r;

    if (x->e.msg[0])
        return -EINVAL;
    if (!one)
        return 0;
    if (!cJSON_IsNumber(one) || one->valuedouble < 0 || one->valuedouble > PERCENT ||
        one->valuedouble != (double)(int)one->valuedouble)
        return fg_refuse(x, 400, "FSS.1092", "the weight of '%s' is no whole number from 0 to %d",
                         one->string, PERCENT);
    r = check_other(ask, str_of(one->string), a, x);
    if (r == 0)
        alias_add_other(a, str_of(one->string),
                        (uint32_t)one->valuedouble * (ALIAS_WHOLE / PERCENT), false);
    return r;
}

static int parse_rule(const struct cJSON *tree, struct alias *a, struct fg_error *x)
{
    struct str type = STR_NONE, param = STR_NONE, op = STR_NONE, value = STR_NONE;
    enum alias_part part = ALIAS_HEADER;

    *x = (struct fg_error){.status = 400, .code = "FSS.1092"};
    if (!cJSON_IsObject(tree))
        return fg_refuse(x, 400, "FSS.1092", "a rule is not an object");
    if (json_str(tree, "rule_type", false, &type, &x->e) < 0 ||
        json_str(tree, "param", false, &param, &x->e) < 0 ||
        json_str(tree, "op", false, &op, &x->e) < 0 ||
        json_str(tree, "value", false, &value, &x->e) < 0)
        return -EINVAL;
    if (str_ieq(type, S("cookie")))
        part = ALIAS_COOKIE;
    else if (!str_ieq(type, S("header")))
        return fg_refuse(x, 400, "FSS.1092", "rule_type is neither header nor cookie");
    if (param.n == 0 || param.n > RULE_TEXT || value.n == 0 || value.n > RULE_TEXT)
        return fg_refuse(x, 400, "FSS.1092", "param and value of a rule have 1 to %d bytes",
                         RULE_TEXT);
    if (!str_eq(op, S("=")) && !str_eq(op, S("in")))
        return fg_refuse(x, 400, "FSS.1092", "op is neither 'in' nor '='");
    alias_add_rule(a, part, param, str_eq(op, S("in")) ? ALIAS_IN : ALIAS_EQUAL, value);
    return 0;
}

static int parse_strategy(const struct fg_alias_ask *ask, const struct cJSON *tree, struct alias *a,
                          struct fg_error *x)
{
    const struct cJSON *one = only_member(tree, "additional_version_strategy", x), *rules, *it;
    struct str how = S("and");
    int r;

    if (x->e.msg[0])
        return -EINVAL;
    if (!one)
        return 0;
    if (a->nothers > 0)
        return fg_refuse(x, 400, "FSS.1092", "weights and a strategy exclude each other");
    rules = json_get(one, "rules");
    if (json_str(one, "combine_type", false, &how, &x->e) < 0)
        return -EINVAL;
    if (!str_eq(how, S("and")) && !str_eq(how, S("or")))
        return fg_refuse(x, 400, "FSS.1092", "combine_type is neither 'and' nor 'or'");
    if (!cJSON_IsArray(rules) || cJSON_GetArraySize(rules) < 1 ||
        cJSON_GetArraySize(rules) > ALIAS_RULES)
        return fg_refuse(x, 400, "FSS.1092", "rules is not a list of 1 to %d", ALIAS_RULES);
    r = check_other(ask, str_of(one->string), a, x);
    if (r == 0)
        alias_add_other(a, str_of(one->string), 0, str_eq(how, S("or")));
    cJSON_ArrayForEach(it, rules)
    {
        r = r == 0 ? parse_rule(it, a, x) : r;
    }
    return r;
}

int fg_alias_parse(const struct fg_alias_ask *ask, const struct cJSON *body, struct alias *draft,
                   struct fg_error *x)
{
    struct str version = STR_NONE, description = S("");
    int r;

    *x = (struct fg_error){.status = 400, .code = "FSS.1015"};
    if (json_str(body, "version", false, &version, &x->e) < 0)
        return -EINVAL;
    if (version.n == 0)
        return fg_refuse(x, 400, "FSS.1015", "version is missing");
    if (!has_version(ask, version))
        return fg_refuse(x, 404, "FSS.1052", "Not found the function version");
    x->code = "FSS.1019";
    if (json_str(body, "description", false, &description, &x->e) < 0)
        return -EINVAL;
    if (description.n > DESCRIPTION)
        return fg_refuse(x, 400, "FSS.1019", "description has more than %d bytes", DESCRIPTION);
    fn_set(&draft->version, version);
    fn_set(&draft->description, description);
    alias_set_others_done(draft);
    r = parse_weights(ask, json_get(body, "additional_version_weights"), draft, x);
    return r == 0 ? parse_strategy(ask, json_get(body, "additional_version_strategy"), draft, x)
                  : r;
}

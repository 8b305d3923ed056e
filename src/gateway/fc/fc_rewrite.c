/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fc_rewrite.c - rewrites the paths of a custom domain.
 *
 *   equalRules      the path is `match`, to the letter
 *   wildcardRules   '*' is any text, '^' at the front the beginning; else it may match inside
 *   regexRules      a regular expression
 *
 * in this order, and in each list the first that matches; what is put in place is the whole path, and
 * $1, $2 ... in it are what the stars or groups took. A replacement may have a query of its own. So the
 * cloud's table has it: "/old" makes "/new" of "/test/old" (help.aliyun.com, "Configure rewrite
 * policies", read on 2026-11-22); the order of the lists is not documented.
 *
 * All rules of a route have the steps of one request together: what would take more has not matched.
 */
#include "gateway/fc/fc_rewrite.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "gateway/model/expression.h"

enum {
    EXPRESSION = 4 * FC_RULE_TEXT, /* bytes that a wildcard may become: "(.*)" for each star */
};

struct rule {
    char *match, *replacement;        /* owned */
    struct gw_expression *expression; /* owned; NULL: equal */
};

struct fc_rules {
    struct gw_matcher *matcher;
    size_t n;
    struct rule at[];
};

static const struct {
    const char *key;
    bool expression, wildcard;
} lists[] = {
        {"equalRules", false, false},
        {"wildcardRules", true, true},
        {"regexRules", true, false},
};

/* A wildcard as the expression that it means. */
static void widen(struct str match, struct buf *out)
{
    size_t i = 0;

    if (match.n > 0 && match.p[0] == '^') {
        buf_addc(out, '^');
        i = 1;
    }
    for (; i < match.n; i++) {
        if (match.p[i] == '*') {
            buf_addz(out, "(.*)");
            continue;
        }
        if (strchr("\\^$.|?+()[]{}", match.p[i]))
            buf_addc(out, '\\');
        buf_addc(out, match.p[i]);
    }
}

static int compile(struct rule *r, bool wildcard, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    struct err why = {0};

    buf_init(&text, EXPRESSION);
    if (wildcard)
        widen(str_of(r->match), &text);
    else
        buf_addz(&text, r->match);
    r->expression = gw_expression_new(buf_str(&text), GW_OF_BYTES, &why);
    if (r->expression)
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL, "'%s' is no regular expression: %s", r->match, why.msg);
}

static int take_text(const struct cJSON *from, const char *key, char **ret, struct err *e)
{
    struct str text = STR_NONE;
    int r = json_str(from, key, true, &text, e);

    if (r == 0 && (text.n == 0 || text.n > FC_RULE_TEXT))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' of a rewrite rule must have 1 to %d bytes",
                       key, FC_RULE_TEXT);
    if (r == 0)
        *ret = str_dup(text);
    return r;
}

static int take_rule(struct fc_rules *rules, const struct cJSON *from, size_t list, struct err *e)
{
    struct rule *to = &rules->at[rules->n];
    int r;

    if (rules->n == FC_RULES)
        return err_set(e, ERR_CALLER, -EINVAL, "a route has more than %d rewrite rules", FC_RULES);
    if (!cJSON_IsObject(from))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' must be a list of objects", lists[list].key);
    rules->n++;
    r = take_text(from, "match", &to->match, e);
    if (r == 0)
        r = take_text(from, "replacement", &to->replacement, e);
    if (r == 0 && to->replacement[0] != '/')
        return err_set(e, ERR_CALLER, -EINVAL, "the replacement '%s' does not begin with '/'",
                       to->replacement);
    if (r == 0 && lists[list].expression)
        r = compile(to, lists[list].wildcard, e);
    return r;
}

int fc_rules_new(const struct cJSON *config, struct fc_rules **ret, struct err *e)
{
    struct fc_rules *rules = xcalloc(1, sizeof(*rules) + FC_RULES * sizeof(rules->at[0]));
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(lists); i++) {
        const struct cJSON *list = cJSON_GetObjectItem(config, lists[i].key), *item;

        if (!list || cJSON_IsNull(list))
            continue;
        if (!cJSON_IsArray(list))
            r = err_set(e, ERR_CALLER, -EINVAL, "'%s' must be a list", lists[i].key);
        for (item = list->child; r == 0 && item; item = item->next)
            r = take_rule(rules, item, i, e);
    }
    if (r < 0 || rules->n == 0) {
        fc_rules_free(rules);
        rules = NULL;
    } else {
        rules->matcher = gw_matcher_new();
    }
    if (r == 0)
        *ret = rules;
    return r;
}

struct fc_rules *fc_rules_free(struct fc_rules *r)
{
    if (!r)
        return NULL;
    for (size_t i = 0; i < r->n; i++) {
        free(r->at[i].match);
        free(r->at[i].replacement);
        gw_expression_free(r->at[i].expression);
    }
    gw_matcher_free(r->matcher);
    free(r);
    return NULL;
}

/* groups: how many have been set, the whole match counted; 0: nothing is put in. */
static void expand(const struct fc_rules *r, const struct rule *rule, struct str path,
                   size_t groups, struct buf *out)
{
    for (const char *p = rule->replacement; *p; p++) {
        size_t group;

        if (!rule->expression || p[0] != '$' || p[1] < '0' || p[1] > '9') {
            buf_addc(out, *p);
            continue;
        }
        p++;
        group = (size_t)(*p - '0');
        if (group < groups)
            buf_adds(out, gw_matcher_group(r->matcher, path, group));
    }
}

bool fc_rules_apply(const struct fc_rules *r, struct str path, struct buf *out)
{
    if (r)
        gw_matcher_begin(r->matcher);
    for (size_t i = 0; r && i < r->n; i++) {
        const struct rule *rule = &r->at[i];
        size_t groups = 0;

        if (rule->expression)
            groups = gw_matcher_match(r->matcher, rule->expression, path);
        if (rule->expression ? groups == 0 : !str_eq(path, str_of(rule->match)))
            continue;
        expand(r, rule, path, groups, out);
        return true;
    }
    return false;
}

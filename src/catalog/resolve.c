/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve.c - which record a qualifier means, for this call.
 *
 * Rules are asked first: the first other version whose rules say yes gets the call. Who is left is
 * shared out by smooth weighted round-robin, as nginx does it: everybody gains his share, who has
 * most is next and pays the whole. What is gained and not paid yet is how far one is from his share,
 * in calls times the whole; of two it stays below one call. The state is kept per alias and function
 * and dropped when the alias changes, so a new share counts from its first call.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/crypto.h"
#include "base/uri.h"
#include "catalog/internal.h"
#include "catalog/versions.h"
#include "store/kv.h"

struct turns {
    int32_t gained[ALIAS_OTHERS + 1]; /* the alias's own version, then the others */
};

/* ---- rules ---- */

static bool number(struct str text, int64_t *ret)
{
    return str_i64(text, INT64_MIN, INT64_MAX, ret) == 0;
}

static int compare(struct str value, struct str with)
{
    int64_t a, b;

    if (number(value, &a) && number(with, &b))
        return a < b ? -1 : a > b;
    return str_cmp(value, with);
}

static bool is_in(struct str value, struct str list)
{
    while (list.p && list.n > 0)
        if (str_eq(str_trim(str_cut(&list, ',')), value))
            return true;
    return false;
}

/* "(1,10]": whole numbers. */
static bool in_range(struct str value, struct str range)
{
    int64_t v, from, to;
    struct str rest, low;
    bool opens, closes;

    if (range.n < 2 || !str_has(S("(["), range.p[0]) || !str_has(S(")]"), range.p[range.n - 1]))
        return false;
    opens = range.p[0] == '(';
    closes = range.p[range.n - 1] == ')';
    rest = (struct str){range.p + 1, range.n - 2};
    low = str_trim(str_cut(&rest, ','));
    if (!number(value, &v) || !number(low, &from) || !number(str_trim(rest), &to))
        return false;
    return (opens ? v > from : v >= from) && (closes ? v < to : v <= to);
}

/* The same value always falls on the same side. */
static bool in_percent(struct str value, struct str percent)
{
    uint64_t share;

    return str_u64(percent, 0, 100, &share) == 0 && crc32c(0, value.p, value.n) % 100 < share;
}

bool alias_rule_says_yes(const struct alias_rule *rule, struct str value)
{
    struct str with = str_of(rule->value);

    if (!value.p)
        return false;
    switch (rule->op) {
    case ALIAS_EQUAL:
        return str_eq(value, with);
    case ALIAS_NOT_EQUAL:
        return !str_eq(value, with);
    case ALIAS_ABOVE:
        return compare(value, with) > 0;
    case ALIAS_BELOW:
        return compare(value, with) < 0;
    case ALIAS_AT_LEAST:
        return compare(value, with) >= 0;
    case ALIAS_AT_MOST:
        return compare(value, with) <= 0;
    case ALIAS_IN:
        return is_in(value, with);
    case ALIAS_PERCENT:
        return in_percent(value, with);
    case ALIAS_RANGE:
        return in_range(value, with);
    case ALIAS_OPS:
        break;
    }
    return false;
}

static bool rules_say_yes(const struct alias_other *o, const struct qualify_ask *ask)
{
    uint32_t yes = 0;

    for (uint32_t i = 0; i < o->nrules; i++) {
        const struct alias_rule *rule = &o->rules[i];

        yes += alias_rule_says_yes(rule, ask->find(ask->user, rule->part, str_of(rule->key)));
    }
    return o->any ? yes > 0 : yes == o->nrules;
}

/* ---- shares ---- */

/* The state's path: the alias's, and the function that is called by it. */
static struct turns *turns_of(struct catalog *c, const struct alias *a, struct str function)
{
    struct fn_key owner = alias_owner(a);
    struct turns *t;

    buf_reset(c->scratch);
    catalog_version_path(&owner, str_of(a->name), c->scratch);
    buf_addc(c->scratch, '/');
    uri_encode(function, "", c->scratch);
    t = (struct turns *)table_get(&c->turns, buf_str(c->scratch));
    if (!t && buf_ok(c->scratch)) {
        t = xnew(struct turns);
        (void)table_set(&c->turns, buf_str(c->scratch), t);
    }
    return t;
}

static void drop_turns(struct catalog *c, size_t at)
{
    char *path = str_dup(c->turns.rows[at].path); /* the table frees its own */

    free((void *)table_set(&c->turns, str_of(path), NULL));
    free(path);
}

void catalog_forget_turns(struct catalog *c, struct str alias)
{
    size_t at = table_from(&c->turns, alias);

    while (at < c->turns.n && str_starts(c->turns.rows[at].path, alias) &&
           c->turns.rows[at].path.p[alias.n] == '/')
        drop_turns(c, at);
}

void catalog_turns_done(struct catalog *c)
{
    for (size_t i = 0; i < c->turns.n; i++)
        free((void *)c->turns.rows[i].record);
    table_done(&c->turns);
}

/* Index of whose turn it is: 0 the alias's own version, else of the others. */
static uint32_t take_turn(struct turns *t, const struct alias *a)
{
    int32_t shares[ALIAS_OTHERS + 1] = {ALIAS_WHOLE};
    int32_t whole = 0;
    uint32_t best = 0;

    for (uint32_t i = 0; i < a->nothers; i++)
        if (a->others[i].nrules == 0) {
            shares[i + 1] = (int32_t)a->others[i].share;
            shares[0] -= shares[i + 1];
        }
    if (shares[0] < 0)
        shares[0] = 0; /* they ask for more than there is: in proportion */
    for (uint32_t i = 0; i <= a->nothers; i++) {
        whole += shares[i];
        t->gained[i] += shares[i];
        if (shares[i] > 0 && (shares[best] == 0 || t->gained[i] > t->gained[best]))
            best = i;
    }
    t->gained[best] -= whole;
    return best;
}

static bool has_shares(const struct alias *a)
{
    for (uint32_t i = 0; i < a->nothers; i++)
        if (a->others[i].nrules == 0 && a->others[i].share > 0)
            return true;
    return false;
}

static const char *pick(struct catalog *c, const struct alias *a, struct str function,
                        const struct qualify_ask *ask)
{
    struct turns *t;
    uint32_t turn;

    for (uint32_t i = 0; ask && i < a->nothers; i++)
        if (a->others[i].nrules > 0 && rules_say_yes(&a->others[i], ask))
            return a->others[i].version;
    if (!has_shares(a))
        return a->version;
    t = turns_of(c, a, function);
    turn = t ? take_turn(t, a) : 0;
    return turn > 0 ? a->others[turn - 1].version : a->version;
}

/* ---- the qualifier ---- */

bool qualifier_is_latest(struct str qualifier)
{
    return qualifier.n == 0 || str_eq(qualifier, S("latest")) || str_eq(qualifier, S("LATEST")) ||
           str_eq(qualifier, S("$LATEST"));
}

static const struct alias *alias_of(const struct catalog *c, const struct fn_key *key,
                                    struct str name)
{
    const struct alias *a = catalog_alias(c, key, name);
    struct fn_key space = *key;

    space.name = STR_NONE;
    return a ? a : catalog_alias(c, &space, name);
}

/* What it names: a version's record, or an alias (NULL: neither). */
static const struct alias *named(const struct catalog *c, const struct fn_key *key,
                                 struct str qualifier, const struct fn **ret)
{
    const struct alias *a;

    *ret = NULL;
    if (str_starts(qualifier, S("!")))
        return alias_of(c, key, str_from(qualifier, 1));
    *ret = catalog_version(c, key, qualifier); /* "latest" is one */
    a = *ret ? NULL : alias_of(c, key, qualifier);
    if (!*ret && !a && str_eq(qualifier, S("$DEFAULT")))
        *ret = catalog_find(c, key);
    return a;
}

const struct fn *catalog_resolve(struct catalog *c, const struct fn_key *key, struct str qualifier,
                                 const struct qualify_ask *ask)
{
    const struct fn *f;
    const struct alias *a = named(c, key, qualifier, &f);

    return a ? catalog_version(c, key, str_of(pick(c, a, key->name, ask))) : f;
}

const struct fn *catalog_qualified(const struct catalog *c, const struct fn_key *key,
                                   struct str qualifier)
{
    const struct fn *f;
    const struct alias *a = named(c, key, qualifier, &f);

    return a ? catalog_version(c, key, str_of(a->version)) : f;
}

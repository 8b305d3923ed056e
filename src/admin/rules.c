/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.c - what each cloud allows, as one table, and the names that follow from it.
 */
#include "admin/rules.h"

#include <errno.h>

#include "admin/parse.h"
#include "base/err.h"

enum { ID_MAX = 64 };

static const uint16_t functiongraph_memory[] = {128,  256,  512,  768,  1024, 1280, 1536,  1792,
                                                2048, 2560, 3072, 3584, 4096, 8192, 10240, 0};

const struct rules admin_rules[DIALECTS] = {
        [DIALECT_FUNCTIONGRAPH] = {.name_max = 60,
                                   .space_max = 60,
                                   .description_max = 512,
                                   .handler_min = 3,
                                   .timeout_min_ms = 3000,
                                   .timeout_max_ms = 259200000,
                                   .memory_max_mb = 10240,
                                   .concurrency_max = 1000,
                                   .memory_mb = functiongraph_memory,
                                   .vars = 20,
                                   .vars_max = 4096},
        [DIALECT_FC] = {.name_max = 128,
                        .space_max = 128,
                        .description_max = 256,
                        .underscore_first = true,
                        .handler_min = 1,
                        .timeout_min_ms = 1000,
                        .timeout_max_ms = 86400000,
                        .memory_max_mb = 32768,
                        .concurrency_max = 200,
                        .vars_max = 4096,
                        .reserved = "FC_"},
        [DIALECT_SCF] = {.name_max = 60,
                         .space_max = 64,
                         .description_max = 1000,
                         .handler_min = 1,
                         .timeout_min_ms = 1000,
                         .timeout_max_ms = 86400000,
                         .memory_max_mb = 32768,
                         .concurrency_max = 100,
                         .vars_max = 4096,
                         .reserved = "SCF_"},
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool all_words(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_word(s.p[i]))
            return false;
    return true;
}

static int check_id(struct str s, const char *what, struct err *e)
{
    if (s.n < 1 || s.n > ID_MAX || !all_words(s))
        return err_set(e, ERR_CALLER, -EINVAL, "%s must have 1 to %d letters, digits, '-' or '_'",
                       what, ID_MAX);
    return 0;
}

static int check_name(struct str s, const char *what, size_t max, bool underscore_first,
                      struct err *e)
{
    char last = (char)(s.n ? s.p[s.n - 1] : 0);

    if (s.n < 1 || s.n > max)
        return err_set(e, ERR_CALLER, -EINVAL, "%s must have 1 to %zu characters, not %zu", what,
                       max, s.n);
    if (!all_words(s) || (!is_letter(s.p[0]) && !(underscore_first && s.p[0] == '_')))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "%s '%.*s' must begin with a letter%s and hold letters, digits, '-' and '_'",
                       what, STR_ARG(s), underscore_first ? " or '_'" : "");
    if (!underscore_first && (last == '-' || last == '_'))
        return err_set(e, ERR_CALLER, -EINVAL, "%s '%.*s' must end with a letter or digit", what,
                       STR_ARG(s));
    return 0;
}

int admin_parse_key(const struct str parts[5], struct fn_key *ret, struct err *e)
{
    struct fn_key key = {
            .account = parts[1], .region = parts[2], .space = parts[3], .name = parts[4]};
    const struct rules *rule;
    int r;

    r = dialect_of(parts[0], &key.dialect);
    if (r < 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "dialect '%.*s' is not one of functiongraph, fc, scf",
                       (int)(parts[0].n < 32 ? parts[0].n : 32), parts[0].p);
    rule = &admin_rules[key.dialect];
    r = check_id(key.account, "account", e);
    if (r >= 0)
        r = check_id(key.region, "region", e);
    if (r >= 0)
        r = check_name(key.space, "space", rule->space_max, rule->underscore_first, e);
    if (r >= 0)
        r = check_name(key.name, "name", rule->name_max, rule->underscore_first, e);
    if (r < 0)
        return r;

    *ret = key;
    return 0;
}

int admin_check_var(const struct rules *rule, struct str name, struct err *e)
{
    bool good = name.n > 0 && is_letter(name.p[0]) && all_words(name) && !str_has(name, '-');

    if (!good)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "environment: name '%.*s' must match [A-Za-z][A-Za-z0-9_]*",
                       (int)(name.n < 64 ? name.n : 64), name.p ? name.p : "");
    if (rule->reserved && str_starts(name, str_of(rule->reserved)))
        return err_set(e, ERR_CALLER, -EINVAL, "environment: names that begin with %s are reserved",
                       rule->reserved);
    return 0;
}

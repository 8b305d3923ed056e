/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.c - two records of a function side by side, as the daemon gave them. Only the daemon knows
 * defaults, so both sides come from it, also when nothing is to change yet (?dry_run=true).
 */
#include "cli/plan.h"

#include <cjson/cJSON.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/term.h"
#include "cli/units.h"

enum { VALUE_SHOWN = 200, NAME_COLUMNS = 28 };

static bool has_word(struct str text, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= text.n; i++)
        if (str_ieq((struct str){text.p + i, n}, (struct str){word, n}))
            return true;
    return false;
}

/* scheme://user:password@host */
static bool has_password(struct str value)
{
    ptrdiff_t scheme = str_find(value, S("://"));
    struct str rest = scheme < 0 ? STR_NONE : str_from(value, (size_t)scheme + 3), user;

    if (!rest.n)
        return false;
    user = str_cut(&rest, '@');
    return rest.p && str_has(user, ':');
}

bool plan_is_secret(struct str name, struct str value)
{
    static const char *const words[] = {"secret", "password", "passwd",     "passphrase", "token",
                                        "key",    "private",  "credential", "auth",       "cookie"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (has_word(name, words[i]))
            return true;
    return has_password(value);
}

/* What no deployment sets, or what is compared apart. */
static bool is_apart(const char *key)
{
    static const char *const keys[] = {"dialect", "account",  "region",  "space",
                                       "name",    "version",  "state",   "environment",
                                       "code",    "revision", "created", "modified"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static struct cJSON *shown(const struct cJSON *value, bool secret)
{
    cleanup_with(buf_done) struct buf text = {0};

    if (!value || cJSON_IsNull(value))
        return cJSON_CreateNull();
    if (secret)
        return cJSON_CreateString("***");
    if (cJSON_IsString(value))
        return cJSON_CreateString(value->valuestring);
    buf_init(&text, 64 << 10);
    json_print(value, &text);
    return cJSON_CreateString(text.p);
}

static void add(struct cJSON *changes, const char *setting, struct cJSON *before,
                struct cJSON *after)
{
    struct cJSON *change = cJSON_CreateObject();

    cJSON_AddStringToObject(change, "setting", setting);
    cJSON_AddItemToObject(change, "before", before);
    cJSON_AddItemToObject(change, "after", after);
    cJSON_AddItemToArray(changes, change);
}

static bool is_same(const struct cJSON *a, const struct cJSON *b)
{
    return a && b ? cJSON_Compare(a, b, true) : (!a || cJSON_IsNull(a)) && (!b || cJSON_IsNull(b));
}

static void compare_variable(struct cJSON *changes, const struct cJSON *before,
                             const struct cJSON *after)
{
    const char *name = before ? before->string : after->string;
    cleanup_free char *setting = NULL;
    bool secret;

    if (is_same(before, after))
        return;
    setting = xasprintf("environment.%s", name);
    secret = plan_is_secret(str_of(name), before ? str_of(before->valuestring) : STR_NONE) ||
             plan_is_secret(str_of(name), after ? str_of(after->valuestring) : STR_NONE);
    add(changes, setting, shown(before, secret), shown(after, secret));
}

static void compare_environment(struct cJSON *changes, const struct cJSON *before,
                                const struct cJSON *after)
{
    for (const struct cJSON *v = before ? before->child : NULL; v; v = v->next)
        compare_variable(changes, v, json_get(after, v->string));
    for (const struct cJSON *v = after ? after->child : NULL; v; v = v->next)
        if (!json_get(before, v->string))
            compare_variable(changes, NULL, v);
}

static struct cJSON *shown_code(struct str sha, uint64_t size)
{
    char bytes[UNITS_TEXT], text[UNITS_TEXT + 16];

    if (!sha.n)
        return cJSON_CreateNull();
    (void)snprintf(text, sizeof(text), "%s (%.*s)", units_bytes(size, bytes),
                   (int)(sha.n < 8 ? sha.n : 8), sha.p);
    return cJSON_CreateString(text);
}

static void read_code(const struct cJSON *record, struct str *sha, int64_t *size)
{
    const struct cJSON *code = json_get(record, "code");

    (void)json_str(code, "sha256", false, sha, NULL);
    (void)json_int(code, "size", false, 0, INT64_MAX, size, NULL);
}

static void compare_code(struct cJSON *changes, const struct cJSON *before,
                         const struct cJSON *after, const struct plan_code *code)
{
    struct str old = STR_NONE, new = STR_NONE;
    int64_t old_size = 0, new_size = 0;

    read_code(before, &old, &old_size);
    read_code(after, &new, &new_size);
    if (code && code->sha) {
        new = str_of(code->sha);
        new_size = (int64_t)code->size;
    }
    if (!str_eq(old, new))
        add(changes, "code", shown_code(old, (uint64_t)old_size),
            shown_code(new, (uint64_t)new_size));
}

struct cJSON *plan_changes(const struct cJSON *before, const struct cJSON *after,
                           const struct plan_code *code)
{
    struct cJSON *changes = cJSON_CreateArray();

    if (!before)
        return changes;
    for (const struct cJSON *v = after->child; v; v = v->next)
        if (!is_apart(v->string) && !is_same(json_get(before, v->string), v))
            add(changes, v->string, shown(json_get(before, v->string), false), shown(v, false));
    compare_environment(changes, json_get(before, "environment"), json_get(after, "environment"));
    compare_code(changes, before, after, code);
    return changes;
}

static void put_value(const struct cJSON *value, struct buf *out)
{
    cleanup_with(buf_done) struct buf safe;
    struct str text = cJSON_IsString(value) ? str_of(value->valuestring) : S("(none)"), cut;

    buf_init(&safe, 1 << 20);
    term_safe(text.n ? text : S("\"\""), TERM_LINE, &safe);
    cut = term_cut(buf_str(&safe), VALUE_SHOWN);
    buf_addf(out, "%.*s%s", STR_ARG(cut), cut.n < safe.n ? "…" : "");
}

void plan_print(const struct cJSON *changes, struct buf *out)
{
    for (const struct cJSON *c = changes->child; c; c = c->next) {
        cleanup_with(buf_done) struct buf name;

        buf_init(&name, 64 << 10);
        term_safe(str_of(json_get(c, "setting")->valuestring), TERM_LINE, &name);
        buf_addf(out, "  %-*s  ", NAME_COLUMNS, name.p);
        put_value(json_get(c, "before"), out);
        buf_addz(out, " -> ");
        put_value(json_get(c, "after"), out);
        buf_addc(out, '\n');
    }
}

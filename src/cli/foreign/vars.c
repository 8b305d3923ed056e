/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vars.c - "${...}" in the texts of serverless.yml and s.yaml.
 *
 *   ${env:NAME} ${env(NAME)} ${env('NAME')} ${env.NAME}   the environment
 *   ${self:a.b.0}   ${vars.a}                             this file
 *   ${opt:name}                                           nothing: there are no options; a default helps
 *   ${name} ${stage} ${app}                               this file, of a component
 *   ${..., 'a default'}                                   where the first has no value
 *
 * A text that is nothing but one of these becomes the value, of whatever type. Values may hold
 * further ones, so many deep; the rest (files, other stacks) is refused by name.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/foreign/tree.h"

enum { ROUNDS = 8, TEXT_MAX = 64 << 10, NAME_MAX_ = 256, VALUES = 10000 };

struct filling {
    struct foreign *f;
    uint32_t values; /* put in so far: a text cannot grow without end */
};

static struct str unquoted(struct str s)
{
    s = str_trim(s);
    if (s.n >= 2 && (s.p[0] == '\'' || s.p[0] == '"') && s.p[s.n - 1] == s.p[0])
        return (struct str){s.p + 1, s.n - 2};
    return s;
}

static const struct cJSON *at_path(const struct cJSON *tree, struct str path)
{
    while (tree && path.n > 0) {
        struct str step = str_cut(&path, '.');
        char name[NAME_MAX_];
        uint64_t i;

        if (step.n >= sizeof(name))
            return NULL;
        memcpy(name, step.p, step.n);
        name[step.n] = '\0';
        if (cJSON_IsArray(tree))
            tree = str_u64(step, 0, VALUES, &i) == 0 ? cJSON_GetArrayItem(tree, (int)i) : NULL;
        else
            tree = json_get(tree, name);
    }
    return tree;
}

/* A copy of what it says; NULL: it has no value. Owned by the caller. */
static struct cJSON *value_of(const struct filling *x, struct str what)
{
    static const char *const own[] = {"name", "stage", "app", "region"};
    const struct cJSON *file = x->f->file, *found = NULL;

    what = str_trim(what);
    if (str_starts(what, S("env"))) {
        struct str name = unquoted(str_from(what, what.n > 3 ? 4 : 3));
        char text[NAME_MAX_];
        const char *value;

        if (what.n > 3 && what.p[3] == '(' && name.n > 0 && name.p[name.n - 1] == ')')
            name = unquoted((struct str){name.p, name.n - 1});
        if (name.n == 0 || name.n >= sizeof(text))
            return NULL;
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        value = getenv(text);
        return value ? cJSON_CreateString(value) : NULL;
    }
    if (str_starts(what, S("self:")))
        found = at_path(file, str_from(what, 5));
    else if (str_starts(what, S("vars.")))
        found = at_path(file, what);
    for (size_t i = 0; !found && i < ARRAY_LEN(own); i++)
        if (str_eq(what, str_of(own[i])))
            found = json_get(file, own[i]);
    return found ? cJSON_Duplicate(found, true) : NULL;
}

static struct cJSON *evaluate(const struct filling *x, struct str expression)
{
    while (expression.n > 0) {
        struct str part = str_trim(str_cut(&expression, ','));
        bool literal = part.n > 0 && (part.p[0] == '\'' || part.p[0] == '"');
        struct cJSON *value = literal ? NULL : value_of(x, part);

        if (literal) {
            cleanup_free char *text = str_dup(unquoted(part));

            return cJSON_CreateString(text);
        }
        if (value)
            return value;
    }
    return NULL;
}

/* The first "${...}" of *rest: what is before it, what is in it; *rest is what follows. */
static bool cut(struct str *rest, struct str *before, struct str *inner)
{
    ptrdiff_t at = str_find(*rest, S("${"));
    struct str tail = at < 0 ? STR_NONE : str_from(*rest, (size_t)at + 2);
    ptrdiff_t end = at < 0 ? -1 : str_find(tail, S("}"));

    if (end < 0)
        return false;
    *before = (struct str){rest->p, (size_t)at};
    *inner = (struct str){tail.p, (size_t)end};
    *rest = str_from(tail, (size_t)end + 1);
    return true;
}

static struct cJSON *fill(struct filling *x, const char *path, const struct cJSON *node,
                          unsigned level);

/* What the expression says, itself filled; owned; NULL: refused. */
static struct cJSON *replaced(struct filling *x, const char *path, struct str inner, unsigned level)
{
    cleanup_with(json_freep) struct cJSON *value = evaluate(x, inner);

    if (!value) {
        err_set(x->f->e, ERR_CALLER, -EINVAL,
                "%.200s: '${%.*s}' has no value here; variables are ${env:NAME}, ${self:path} and "
                "${vars.name}, with a default as in ${env:NAME, 'text'}",
                path, (int)(inner.n < 100 ? inner.n : 100), inner.p);
        return NULL;
    }
    if (level >= ROUNDS || ++x->values > VALUES) {
        foreign_refuse(x->f, path, "its variables name each other");
        return NULL;
    }
    return fill(x, path, value, level + 1);
}

static struct cJSON *fill_text(struct filling *x, const char *path, struct str text, unsigned level)
{
    struct str rest = text, before, inner;
    cleanup_with(buf_done) struct buf out;

    buf_init(&out, TEXT_MAX);
    while (cut(&rest, &before, &inner)) {
        cleanup_with(json_freep) struct cJSON *value = replaced(x, path, inner, level);

        if (!value)
            return NULL;
        if (before.n == 0 && rest.n == 0 && out.n == 0)
            return TAKE_PTR(value);
        buf_adds(&out, before);
        if (cJSON_IsString(value))
            buf_addz(&out, value->valuestring);
        else
            json_print(value, &out);
    }
    buf_adds(&out, rest);
    if (!buf_ok(&out)) {
        foreign_refuse(x->f, path, "too long, with its variables");
        return NULL;
    }
    return cJSON_CreateString(out.n > 0 ? out.p : "");
}

/* A copy with every text filled; the depth is that of the document (yaml.h), at most ROUNDS times. */
static struct cJSON *fill(struct filling *x, const char *path,
                          const struct cJSON *node, /* NOLINT(misc-no-recursion) */
                          unsigned level)
{
    cleanup_with(json_freep) struct cJSON *copy = NULL;

    if (cJSON_IsString(node))
        return fill_text(x, path, str_of(node->valuestring), level);
    if (!cJSON_IsObject(node) && !cJSON_IsArray(node))
        return cJSON_Duplicate(node, false);
    copy = cJSON_IsObject(node) ? cJSON_CreateObject() : cJSON_CreateArray();
    for (const struct cJSON *v = node->child; v; v = v->next) {
        char full[FOREIGN_PATH];
        struct cJSON *value =
                fill(x, v->string ? foreign_path(full, path, v->string) : path, v, level);

        if (!value)
            return NULL;
        if (v->string)
            cJSON_AddItemToObject(copy, v->string, value);
        else
            cJSON_AddItemToArray(copy, value);
    }
    return TAKE_PTR(copy);
}

struct cJSON *foreign_fill(struct foreign *f)
{
    struct filling x = {.f = f};

    return fill(&x, "", f->file, 0);
}

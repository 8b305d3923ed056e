/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.c - what an action may be asked, as one line of words per action or object (scf_api.h), and
 * whether a tree keeps to it.
 *
 * As in the cloud an unknown parameter is an error, so that a misspelt one is not lost; null counts as
 * absent, which is how SDKs in typed languages say so.
 */
#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "dialect/scf/api/scf_api.h"

enum { PATH_MAX_ = 200 };

static const char *members_of(const struct scf_service *s, struct str name)
{
    for (uint32_t i = 0; i < s->nobjects; i++)
        if (str_eq(str_of(s->objects[i].name), name))
            return s->objects[i].members;
    return NULL;
}

static void read_type(const struct scf_service *s, struct str type, struct scf_member *ret)
{
    if (type.n > 2 && type.p[0] == '[' && type.p[type.n - 1] == ']') {
        ret->list = true;
        type = (struct str){type.p + 1, type.n - 2};
    }
    if (type.n == 0 || str_eq(type, S("s"))) {
        ret->kind = 's';
    } else if (type.n == 1 && strchr("ifb", type.p[0])) {
        ret->kind = type.p[0];
    } else {
        ret->kind = 'o';
        ret->model = members_of(s, type);
        assert(ret->model);
    }
}

bool scf_model_next(const struct scf_service *s, const char **model, struct scf_member *ret)
{
    size_t n = strcspn(*model, " ");
    struct str word = {*model, n}, type;

    if (n == 0)
        return false;
    *model += n;
    *model += **model == ' ';
    *ret = (struct scf_member){0};
    type = word;
    ret->name = str_cut(&type, ':');
    if (ret->name.p[ret->name.n - 1] == '!') {
        ret->needed = true;
        ret->name.n--;
    }
    read_type(s, type, ret);
    return true;
}

bool scf_model_find(const struct scf_service *s, const char *model, struct str name,
                    struct scf_member *ret)
{
    while (scf_model_next(s, &model, ret))
        if (str_eq(ret->name, name))
            return true;
    return false;
}

/* ---- does a tree keep to it? ---- */

struct check {
    const struct scf_service *service;
    const char **code;
    struct err *e;
    char path[PATH_MAX_]; /* "Layers.0.LayerName" */
};

static int check_object(struct check *k, const char *model, struct cJSON *tree, size_t at);

/* Behind what stands there already; returns where the next one goes. */
static size_t step(struct check *k, size_t at, struct str name)
{
    int n = snprintf(k->path + at, sizeof(k->path) - at, "%s%.*s", at ? "." : "",
                     (int)(name.n < 64 ? name.n : 64), name.p);

    return n < 0 || at + (size_t)n >= sizeof(k->path) ? at : at + (size_t)n;
}

static int wrong_type(struct check *k)
{
    *k->code = "InvalidParameter";
    return err_set(k->e, ERR_CALLER, -EINVAL, "The value type of parameter `%s` is not valid.",
                   k->path);
}

static bool is_whole(double v)
{
    return v == floor(v) && fabs(v) <= 9007199254740992.0;
}

static int check_one(struct check *k, const struct scf_member *m, struct cJSON *v, size_t at)
{
    bool good = true;

    switch (m->kind) {
    case 's':
        good = cJSON_IsString(v);
        break;
    case 'i':
        good = cJSON_IsNumber(v) && is_whole(v->valuedouble);
        break;
    case 'f':
        good = cJSON_IsNumber(v);
        break;
    case 'b':
        good = cJSON_IsBool(v);
        break;
    default:
        return cJSON_IsObject(v) ? check_object(k, m->model, v, at) : wrong_type(k);
    }
    return good ? 0 : wrong_type(k);
}

static int check_list(struct check *k, const struct scf_member *m, struct cJSON *list, size_t at)
{
    uint64_t i = 0;
    int r = 0;

    if (!cJSON_IsArray(list))
        return wrong_type(k);
    for (struct cJSON *v = list->child; r == 0 && v; v = v->next, i++) {
        char room[U64_TEXT];

        r = check_one(k, m, v, step(k, at, str_of_u64(i, room)));
    }
    if (r == 0)
        k->path[at] = '\0';
    return r;
}

static int check_needed(struct check *k, const char *model, const struct cJSON *tree, size_t at)
{
    struct scf_member m;

    while (scf_model_next(k->service, &model, &m)) {
        const struct cJSON *v = tree->child;

        while (m.needed && v && !str_eq(str_of(v->string), m.name))
            v = v->next;
        if (!m.needed || v)
            continue;
        (void)step(k, at, m.name);
        *k->code = "MissingParameter";
        return err_set(k->e, ERR_CALLER, -EINVAL,
                       "The request is missing a required parameter `%s`.", k->path);
    }
    return 0;
}

static int check_object(struct check *k, const char *model, struct cJSON *tree, size_t at)
{
    struct cJSON *v = tree->child, *next;
    struct scf_member m;
    int r = 0;

    for (; r == 0 && v; v = next) {
        size_t end = step(k, at, str_of(v->string));

        next = v->next;
        if (!scf_model_find(k->service, model, str_of(v->string), &m)) {
            *k->code = "UnknownParameter";
            return err_set(k->e, ERR_CALLER, -EINVAL, "The parameter `%s` is not recognized.",
                           k->path);
        }
        if (cJSON_IsNull(v))
            cJSON_Delete(cJSON_DetachItemViaPointer(tree, v));
        else
            r = m.list ? check_list(k, &m, v, end) : check_one(k, &m, v, end);
    }
    if (r < 0)
        return r;
    k->path[at] = '\0';
    return check_needed(k, model, tree, at);
}

int scf_model_check(const struct scf_service *s, const char *model, struct cJSON *tree,
                    const char **code, struct err *e)
{
    struct check k = {.service = s, .code = code, .e = e};

    if (!cJSON_IsObject(tree)) {
        *code = "InvalidParameter";
        return err_set(e, ERR_CALLER, -EINVAL, "The request body is not a JSON object.");
    }
    return check_object(&k, model ? model : "", tree, 0);
}

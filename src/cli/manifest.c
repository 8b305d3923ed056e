/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.c - reads evoke.yaml.
 *
 * It checks form: keys, types, that nothing needed is missing. What a value may be (runtime names,
 * sizes, lengths) differs from cloud to cloud and is the daemon's to judge, so that there is one
 * place that knows. A key nobody knows is refused with its whole path.
 */
#include "cli/manifest.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/yaml.h"

enum field_type { TEXT, WHOLE, SCALARS };

struct field {
    const char *key;
    enum field_type type;
    size_t at; /* in struct manifest_function */
    bool required;
    const char *def; /* TEXT: when it is not there; NULL: stays empty */
};

#define AT(member) offsetof(struct manifest_function, member)

static const struct field fields[] = {
        {.key = "dialect", .type = TEXT, .at = AT(name.dialect), .def = "functiongraph"},
        {.key = "account", .type = TEXT, .at = AT(name.account), .def = "local"},
        {.key = "region", .type = TEXT, .at = AT(name.region), .def = "local-1"},
        {.key = "space", .type = TEXT, .at = AT(name.space), .def = "default"},
        {.key = "runtime", .type = TEXT, .at = AT(runtime), .required = true},
        {.key = "handler", .type = TEXT, .at = AT(handler), .required = true},
        {.key = "initializer", .type = TEXT, .at = AT(initializer)},
        {.key = "description", .type = TEXT, .at = AT(description)},
        {.key = "code", .type = TEXT, .at = AT(code), .def = "."},
        {.key = "memory", .type = WHOLE, .at = AT(memory_mb)},
        {.key = "timeout", .type = WHOLE, .at = AT(timeout_s)},
        {.key = "initializer_timeout", .type = WHOLE, .at = AT(initializer_timeout_s)},
        {.key = "environment", .type = SCALARS, .at = AT(environment)},
};

static const struct field *field_of(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strcmp(fields[i].key, key) == 0)
            return &fields[i];
    return NULL;
}

static bool is_scalar(const struct cJSON *v)
{
    return cJSON_IsString(v) || cJSON_IsNumber(v) || cJSON_IsBool(v);
}

static int read_scalars(const char *fn, const struct field *f, const struct cJSON *value,
                        const struct cJSON **ret, struct err *e)
{
    if (!cJSON_IsObject(value))
        return err_set(e, ERR_CALLER, -EINVAL, "functions.%s.%s must be a map", fn, f->key);
    for (const struct cJSON *item = value->child; item; item = item->next)
        if (!is_scalar(item))
            return err_set(e, ERR_CALLER, -EINVAL, "functions.%s.%s.%s must be text", fn, f->key,
                           item->string);
    *ret = value;
    return 0;
}

static int read_field(const char *fn, const struct field *f, const struct cJSON *value,
                      struct manifest_function *to, struct err *e)
{
    void *at = (char *)to + f->at;

    switch (f->type) {
    case TEXT:
        if (!cJSON_IsString(value) || !value->valuestring[0])
            return err_set(e, ERR_CALLER, -EINVAL,
                           "functions.%s.%s must be text; put it in quotes if it looks like a "
                           "number",
                           fn, f->key);
        *(struct str *)at = str_of(value->valuestring);
        return 0;
    case WHOLE:
        if (!cJSON_IsNumber(value) || value->valuedouble < 1 || value->valuedouble > 1e9 ||
            value->valuedouble != (double)(int64_t)value->valuedouble)
            return err_set(e, ERR_CALLER, -EINVAL, "functions.%s.%s must be a whole number above 0",
                           fn, f->key);
        *(int64_t *)at = (int64_t)value->valuedouble;
        return 0;
    case SCALARS:
        return read_scalars(fn, f, value, at, e);
    }
    return 0;
}

static int read_function(const struct cJSON *item, struct manifest_function *to, struct err *e)
{
    const char *fn = item->string;

    if (!cJSON_IsObject(item))
        return err_set(e, ERR_CALLER, -EINVAL, "functions.%s must be a map", fn);
    for (const struct cJSON *v = item->child; v; v = v->next)
        if (!field_of(v->string))
            return err_set(e, ERR_CALLER, -EINVAL, "functions.%s.%s: unknown key", fn, v->string);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct field *f = &fields[i];
        const struct cJSON *value = json_get(item, f->key);
        int r = 0;

        if (value)
            r = read_field(fn, f, value, to, e);
        else if (f->required)
            r = err_set(e, ERR_CALLER, -EINVAL, "functions.%s.%s is missing", fn, f->key);
        else if (f->def)
            *(struct str *)((char *)to + f->at) = str_of(f->def);
        if (r < 0)
            return r;
    }
    to->name.name = str_of(fn);
    return 0;
}

static int read_functions(struct manifest *m, struct err *e)
{
    const struct cJSON *functions;

    if (!cJSON_IsObject(m->tree))
        return err_set(e, ERR_CALLER, -EINVAL, "the manifest must be a map with 'functions'");
    for (const struct cJSON *v = m->tree->child; v; v = v->next)
        if (strcmp(v->string, "functions") != 0)
            return err_set(e, ERR_CALLER, -EINVAL, "%s: unknown key", v->string);
    functions = json_get(m->tree, "functions");
    if (!cJSON_IsObject(functions) || !functions->child)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "functions must be a map with at least one function");
    m->functions = xcalloc((size_t)cJSON_GetArraySize(functions), sizeof(*m->functions));
    for (const struct cJSON *item = functions->child; item; item = item->next) {
        int r = read_function(item, &m->functions[m->n], e);

        if (r < 0)
            return r;
        m->n++;
    }
    return 0;
}

int manifest_parse(struct str text, struct manifest *ret, struct err *e)
{
    cleanup_with(manifest_done) struct manifest m = {.tree = yaml_parse(text, e)};
    int r;

    if (!m.tree)
        return -EINVAL;
    r = read_functions(&m, e);
    if (r < 0)
        return r;

    *ret = m;
    m = (struct manifest){0};
    return 0;
}

void manifest_done(struct manifest *m)
{
    json_free(m->tree);
    free(m->functions);
    *m = (struct manifest){0};
}

static void put_environment(struct jw *w, const struct cJSON *environment)
{
    jw_key(w, "environment");
    jw_obj(w);
    for (const struct cJSON *v = environment->child; v; v = v->next) {
        cleanup_with(buf_done) struct buf text;

        buf_init(&text, 64);
        jw_key(w, v->string);
        if (cJSON_IsString(v)) {
            jw_str(w, str_of(v->valuestring));
        } else {
            json_print(v, &text);
            jw_str(w, buf_str(&text));
        }
    }
    jw_obj_end(w);
}

void manifest_request(const struct manifest_function *f, struct str zip, struct buf *out)
{
    cleanup_with(buf_done) struct buf base64;
    struct jw w;

    buf_init(&base64, out->max);
    base64_encode(zip, &base64);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "runtime", f->runtime);
    jw_kstr(&w, "handler", f->handler);
    if (f->initializer.n)
        jw_kstr(&w, "initializer", f->initializer);
    if (f->description.n)
        jw_kstr(&w, "description", f->description);
    if (f->memory_mb)
        jw_kint(&w, "memory_mb", f->memory_mb);
    if (f->timeout_s)
        jw_kint(&w, "timeout_ms", f->timeout_s * 1000);
    if (f->initializer_timeout_s)
        jw_kint(&w, "init_timeout_ms", f->initializer_timeout_s * 1000);
    if (f->environment)
        put_environment(&w, f->environment);
    jw_key(&w, "code");
    jw_obj(&w);
    jw_kstr(&w, "zip", buf_str(&base64));
    jw_obj_end(&w);
    jw_obj_end(&w);
    if (!buf_ok(&base64))
        out->failed = true;
}

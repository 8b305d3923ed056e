/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.c - reads evoke.yaml, and what a foreign project file says in its words.
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
#include "cli/foreign/foreign.h"
#include "cli/manifest_events.h"

enum { UNUSED_MAX = 256 << 10 };

enum field_type { TEXT, WHOLE, SCALARS, ASYNC, TRIGGERS };

struct field {
    const char *key;
    enum field_type type;
    size_t at; /* in struct manifest_function */
    bool required;
    const char *def;   /* TEXT: when it is not there; NULL: stays empty */
    const char *sends; /* the deploy request's key; NULL: not part of it */
    int64_t times;     /* WHOLE: the request's unit; 0: the same */
};

#define AT(member) offsetof(struct manifest_function, member)

static const struct field fields[] = {
        {.key = "dialect", .type = TEXT, .at = AT(name.dialect), .def = "functiongraph"},
        {.key = "account", .type = TEXT, .at = AT(name.account), .def = "local"},
        {.key = "region", .type = TEXT, .at = AT(name.region), .def = "local-1"},
        {.key = "space", .type = TEXT, .at = AT(name.space), .def = "default"},
        {.key = "code", .type = TEXT, .at = AT(code), .def = "."},
        {.key = "runtime", .type = TEXT, .at = AT(runtime), .required = true, .sends = "runtime"},
        {.key = "handler", .type = TEXT, .at = AT(handler), .required = true, .sends = "handler"},
        {.key = "initializer", .type = TEXT, .at = AT(initializer), .sends = "initializer"},
        {.key = "description", .type = TEXT, .at = AT(description), .sends = "description"},
        {.key = "memory", .type = WHOLE, .at = AT(memory_mb), .sends = "memory_mb"},
        {.key = "timeout",
         .type = WHOLE,
         .at = AT(timeout_s),
         .sends = "timeout_ms",
         .times = 1000},
        {.key = "initializer_timeout",
         .type = WHOLE,
         .at = AT(initializer_timeout_s),
         .sends = "init_timeout_ms",
         .times = 1000},
        {.key = "environment", .type = SCALARS, .at = AT(environment), .sends = "environment"},
        {.key = "async", .type = ASYNC, .at = AT(async), .sends = "async"},
        {.key = "triggers", .type = TRIGGERS, .at = AT(triggers)},
        {.key = "network", .type = TEXT, .at = AT(network), .sends = "network"},
        {.key = "cpu", .type = TEXT, .at = AT(cpu), .sends = "cpu"},
        {.key = "tmp", .type = WHOLE, .at = AT(tmp_mb), .sends = "tmp_mb"},
        {.key = "role", .type = TEXT, .at = AT(role), .sends = "role"},
        {.key = "instance_concurrency",
         .type = WHOLE,
         .at = AT(instance_concurrency),
         .sends = "instance_concurrency"},
        {.key = "reserved", .type = WHOLE, .at = AT(reserved), .sends = "reserved"},
        {.key = "pre_stop", .type = TEXT, .at = AT(pre_stop), .sends = "pre_stop"},
        {.key = "pre_stop_timeout",
         .type = WHOLE,
         .at = AT(pre_stop_timeout_s),
         .sends = "pre_stop_timeout_ms",
         .times = 1000},
        {.key = "pre_freeze", .type = TEXT, .at = AT(pre_freeze), .sends = "pre_freeze"},
        {.key = "pre_freeze_timeout",
         .type = WHOLE,
         .at = AT(pre_freeze_timeout_s),
         .sends = "pre_freeze_timeout_ms",
         .times = 1000},
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
    case ASYNC:
        return manifest_read_async(fn, value, at, e);
    case TRIGGERS:
        return manifest_read_triggers(fn, value, at, e);
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
        if (strcmp(v->string, "functions") != 0 && strcmp(v->string, "domains") != 0)
            return err_set(e, ERR_CALLER, -EINVAL, "%s: unknown key", v->string);
    m->domains = json_get(m->tree, "domains");
    if (m->domains && !cJSON_IsObject(m->domains))
        return err_set(e, ERR_CALLER, -EINVAL, "domains must be a map");
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
    buf_init(&m.unused, UNUSED_MAX);
    m.tool = foreign_read(&m.tree, &m.unused, e);
    if (!m.tool && e->code != 0)
        return e->code;
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
    buf_done(&m->unused);
    *m = (struct manifest){0};
}

static void put_scalars(struct jw *w, const struct cJSON *environment)
{
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

/* What the manifest left out is left out here: the daemon knows the defaults. */
static void put_field(struct jw *w, const struct field *f, const struct manifest_function *from)
{
    const void *at = (const char *)from + f->at;
    const struct str *text = at;
    const int64_t *whole = at;
    const struct cJSON *const *scalars = at;

    switch (f->type) {
    case TEXT:
        if (text->n)
            jw_kstr(w, f->sends, *text);
        return;
    case WHOLE:
        if (*whole)
            jw_kint(w, f->sends, *whole * (f->times ? f->times : 1));
        return;
    case SCALARS:
        if (*scalars) {
            jw_key(w, f->sends);
            put_scalars(w, *scalars);
        }
        return;
    case ASYNC:
        if (*scalars) {
            jw_key(w, f->sends);
            manifest_put_async(w, &from->name, *scalars);
        }
        return;
    case TRIGGERS: /* requests of their own */
        return;
    }
}

static void put_code(struct jw *w, struct str zip, const char *sha256)
{
    cleanup_with(buf_done) struct buf base64;

    buf_init(&base64, w->out->max);
    jw_key(w, "code");
    jw_obj(w);
    if (zip.n > 0) {
        base64_encode(zip, &base64);
        jw_kstr(w, "zip", buf_str(&base64));
    } else {
        jw_kstrz(w, "sha256", sha256);
    }
    jw_obj_end(w);
    if (!buf_ok(&base64))
        w->out->failed = true;
}

void manifest_request(const struct manifest_function *f, struct str zip, const char *sha256,
                      struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].sends)
            put_field(&w, &fields[i], f);
    if (zip.n > 0 || sha256)
        put_code(&w, zip, sha256);
    jw_obj_end(&w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds_check.c - walks the table of kinds.c over a body: each field by itself, then what the fields
 * say about each other (kinds_rules.c).
 *
 * An error is told once, for the first field that is wrong, in the order of the table: the same body
 * is always refused for the same reason.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "gateway/plane/kinds.h"
#include "gateway/plane/kinds_rules.h"
#include "gateway/plane/kinds_text.h"

enum { PATH_TEXT = 192, SHOWN = 40 };

/* The one answer gw_check() lends out. Loop thread only. */
static char wrong_path[PATH_TEXT];

int gw_wrong(const char **ret_path, struct err *e, const char *path, const char *why, ...)
{
    char text[sizeof(e->msg)];
    va_list ap;

    if (path != wrong_path)
        (void)snprintf(wrong_path, sizeof(wrong_path), "%s", path);
    *ret_path = wrong_path;
    va_start(ap, why);
    (void)vsnprintf(text, sizeof(text), why, ap);
    va_end(ap);
    return err_set(e, ERR_CALLER, -EINVAL, "%s %s", wrong_path, text);
}

struct walk {
    const char **ret_path;
    struct err *e;
};

static int check_fields(const struct walk *w, const char *prefix, const struct gw_field *fields,
                        uint32_t n, const struct cJSON *body);

static const char *join(const char *prefix, const char *key, char out[PATH_TEXT])
{
    (void)snprintf(out, PATH_TEXT, "%.100s%s%.64s", prefix, prefix[0] ? "." : "", key);
    return out;
}

static bool is_one_of(struct str s, const char *const *values)
{
    for (; *values; values++)
        if (str_eq(s, str_of(*values)))
            return true;
    return false;
}

static int wrong_word(const struct walk *w, const char *path, const struct gw_field *f,
                      struct str have)
{
    cleanup_with(buf_done) struct buf list;

    buf_init(&list, sizeof(w->e->msg));
    for (const char *const *v = f->values; *v; v++)
        if (**v)
            buf_addf(&list, "%s%s", v == f->values ? "" : ", ", *v);
    return gw_wrong(w->ret_path, w->e, path, "must be one of %s, not '%.*s'", list.p,
                    (int)(have.n < SHOWN ? have.n : SHOWN), have.p);
}

static int check_text(const struct walk *w, const char *path, const struct gw_field *f,
                      const struct cJSON *value)
{
    struct str s;
    size_t n;

    if (!cJSON_IsString(value))
        return gw_wrong(w->ret_path, w->e, path, "must be text");
    s = str_of(value->valuestring);
    if (f->values)
        return is_one_of(s, f->values) ? 0 : wrong_word(w, path, f, s);
    n = gw_characters(s);
    if ((int64_t)n < f->min || (int64_t)n > f->max)
        return gw_wrong(w->ret_path, w->e, path, "must have %lld to %lld characters, not %zu",
                        (long long)f->min, (long long)f->max, n);
    if (n > 0 && f->rule && !f->rule(s))
        return gw_wrong(w->ret_path, w->e, path, "must be %s, not '%.*s'", f->pattern,
                        (int)(s.n < SHOWN ? s.n : SHOWN), s.p);
    return 0;
}

static int check_whole(const struct walk *w, const char *path, const struct gw_field *f,
                       const struct cJSON *value)
{
    double v = value->valuedouble;

    if (!cJSON_IsNumber(value))
        return gw_wrong(w->ret_path, w->e, path, "must be a whole number");
    if (!(v >= (double)f->min && v <= (double)f->max))
        return gw_wrong(w->ret_path, w->e, path, "must be between %lld and %lld, not %.15g",
                        (long long)f->min, (long long)f->max, v);
    if (v != (double)(int64_t)v)
        return gw_wrong(w->ret_path, w->e, path, "must be a whole number, not %.15g", v);
    return 0;
}

static int check_object(const struct walk *w, const char *path, const struct gw_field *f,
                        const struct cJSON *value)
{
    if (!cJSON_IsObject(value))
        return gw_wrong(w->ret_path, w->e, path, "must be an object");
    return check_fields(w, path, f->fields, f->nfields, value);
}

static int check_list(const struct walk *w, const char *path, const struct gw_field *f,
                      const struct cJSON *value)
{
    struct gw_field one = {.type = GW_TEXT, .min = 1, .max = 128, .rule = f->rule};
    int n = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : -1, i = 0;

    one.pattern = f->pattern;
    if (n < 0)
        return gw_wrong(w->ret_path, w->e, path, "must be a list");
    if (n < f->min || n > f->max)
        return gw_wrong(w->ret_path, w->e, path, "must have %lld to %lld members, not %d",
                        (long long)f->min, (long long)f->max, n);
    for (const struct cJSON *item = value->child; item; item = item->next, i++) {
        char at[PATH_TEXT];
        int r;

        (void)snprintf(at, sizeof(at), "%.160s[%d]", path, i);
        r = f->fields ? check_object(w, at, f, item) : check_text(w, at, &one, item);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_map(const struct walk *w, const char *path, const struct gw_field *f,
                     const struct cJSON *value)
{
    if (!cJSON_IsObject(value))
        return gw_wrong(w->ret_path, w->e, path, "must be an object");
    for (const struct cJSON *item = value->child; item; item = item->next) {
        char at[PATH_TEXT];
        int r;

        (void)join(path, item->string, at);
        if (!is_one_of(str_of(item->string), f->values))
            return gw_wrong(w->ret_path, w->e, at, "is no type of response");
        r = cJSON_IsNull(item) ? 0 : check_object(w, at, f, item);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_value(const struct walk *w, const char *path, const struct gw_field *f,
                       const struct cJSON *value)
{
    switch (f->type) {
    case GW_TEXT:
        return check_text(w, path, f, value);
    case GW_WHOLE:
        return check_whole(w, path, f, value);
    case GW_BOOL:
        return cJSON_IsBool(value) ? 0 : gw_wrong(w->ret_path, w->e, path, "must be true or false");
    case GW_OBJECT:
        return check_object(w, path, f, value);
    case GW_LIST:
        return check_list(w, path, f, value);
    case GW_MAP:
        return check_map(w, path, f, value);
    }
    assert(!"a type of field that is in the enum");
    return -EINVAL;
}

static int check_fields(const struct walk *w, const char *prefix, const struct gw_field *fields,
                        uint32_t n, const struct cJSON *body)
{
    for (const struct gw_field *f = fields; f < fields + n; f++) {
        const struct cJSON *value = json_get(body, f->key);
        char path[PATH_TEXT];
        int r;

        (void)join(prefix, f->key, path);
        if (!value && f->required)
            return gw_wrong(w->ret_path, w->e, path, "is missing");
        r = value ? check_value(w, path, f, value) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int gw_check(const struct gw_kind *kind, const struct cJSON *body, const char **ret_path,
             struct err *e)
{
    struct err unread = {0};
    struct walk w = {ret_path, e ? e : &unread};
    int r;

    wrong_path[0] = '\0';
    *ret_path = wrong_path;
    if (!cJSON_IsObject(body))
        return err_set(e, ERR_CALLER, -EINVAL, "the body must be a JSON object");
    r = check_fields(&w, "", kind->fields, kind->nfields, body);
    if (r == 0 && kind->rules)
        r = kind->rules(body, ret_path, w.e);
    return r;
}

/* ---- which function ---- */

static bool take_part(struct str *rest, char sep, struct str *ret)
{
    *ret = str_cut(rest, sep);
    return ret->n > 0;
}

static int read_urn(struct str urn, struct gw_function *f)
{
    struct str rest = urn, urn_word = str_cut(&rest, ':'), fss = str_cut(&rest, ':'), type;
    bool whole = take_part(&rest, ':', &f->key.region) && take_part(&rest, ':', &f->key.account);

    type = str_cut(&rest, ':');
    whole = whole && take_part(&rest, ':', &f->key.space) && take_part(&rest, ':', &f->key.name);
    if (!whole || !str_eq(urn_word, S("urn")) || !str_eq(fss, S("fss")) ||
        !str_eq(type, S("function")))
        return -EINVAL;
    f->key.dialect = DIALECT_FUNCTIONGRAPH;
    f->qualifier = rest;
    return 0;
}

/* Parts are decoded where they are: what is decoded is never longer. */
static int decode_part(struct str *part)
{
    cleanup_with(buf_done) struct buf plain;

    buf_init(&plain, part->n + 1);
    if (uri_decode(*part, false, &plain) < 0 || !buf_ok(&plain) || plain.n == 0)
        return -EINVAL;
    memcpy((char *)part->p, plain.p, plain.n);
    part->n = plain.n;
    return 0;
}

static int read_path(struct str path, struct gw_function *f)
{
    struct str rest = path, parts[5];
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        parts[i] = str_cut(&rest, '/');
    if (rest.p)
        return -EINVAL;
    rest = parts[4];
    parts[4] = str_cut(&rest, ':');
    f->qualifier = rest;
    if (dialect_of(parts[0], &f->key.dialect) < 0)
        return -EINVAL;
    for (size_t i = 1; r == 0 && i < ARRAY_LEN(parts); i++)
        r = decode_part(&parts[i]);
    f->key.account = parts[1];
    f->key.region = parts[2];
    f->key.space = parts[3];
    f->key.name = parts[4];
    return r;
}

int gw_function_of(struct str name, struct gw_function *ret)
{
    struct str text = {ret->text, name.n};
    int r;

    ret->qualifier = STR_NONE;
    if (name.n == 0 || name.n >= sizeof(ret->text))
        return -EINVAL;
    memcpy(ret->text, name.p, name.n);
    ret->text[name.n] = '\0';
    r = str_starts(text, S("urn:")) ? read_urn(text, ret) : read_path(text, ret);
    if (!ret->qualifier.p)
        ret->qualifier = S("");
    return r;
}

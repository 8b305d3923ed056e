/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async_target.c - destinations of ended events, between the cloud's words and the record's.
 *
 * "FunctionGraph" {"func_urn"} is a function of the same project; "HTTP" {"url"} is an addition of
 * ours. What the cloud also has (OBS, SMN, DIS) is refused: a record that goes nowhere would be
 * missed on the day it is needed. What was sent is kept beside what it means and given back.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/functiongraph/api/fg.h"

enum { KEY_TEXT = 4096, FORM_MAX = 8 << 10, PARAM_MAX = 4 << 10 };

static const char *const elsewhere[] = {"OBS", "SMN", "DIS"};

static int is_elsewhere(struct str name, struct fg_error *x)
{
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
        if (str_eq(name, str_of(elsewhere[i])))
            return fg_refuse(x, 400, "FSS.0400",
                             "destination %s is not supported here, only FunctionGraph and HTTP",
                             elsewhere[i]);
    return fg_refuse(x, 400, "FSS.0400",
                     "destination is '%.*s', not one of OBS, SMN, DIS, FunctionGraph, HTTP",
                     (int)(name.n < 32 ? name.n : 32), name.p ? name.p : "");
}

/* The function must be there: a typing error is found now and not when a record is lost. */
static int parse_function(struct call *c, const struct cJSON *param, const struct fg_urn *own,
                          struct fn_destination *ret, struct fg_error *x)
{
    cleanup_with(buf_done) struct buf path;
    struct str text = STR_NONE;
    const struct fn *f;
    struct fg_urn urn;
    struct fn_key key;

    buf_init(&path, KEY_TEXT);
    if (json_str(param, "func_urn", false, &text, &x->e) < 0)
        return -EINVAL;
    if (text.n == 0)
        return fg_refuse(x, 400, "FSS.0400", "param of FunctionGraph has no func_urn");
    x->code = "FSS.1309";
    if (fg_urn_parse(text, own->region, own->project, &urn, &x->e) < 0)
        return -EINVAL;
    if (!str_eq(urn.project, own->project))
        return fg_refuse(x, 400, "FSS.1309", "func_urn names another project");
    key = fg_key(&urn);
    f = catalog_qualified(c->api->catalog, &key, fg_qualifier(&urn));
    if (!catalog_find(c->api->catalog, &key))
        return fg_refuse(x, 404, "FSS.1051", "Not found the function of the destination");
    if (!f && urn.alias.n > 0)
        return fg_refuse(x, 404, "FSS.1053", "Not found the version alias of the destination");
    if (!f)
        return fg_refuse(x, 404, "FSS.1052", "Not found the version of the destination");
    if (str_eq(urn.name, own->name) && str_eq(urn.package, own->package) &&
        str_eq(urn.region, own->region))
        return fg_refuse(x, 400, "FSS.0400", "a function cannot be its own destination");
    fn_key_path(&key, &path);
    ret->kind = FN_TARGET_FUNCTION;
    if (!qualifier_is_latest(fg_qualifier(&urn))) {
        buf_addz(&path, urn.alias.n > 0 ? "" : ":");
        buf_adds(&path, fg_qualifier(&urn));
    }
    fn_set(&ret->to, buf_str(&path));
    return 0;
}

static int parse_http(const struct cJSON *param, struct fn_destination *ret, struct fg_error *x)
{
    struct str url = STR_NONE;

    if (json_str(param, "url", false, &url, &x->e) < 0)
        return -EINVAL;
    if (!fn_target_is_url(url))
        return fg_refuse(
                x, 400, "FSS.0400",
                "url in the param of HTTP is no http or https URL of at most %d characters",
                FN_TARGET_TO);
    ret->kind = FN_TARGET_HTTP;
    fn_set(&ret->to, url);
    return 0;
}

static void put_form(struct buf *out, struct str destination, struct str param)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "destination", destination);
    jw_kstr(&w, "param", param);
    jw_obj_end(&w);
}

/* ret is {0} or holds what an error left behind; the caller frees it. */
int fg_parse_destination(struct call *c, const struct cJSON *json, const struct fg_urn *own,
                         struct fn_destination *ret, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *param = NULL;
    cleanup_with(buf_done) struct buf form;
    struct str name = STR_NONE, text = STR_NONE;
    int r;

    buf_init(&form, FORM_MAX);
    x->status = 400;
    x->code = "FSS.0400";
    if (json_str(json, "destination", false, &name, &x->e) < 0 ||
        json_str(json, "param", false, &text, &x->e) < 0)
        return -EINVAL;
    if (name.n == 0 && text.n == 0) /* {}, or emptied: none */
        return 0;
    if (text.n > PARAM_MAX)
        return fg_refuse(x, 400, "FSS.0400", "param has more than %d bytes", PARAM_MAX);
    param = text.n > 0 ? json_parse(text, &x->e) : cJSON_CreateObject();
    if (!cJSON_IsObject(param))
        return fg_refuse(x, 400, "FSS.0400", "param is no text of a JSON object");
    if (str_eq(name, S("FunctionGraph")))
        r = parse_function(c, param, own, ret, x);
    else if (str_eq(name, S("HTTP")))
        r = parse_http(param, ret, x);
    else
        r = is_elsewhere(name, x);
    if (r < 0)
        return r;
    put_form(&form, name, text);
    fn_set(&ret->extra, buf_str(&form));
    return 0;
}

/* One that came through another door has no form of ours: made from what it means. */
static void put_made(struct jw *w, struct call *c, const struct fn_destination *d)
{
    const struct fn *f = d->kind == FN_TARGET_FUNCTION
                                 ? catalog_find_path(c->api->catalog, str_of(d->to))
                                 : NULL;
    cleanup_with(buf_done) struct buf param, form;
    struct jw in;

    buf_init(&param, FORM_MAX);
    buf_init(&form, 4ul * FORM_MAX);
    jw_init(&in, &param);
    jw_obj(&in);
    if (f)
        fg_put_urn(&in, "func_urn", f);
    else
        jw_kstrz(&in, d->kind == FN_TARGET_HTTP ? "url" : "func_urn", d->to);
    jw_obj_end(&in);
    put_form(&form, d->kind == FN_TARGET_HTTP ? S("HTTP") : S("FunctionGraph"), buf_str(&param));
    jw_raw(w, buf_str(&form));
}

void fg_put_destination(struct jw *w, struct call *c, const struct fn_destination *d)
{
    if (d->kind == FN_TARGET_NONE)
        jw_raw(w, S("{}"));
    else if (d->extra)
        jw_raw(w, str_of(d->extra));
    else
        put_made(w, c, d);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* destination.c - see destination.h. What was sent is kept beside what it means and given back. */
#include "dialect/fc/api/destination.h"

#include <cjson/cJSON.h>
#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "catalog/versions.h"
#include "dialect/shape.h"
#include "fn/async.h"
#include "fn/fn.h"

enum { KEY_TEXT = 4096, DESTINATION_MAX = 1024, RETRIES_MAX = 8 };

static int refuse(struct err *e, struct str text, const char *why)
{
    return err_set(e, ERR_CALLER, -EINVAL, "destination '%.*s' %s",
                   (int)(text.n < 160 ? text.n : 160), text.p, why);
}

/* "<a>/<b>" of "prefix<a>/<b>": what follows the prefix up to the slash; false: it is not of this form. */
static bool take(struct str *rest, struct str word, struct str *ret)
{
    if (!str_eq(str_cut(rest, '/'), word) || !rest->p)
        return false;
    *ret = str_cut(rest, '/');
    return ret->n > 0;
}

/* What follows "acs:fc:<region>:<account>:". */
static bool read_name(struct str text, struct fn_key *key, struct str *qualifier)
{
    struct str rest = text, service, name;

    *qualifier = STR_NONE;
    if (take(&rest, S("services"), &service)) {
        key->space = str_cut(&service, '.');
        *qualifier = service;
        return rest.p && take(&rest, S("functions"), &key->name) && !rest.p;
    }
    rest = text;
    if (!take(&rest, S("functions"), &name))
        return false;
    *qualifier = rest;
    key->space = S("default");
    if (str_has(name, '$'))
        key->space = str_cut(&name, '$');
    key->name = name;
    return name.n > 0 && key->space.n > 0 && !str_has(rest, '/');
}

static bool same_function(const struct fn_key *key, const struct fn *own)
{
    return str_eq(key->name, str_of(own->name)) && str_eq(key->space, str_of(own->space));
}

static void put_path(const struct fn_key *key, struct str qualifier, bool alias,
                     struct fn_destination *ret)
{
    cleanup_with(buf_done) struct buf path;

    buf_init(&path, KEY_TEXT);
    fn_key_path(key, &path);
    if (qualifier.n && !qualifier_is_latest(qualifier)) {
        buf_addc(&path, alias ? '!' : ':');
        buf_adds(&path, qualifier);
    }
    ret->kind = FN_TARGET_FUNCTION;
    fn_set(&ret->to, buf_str(&path));
}

/* The function must be there: a typing error is found now and not when a record is lost. */
static int parse_function(const struct catalog *c, struct str text, const struct fn *own,
                          struct fn_destination *ret, struct err *e)
{
    struct fn_key key = fn_key_of(own), space;
    struct str rest = text, region, account, qualifier;
    bool alias;

    (void)str_cut(&rest, ':');
    (void)str_cut(&rest, ':');
    region = str_cut(&rest, ':');
    account = str_cut(&rest, ':');
    if (!rest.p || !read_name(rest, &key, &qualifier))
        return refuse(e, text, "is no ARN of a function");
    if ((region.n && !str_eq(region, key.region)) || (account.n && !str_eq(account, key.account)))
        return refuse(e, text, "names another region or account");
    if (!catalog_find(c, &key))
        return refuse(e, text, "names a function that does not exist");
    space = key;
    space.name = STR_NONE;
    alias = catalog_alias(c, &key, qualifier) || catalog_alias(c, &space, qualifier);
    if (!alias && !qualifier_is_latest(qualifier) && !catalog_version(c, &key, qualifier))
        return refuse(e, text, "names a version or alias that does not exist");
    if (same_function(&key, own))
        return refuse(e, text, "is the function itself");
    put_path(&key, qualifier, alias, ret);
    return 0;
}

static int parse_one(const struct catalog *c, const struct cJSON *json, const struct fn *own,
                     struct fn_destination *ret, struct err *e)
{
    struct str text = STR_NONE;
    int r;

    if (!json)
        return 0;
    if (!cJSON_IsObject(json) || json_str(json, "destination", true, &text, e) < 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "onSuccess and onFailure must be objects with a destination");
    if (text.n == 0) /* {}, or emptied: none */
        return 0;
    if (text.n > DESTINATION_MAX)
        return refuse(e, text, "is longer than 1024 bytes");
    if (str_starts(text, S("acs:fc:"))) {
        r = parse_function(c, text, own, ret, e);
    } else if (fn_target_is_url(text)) {
        ret->kind = FN_TARGET_HTTP;
        fn_set(&ret->to, text);
        r = 0;
    } else {
        r = refuse(e, text,
                   "is not supported here, only functions (acs:fc:...) and http or https URLs");
    }
    if (r == 0)
        fn_set(&ret->extra, text);
    return r;
}

int fc_async_parse(const struct catalog *c, const struct cJSON *body, const struct fn *own,
                   int64_t age_most, struct fn_async *a, struct err *e)
{
    const struct shape_retry *def = shape_of(DIALECT_FC)->retry;
    const struct cJSON *both = json_geti(body, "destinationConfig");
    int64_t age = def->age_s, retries = def->retries;

    if (json_int(body, "maxAsyncEventAgeInSeconds", true, 1, age_most, &age, e) < 0 ||
        json_int(body, "maxAsyncRetryAttempts", true, 0, RETRIES_MAX, &retries, e) < 0)
        return -EINVAL;
    a->max_age_s = (uint32_t)age;
    a->max_retries = (uint32_t)retries;
    if (!both)
        return 0;
    if (!cJSON_IsObject(both))
        return err_set(e, ERR_CALLER, -EINVAL, "destinationConfig must be an object");
    if (parse_one(c, json_geti(both, "onSuccess"), own, &a->on_success, e) < 0)
        return -EINVAL;
    return parse_one(c, json_geti(both, "onFailure"), own, &a->on_failure, e);
}

/* ---- back ---- */

/* One that came through another door has no form of ours: made from what it means. */
static void put_one(struct jw *w, const char *key, const struct fn_destination *d)
{
    cleanup_with(buf_done) struct buf text;
    struct str path = str_of(d->to ? d->to : ""), region, account, space;

    buf_init(&text, KEY_TEXT);
    if (d->kind == FN_TARGET_NONE)
        return;
    if (d->extra) {
        buf_addz(&text, d->extra);
    } else if (d->kind == FN_TARGET_HTTP) {
        buf_adds(&text, path);
    } else {
        (void)str_cut(&path, '/');
        account = str_cut(&path, '/');
        region = str_cut(&path, '/');
        space = str_cut(&path, '/');
        buf_addf(&text, "acs:fc:%.*s:%.*s:services/%.*s/functions/%.*s", STR_ARG(region),
                 STR_ARG(account), STR_ARG(space), STR_ARG(path));
    }
    jw_key(w, key);
    jw_obj(w);
    jw_kstr(w, "destination", buf_str(&text));
    jw_obj_end(w);
}

void fc_async_put(struct jw *w, const struct fn_async *a)
{
    char text[CLOCK_TEXT];

    jw_kint(w, "maxAsyncEventAgeInSeconds", a->max_age_s);
    jw_kint(w, "maxAsyncRetryAttempts", a->max_retries);
    jw_key(w, "destinationConfig");
    jw_obj(w);
    put_one(w, "onSuccess", &a->on_success);
    put_one(w, "onFailure", &a->on_failure);
    jw_obj_end(w);
    jw_kstrz(w, "createdTime", clock_iso(a->created_ms, text));
    jw_kstrz(w, "lastModifiedTime", clock_iso(a->modified_ms, text));
}

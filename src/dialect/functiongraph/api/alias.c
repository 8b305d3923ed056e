/* SPDX-License-Identifier: Apache-2.0 */
/* alias.c - create, list, show, change and delete aliases. Of two aliases of a function no two point
 * at the same version. */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/functiongraph/api/alias.h"
#include "dialect/functiongraph/api/fg.h"

enum { OBJECT_MAX = 256 << 10, LIST_MAX = 4 << 20, ALIASES = 10, NAME /* capture */ = 2 };

static void fail(struct call *c, int r)
{
    switch (r) {
    case -EEXIST:
        call_fail(c, 409, "FSS.1063", "The function version alias has existed");
        return;
    case -ENOENT:
        call_fail(c, 404, "FSS.1053", "Not found the function version alias");
        return;
    default:
        fg_fail_catalog(c, r);
    }
}

/* ---- shown ---- */

static void put_strategy(struct jw *w, const struct alias_other *o)
{
    jw_key(w, "additional_version_strategy");
    jw_obj(w);
    jw_key(w, o->version);
    jw_obj(w);
    jw_kstrz(w, "combine_type", o->any ? "or" : "and");
    jw_key(w, "rules");
    jw_arr(w);
    for (uint32_t i = 0; i < o->nrules; i++) {
        jw_obj(w);
        jw_kstrz(w, "rule_type", alias_part_names[o->rules[i].part]);
        jw_kstrz(w, "param", o->rules[i].key);
        jw_kstrz(w, "op", alias_op_names[o->rules[i].op]);
        jw_kstrz(w, "value", o->rules[i].value);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
    jw_obj_end(w);
}

static void put_weights(struct jw *w, const struct alias *a)
{
    jw_key(w, "additional_version_weights");
    jw_obj(w);
    for (uint32_t i = 0; i < a->nothers; i++)
        if (a->others[i].nrules == 0)
            jw_kint(w, a->others[i].version, a->others[i].share / (ALIAS_WHOLE / 100));
    jw_obj_end(w);
}

static void put_alias(struct jw *w, const struct alias *a)
{
    cleanup_with(buf_done) struct buf urn;
    struct fg_urn u = {.region = str_of(a->region),
                       .project = str_of(a->account),
                       .package = str_of(a->space),
                       .name = str_of(a->function),
                       .alias = str_of(a->name)};
    char text[CLOCK_TEXT];

    buf_init(&urn, 1024);
    fg_urn_print(&u, &urn);
    jw_obj(w);
    jw_kstrz(w, "name", a->name);
    jw_kstrz(w, "version", a->version);
    jw_kstrz(w, "description", a->description);
    jw_kstrz(w, "last_modified", clock_sql(a->modified_ms, text));
    jw_kstr(w, "alias_urn", buf_str(&urn));
    put_weights(w, a);
    if (a->nothers > 0 && a->others[0].nrules > 0)
        put_strategy(w, &a->others[0]);
    jw_obj_end(w);
}

static void reply(struct call *c, const struct alias *a)
{
    struct buf body;
    struct jw w;

    buf_init(&body, OBJECT_MAX);
    jw_init(&w, &body);
    put_alias(&w, a);
    fg_reply_json(c, 200, &body);
}

static void on_saved(void *user, int r, const struct alias *a)
{
    if (r < 0)
        fail(user, r);
    else
        reply(user, a);
}

/* ---- what is asked for ---- */

/* A function, without a version behind it. */
static bool function_of(struct call *c, struct fg_urn *ret_urn, struct fn_key *ret)
{
    if (!fg_target(c, ret_urn))
        return false;
    *ret = fg_key(ret_urn);
    return true;
}

static const struct alias *alias_of(struct call *c, struct fg_urn *urn, struct fn_key *ret)
{
    const struct alias *a;

    if (!function_of(c, urn, ret))
        return NULL;
    a = catalog_alias(c->api->catalog, ret, c->captures[NAME]);
    if (!a)
        fail(c, -ENOENT);
    return a;
}

struct census {
    const struct alias *draft;
    size_t n;
    bool same_version;
};

static bool count(void *user, const struct alias *a)
{
    struct census *s = user;

    s->n++;
    if (strcmp(a->name, s->draft->name) != 0 && strcmp(a->version, s->draft->version) == 0)
        s->same_version = true;
    return true;
}

/* What others of the function have to do with it. */
static int check_others(struct call *c, const struct fn_key *key, const struct alias *draft,
                        struct fg_error *x)
{
    struct census s = {.draft = draft};
    bool is_new = draft->revision == 0;

    catalog_each_alias(c->api->catalog, key, count, &s);
    if (is_new && catalog_alias(c->api->catalog, key, str_of(draft->name)))
        return fg_refuse(x, 409, "FSS.1063", "The function version alias has existed");
    if (s.same_version)
        return fg_refuse(x, 409, "FSS.1066", "version '%s' has an alias already", draft->version);
    if (is_new && s.n >= ALIASES)
        return fg_refuse(x, 403, "FSS.1043", "a function has at most %d aliases", ALIASES);
    return 0;
}

static int read_name(const struct cJSON *body, struct str *ret, struct fg_error *x)
{
    *x = (struct fg_error){.status = 400, .code = "FSS.1014"};
    if (json_str(body, "name", false, ret, &x->e) < 0)
        return -EINVAL;
    if (fg_alias_ok(*ret))
        return 0;
    return fg_refuse(x, 400, "FSS.1014",
                     "name has 1 to %d letters, digits, '_', '-' and '.', and begins and ends with "
                     "a letter or digit",
                     FG_ALIAS_MAX);
}

void fg_create_alias(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fg_error x = {0};
    struct str name = STR_NONE;
    struct alias *draft;
    struct fg_urn urn;
    struct fn_key key;

    if (!function_of(c, &urn, &key))
        return;
    body = fg_body(c);
    if (!body)
        return;
    if (read_name(body, &name, &x) < 0) {
        fg_fail(c, &x);
        return;
    }
    draft = alias_new(&key, name);
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    if (fg_alias_parse(&(struct fg_alias_ask){c->api->catalog, &key}, body, draft, &x) < 0 ||
        check_others(c, &key, draft, &x) < 0) {
        alias_unref(draft);
        fg_fail(c, &x);
        return;
    }
    catalog_create_alias(c->api->catalog, draft, on_saved, c); /* -> on_saved */
}

void fg_update_alias(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fg_error x = {0};
    const struct alias *a;
    struct alias *draft;
    struct fg_urn urn;
    struct fn_key key;

    a = alias_of(c, &urn, &key);
    if (!a)
        return;
    body = fg_body(c);
    if (!body)
        return;
    draft = alias_copy(a);
    draft->modified_ms = clock_wall_ms();
    if (fg_alias_parse(&(struct fg_alias_ask){c->api->catalog, &key}, body, draft, &x) < 0 ||
        check_others(c, &key, draft, &x) < 0) {
        alias_unref(draft);
        fg_fail(c, &x);
        return;
    }
    catalog_update_alias(c->api->catalog, draft, on_saved, c); /* -> on_saved */
}

static bool list_one(void *user, const struct alias *a)
{
    put_alias(user, a);
    return true;
}

void fg_list_aliases(struct call *c)
{
    struct fg_urn urn;
    struct fn_key key;
    struct buf body;
    struct jw w;

    if (!function_of(c, &urn, &key))
        return;
    buf_init(&body, LIST_MAX);
    jw_init(&w, &body);
    jw_arr(&w); /* the answer is the list itself */
    catalog_each_alias(c->api->catalog, &key, list_one, &w);
    jw_arr_end(&w);
    fg_reply_json(c, 200, &body);
}

void fg_show_alias(struct call *c)
{
    struct fg_urn urn;
    struct fn_key key;
    const struct alias *a = alias_of(c, &urn, &key);

    if (a)
        reply(c, a);
}

static void on_deleted(void *user, int r, const struct alias *a)
{
    struct call *c = user;

    (void)a;
    if (r < 0)
        fail(c, r);
    else
        call_reply(c, 204, S(""), S(""));
}

void fg_delete_alias(struct call *c)
{
    struct fg_urn urn;
    struct fn_key key;

    if (alias_of(c, &urn, &key))
        catalog_delete_alias(c->api->catalog, &key, c->captures[NAME], on_deleted, c);
}

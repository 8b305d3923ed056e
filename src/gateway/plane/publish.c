/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish.c - from a definition to what is called.
 *
 *   publish: check -> create the version -> put the release -> drop what the history has too many -> done
 *   switch:  check ------------------------> put the release ------------------------------------> done
 *   offline: delete the release -> done
 *
 * What is called changes with one write, that of the release: whatever fails before leaves everything
 * as it was (but for a version nobody names, which goes again), whatever fails after has no bearing on
 * callers. Two who publish at once both succeed; the later one's version is called.
 */
#include "gateway/plane/publish.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "gateway/plane/kinds.h"
#include "gateway/plane/objects.h"

enum { PUBLISH_MAGIC = 0x47575055, TRIES = 8, KEY = 2 * RESOURCE_ID, BODY = 2 * RESOURCE_BODY };

struct publish {
    uint32_t magic;
    struct catalog *c;
    char *api, *env, *version; /* owned; ids */
    bool fresh;                /* the version is ours to take back */
    uint32_t tries;
    struct err e;
    gw_publish_fn *fn;
    void *user;
};

static void release_key(struct str api, struct str env, struct buf *out)
{
    buf_addf(out, "%.*s.", STR_ARG(api));
    buf_adds(out, env.n > 0 ? env : S(GW_RELEASE_ENV));
}

const struct resource *gw_release_of(const struct catalog *c, struct str api, struct str env)
{
    cleanup_with(buf_done) struct buf key;

    buf_init(&key, KEY);
    release_key(api, env, &key);
    return buf_ok(&key) ? catalog_resource(c, S("release"), buf_str(&key)) : NULL;
}

/* A text member of a body, copied; NULL: it has none. */
static char *member(const struct resource *r, const char *key)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    struct str value = STR_NONE;

    if (!body || json_str(body, key, false, &value, NULL) < 0 || !value.p)
        return NULL;
    return str_dup(value);
}

const struct resource *gw_version_of(const struct catalog *c, const struct resource *release)
{
    cleanup_free char *id = member(release, "version_id");

    return id ? catalog_resource(c, S("version"), str_of(id)) : NULL;
}

/* ---- history ---- */

struct history {
    const char *env; /* NULL: all */
    const struct resource **list;
    size_t n, cap;
};

static bool is_in_env(const struct resource *version, const char *env)
{
    cleanup_free char *have = member(version, "env_id");

    return have && strcmp(have, env) == 0;
}

static bool collect(void *user, const struct resource *version)
{
    struct history *h = user;

    if (h->env && !is_in_env(version, h->env))
        return true;
    if (h->n == h->cap) {
        h->cap = h->cap > 0 ? 2 * h->cap : 16;
        h->list = xrealloc(h->list, h->cap, sizeof(const struct resource *));
    }
    h->list[h->n++] = version;
    return true;
}

/* Oldest first. free() its list. */
static void gather(const struct catalog *c, struct str api, const char *env, struct history *ret)
{
    *ret = (struct history){.env = env};
    catalog_each_resource(
            c, &(struct resource_filter){.kind = S("version"), .dialect = -1, .parent = api},
            collect, ret);
}

void gw_each_version(const struct catalog *c, struct str api, struct str env,
                     bool (*fn)(void *user, const struct resource *version), void *user)
{
    cleanup_free char *name = env.n > 0 ? str_dup(env) : NULL;
    struct history h;

    gather(c, api, name, &h);
    while (h.n > 0 && fn(user, h.list[--h.n]))
        ;
    free((void *)h.list);
}

/* ---- ends ---- */

static void publish_free(struct publish *p)
{
    free(p->api);
    free(p->env);
    free(p->version);
    p->magic = 0;
    free(p);
}

static void finish(struct publish *p)
{
    const struct resource *release = gw_release_of(p->c, str_of(p->api), str_of(p->env));

    p->fn(p->user, 0, catalog_resource(p->c, S("version"), str_of(p->version)), release, &p->e);
    publish_free(p);
}

static void ignore(void *user, int r, const struct resource *res)
{
    (void)user;
    (void)r;
    (void)res;
}

static void fail(struct publish *p, int r)
{
    if (p->fresh) /* nobody has seen it; if it stays, the next publication counts it */
        catalog_delete_resource(p->c, S("version"), str_of(p->version), ignore, NULL);
    if (!p->e.msg[0])
        (void)err_set(&p->e, ERR_HOST, r, "the store said: %s", strerror(-r));
    p->fn(p->user, r, NULL, NULL, &p->e);
    publish_free(p);
}

static struct publish *begin(struct catalog *c, struct str api, struct str env, gw_publish_fn *fn,
                             void *user)
{
    struct publish *p = xnew(struct publish);

    p->magic = PUBLISH_MAGIC;
    p->c = c;
    p->api = str_dup(api);
    p->env = str_dup(env.n > 0 ? env : S(GW_RELEASE_ENV));
    p->version = xstrdup("");
    p->fn = fn;
    p->user = user;
    return p;
}

/* ---- what is too old ---- */

static void trim(struct publish *p);

static void on_trimmed(void *user, int r, const struct resource *res)
{
    struct publish *p = OBJ(user, struct publish, PUBLISH_MAGIC);

    (void)res;
    if (r < 0 && r != -ENOENT) /* it is published all the same */
        finish(p);
    else
        trim(p); /* -> on_trimmed */
}

static void trim(struct publish *p)
{
    const struct resource *old = NULL;
    struct history h;

    gather(p->c, str_of(p->api), p->env, &h);
    for (size_t i = 0; i < h.n && h.n > GW_HISTORY && !old; i++)
        if (strcmp(h.list[i]->id, p->version) != 0)
            old = h.list[i];
    free((void *)h.list);
    if (old)
        catalog_delete_resource(p->c, S("version"), str_of(old->id), on_trimmed, p);
    else
        finish(p);
}

/* ---- the release ---- */

static void put_release(struct publish *p);

static void on_release(void *user, int r, const struct resource *res)
{
    struct publish *p = OBJ(user, struct publish, PUBLISH_MAGIC);

    (void)res;
    if ((r == -EEXIST || r == -ESTALE || r == -ENOENT) && ++p->tries < TRIES) {
        put_release(p); /* somebody else did so at the same time -> on_release */
    } else if (r < 0) {
        fail(p, r);
    } else {
        p->fresh = false;
        trim(p); /* -> on_trimmed */
    }
}

static void release_body(const struct publish *p, const char *publish_id, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "env_id", p->env);
    jw_kstrz(&w, "version_id", p->version);
    jw_kstrz(&w, "publish_id", publish_id);
    jw_obj_end(&w);
}

static void put_release(struct publish *p)
{
    const struct resource *have = gw_release_of(p->c, str_of(p->api), str_of(p->env));
    const struct resource *version = catalog_resource(p->c, S("version"), str_of(p->version));
    cleanup_free char *publish_id = have ? member(have, "publish_id") : NULL;
    cleanup_with(buf_done) struct buf key, body;
    char fresh[GW_NEW_ID];
    struct resource *draft;

    buf_init(&key, KEY);
    buf_init(&body, BODY);
    if (!version) { /* taken away meanwhile */
        fail(p, err_set(&p->e, ERR_CALLER, -ENOENT, "there is no version '%s'", p->version));
        return;
    }
    gw_new_id(fresh);
    release_key(str_of(p->api), str_of(p->env), &key);
    release_body(p, publish_id ? publish_id : fresh, &body);
    draft = have ? resource_copy(have) : resource_new(S("release"), buf_str(&key));
    draft->modified_ms = clock_wall_ms();
    free(draft->body);
    draft->body = buf_take(&body);
    if (have) {
        catalog_update_resource(p->c, draft, on_release, p); /* -> on_release */
        return;
    }
    draft->dialect = version->dialect;
    draft->created_ms = draft->modified_ms;
    free(draft->account);
    free(draft->region);
    free(draft->parent);
    draft->account = xstrdup(version->account);
    draft->region = xstrdup(version->region);
    draft->parent = xstrdup(p->api);
    catalog_create_resource(p->c, draft, on_release, p); /* -> on_release */
}

/* ---- may it be called there? ---- */

struct rivals {
    const struct catalog *c;
    const struct resource *api;
    const struct cJSON *definition;
    struct str env;
    const struct resource *found;
};

static struct str text(const struct cJSON *obj, const char *key, const char *missing)
{
    const struct cJSON *value = json_get(obj, key);

    return str_of(cJSON_IsString(value) ? value->valuestring : missing);
}

/* The same but for the names of parameters. */
static bool same_path(struct str a, struct str b)
{
    while (a.p && b.p) {
        struct str x = str_cut(&a, '/'), y = str_cut(&b, '/');
        bool param = x.n > 2 && y.n > 2 && x.p[0] == '{' && y.p[0] == '{' &&
                     (x.p[x.n - 2] == '+') == (y.p[y.n - 2] == '+');

        if (!param && !str_eq(x, y))
            return false;
    }
    return !a.p && !b.p;
}

static bool look_at(void *user, const struct resource *other)
{
    struct rivals *s = user;
    const struct resource *release, *version;
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct cJSON *theirs;

    if (strcmp(other->id, s->api->id) == 0)
        return true;
    release = gw_release_of(s->c, str_of(other->id), s->env);
    version = release ? gw_version_of(s->c, release) : NULL;
    body = version ? json_parse(str_of(version->body), NULL) : NULL;
    theirs = body ? json_get(body, "api") : NULL;
    if (theirs && str_eq(text(theirs, "req_method", ""), text(s->definition, "req_method", "")) &&
        str_eq(text(theirs, "match_mode", "NORMAL"), text(s->definition, "match_mode", "NORMAL")) &&
        same_path(text(theirs, "req_uri", ""), text(s->definition, "req_uri", "")))
        s->found = other;
    return !s->found;
}

static int check(const struct catalog *c, const struct resource *api,
                 const struct cJSON *definition, const char *env, struct err *e)
{
    struct rivals s = {.c = c, .api = api, .definition = definition, .env = str_of(env)};
    const char *path;
    int r = gw_check(gw_kind_of(S("api")), definition, &path, e);

    if (r < 0)
        return r;
    if (!gw_env_name(c, api, str_of(env)))
        return err_set(e, ERR_CALLER, -ENOENT, "there is no environment '%s'", env);
    catalog_each_resource(c,
                          &(struct resource_filter){
                                  .kind = S("api"), .dialect = -1, .parent = str_of(api->parent)},
                          look_at, &s);
    if (s.found)
        return err_set(e, ERR_CALLER, -EEXIST,
                       "api '%s' of this group has the same method and path there", s.found->name);
    return 0;
}

/* ---- publish ---- */

static void on_version(void *user, int r, const struct resource *res)
{
    struct publish *p = OBJ(user, struct publish, PUBLISH_MAGIC);

    (void)res;
    if (r == -E2BIG)
        (void)err_set(&p->e, ERR_CALLER, r, "the definition is larger than %d bytes",
                      RESOURCE_BODY);
    if (r < 0) {
        fail(p, r);
        return;
    }
    p->fresh = true;
    put_release(p); /* -> on_release */
}

/* Later than every other one: history is in order of creation. */
static int64_t now_after(const struct catalog *c, struct str api)
{
    int64_t now = clock_wall_ms();
    struct history h;

    gather(c, api, NULL, &h);
    if (h.n > 0 && h.list[h.n - 1]->created_ms >= now)
        now = h.list[h.n - 1]->created_ms + 1;
    free((void *)h.list);
    return now;
}

static struct resource *draft_version(const struct publish *p, const struct resource *api,
                                      struct str remark)
{
    struct resource *v = resource_new(S("version"), str_of(p->version));
    struct buf body;
    struct jw w;

    buf_init(&body, BODY);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstrz(&w, "env_id", p->env);
    jw_kstr(&w, "remark", remark);
    jw_key(&w, "api");
    jw_raw(&w, str_of(api->body));
    jw_obj_end(&w);
    free(v->account);
    free(v->region);
    free(v->parent);
    free(v->body);
    v->dialect = api->dialect;
    v->account = xstrdup(api->account);
    v->region = xstrdup(api->region);
    v->parent = xstrdup(api->id);
    v->body = buf_take(&body);
    v->created_ms = v->modified_ms = now_after(p->c, str_of(api->id));
    return v;
}

void gw_publish(struct catalog *c, struct str api, struct str env, struct str remark,
                gw_publish_fn *fn, void *user)
{
    const struct resource *have = catalog_resource(c, S("api"), api);
    struct publish *p = begin(c, api, env, fn, user);
    cleanup_with(json_freep) struct cJSON *definition = NULL;
    char id[GW_NEW_ID];
    int r;

    if (!have) {
        fail(p, err_set(&p->e, ERR_CALLER, -ENOENT, "there is no api '%s'", p->api));
        return;
    }
    definition = json_parse(str_of(have->body), &p->e);
    r = definition ? check(c, have, definition, p->env, &p->e) : -EINVAL;
    if (r < 0) {
        fail(p, r);
        return;
    }
    gw_new_id(id);
    free(p->version);
    p->version = xstrdup(id);
    catalog_create_resource(c, draft_version(p, have, remark), on_version, p); /* -> on_version */
}

/* ---- switch, offline ---- */

void gw_switch(struct catalog *c, struct str version, gw_publish_fn *fn, void *user)
{
    const struct resource *v = catalog_resource(c, S("version"), version), *api = NULL;
    struct publish *p = begin(c, str_of(v ? v->parent : ""), STR_NONE, fn, user);
    cleanup_with(json_freep) struct cJSON *body = v ? json_parse(str_of(v->body), NULL) : NULL;
    int r;

    if (v)
        api = catalog_resource(c, S("api"), str_of(v->parent));
    if (!api || !body) {
        fail(p,
             err_set(&p->e, ERR_CALLER, -ENOENT, "there is no version '%.*s'", STR_ARG(version)));
        return;
    }
    free(p->env);
    free(p->version);
    p->env = str_dup(text(body, "env_id", ""));
    p->version = str_dup(version);
    r = check(c, api, json_get(body, "api"), p->env, &p->e);
    if (r < 0)
        fail(p, r);
    else
        put_release(p); /* -> on_release */
}

static void on_offline(void *user, int r, const struct resource *res)
{
    struct publish *p = OBJ(user, struct publish, PUBLISH_MAGIC);

    (void)res;
    if (r == -ENOENT)
        (void)err_set(&p->e, ERR_CALLER, r, "it is not published there");
    if (r < 0)
        fail(p, r);
    else
        finish(p);
}

void gw_offline(struct catalog *c, struct str api, struct str env, gw_publish_fn *fn, void *user)
{
    const struct resource *release = gw_release_of(c, api, env);
    struct publish *p = begin(c, api, env, fn, user);
    cleanup_free char *version = release ? member(release, "version_id") : NULL;

    if (!release) {
        fail(p, err_set(&p->e, ERR_CALLER, -ENOENT, "it is not published there"));
        return;
    }
    if (version) {
        free(p->version);
        p->version = TAKE_PTR(version);
    }
    catalog_delete_resource(c, S("release"), str_of(release->id), on_offline,
                            p); /* -> on_offline */
}

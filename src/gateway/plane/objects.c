/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects.c - two tables: who needs whom, and what goes along with what.
 *
 * Objects name each other by id, either as their parent or somewhere in their body. Ids are random,
 * so one that stands in a body in quotes is meant: no body is parsed to find out.
 *
 * Removing is several writes, children first. If one fails or the daemon dies in between, the parent
 * is still there and can be removed again.
 */
#include "gateway/plane/objects.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "gateway/plane/kinds.h"

enum { SHOWN = 4, QUOTED = RESOURCE_ID + 3, REMOVE_MAGIC = 0x47574f52 };

void gw_new_id(char ret[GW_NEW_ID])
{
    uint8_t bytes[(GW_NEW_ID - 1) / 2];

    random_bytes(bytes, sizeof(bytes));
    hex_encode(bytes, sizeof(bytes), ret);
}

const char *gw_env_name(const struct catalog *c, const struct resource *whose, struct str env)
{
    const struct resource *r;

    if (env.n == 0 || str_eq(env, S(GW_RELEASE_ENV)))
        return whose->dialect == DIALECT_SCF ? "release" : GW_RELEASE_NAME;
    r = catalog_resource(c, S("env"), env);
    return r && strcmp(r->account, whose->account) == 0 && strcmp(r->region, whose->region) == 0
                   ? r->name
                   : NULL;
}

bool gw_has_room(const struct catalog *c, const struct resource *draft)
{
    const struct gw_kind *kind = gw_kind_of(str_of(draft->kind));
    struct resource_filter like = {
            .kind = str_of(draft->kind),
            .dialect = (int)draft->dialect,
            .account = str_of(draft->account),
            .region = str_of(draft->region),
            .parent = str_of(draft->parent),
    };

    return !kind || kind->most == 0 || catalog_count_resources(c, &like) < kind->most;
}

/* ---- who names whom ---- */

enum link { BY_PARENT, BY_BODY, BY_RELEASED_BODY };

static bool says(const struct resource *r, struct str id)
{
    cleanup_with(buf_done) struct buf quoted;

    buf_init(&quoted, QUOTED);
    buf_addf(&quoted, "\"%.*s\"", STR_ARG(id));
    return buf_ok(&quoted) && strstr(r->body, quoted.p);
}

static bool is_linked(const struct resource *r, enum link how, struct str id)
{
    return how == BY_PARENT ? str_eq(str_of(r->parent), id) : says(r, id);
}

/* ---- who needs it ---- */

static const struct need {
    const char *kind, *by;
    enum link how;
} needs[] = {
        {"group", "api", BY_PARENT},
        {"group", "domain", BY_PARENT},
        {"api", "release", BY_PARENT},
        {"authorizer", "api", BY_BODY},
        {"authorizer", "version", BY_RELEASED_BODY},
        {"response", "api", BY_BODY},
        {"response", "version", BY_RELEASED_BODY},
        {"env", "release", BY_BODY},
        {"version", "release", BY_BODY},
};

struct users {
    const struct catalog *c;
    const struct need *need;
    struct str id;
    struct buf *out;
    size_t n;
};

static bool find_it(void *user, const struct resource *release)
{
    const struct resource **one = user;

    if (!says(release, str_of((*one)->id)))
        return true;
    *one = NULL;
    return false;
}

/* Is this version the one that is called? */
static bool is_called(const struct catalog *c, const struct resource *version)
{
    struct resource_filter of = {
            .kind = S("release"), .dialect = -1, .parent = str_of(version->parent)};
    const struct resource *left = version;

    catalog_each_resource(c, &of, find_it, &left);
    return !left;
}

/* What people know it by: a release is its API's, in an environment. */
static void tell(const struct users *u, const struct resource *r)
{
    const struct resource *api;

    if (strcmp(r->kind, "release") != 0 && strcmp(r->kind, "version") != 0) {
        buf_addf(u->out, "%s '%s'", r->kind, r->name[0] ? r->name : r->id);
        return;
    }
    api = catalog_resource(u->c, S("api"), str_of(r->parent));
    buf_addf(u->out, "api '%s' as it is published", api ? api->name : r->parent);
    if (strcmp(r->kind, "release") == 0 && strlen(r->id) > strlen(r->parent)) {
        const char *env = gw_env_name(u->c, r, str_of(r->id + strlen(r->parent) + 1));

        buf_addf(u->out, " in %s", env ? env : "an environment that is gone");
    }
}

static bool add_user(void *user, const struct resource *r)
{
    struct users *u = user;

    if (!is_linked(r, u->need->how, u->id) ||
        (u->need->how == BY_RELEASED_BODY && !is_called(u->c, r)))
        return true;
    if (u->n < SHOWN) {
        buf_addz(u->out, u->n > 0 ? ", " : "");
        tell(u, r);
    }
    u->n++;
    return true;
}

size_t gw_users_of(const struct catalog *c, const struct resource *r, struct buf *out)
{
    struct users u = {.c = c, .id = str_of(r->id), .out = out};

    for (u.need = needs; u.need < needs + ARRAY_LEN(needs); u.need++)
        if (strcmp(u.need->kind, r->kind) == 0)
            catalog_each_resource(c,
                                  &(struct resource_filter){
                                          .kind = str_of(u.need->by),
                                          .dialect = -1,
                                          .account = str_of(r->account),
                                          .region = str_of(r->region),
                                  },
                                  add_user, &u);
    if (u.n > SHOWN)
        buf_addf(out, " and %zu more", u.n - SHOWN);
    return u.n;
}

/* ---- what goes along ---- */

static const struct along {
    const char *kind, *child;
    enum link how;
} alongs[] = {
        {"group", "variable", BY_PARENT},  {"group", "response", BY_PARENT},
        {"api", "app_auth", BY_BODY},      {"api", "throttle_bind", BY_BODY},
        {"api", "release", BY_PARENT},     {"api", "version", BY_PARENT},
        {"env", "variable", BY_BODY},      {"env", "app_auth", BY_BODY},
        {"env", "throttle_bind", BY_BODY}, {"env", "release", BY_BODY},
        {"env", "version", BY_BODY},       {"app", "app_code", BY_PARENT},
        {"app", "app_auth", BY_PARENT},    {"throttle", "throttle_bind", BY_PARENT},
};

/* One removal on its way: the last of `doomed` goes next, the object itself is the first. */
struct removal {
    uint32_t magic;
    struct catalog *c;
    const struct along *along; /* while gathering */
    struct doomed {
        char *kind, *id; /* owned */
    } * doomed;          /* owned */
    size_t n, cap;
    gw_remove_fn *fn;
    void *user;
};

static void doom(struct removal *m, struct str kind, struct str id)
{
    if (m->n == m->cap) {
        m->cap = m->cap > 0 ? 2 * m->cap : 16;
        m->doomed = xrealloc(m->doomed, m->cap, sizeof(*m->doomed));
    }
    m->doomed[m->n++] = (struct doomed){str_dup(kind), str_dup(id)};
}

static bool add_child(void *user, const struct resource *r)
{
    struct removal *m = user;

    if (is_linked(r, m->along->how, str_of(m->doomed[0].id)))
        doom(m, str_of(r->kind), str_of(r->id));
    return true;
}

static void removal_end(struct removal *m, int r)
{
    m->fn(m->user, r);
    for (size_t i = 0; i < m->n; i++) {
        free(m->doomed[i].kind);
        free(m->doomed[i].id);
    }
    free(m->doomed);
    m->magic = 0;
    free(m);
}

static void remove_next(struct removal *m);

static void on_removed(void *user, int r, const struct resource *res)
{
    struct removal *m = OBJ(user, struct removal, REMOVE_MAGIC);

    (void)res;
    if (m->n > 1 && r == -ENOENT) /* a child that somebody else took */
        r = 0;
    if (r < 0 || m->n == 1) {
        removal_end(m, r);
        return;
    }
    m->n--;
    free(m->doomed[m->n].kind);
    free(m->doomed[m->n].id);
    remove_next(m); /* -> on_removed */
}

static void remove_next(struct removal *m)
{
    const struct doomed *last = &m->doomed[m->n - 1];

    catalog_delete_resource(m->c, str_of(last->kind), str_of(last->id), on_removed, m);
}

void gw_remove(struct catalog *c, struct str kind, struct str id, gw_remove_fn *fn, void *user)
{
    struct removal *m = xnew(struct removal);

    m->magic = REMOVE_MAGIC;
    m->c = c;
    m->fn = fn;
    m->user = user;
    doom(m, kind, id);
    for (m->along = alongs; m->along < alongs + ARRAY_LEN(alongs); m->along++)
        if (str_eq(kind, str_of(m->along->kind)))
            catalog_each_resource(
                    c, &(struct resource_filter){.kind = str_of(m->along->child), .dialect = -1},
                    add_child, m);
    remove_next(m); /* -> on_removed */
}

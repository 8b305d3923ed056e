/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_write.c - one object written and answered, or several in order.
 *
 * The catalog writes one record at a time, so what says several (an authorisation of three apps for
 * two APIs) is a plan. One that ends half-way leaves what the same request, sent again, ends.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/apig.h"
#include "fn/fn.h"
#include "gateway/plane/kinds.h"
#include "gateway/plane/objects.h"
#include "gateway/plane/publish.h"

#define PLAN_MAGIC 0x41504c4e

/* ---- drafts ---- */

static bool check(struct call *c, const struct apig_kind *k, const struct cJSON *body)
{
    struct err e = {0};
    const char *path = "";

    if (gw_check(gw_kind_of(str_of(k->name)), body, &path, &e) == 0)
        return true;
    apig_fail_parameter(c, path, "%s", e.msg);
    return false;
}

/* False: it has replied. */
static bool fill(struct call *c, const struct apig_kind *k, struct resource *r,
                 const struct cJSON *body)
{
    cleanup_with(buf_done) struct buf text;
    struct str name = apig_text(body, "name");

    buf_init(&text, RESOURCE_BODY);
    json_print(body, &text);
    if (!buf_ok(&text)) {
        apig_fail_catalog(c, k, -E2BIG);
        return false;
    }
    fn_set(&r->body, buf_str(&text));
    if (name.n > 0)
        fn_set(&r->name, name);
    r->modified_ms = clock_wall_ms();
    return true;
}

struct resource *apig_draft(struct call *c, const struct apig_kind *k, struct str id,
                            struct str parent, const struct cJSON *body)
{
    char fresh[GW_NEW_ID];
    struct resource *r;

    if (!check(c, k, body))
        return NULL;
    if (id.n == 0) {
        gw_new_id(fresh);
        id = str_of(fresh);
    }
    r = resource_new(str_of(k->name), id);
    r->dialect = DIALECT_FUNCTIONGRAPH;
    fn_set(&r->account, apig_project(c));
    fn_set(&r->region, str_of(c->api->region));
    fn_set(&r->parent, parent);
    if (!fill(c, k, r, body)) {
        resource_unref(r);
        return NULL;
    }
    r->created_ms = r->modified_ms;
    if (gw_has_room(c->api->catalog, r))
        return r;
    resource_unref(r);
    call_fail(c, 403, k->quota, "The number of %ss exceeds the maximum allowed limit: %u", k->what,
              gw_kind_of(str_of(k->name))->most);
    return NULL;
}

struct resource *apig_redraft(struct call *c, const struct apig_kind *k, const struct resource *r,
                              const struct cJSON *body)
{
    struct resource *draft;

    if (!check(c, k, body))
        return NULL;
    draft = resource_copy(r);
    if (fill(c, k, draft, body))
        return draft;
    resource_unref(draft);
    return NULL;
}

struct cJSON *apig_merge(const struct apig_kind *k, const struct resource *r,
                         const struct cJSON *with)
{
    struct cJSON *body;
    const struct cJSON *v;

    if (!k->merge)
        return cJSON_Duplicate(with, true);
    body = json_parse(str_of(r->body), NULL);
    if (!body)
        body = cJSON_CreateObject();
    cJSON_ArrayForEach(v, with)
    {
        if (cJSON_IsNull(v))
            cJSON_DeleteItemFromObjectCaseSensitive(body, v->string);
        else
            apig_set(body, v->string, cJSON_Duplicate(v, true));
    }
    return body;
}

/* ---- one ---- */

static void answer(struct call *c, int status, int r, const struct resource *res)
{
    if (r < 0)
        apig_fail_catalog(c, c->state, r);
    else
        apig_reply_resource(c, status, c->state, res);
}

static void on_created(void *user, int r, const struct resource *res)
{
    answer(user, 201, r, res);
}

static void on_updated(void *user, int r, const struct resource *res)
{
    answer(user, 200, r, res);
}

void apig_create(struct call *c, const struct apig_kind *k, struct resource *draft)
{
    c->state = (void *)k;
    catalog_create_resource(c->api->catalog, draft, on_created, c);
}

void apig_update(struct call *c, const struct apig_kind *k, struct resource *draft)
{
    c->state = (void *)k;
    catalog_update_resource(c->api->catalog, draft, on_updated, c);
}

static void on_removed(void *user, int r)
{
    struct call *c = user;

    if (r < 0)
        apig_fail_catalog(c, c->state, r);
    else
        call_reply(c, 204, S(""), S(""));
}

void apig_remove(struct call *c, const struct apig_kind *k, const struct resource *r)
{
    c->state = (void *)k;
    gw_remove(c->api->catalog, str_of(r->kind), str_of(r->id), on_removed, c);
}

bool apig_unused(struct call *c, const struct resource *r, enum apig_why why)
{
    cleanup_with(buf_done) struct buf who;

    buf_init(&who, 1024);
    if (gw_users_of(c->api->catalog, r, &who) == 0)
        return true;
    apig_fail(c, why, "it is used by %s", buf_str(&who).p);
    return false;
}

/* ---- several ---- */

struct step {
    enum { CREATE, DELETE } what;
    struct resource *draft; /* owned; of DELETE: referenced, for kind and id */
};

struct apig_plan {
    uint32_t magic;
    struct call *c;
    struct step *steps; /* owned */
    size_t n, next;
    void (*done)(struct call *c, int r, void *user);
    void *user;
};

struct apig_plan *apig_plan_new(struct call *c)
{
    struct apig_plan *p = xnew(struct apig_plan);

    p->magic = PLAN_MAGIC;
    p->c = c;
    return p;
}

static void add(struct apig_plan *p, struct step s)
{
    p->steps = xrealloc(p->steps, p->n + 1, sizeof(*p->steps));
    p->steps[p->n++] = s;
}

void apig_plan_create(struct apig_plan *p, struct resource *draft)
{
    add(p, (struct step){CREATE, draft});
}

void apig_plan_delete(struct apig_plan *p, const struct resource *r)
{
    add(p, (struct step){DELETE, (struct resource *)resource_ref(r)});
}

void apig_plan_drop(struct apig_plan *p)
{
    for (size_t i = p->next; i < p->n; i++)
        resource_unref(p->steps[i].draft);
    free(p->steps);
    p->magic = 0;
    free(p);
}

static void finish(struct apig_plan *p, int r)
{
    void (*done)(struct call * c, int r, void *user) = p->done;
    struct call *c = p->c;
    void *user = p->user;

    apig_plan_drop(p);
    done(c, r, user);
}

static void advance(struct apig_plan *p);

static void on_step(void *user, int r, const struct resource *res)
{
    struct apig_plan *p = OBJ(user, struct apig_plan, PLAN_MAGIC);

    (void)res;
    if (r == -ENOENT && p->steps[p->next - 1].what == DELETE)
        r = 0; /* somebody else was first */
    if (r < 0)
        finish(p, r);
    else
        advance(p);
}

static void advance(struct apig_plan *p)
{
    struct catalog *catalog = p->c->api->catalog;
    struct step s;

    if (p->next == p->n) {
        finish(p, 0);
        return;
    }
    s = p->steps[p->next++];
    switch (s.what) {
    case CREATE:
        catalog_create_resource(catalog, s.draft, on_step, p);
        return;
    case DELETE: {
        const struct resource *gone = s.draft;

        catalog_delete_resource(catalog, str_of(gone->kind), str_of(gone->id), on_step, p);
        resource_unref(gone);
        return;
    }
    }
}

void apig_plan_run(struct apig_plan *p, void (*done)(struct call *c, int r, void *user), void *user)
{
    p->done = done;
    p->user = user;
    advance(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - birth and death of what the route table holds; everything in between is compile.c's. The
 * counts are plain: these objects belong to the loop thread. */
#include "gateway/model/model.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"

/* Texts that are never NULL, whoever fills the rest. */
static char *none(void)
{
    return xstrdup("");
}

static void key_init(struct fn_key *key)
{
    key->account = key->region = key->space = key->name = STR_NONE;
}

void gw_key_own(struct fn_key *to, const struct fn_key *from)
{
    gw_key_done(to);
    to->dialect = from->dialect;
    to->account = str_of(str_dup(from->account));
    to->region = str_of(str_dup(from->region));
    to->space = str_of(str_dup(from->space));
    to->name = str_of(str_dup(from->name));
}

void gw_key_done(struct fn_key *key)
{
    free((char *)(uintptr_t)key->account.p);
    free((char *)(uintptr_t)key->region.p);
    free((char *)(uintptr_t)key->space.p);
    free((char *)(uintptr_t)key->name.p);
    key_init(key);
}

void gw_set(char **field, struct str value)
{
    char *now = value.p ? str_dup(value) : NULL;

    free(*field);
    *field = now;
}

/* ---- groups ---- */

struct gw_group *gw_group_new(enum dialect dialect, const char *id, const char *name)
{
    struct gw_group *g = xnew(struct gw_group);

    g->refs = 1;
    g->dialect = dialect;
    g->id = xstrdup(id);
    g->name = xstrdup(name);
    g->account = none();
    g->region = none();
    g->response_set = none();
    return g;
}

struct gw_group *gw_group_ref(const struct gw_group *g)
{
    struct gw_group *own = (struct gw_group *)(uintptr_t)g;

    own->refs++;
    return own;
}

static void outs_free(struct gw_out *outs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        free(outs[i].name);
        free(outs[i].value);
    }
    free(outs);
}

void gw_group_unref(struct gw_group *g)
{
    if (!g)
        return;
    assert(g->refs > 0);
    if (--g->refs > 0)
        return;
    for (uint32_t i = 0; i < g->nvariables; i++) {
        free(g->variables[i].stage);
        free(g->variables[i].name);
        free(g->variables[i].value);
    }
    for (uint32_t i = 0; i < g->nresponses; i++) {
        free(g->responses[i].set);
        free(g->responses[i].type);
        free(g->responses[i].body);
        outs_free(g->responses[i].headers, g->responses[i].nheaders);
    }
    for (uint32_t i = 0; i < g->nmappings; i++) {
        free(g->mappings[i].host);
        free(g->mappings[i].path);
        free(g->mappings[i].stage);
    }
    free(g->variables);
    free(g->mappings);
    free(g->responses);
    free(g->id);
    free(g->name);
    free(g->account);
    free(g->region);
    free(g->response_set);
    free(g);
}

/* ---- authorizers ---- */

struct gw_authorizer *gw_authorizer_new(void)
{
    struct gw_authorizer *a = xnew(struct gw_authorizer);

    a->refs = 1;
    a->id = none();
    a->qualifier = xstrdup("latest");
    a->user_data = none();
    key_init(&a->function);
    return a;
}

const struct gw_authorizer *gw_authorizer_ref(const struct gw_authorizer *a)
{
    ((struct gw_authorizer *)(uintptr_t)a)->refs++;
    return a;
}

void gw_authorizer_unref(const struct gw_authorizer *shared)
{
    struct gw_authorizer *a = (struct gw_authorizer *)(uintptr_t)shared;

    if (!a)
        return;
    assert(a->refs > 0);
    if (--a->refs > 0)
        return;
    for (uint32_t i = 0; i < a->nidentities; i++) {
        free(a->identities[i].name);
        free(a->identities[i].validation);
    }
    free(a->identities);
    gw_key_done(&a->function);
    free(a->id);
    free(a->qualifier);
    free(a->user_data);
    free(a);
}

/* ---- APIs ---- */

struct gw_api *gw_api_new(struct gw_group *group)
{
    struct gw_api *a = xnew(struct gw_api);

    a->refs = 1;
    a->group = gw_group_ref(group);
    a->id = none();
    a->name = none();
    a->stage = none();
    a->method = xstrdup("ANY");
    a->methods = none();
    a->pattern = xstrdup("/");
    a->response = none();
    a->limit.id = none();
    a->fn.qualifier = xstrdup("latest");
    a->fn.base64_types = none();
    a->http.url = none();
    a->http.path = none();
    a->http.method = xstrdup("ANY");
    a->mock.body = none();
    a->mock.status = 200;
    key_init(&a->fn.key);
    return a;
}

struct gw_api *gw_api_ref(const struct gw_api *a)
{
    struct gw_api *own = (struct gw_api *)(uintptr_t)a;

    own->refs++;
    return own;
}

static void params_free(struct gw_api *a)
{
    for (uint32_t i = 0; i < a->nparams; i++) {
        free(a->params[i].name);
        free(a->params[i].preset);
        free(a->params[i].enumerations);
    }
    free(a->params);
}

void gw_api_unref(struct gw_api *a)
{
    if (!a)
        return;
    assert(a->refs > 0);
    if (--a->refs > 0)
        return;
    gw_group_unref(a->group);
    gw_authorizer_unref(a->authorizer);
    gw_authorizer_unref(a->backend_authorizer);
    params_free(a);
    outs_free(a->outs, a->nouts);
    gw_key_done(&a->fn.key);
    free(a->fn.qualifier);
    free(a->fn.base64_types);
    free(a->http.url);
    free(a->http.path);
    free(a->http.method);
    free(a->mock.body);
    free(a->response);
    free(a->limit.id);
    free(a->id);
    free(a->name);
    free(a->stage);
    free(a->method);
    free(a->methods);
    free(a->pattern);
    free(a);
}

bool gw_lists_method(struct str list, struct str method)
{
    while (list.p)
        if (str_eq(str_trim(str_cut(&list, ',')), method))
            return true;
    return false;
}

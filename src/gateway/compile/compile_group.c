/* SPDX-License-Identifier: Apache-2.0 */
/* compile_group.c - a group as its resource says, with its variables and its own words for faults
 * (functiongraph.md 5.2, 5.5). */
#include <cjson/cJSON.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "catalog/resources.h"
#include "gateway/compile/compile_internal.h"
#include "gateway/plane/objects.h"

struct making {
    struct compiler *c;
    struct gw_group *group;
    size_t sets; /* of gateway responses */
};

static bool add_variable(void *user, const struct resource *r)
{
    struct making *m = user;
    struct gw_group *g = m->group;
    cleanup_with(json_freep) struct cJSON *said = json_parse(str_of(r->body), NULL);
    const char *stage = said ? gw_env_name(m->c->catalog, r, compile_text(said, "env_id")) : NULL;

    if (!stage)
        return true;
    g->variables = xrealloc(g->variables, g->nvariables + 1, sizeof(*g->variables));
    g->variables[g->nvariables++] =
            (struct gw_variable){.stage = xstrdup(stage),
                                 .name = str_dup(compile_text(said, "variable_name")),
                                 .value = str_dup(compile_text(said, "variable_value"))};
    return true;
}

static void add_headers(struct gw_response *to, const struct cJSON *list)
{
    const struct cJSON *item;

    if (!list)
        return;
    to->headers = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*to->headers));
    cJSON_ArrayForEach(item, list)
    {
        to->headers[to->nheaders++] =
                (struct gw_out){.name = str_dup(compile_text(item, "key")),
                                .value = str_dup(compile_text(item, "value"))};
    }
}

static bool add_response(void *user, const struct resource *r)
{
    struct making *m = user;
    struct gw_group *g = m->group;
    cleanup_with(json_freep) struct cJSON *said = json_parse(str_of(r->body), NULL);
    bool preset = compile_flag(said, "default", false) || str_eq(str_of(r->name), S("default"));
    const struct cJSON *types = said ? json_get(said, "responses") : NULL, *one;

    if (preset || m->sets++ == 0) /* the one that is called so, or else the first */
        gw_set(&g->response_set, str_of(r->id));
    cJSON_ArrayForEach(one, types)
    {
        struct gw_response *to;
        struct str body = compile_text(one, "body");

        if (compile_flag(one, "default", false))
            continue; /* as it would be */
        g->responses = xrealloc(g->responses, g->nresponses + 1, sizeof(*g->responses));
        to = &g->responses[g->nresponses++];
        *to = (struct gw_response){.set = xstrdup(r->id),
                                   .type = xstrdup(one->string),
                                   .status = (int)compile_number(one, "status", 0)};
        if (body.n > 0)
            to->body = str_dup(body);
        add_headers(to, json_get(one, "headers"));
    }
    return true;
}

static bool add_mappings(void *user, const struct resource *domain)
{
    struct making *m = user;
    struct gw_group *g = m->group;
    cleanup_with(json_freep) struct cJSON *said = json_parse(str_of(domain->body), NULL);
    const struct cJSON *list = said ? json_get(said, "path_mappings") : NULL, *one;

    cJSON_ArrayForEach(one, list)
    {
        g->mappings = xrealloc(g->mappings, g->nmappings + 1, sizeof(*g->mappings));
        g->mappings[g->nmappings++] =
                (struct gw_mapping){.host = xstrdup(domain->id),
                                    .path = str_dup(compile_text(one, "path")),
                                    .stage = str_dup(compile_text(one, "environment"))};
    }
    return true;
}

struct gw_group *compile_group(struct compiler *c, const struct resource *r)
{
    struct making m = {.c = c, .group = gw_group_new(r->dialect, r->id, r->name)};
    struct resource_filter filter = {.dialect = -1, .parent = str_of(r->id)};
    cleanup_with(json_freep) struct cJSON *said = json_parse(str_of(r->body), NULL);

    m.group->closed = said && !compile_flag(said, "sl_domain_access_enabled", true);
    gw_set(&m.group->account, str_of(r->account));
    gw_set(&m.group->region, str_of(r->region));
    filter.kind = S("variable");
    catalog_each_resource(c->catalog, &filter, add_variable, &m);
    filter.kind = S("response");
    catalog_each_resource(c->catalog, &filter, add_response, &m);
    filter.kind = S("domain");
    if (r->dialect == DIALECT_SCF)
        catalog_each_resource(c->catalog, &filter, add_mappings, &m);
    return m.group;
}

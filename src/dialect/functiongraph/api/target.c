/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - from the path to the function it names. The project of the path is the account; a URN
 * that names another project is refused, it is never a way into that one. */
#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/json.h"
#include "catalog/versions.h"
#include "dialect/functiongraph/api/fg.h"

enum { PROJECT, URN }; /* captures, in pattern order */

bool fg_project(struct call *c, struct str *ret_project)
{
    *ret_project = c->captures[PROJECT];
    if (fg_project_ok(*ret_project))
        return true;
    call_fail(c, 400, "FSS.0400", "the project id in the path is not 1 to %d letters and digits",
              FG_PART_MAX);
    return false;
}

bool fg_urn_of(struct call *c, struct fg_urn *ret)
{
    struct str project;
    struct err e = {0};

    if (!fg_project(c, &project))
        return false;
    if (fg_urn_parse(c->captures[URN], str_of(c->api->region), project, ret, &e) < 0) {
        call_fail(c, 400, "FSS.1309", "%s", e.msg);
        return false;
    }
    if (!str_eq(ret->project, project)) {
        call_fail(c, 400, "FSS.1309", "the function URN names project '%.*s', the path '%.*s'",
                  STR_ARG(ret->project), STR_ARG(project));
        return false;
    }
    return true;
}

struct fn_key fg_key(const struct fg_urn *u)
{
    return (struct fn_key){.dialect = DIALECT_FUNCTIONGRAPH,
                           .account = u->project,
                           .region = u->region,
                           .space = u->package,
                           .name = u->name};
}

struct str fg_qualifier(const struct fg_urn *u)
{
    return u->alias.n > 0 ? (struct str){u->alias.p - 1, u->alias.n + 1} : u->version;
}

static const struct fn *named(struct call *c, const struct fg_urn *u, const struct fn *f)
{
    struct fn_key key = fg_key(u);

    if (f)
        return f;
    if (!catalog_find(c->api->catalog, &key))
        call_fail(c, 404, "FSS.1051", "Not found the function");
    else if (u->alias.n > 0)
        call_fail(c, 404, "FSS.1053", "Not found the function version alias");
    else
        call_fail(c, 404, "FSS.1052", "Not found the function version");
    return NULL;
}

const struct fn *fg_target(struct call *c, struct fg_urn *ret_urn)
{
    struct fn_key key;

    if (!fg_urn_of(c, ret_urn))
        return NULL;
    key = fg_key(ret_urn);
    if (!call_permit(c, &key))
        return NULL;
    return named(c, ret_urn, catalog_qualified(c->api->catalog, &key, fg_qualifier(ret_urn)));
}

const struct fn *fg_invoked(struct call *c, struct fg_urn *ret_urn)
{
    const struct fn *f = fg_target(c, ret_urn);
    struct fn_key key;

    if (!f || ret_urn->alias.n == 0)
        return f;
    key = fg_key(ret_urn);
    return named(c, ret_urn, call_resolve(c, &key, fg_qualifier(ret_urn)));
}

bool fg_is_latest(struct call *c, const struct fn *f)
{
    if (f->published_ms == 0)
        return true;
    call_fail(c, 400, "FSS.1015", "the version '%s' is published and does not change", f->version);
    return false;
}

struct cJSON *fg_body(struct call *c)
{
    struct err e = {0};
    struct cJSON *tree;

    tree = call_json(c, &e);
    if (!tree) {
        call_fail(c, 400, "FSS.0400", "the request body is not JSON: %s", e.msg);
        return NULL;
    }
    if (!cJSON_IsObject(tree)) {
        call_fail(c, 400, "FSS.0400", "the request body is not a JSON object");
        json_free(tree);
        return NULL;
    }
    return tree;
}

struct fn *fg_draft(struct call *c, struct cJSON **ret_body)
{
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);
    struct fn *draft;

    if (!f)
        return NULL;
    *ret_body = fg_body(c);
    if (!*ret_body)
        return NULL;
    draft = fn_copy(f);
    draft->modified_ms = clock_wall_ms();
    return draft;
}

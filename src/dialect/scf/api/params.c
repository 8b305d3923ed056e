/* SPDX-License-Identifier: Apache-2.0 */
/* params.c - what an action is asked, however it was sent, and the function it is about. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "catalog/catalog.h"
#include "dialect/scf/api/names.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/fn.h"
#include "http/server.h"

#define NUMBER_MOST 9007199254740992.0 /* where whole numbers end */

static int read_json(struct call *c, struct cJSON **ret, const char **code, struct err *e)
{
    /* GetAccount without parameters has "{}", and from some clients nothing. */
    *ret = c->req->body.n ? call_json(c, e) : json_parse(S("{}"), e);
    *code = "InvalidParameter";
    return *ret ? 0 : -EINVAL;
}

struct cJSON *scf_params(struct call *c)
{
    const struct scf_ask *ask = c->state;
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    bool get = str_eq(c->req->method, S("GET"));
    const char *code = NULL;
    struct err e = {0};
    int r;

    if (ask->form)
        r = scf_form_tree(ask->service, c->op->model, get ? c->req->query : c->req->body, &tree,
                          &code, &e);
    else
        r = read_json(c, &tree, &code, &e);
    if (r == 0)
        r = scf_model_check(ask->service, c->op->model, tree, &code, &e);
    if (r == 0)
        return TAKE_PTR(tree);
    scf_fail(c, code, "%s", e.msg);
    return NULL;
}

struct str scf_text(const struct cJSON *p, const char *name)
{
    const struct cJSON *v = json_get(p, name);

    return cJSON_IsString(v) ? str_of(v->valuestring) : STR_NONE;
}

int64_t scf_number(const struct cJSON *p, const char *name, int64_t absent)
{
    const struct cJSON *v = json_get(p, name);

    if (!cJSON_IsNumber(v))
        return absent;
    /* Of an object that no model has seen (TriggerDesc) it may be any. */
    return (int64_t)fmax(-NUMBER_MOST, fmin(NUMBER_MOST, v->valuedouble));
}

bool scf_flag(const struct cJSON *p, const char *name, bool absent)
{
    const struct cJSON *v = json_get(p, name);

    return cJSON_IsBool(v) ? cJSON_IsTrue(v) : absent;
}

bool scf_key(struct call *c, const struct cJSON *p, struct fn_key *ret)
{
    struct str space = scf_text(p, "Namespace");

    *ret = (struct fn_key){.dialect = DIALECT_SCF,
                           .account = scf_account(c),
                           .region = scf_region(c),
                           .space = space.n ? space : S("default"),
                           .name = scf_text(p, "FunctionName")};
    if (!scf_is_function_name(ret->name)) {
        scf_fail(c, "InvalidParameterValue.FunctionName",
                 "FunctionName has 2 to 60 letters, digits, '-' or '_', begins with a letter and "
                 "does "
                 "not end with '-' or '_'.");
        return false;
    }
    if (!scf_is_namespace(ret->space)) {
        scf_fail(c, "InvalidParameterValue.Namespace",
                 "Namespace has 1 to 30 letters, digits, '-' or '_', and begins with a letter.");
        return false;
    }
    return call_permit(c, ret);
}

const struct fn *scf_function(struct call *c, const struct cJSON *p, struct fn_key *ret)
{
    const struct fn *f;

    if (!scf_key(c, p, ret))
        return NULL;
    f = catalog_find(c->api->catalog, ret);
    if (!f)
        scf_fail(c, "ResourceNotFound.Function", "The function '%.*s' does not exist.",
                 STR_ARG(ret->name));
    return f;
}

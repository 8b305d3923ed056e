/* SPDX-License-Identifier: Apache-2.0 */
/* compile_trigger.c - a trigger of source apig or apigw as an API that can be called. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "catalog/catalog.h"
#include "fn/trigger.h"
#include "gateway/compile/compile_internal.h"
#include "gateway/internal.h"

static enum gw_answer answer_of(const struct binding *b)
{
    if (b->source == BINDING_APIGW && !b->integrated)
        return GW_ANSWER_TEXT;
    return GW_ANSWER_OBJECT;
}

static void set_path(struct gw_api *a, const struct trigger *t, const struct binding *b)
{
    if (b->path.p) {
        gw_set(&a->pattern, b->path);
        return;
    }
    free(a->pattern);
    a->pattern = xasprintf("/%s", t->function);
}

struct gw_api *compile_trigger(struct compiler *c, const struct trigger *t, const struct binding *b,
                               struct gw_group *group, struct err *e)
{
    struct fn_key key = trigger_key(t);
    struct gw_api *a = gw_api_new(group);

    gw_set(&a->id, str_of(t->id));
    gw_set(&a->name, str_of(t->name));
    gw_set(&a->stage, b->stage);
    gw_set(&a->method, b->method);
    set_path(a, t, b);
    a->prefix = b->prefix;
    a->auth = b->auth;
    a->cors.on = b->cors;
    a->backend = GW_BACKEND_FUNCTION;
    a->timeout_ms = b->timeout_ms;
    gw_key_own(&a->fn.key, &key);
    gw_set(&a->fn.qualifier, str_of(t->qualifier));
    a->fn.base64 = b->base64;
    gw_set(&a->fn.base64_types, buf_str(&b->base64_types));
    a->fn.answer = answer_of(b);
    if (b->authorizer.n == 0 || compile_authorizer(c, group, b->authorizer, &a->authorizer, e) == 0)
        return a;
    gw_api_unref(a);
    return NULL;
}

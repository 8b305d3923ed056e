/* SPDX-License-Identifier: Apache-2.0 */
/* shape.c - which dialects are built in, one line each, and what their documents share. */
#include "dialect/shape.h"

#include <stddef.h>

#include "base/json.h"

#include "dialect/fc/fc.h"
#include "dialect/functiongraph/functiongraph.h"
#include "fn/fn.h"

static const struct shape_ops *const shapes[DIALECTS] = {
        [DIALECT_FUNCTIONGRAPH] = &functiongraph_shape,
        [DIALECT_FC] = &fc_shape,
        [DIALECT_SCF] = NULL,
};

const struct shape_ops *shape_of(enum dialect dialect)
{
    if ((unsigned int)dialect >= DIALECTS)
        return NULL;
    return shapes[dialect];
}

void shape_assign_head(struct jw *w, const struct fn *f, const char *instance_id,
                       const char *code_root, const char *cwd)
{
    jw_kstrz(w, "dialect", dialect_names[f->dialect]);
    jw_kstrz(w, "instance_id", instance_id);
    jw_kstrz(w, "runtime", f->runtime);
    jw_kstrz(w, "code_root", code_root);
    jw_kstrz(w, "cwd", cwd);
    jw_kstrz(w, "handler", f->handler);
    jw_key(w, "initializer");
    if (f->initializer)
        jw_str(w, str_of(f->initializer));
    else
        jw_null(w);
}

void shape_open(const struct run *run, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "request_id", run->request_id);
    jw_kint(&w, "timeout_ms", run->fn->timeout_ms);
    if (run->access_key && run->access_key[0]) {
        jw_key(&w, "credentials");
        jw_obj(&w);
        jw_kstrz(&w, "access_key", run->access_key);
        jw_kstrz(&w, "secret_key", run->secret_key);
        jw_kstrz(&w, "security_token", run->security_token);
        jw_obj_end(&w);
    }
    jw_obj_end(&w);
}

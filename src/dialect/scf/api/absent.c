/* SPDX-License-Identifier: Apache-2.0 */
/* absent.c - actions that are not to be had here: each says why in its row. */
#include "api/api.h"
#include "base/cleanup.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/scf_api.h"

void scf_absent(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);

    if (p)
        scf_fail(c, "UnsupportedOperation", "%s is not to be had here: %s", c->op->name,
                 c->op->absent);
}

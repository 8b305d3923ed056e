/* SPDX-License-Identifier: Apache-2.0 */
/* shape.c - which dialects are built in: one line each. */
#include "dialect/shape.h"

#include <stddef.h>

#include "dialect/fc/fc.h"
#include "dialect/functiongraph/functiongraph.h"

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

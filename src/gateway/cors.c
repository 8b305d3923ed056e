/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/fc.h"

enum gw_step gw_cors(struct gw_call *c)
{
    return c->group->dialect == DIALECT_FC ? gw_fc_cors(c) : GW_GO_ON;
}

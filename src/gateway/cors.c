/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/call.h"

enum gw_step gw_cors(struct gw_call *c)
{
    (void)c;
    return GW_GO_ON;
}

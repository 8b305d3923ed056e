/* SPDX-License-Identifier: Apache-2.0 */
/* reply.h - what answers and refusals share. */
#ifndef EVOKE_GATEWAY_MAP_REPLY_H
#define EVOKE_GATEWAY_MAP_REPLY_H

#include "gateway/call.h"

/* The same and, where the client asked for it, how long things took and what is left of its limits.
 */
struct shape_list gw_with_debug(struct gw_call *c, struct shape_list headers);

#endif

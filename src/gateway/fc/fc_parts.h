/* SPDX-License-Identifier: Apache-2.0 */
/* fc_parts.h - what the files of FC's HTTP triggers share; for nobody else. */
#ifndef EVOKE_GATEWAY_FC_FC_PARTS_H
#define EVOKE_GATEWAY_FC_FC_PARTS_H

#include "gateway/fc/fc.h"

/* "GET,POST"; "": all. */
static inline bool gw_fc_has_method(const char *methods, struct str method)
{
    return methods[0] == '\0' || gw_lists_method(str_of(methods), method);
}

enum { GW_FC_CORS = 4 };
/* Access-Control-... for an answer by path to a request with Origin; how many. Values are the
 * request's. */
size_t gw_fc_cors_headers(const struct gw_call *c, struct shape_pair ret[GW_FC_CORS]);

#endif

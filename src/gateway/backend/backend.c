/* SPDX-License-Identifier: Apache-2.0 */
/* backend.c - the last step: who answers. */
#include "gateway/fc/fc.h"

enum gw_step gw_backend(struct gw_call *c)
{
    switch (c->api->backend) {
    case GW_BACKEND_FUNCTION:
        return c->api->fn.answer == GW_ANSWER_HTTP ? gw_backend_fc(c) : gw_backend_function(c);
    case GW_BACKEND_HTTP:
        return gw_backend_http(c);
    case GW_BACKEND_MOCK:
        break;
    }
    return gw_backend_mock(c);
}

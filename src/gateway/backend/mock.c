/* SPDX-License-Identifier: Apache-2.0 */
/* mock.c - an API without a backend: the same answer for everybody, as it was written down. */
#include <string.h>

#include "gateway/call.h"

enum gw_step gw_backend_mock(struct gw_call *c)
{
    struct str text = str_of(c->api->mock.body);
    struct buf body;

    buf_init(&body, text.n);
    buf_adds(&body, text);
    gw_reply(c, (int)c->api->mock.status, S("application/json"), (struct shape_list){0}, &body);
    return GW_ENDED;
}

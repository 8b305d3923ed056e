/* SPDX-License-Identifier: Apache-2.0 */
/* authenticate_app.h - is it an app that calls, and may this one? For authenticate.c. */
#ifndef EVOKE_GATEWAY_GUARD_AUTHENTICATE_APP_H
#define EVOKE_GATEWAY_GUARD_AUTHENTICATE_APP_H

#include "gateway/call.h"

/* By signature, app code, key and secret, Basic, or SCF's hmac, as the API allows. */
enum gw_step gw_authenticate_app(struct gw_call *c);

#endif

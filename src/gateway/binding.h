/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binding.h - triggers that are HTTP: their config, as evoke.yaml, `evoke trigger` and the dialects'
 * APIs write it. Pure.
 *
 *   source "apig"  (functiongraph) {group, stage, method, path, match, auth, authorizer, timeout_ms, cors, base64}
 *   source "apigw" (scf)           {service, stage, method, path, integrated, timeout_ms, cors, auth, base64[]}
 *   source "http"  (fc)            {auth: anonymous|function, methods[], public: bool}
 *
 * A group or service that is only named belongs to account and region and has an id that follows
 * from all three (gw_id_of), so nobody needs to make it first.
 */
#ifndef EVOKE_GATEWAY_BINDING_H
#define EVOKE_GATEWAY_BINDING_H

#include "base/str.h"

struct err;
struct gw_api;
struct trigger;

/* Sources' checks (source/source.h): 0, or -EINVAL with a sentence that names key and limit. */
int binding_check_apig(struct str config, struct err *e);
int binding_check_apigw(struct str config, struct err *e);
int binding_check_http(struct str config, struct err *e);

enum { GW_ID = 40 };
/* "0f3c..." (32 hex) for a FunctionGraph group, "service-1a2b3c4d" for a service of SCF. */
void gw_id_of(int dialect, struct str account, struct str region, struct str name, char ret[GW_ID]);

#endif

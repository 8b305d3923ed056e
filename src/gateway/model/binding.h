/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binding.h - triggers that are HTTP: their config, as evoke.yaml, `evoke trigger` and the dialects'
 * APIs write it. Pure.
 *
 *   source "apig"  (functiongraph) {group, stage, method, path, match, auth, authorizer, timeout_ms, cors, base64}
 *   source "apigw" (scf)           {service, stage, method, path, integrated, timeout_ms, cors, auth, base64}
 *   source "http"  (fc)            {auth, methods[], public}
 *
 * All keys may be left out. group, service: "default", "SCF_API_SERVICE"; stage: "RELEASE", "release";
 * method: "ANY", "GET"; path: "/" and the function's name; match: exact, prefix; auth: none, app, iam,
 * authorizer (apig), none, secret, app (apigw), anonymous, function (http); authorizer: name or id of
 * one, with auth authorizer only; base64: true or false, apigw also a list of media types; methods: all.
 *
 * A group or service that is only named belongs to account and region and has an id that follows
 * from all three (gw_id_of), so nobody needs to make it first.
 */
#ifndef EVOKE_GATEWAY_MODEL_BINDING_H
#define EVOKE_GATEWAY_MODEL_BINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "gateway/model/model.h"

struct cJSON;
struct err;

enum binding_source { BINDING_APIG, BINDING_APIGW, BINDING_HTTP, BINDINGS };

/* What a config says, what is left out filled in. Texts lie in the tree, or are literals. */
struct binding {
    enum binding_source source;
    struct cJSON *tree;                                /* owned */
    struct str group, stage, method, path, authorizer; /* path: p NULL: by the function's name */
    enum gw_auth auth;
    uint32_t timeout_ms;
    bool prefix, integrated, cors, public;
    bool base64;
    struct buf methods;      /* "GET,POST"; empty: all */
    struct buf base64_types; /* "image/png,application/pdf"; empty: as base64 says */
};

/* -ENOENT: it is no source of ours; -EINVAL with a sentence that names key and limit. */
int binding_parse(struct str source, struct str config, struct binding *ret, struct err *e);
void binding_done(struct binding *b); /* of one that was parsed */

/* Sources' checks (source/source.h): 0, or -EINVAL with a sentence that names key and limit. */
int binding_check_apig(struct str config, struct err *e);
int binding_check_apigw(struct str config, struct err *e);
int binding_check_http(struct str config, struct err *e);

enum { GW_ID = 40 };
/* "0f3c..." (32 hex) for a FunctionGraph group, "service-1a2b3c4d" for a service of SCF. */
void gw_id_of(int dialect, struct str account, struct str region, struct str name, char ret[GW_ID]);

#endif

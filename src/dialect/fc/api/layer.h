/* SPDX-License-Identifier: Apache-2.0 */
/* layer.h - layers, of both versions of the API: 2016-08-15 and 2023-03-30. */
#ifndef EVOKE_DIALECT_FC_API_LAYER_H
#define EVOKE_DIALECT_FC_API_LAYER_H

#include <stdbool.h>

#include "catalog/catalog.h"

struct call;
struct cJSON;
struct fn;
struct jw;

enum { FC_LAYERS_MAX = 5 /* of one function */ };

void fc_layer_create(struct call *c);
void fc_layer_versions(struct call *c);
void fc_layer_get(struct call *c);
void fc_layer_by_arn(struct call *c);
void fc_layer_delete(struct call *c);
void fc_layer_list(struct call *c);
void fc_layer_acl(struct call *c);

/*
 * "layers" of a function's body into the draft, if it is there: ARNs of either form. The cloud lets the
 * first of them win, the record's last one does, so the record has them the other way round. False: it
 * has replied; the draft is still the caller's.
 */
bool fc_layers_parse(struct call *c, const struct cJSON *body, struct fn *draft);
/* Before a draft with code is written: layer_check() with the limit of the cloud. */
void fc_layers_check(struct call *c, const struct fn *draft, catalog_ready_fn *fn, void *user);
/* "layers" of 2016-08-15 (ARNs) and its layersArnV2. */
void fc_layers_put(struct jw *w, const struct fn *f);

#endif

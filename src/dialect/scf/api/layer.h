/* SPDX-License-Identifier: Apache-2.0 */
/* layer.h - layers of SCF, and what functions take of them. */
#ifndef EVOKE_DIALECT_SCF_LAYER_H
#define EVOKE_DIALECT_SCF_LAYER_H

#include <stdbool.h>

#include "catalog/catalog.h"

struct cJSON;
struct call;
struct fn;
struct jw;

void scf_publish_layer(struct call *c);
void scf_get_layer(struct call *c);
void scf_list_layers(struct call *c);
void scf_list_layer_versions(struct call *c);
void scf_delete_layer(struct call *c);

enum { SCF_LAYERS_MAX = 5 /* of one function */ };
/* "Layers" of a function's parameters into the draft, if it is there; a name "" with version 0 clears
 * them. The last one wins, as in the record. False: it has replied; the draft is still the caller's. */
bool scf_layers_parse(struct call *c, const struct cJSON *p, struct fn *draft);
/* Before a draft with code is written: layer_check() with the limit of the cloud; -EFBIG is
 * LimitExceeded.MaxCapacity. */
void scf_layers_check(struct call *c, const struct fn *draft, catalog_ready_fn *fn, void *user);
/* "Layers" of GetFunction. */
void scf_layers_put(struct jw *w, const struct call *c, const struct fn *f);

#endif

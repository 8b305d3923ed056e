/* SPDX-License-Identifier: Apache-2.0 */
/* dependency.h - packages that functions share, in versions; and what functions take of them. */
#ifndef EVOKE_DIALECT_FUNCTIONGRAPH_API_DEPENDENCY_H
#define EVOKE_DIALECT_FUNCTIONGRAPH_API_DEPENDENCY_H

#include "catalog/catalog.h"

struct cJSON;
struct call;
struct fg_error;
struct fn;
struct jw;

void fg_create_dependency(struct call *c);
void fg_list_dependencies(struct call *c);
void fg_list_dependency_versions(struct call *c);
void fg_show_dependency(struct call *c);
void fg_delete_dependency(struct call *c);
/* The earlier paths, which name a version by its id alone. */
void fg_show_dependency_by_id(struct call *c);
void fg_delete_dependency_by_id(struct call *c);

/* "depend_version_list" of a function's body (ids of versions) into the draft, if it is there: 0, or
 * -EINVAL with x. */
int fg_parse_dependencies(struct call *c, const struct cJSON *body, struct fn *draft,
                          struct fg_error *x);
/* Before a draft with code is written: layer_check() with the limit of the cloud. */
void fg_check_dependencies(struct call *c, const struct fn *draft, catalog_ready_fn *fn,
                           void *user);
void fg_fail_dependencies(struct call *c, int r, const struct err *e); /* what that said */
/* catalog_update() of a draft (taken) if its dependencies fit; else it has replied. fn's user is c. */
void fg_update_fitting(struct call *c, struct fn *draft, catalog_fn *fn);
/* "depend_version_list". */
void fg_put_dependencies(struct jw *w, const struct fn *f);

#endif

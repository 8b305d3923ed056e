/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate_apps.h - apps (SCF: key pairs) by their key, their codes, and which API each may
 * call: an index of the catalog's resources that follows its changes, so that nothing is searched
 * for on a request's way.
 */
#ifndef EVOKE_GATEWAY_GUARD_AUTHENTICATE_APPS_H
#define EVOKE_GATEWAY_GUARD_AUTHENTICATE_APPS_H

#include <stdbool.h>

#include "base/str.h"

struct gw_api;
struct gw_apps; /* opaque */
struct resource;

struct gw_app { /* texts owned by the index; good until the next change */
    char *id, *name, *key, *secret;
    int dialect; /* enum dialect, as all of: whose it is */
    char *account, *region;
};

struct gw_apps *gw_apps_new(void);
struct gw_apps *gw_apps_free(struct gw_apps *a); /* wipes */
/* Kinds that are none of its own are passed over. Any order of changes will do. */
void gw_apps_change(struct gw_apps *a, const struct resource *before, const struct resource *after);

const struct gw_app *gw_apps_by_key(const struct gw_apps *a, struct str key); /* or NULL */
const struct gw_app *gw_apps_by_code(const struct gw_apps *a, struct str code);
/* Is it authorised for this API in its stage? SCF: a plan is bound to an API or its service. */
bool gw_apps_allowed(const struct gw_apps *a, const struct gw_app *app, const struct gw_api *api);
/* Is it of the same cloud, account and region? */
bool gw_app_is_neighbour(const struct gw_app *app, const struct gw_api *api);

#endif

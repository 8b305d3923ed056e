/* SPDX-License-Identifier: Apache-2.0 */
/* objects.h - how the objects of the gateway's control plane hang together: who needs which, and what
 * goes along with which. For every control plane. */
#ifndef EVOKE_GATEWAY_PLANE_OBJECTS_H
#define EVOKE_GATEWAY_PLANE_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct catalog;
struct resource;

enum { GW_NEW_ID = 33 };
void gw_new_id(char ret[GW_NEW_ID]); /* 32 hex digits */

#define GW_RELEASE_ENV  "DEFAULT_ENVIRONMENT_RELEASE_ID"
#define GW_RELEASE_NAME "RELEASE"

/* Name of an environment of whose account and region: "RELEASE" (SCF: "release"), "test". NULL: none.
 * Borrowed until the next turn. */
const char *gw_env_name(const struct catalog *c, const struct resource *whose, struct str env);

/* May there be one more like this draft (gw_kind.most)? */
bool gw_has_room(const struct catalog *c, const struct resource *draft);

/*
 * Who needs this one? Appends "api 'a', api 'b' and 3 more" and returns how many there are; 0:
 * nobody, it may go. Needed are: a group by its APIs and domains; an API by its releases; an
 * authorizer and a response by APIs, as they are edited or as they are released; an environment by
 * releases; a version by its release.
 */
size_t gw_users_of(const struct catalog *c, const struct resource *r, struct buf *out);

/* Remove it with what is only there for it: variables and responses of a group; versions,
 * authorisations and throttle bindings of an API; variables, versions, authorisations and bindings
 * of an environment; codes and authorisations of an app; bindings of a throttle. Does not ask
 * gw_users_of(). r: 0, -ENOENT, or the store's. Never calls back from inside the call. */
typedef void gw_remove_fn(void *user, int r);
void gw_remove(struct catalog *c, struct str kind, struct str id, gw_remove_fn *fn, void *user);

#endif

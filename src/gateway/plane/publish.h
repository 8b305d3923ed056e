/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish.h - what may be called: the rules of publishing, for every control plane (APIG's, our
 * admin API, the command line's).
 *
 * An API is edited as often as one likes; what is called is a version, a frozen copy of its
 * definition, and which one is said by the release, one per API and environment. So going back is
 * one small write, and takes effect with the next request.
 *
 *   publish   definition -> new version; the release names it      (history: GW_HISTORY per env)
 *   switch    the release names an older version
 *   offline   the release goes; the versions stay
 *
 *   version "<32 hex>"     parent api   {"env_id","remark","api":{definition}}, created_ms: when
 *   release "<api>.<env>"  parent api   {"env_id","version_id","publish_id"}; publish_id is 32 hex
 *                                       and the same as long as the API is online there
 */
#ifndef EVOKE_GATEWAY_PLANE_PUBLISH_H
#define EVOKE_GATEWAY_PLANE_PUBLISH_H

#include <stdbool.h>

#include "base/str.h"
#include "gateway/plane/objects.h" /* GW_RELEASE_ENV */

struct catalog;
struct err;
struct resource;

enum { GW_HISTORY = 10 };

/* 0 once it is committed, both borrowed until the next turn of the loop (release NULL after
 * gw_offline(), version NULL if it has none any more). Else both are NULL, e says it in words, and r is
 *   -ENOENT   there is no such API, environment, version or release
 *   -EEXIST   another API of its group has this method and path in that environment (e names it)
 *   -EINVAL   its definition does not pass gw_check() (edited with another version of evoke)
 *   or the store's. */
typedef void gw_publish_fn(void *user, int r, const struct resource *version,
                           const struct resource *release, const struct err *e);
/* env: an id; empty: RELEASE. Copied, like remark. What is wrong at once is said before it returns. */
void gw_publish(struct catalog *c, struct str api, struct str env, struct str remark,
                gw_publish_fn *fn, void *user);
void gw_switch(struct catalog *c, struct str version, gw_publish_fn *fn, void *user);
void gw_offline(struct catalog *c, struct str api, struct str env, gw_publish_fn *fn, void *user);

/* Borrowed; NULL: it is not online there. env as above. */
const struct resource *gw_release_of(const struct catalog *c, struct str api, struct str env);
/* The version a release names; NULL: there is none. */
const struct resource *gw_version_of(const struct catalog *c, const struct resource *release);
/* Of one API, in one environment (empty: all), newest first. fn returns false to stop. */
void gw_each_version(const struct catalog *c, struct str api, struct str env,
                     bool (*fn)(void *user, const struct resource *version), void *user);

#endif

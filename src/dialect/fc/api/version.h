/* SPDX-License-Identifier: Apache-2.0 */
/* version.h - versions of services, for those that meet one in a path. */
#ifndef EVOKE_DIALECT_FC_API_VERSION_H
#define EVOKE_DIALECT_FC_API_VERSION_H

#include <stdbool.h>

#include "base/str.h"
#include "dialect/fc/api/page.h"
#include "fn/key.h"

struct call;
struct catalog;
struct space;

bool fc_version_exists(const struct catalog *c, const struct fn_key *space, struct str version);
/* What the service said when it was published, into a copy of it. false: no such version. */
bool fc_version_service(const struct catalog *c, const struct fn_key *space, struct str version,
                        struct space *ret);
/* The key for a path's service segment, which must not name a version; false: it has replied. */
bool fc_latest_service(struct call *c, struct str segment, struct fn_key *ret);

void fc_version_publish(struct call *c);
void fc_version_list(struct call *c);
void fc_version_delete(struct call *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias.h - aliases between the cloud's words and the record. Both API versions have the same form;
 * of 2016-08-15 the owner is a service, of 2023-03-30 a function.
 */
#ifndef EVOKE_DIALECT_FC_API_ALIAS_H
#define EVOKE_DIALECT_FC_API_ALIAS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "dialect/fc/api/object.h"

struct alias;
struct cJSON;
struct call;
struct jw;

struct fc_alias_error {
    int status;
    const char *code;
    struct err e;
};

/*
 * Fill a draft from a request: versionId, description, additionalVersionWeight, resolvePolicy,
 * routePolicy. What a change does not name stays. has: is there such a version?
 *
 * -EINVAL: x has status, code and sentence.
 */
int fc_alias_parse(const struct cJSON *body, struct alias *draft, bool is_new,
                   bool (*has)(void *user, struct str version), void *user,
                   struct fc_alias_error *x);
/* A draft of a change: all of it but the other versions, which are read from `extra` again. */
struct alias *fc_alias_draft(const struct alias *a);
/* The object in the cloud's form, into w. */
void fc_alias_put(struct jw *w, const struct alias *a);
const char *fc_alias_etag(const struct alias *a, char out[FC_ETAG_TEXT]);

void fc_alias_create(struct call *c);
void fc_alias_list(struct call *c);
void fc_alias_get(struct call *c);
void fc_alias_update(struct call *c);
void fc_alias_delete(struct call *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* compile_internal.h - what the files of the compiler share; for nobody else. */
#ifndef EVOKE_GATEWAY_COMPILE_COMPILE_INTERNAL_H
#define EVOKE_GATEWAY_COMPILE_COMPILE_INTERNAL_H

#include <stdbool.h>

#include "base/list.h"
#include "gateway/compile/compile.h"
#include "gateway/model/binding.h"
#include "gateway/model/model.h"

struct catalog;
struct cJSON;
struct err;
struct map;
struct resource;
struct trigger;

enum { COMPILER_MAGIC = 0x47434f4d, ROUTE_KEY = 600 };

struct compiler {
    uint32_t magic;
    struct gateway *g;
    struct catalog *catalog;
    struct map *places; /* group id -> struct place */
    struct map *routes; /* key -> struct route */
    struct map *binds;  /* "<api>.<env>", or publish id -> id of a throttle, owned */
    bool loading;       /* all is taken in: groups first, then routes */
};

/* A group and what is in it. */
struct place {
    struct gw_group *group; /* owned reference; a change of the group is a new one */
    struct list routes;     /* struct route */
    bool recorded;          /* there is a resource of that id; else triggers named it */
    char **hosts;           /* owned: its custom domains */
    size_t nhosts;
};

struct route {
    struct list node; /* of its place */
    char *key;        /* "r/<release id>", "t/<trigger id>" */
    struct place *place;
    struct gw_api *api; /* owned reference; NULL: nothing that can be called */
    bool routed;        /* it is in the table */
};

/* ---- compile.c ---- */

/* group: taken. */
struct place *compile_place_put(struct compiler *c, struct gw_group *group);
struct place *compile_place(const struct compiler *c, struct str id); /* or NULL */
void compile_place_drop_unused(struct compiler *c, struct place *p);
/* api: taken; NULL: there is nothing to call, and e says why. */
void compile_route_set(struct compiler *c, struct str key, struct place *p, struct gw_api *api,
                       const struct err *e);
void compile_route_drop(struct compiler *c, struct str key);
/* Make it again from its record, wherever it now belongs. */
void compile_again(struct compiler *c, struct str key);
void compile_trigger_set(struct compiler *c, const struct trigger *t);

/* ---- compile_change.c ---- */

void compile_take_in(struct compiler *c); /* what was there at first */
void compile_release_set(struct compiler *c, const struct resource *release);
void compile_on_resource(void *user, const struct resource *before, const struct resource *after);

/* ---- what one record means; new references ---- */

struct gw_group *compile_group(struct compiler *c, const struct resource *r);
struct gw_api *compile_trigger(struct compiler *c, const struct trigger *t, const struct binding *b,
                               struct gw_group *group, struct err *e);
/* The definition of an API, for an environment. NULL with a sentence: it cannot be called. */
struct gw_api *compile_api(struct compiler *c, struct str api_id, const struct cJSON *definition,
                           struct str env_id, struct gw_group *group, struct err *e);
/* By id, or by name within the group's account and region. -ENOENT, -EINVAL. */
int compile_authorizer(struct compiler *c, const struct gw_group *group, struct str which,
                       const struct gw_authorizer **ret, struct err *e);

/* ---- helpers ---- */

/* Of that name; NULL: there is none. */
const struct resource *compile_named(struct compiler *c, struct str kind, int dialect,
                                     struct str account, struct str region, struct str name);
/* "urn:fss:<region>:<project>:function:<package>:<name>[:<version>]", or dialect/account/region/
 * space/name. Fills key (own parts) and qualifier (own; only if there is one). 0 or -EINVAL. */
int compile_function(struct str text, struct fn_key *key, char **qualifier, struct err *e);
/* Members of a tree; a wrong type counts as absent (kinds.h has checked). */
struct str compile_text(const struct cJSON *o, const char *key); /* STR_NONE: absent */
int64_t compile_number(const struct cJSON *o, const char *key, int64_t absent);
bool compile_flag(const struct cJSON *o, const char *key, bool absent);

#endif

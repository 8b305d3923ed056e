/* SPDX-License-Identifier: Apache-2.0 */
/* compile_internal.h - what the files of the compiler share; for nobody else. */
#ifndef EVOKE_GATEWAY_COMPILE_INTERNAL_H
#define EVOKE_GATEWAY_COMPILE_INTERNAL_H

#include <stdbool.h>

#include "base/list.h"
#include "gateway/binding.h"
#include "gateway/compile.h"
#include "gateway/model.h"

struct err;
struct map;
struct resource;
struct trigger;

enum { COMPILER_MAGIC = 0x47434f4d };

struct compiler {
    uint32_t magic;
    struct gateway *g;
    struct map *places; /* group id -> struct place */
    struct map *routes; /* key -> struct route */
    bool loading;
};

/* A group and what is in it. */
struct place {
    struct gw_group *group; /* owned reference; a change of the group is a new one */
    struct list routes;     /* struct route */
    bool recorded;          /* there is a resource of that id; else triggers named it */
};

struct route {
    struct list node; /* of its place */
    char *key;        /* "r/<release id>", "t/<trigger id>" */
    struct place *place;
    struct gw_api *api; /* owned reference; NULL: nothing that can be called */
    bool routed;        /* it is in the table */
};

/* compile_group.c: a group as its resource says, with variables and responses; a new reference. */
struct gw_group *compile_group(struct compiler *c, const struct resource *r);

/* compile_api.c: what a release calls; a new reference, or NULL with a sentence. */
struct gw_api *compile_release(struct compiler *c, const struct resource *release,
                               struct gw_group *group, struct err *e);
/* The definition of an API as its resource has it, for a stage of that name (debug call). */
struct gw_api *compile_api(struct compiler *c, const struct resource *api, struct str definition,
                           struct str env_id, struct gw_group *group, struct err *e);
/* compile_authorizer.c: by id, or by a name within account and region. NULL: there is none. */
const struct resource *compile_find_authorizer(struct compiler *c, const struct gw_group *group,
                                               struct str name_or_id);
const struct gw_authorizer *compile_authorizer(const struct resource *r);

/* compile_trigger.c */
struct gw_api *compile_trigger(struct compiler *c, const struct trigger *t, const struct binding *b,
                               struct gw_group *group, struct err *e);

#endif

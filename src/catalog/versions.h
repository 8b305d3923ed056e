/* SPDX-License-Identifier: Apache-2.0 */
/*
 * versions.h - frozen versions of functions, aliases, and which record a qualifier means.
 *
 * A version is a function record whose `version` is not "latest": code, configuration and layers as
 * they were when it was published. It never changes but for what is about instances (reserved,
 * max_instances, async). Store layout: "version/<key path>/<version>", "alias/<key path>/<name>"
 * (of a space: its path). A function takes its versions and aliases with it when it is deleted.
 */
#ifndef EVOKE_CATALOG_VERSIONS_H
#define EVOKE_CATALOG_VERSIONS_H

#include "catalog/catalog.h"
#include "fn/alias.h"

enum { CATALOG_VERSIONS = 1000 /* of one function */, CATALOG_ALIASES = 1000 /* of one owner */ };

/* Borrowed until the next turn of the loop. NULL when unknown. "latest" is the function itself. */
const struct fn *catalog_version(const struct catalog *c, const struct fn_key *key,
                                 struct str version);
/* Without latest, in the order they were published. fn returns false to stop. */
void catalog_each_version(const struct catalog *c, const struct fn_key *key,
                          bool (*fn)(void *user, const struct fn *f), void *user);

/* Of all functions, in the order of their paths. */
void catalog_each_version_of_all(const struct catalog *c,
                                 bool (*fn)(void *user, const struct fn *f), void *user);

/* Publish: draft is a fn_copy() of the function with version, version_note and published_ms set;
 * taken. r: 0; -EEXIST: it has this version; -ENOENT: no such function; -EDQUOT; or the store's. */
void catalog_publish(struct catalog *c, struct fn *draft, catalog_fn *fn, void *user);
/* What may change in a version; taken; its revision is the expected one (-ESTALE). */
void catalog_update_version(struct catalog *c, struct fn *draft, catalog_fn *fn, void *user);
/* -EBUSY: an alias, of it or of its space, points at it. */
void catalog_delete_version(struct catalog *c, const struct fn_key *key, struct str version,
                            catalog_fn *fn, void *user);

/* owner: a function, or with an empty name a space. */
const struct alias *catalog_alias(const struct catalog *c, const struct fn_key *owner,
                                  struct str name);
void catalog_each_alias(const struct catalog *c, const struct fn_key *owner,
                        bool (*fn)(void *user, const struct alias *a), void *user);
/* r: 0, -EEXIST, -ENOENT (no such alias; or no such function), -ESTALE, -EDQUOT, or the store's.
 * That its versions exist is the caller's to check; of a function's alias it is checked again in its
 * turn, so that none is deleted meanwhile (-ESTALE). a: now in force; borrowed; NULL on failure. */
typedef void catalog_alias_fn(void *user, int r, const struct alias *a);
void catalog_create_alias(struct catalog *c, struct alias *draft, catalog_alias_fn *fn, void *user);
void catalog_update_alias(struct catalog *c, struct alias *draft, catalog_alias_fn *fn, void *user);
void catalog_delete_alias(struct catalog *c, const struct fn_key *owner, struct str name,
                          catalog_alias_fn *fn, void *user);

/*
 * The record that a qualifier means for this call; borrowed until the next turn. NULL: it names
 * neither version nor alias (or the alias points at what is gone).
 *
 * "", "latest", "LATEST", "$LATEST": the function. "!name": an alias. Else a version of this name,
 * else an alias of the function, else one of its space. "$DEFAULT" (SCF) is the function as long as
 * there is no alias of this name. An alias with shares picks by smooth weighted round-robin: after n
 * calls no version is further from its share than one call. Its state is in memory, one per alias.
 */
struct qualify_ask { /* what rules look at */
    /* The first value of that name, decoded; STR_NONE: there is none. Names of headers come in lower
     * case. key of ALIAS_ROUTING_KEY: a member of SCF's RoutingKey. */
    struct str (*find)(void *user, enum alias_part part, struct str key);
    void *user;
};
const struct fn *catalog_resolve(struct catalog *c, const struct fn_key *key, struct str qualifier,
                                 const struct qualify_ask *ask); /* ask: or NULL */
/* The same without a call: of an alias the version it points at; its shares stay as they are. */
const struct fn *catalog_qualified(const struct catalog *c, const struct fn_key *key,
                                   struct str qualifier);
/* Is it a name for the function itself? */
bool qualifier_is_latest(struct str qualifier);
/* Does it point at this version, be it for a part of the calls? */
bool alias_names(const struct alias *a, struct str version);
/* value: STR_NONE if there is none. */
bool alias_rule_says_yes(const struct alias_rule *rule, struct str value);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - the catalog itself, shared by catalog.c, triggers.c, versions.c and resources.c (reading),
 * write*.c, code.c and gc.c. */
#ifndef EVOKE_CATALOG_INTERNAL_H
#define EVOKE_CATALOG_INTERNAL_H

#include "base/buf.h"
#include "base/list.h"
#include "catalog/catalog.h"
#include "catalog/kin.h"
#include "catalog/resources.h"
#include "catalog/table.h"
#include "catalog/triggers.h"
#include "catalog/versions.h"

enum { CATALOG_MAGIC = 0x63617461 };

struct map;

/* Six kinds of records, one way to read and write them. */
struct kind {
    const char *prefix; /* in the store */
    int (*decode)(struct str json, uint64_t revision, const void **ret, struct err *e);
    void (*path)(const void *record, struct buf *out);
    uint64_t (*revision)(const void *record);
    void (*unref)(const void *record);
    void (*stamp)(void *draft, uint64_t revision);
    /* The table has changed: tell who wants to know, and let go of `old` (a reference). */
    void (*changed)(struct catalog *c, struct str path, const void *old, const void *now);
};

extern const struct kind fn_kind, space_kind, trigger_kind, resource_kind, frozen_kind, alias_kind;

struct catalog {
    uint32_t magic;
    struct loop *loop;   /* borrowed */
    struct kv *kv;       /* borrowed */
    struct blobs *blobs; /* borrowed; the only part that pool threads use, with code_dir */
    int code_dir;        /* owned */
    struct table fns, spaces, triggers, resources, versions, aliases;
    struct table turns; /* resolve.c: whose turn it is, by alias and function */
    struct map *by_id;  /* owned: the rows of triggers by their ids */
    struct kin kin;     /* the rows of resources by their parents, once all are loaded */
    bool has_kin;
    size_t most;         /* functions, and spaces */
    struct buf *scratch; /* owned: the path of a lookup, so that reading allocates nothing */
    catalog_change_fn *on_change;
    void *on_change_user;
    struct {
        catalog_trigger_change_fn *fn;
        void *user;
    } on_trigger[CATALOG_TRIGGER_WATCHERS];
    uint32_t non_trigger;
    struct {
        catalog_resource_change_fn *fn;
        void *user;
    } on_resource[CATALOG_RESOURCE_WATCHERS];
    uint32_t non_resource;
    struct list writes;         /* under way or waiting for their turn */
    struct list retired;        /* struct retired: records that left the table and are still held */
    char (*spared)[SHA256_HEX]; /* owned: for the next catalog_gc() */
    size_t nspared;
    uint32_t busy; /* writes and code calls not yet completed */
    bool idle;     /* busy == 0 */
};

/* A record that left the table. Its code may be running as long as anybody else holds it. */
struct retired {
    struct list node;
    const struct fn *fn; /* owned: one reference */
    bool lent;           /* until the next turn: catalog_find() may have lent it */
};

static inline struct table *table_of(struct catalog *c, const struct kind *kind)
{
    return kind == &fn_kind        ? &c->fns
           : kind == &space_kind   ? &c->spaces
           : kind == &trigger_kind ? &c->triggers
           : kind == &frozen_kind  ? &c->versions
           : kind == &alias_kind   ? &c->aliases
                                   : &c->resources;
}

/* The table follows the store: put record (taken) under path, or remove it (NULL); tells on_change.
 * What was there stays readable until the next turn. */
void catalog_install(struct catalog *c, const struct kind *kind, struct str path,
                     const void *record);
/* The rows of the function with this path: from *ret_from, so many. */
size_t catalog_triggers_of(const struct catalog *c, struct str function, size_t *ret_from);
/* The rows of the versions of the function with this path: from *ret_from, so many. */
size_t catalog_versions_of(const struct catalog *c, struct str function, size_t *ret_from);
/* The rows of the aliases of the owner with this path, until fn (or NULL) returns false; how many. */
size_t catalog_aliases_of(const struct catalog *c, struct str owner,
                          bool (*fn)(void *user, const struct table_row *row), void *user);
/* Key path of a version, or of an owner's alias. */
void catalog_version_path(const struct fn_key *key, struct str version, struct buf *out);
/* An alias with this path has changed, or is gone: shares count anew. */
void catalog_forget_turns(struct catalog *c, struct str alias);
void catalog_turns_done(struct catalog *c);
/* The rows of one kind of resource: from *ret_from, so many. */
size_t catalog_resources_of(const struct catalog *c, struct str kind, size_t *ret_from);
/* Key path of a resource, parts percent-encoded. */
void catalog_resource_path(struct str kind, struct str id, struct buf *out);
/* The function is gone, and its triggers with it. */
void catalog_forget_triggers(struct catalog *c, struct str function);
void catalog_retire(struct catalog *c, const struct fn *old); /* reference taken */
void catalog_retired_done(struct catalog *c);
void catalog_began(struct catalog *c);
void catalog_ended(struct catalog *c);

#endif

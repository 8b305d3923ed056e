/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.h - who belongs together: a group is one revision of one function's version, a family every
 * revision of that version: latest is one, each frozen version another. Instances are alike within a
 * group; limits count per family. What is asked about a function is asked about its house: the family
 * of latest, which is there as long as one of a version is.
 */
#ifndef EVOKE_POOL_GROUP_H
#define EVOKE_POOL_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct failure;
struct fn;
struct instance;
struct job;
struct map;
struct pool;

struct family {
    uint64_t newest;        /* revision */
    uint32_t max_instances; /* as the newest says */
    uint32_t ninstances, ndying, nwaiting;
    uint32_t nurgent;     /* of those that wait: not in the background */
    struct list groups;   /* group.kin */
    struct family *house; /* of a version: the function's; of latest: itself */
    struct list versions; /* of the house: family.in_house */
    struct list in_house; /* of a version's */
};

struct group {
    struct pool *pool;
    struct family *family;
    const struct fn *fn; /* shared: keeps the address, which is the key, from being reused */
    bool retired;        /* its instances end after their job */
    uint32_t ninstances, ndying, nwaiting, nurgent;
    uint32_t reserved, nlru; /* to be kept ready; those that are not */
    struct list kin;         /* family->groups */
    struct list instances;   /* instance.node: all */
    struct list starting;    /* instance.free_node: not ready yet, oldest first */
    struct list idle;        /* instance.free_node: nothing runs on it, youngest first */
    struct list roomy;       /* instance.free_node: jobs run on it and there is room for more */
    struct list waiting;     /* job.node: oldest first */
    struct list later;       /* job.node: likewise, in the background */
    struct list loads;       /* job.node: load only, and share a start that is under way */
    struct list hungry;      /* lines->hungry while jobs wait */
    struct list kept_node, sick_node, unused_node; /* lists of the pool */

    uint64_t run_ns, start_ns;      /* running means; 0: none was seen yet */
    uint64_t keep_after_ns;         /* no start without a job before */
    uint32_t failures;              /* starts in a row; of those made at once one counts */
    uint64_t failed_ns, counted_ns; /* the last one of them; the last that counted */
    struct failure *failure;        /* owned; how it went. NULL: it went well */
};

/* Every job that waits: in its group's line and, for its deadline, in one of all. */
struct lines {
    struct map *groups;   /* struct group by address of the fn record */
    struct map *families; /* by the function's path; a version's "#" and its name behind it */
    struct list hungry;   /* group.hungry, in the order they began to wait */
    struct list waiting;  /* job.wait_node: oldest first */
    uint32_t nwaiting, nurgent;
};

void lines_init(struct lines *ls);
void lines_done(struct lines *ls); /* its groups must be gone */

struct family *family_find(const struct lines *ls,
                           const struct fn *fn); /* of its version; or NULL */
/* Made if need be. Nothing is retired here: see group_is_outdated(). */
struct group *group_of(struct pool *p, struct lines *ls, const struct fn *fn);
/* A newer revision of its function is known. */
bool group_is_outdated(const struct group *g);
/* Gone, unless it has an instance, a job, something reserved or a failure to remember. */
void group_unless_used(struct lines *ls, struct group *g);
struct group *group_free(struct lines *ls, struct group *g);

void wait_in_line(struct lines *ls, struct group *g, struct job *job, uint64_t now_ns);
void leave_line(struct lines *ls, struct group *g, struct job *job);
/* Out of it; or NULL. Those for whom nobody waits come last. */
struct job *first_in_line(struct lines *ls, struct group *g);
/* The same, still in it. */
const struct job *next_in_line(const struct group *g);

/* How a start failed, for those who come while it is not tried again. */
struct failure *failure_free(struct failure *f);

#endif

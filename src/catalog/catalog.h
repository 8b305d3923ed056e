/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.h - the functions and spaces this daemon knows: a table in memory, written through to the
 * store.
 *
 * Reads never touch the store. A write is a compare-and-put on the record's revision, so of two
 * concurrent writers one gets -ESTALE. The table changes, and on_change is called, only after the
 * store has committed. Store layout: "fn/<key path>", "space/<key path>".
 */
#ifndef EVOKE_CATALOG_CATALOG_H
#define EVOKE_CATALOG_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "fn/fn.h"
#include "fn/key.h"
#include "fn/space.h"

struct blobs;
struct catalog; /* opaque */
struct err;
struct kv;
struct loop;

/* Loads everything before it returns (runs the loop). blobs and kv are borrowed. */
int catalog_open(struct loop *l, struct kv *kv, struct blobs *blobs, const char *code_dir,
                 struct catalog **ret, struct err *e);
/* Waits for what is under way (runs the loop), so never from a callback of the catalog. */
struct catalog *catalog_free(struct catalog *c);

/* Borrowed until the next turn of the loop; take a fn_ref() to keep it. NULL when unknown. */
const struct fn *catalog_find(const struct catalog *c, const struct fn_key *key);
const struct fn *catalog_find_path(const struct catalog *c, struct str path); /* fn_key_path() */
const struct space *catalog_find_space(const struct catalog *c, const struct fn_key *key);

/*
 * Functions in order of their key path. filter: parts left empty match anything (dialect < 0: any).
 * fn(...) returns false to stop.
 */
struct catalog_filter {
    int dialect;
    struct str account, region, space;
};
void catalog_each(const struct catalog *c, const struct catalog_filter *filter,
                  bool (*fn)(void *user, const struct fn *f), void *user);
/* Likewise, of spaces that are objects; of the filter, dialect, account and region count. */
void catalog_each_space(const struct catalog *c, const struct catalog_filter *filter,
                        bool (*fn)(void *user, const struct space *s), void *user);
size_t catalog_count(const struct catalog *c);
/* At most so many functions, and so many spaces; a creation above it is refused with -EDQUOT. What
 * is there already stays. */
void catalog_limit(struct catalog *c, size_t most);
size_t catalog_most(const struct catalog *c); /* as that says */

/* r: 0, -EEXIST and -EDQUOT (create), -ENOENT (update, delete), -ESTALE, or the store's. f: the
 * record now in force (NULL on failure and after delete), borrowed. */
typedef void catalog_fn(void *user, int r, const struct fn *f);
void catalog_create(struct catalog *c, struct fn *draft, catalog_fn *fn,
                    void *user); /* draft taken */
void catalog_update(struct catalog *c, struct fn *draft, catalog_fn *fn,
                    void *user); /* taken; its revision is the expected one. Of a version's record:
                                    catalog_update_version() */
void catalog_delete(struct catalog *c, const struct fn_key *key, catalog_fn *fn, void *user);

typedef void catalog_space_fn(void *user, int r, const struct space *s);
void catalog_create_space(struct catalog *c, struct space *draft, catalog_space_fn *fn, void *user);
/* Taken; its revision is the expected one (-ESTALE). */
void catalog_update_space(struct catalog *c, struct space *draft, catalog_space_fn *fn, void *user);
/* -ENOTEMPTY while functions are in it. */
void catalog_delete_space(struct catalog *c, const struct fn_key *key, catalog_space_fn *fn,
                          void *user);

/* Called after each committed change: before and after; NULL for "was not" and "is no more". */
typedef void catalog_change_fn(void *user, const struct fn *before, const struct fn *after);
void catalog_on_change(struct catalog *c, catalog_change_fn *fn, void *user);

/*
 * Check and store a code package, unpack it into the code cache. Runs on the worker pool. zip is
 * taken. r 0: sha names it. Else -EINVAL (not a zip, path leaves the package, link leaves the
 * package, special file), -EFBIG (too large, too many files, expands too far), or the host's; err
 * is borrowed.
 */
struct package_limits {
    uint64_t packed_bytes, unpacked_bytes;
    uint32_t files;
};
extern const struct package_limits package_limits_default; /* 100 MiB, 1500 MiB, 30000 */
typedef void catalog_code_fn(void *user, int r, const char *sha, const struct err *e);
void catalog_put_code(struct catalog *c, struct buf *zip, const struct package_limits *limits,
                      catalog_code_fn *fn, void *user);
/* The same of bytes that stay the caller's, and where they are, until fn. */
void catalog_put_code_of(struct catalog *c, struct str zip, const struct package_limits *limits,
                         catalog_code_fn *fn, void *user);
/* The stored zip, as it was sent. r as blob_get(); zip is borrowed. */
typedef void catalog_zip_fn(void *user, int r, struct str zip);
void catalog_get_code(struct catalog *c, const char *sha, catalog_zip_fn *fn, void *user);
/* Make sure the code directory of sha exists (it is derived, may have been wiped). r 0 or -errno.
 */
typedef void catalog_ready_fn(void *user, int r, const struct err *e);
void catalog_ready_code(struct catalog *c, const char *sha, catalog_ready_fn *fn, void *user);

/*
 * Remove blobs and code directories that no function names, that no holder of an earlier record
 * can still be running, and that nobody has put for grace_s. Runs on the worker pool. r: 0, or
 * -errno of the first thing that could not be looked at; the counts hold in any case.
 */
struct catalog_gc {
    uint32_t blobs, directories; /* removed */
};
typedef void catalog_gc_fn(void *user, int r, const struct catalog_gc *removed);
void catalog_gc(struct catalog *c, uint32_t grace_s, catalog_gc_fn *fn, void *user);
/* For the next catalog_gc(): blobs that others name as well, listed no longer than a grace before. shas
 * is taken (free()). */
void catalog_gc_spare(struct catalog *c, char (*shas)[SHA256_HEX], size_t n);

#endif

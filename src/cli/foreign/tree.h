/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - what the readers of foreign project files share: a table of keys says what
 * becomes of each, and a key that is in none is told. For this folder. */
#ifndef EVOKE_CLI_FOREIGN_TREE_H
#define EVOKE_CLI_FOREIGN_TREE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct cJSON;
struct err;

struct foreign {
    const struct cJSON *file; /* borrowed: the document */
    struct cJSON *functions;  /* borrowed from out: evoke.yaml's map */
    struct cJSON *out;        /* owned by foreign_read() */
    struct buf *unused;
    struct err *e;
};

enum { FOREIGN_PATH = 512 };

/* One key, with its first letter in either case: copied as `to`; or read; or, with neither, it needs no word (names, versions of forms). */
struct foreign_key {
    const char *key;
    const char *to;
    int (*read)(struct foreign *f, const char *path, const struct cJSON *value, struct cJSON *to);
};
/* Every member of `from` by the table, into `to`. What it does not name is noted as unused; null and
 * "" are "not said". path: of `from`, for messages. -EINVAL. */
int foreign_walk(struct foreign *f, const char *path, const struct cJSON *from,
                 const struct foreign_key *keys, size_t n, struct cJSON *to);

void foreign_unused(struct foreign *f, const char *path, const char *key, const char *why);
int foreign_refuse(struct foreign *f, const char *path, const char *why);
/* "a.b" */
const char *foreign_path(char out[FOREIGN_PATH], const char *path, const char *key);

/* Text of a member, also of a number; "" if it is not there. Borrowed, or NULL for a map or list. */
const char *foreign_text(const struct cJSON *obj, const char *key);
/* A member takes the place of one of its name. value is taken. */
void foreign_put(struct cJSON *obj, const char *key, struct cJSON *value);
void foreign_put_text(struct cJSON *obj, const char *key, const char *value);
/* The map below a key; made if need be. */
struct cJSON *foreign_map(struct cJSON *obj, const char *key);
/* A new function, and in it its cloud and space; and for its triggers. */
struct cJSON *foreign_function(struct foreign *f, const char *dialect, const char *space,
                               const char *name);
struct cJSON *foreign_trigger(struct cJSON *function, const char *name);
/* Variables of names and texts: added to what is there. */
int foreign_environment(struct foreign *f, const char *path, const struct cJSON *value,
                        struct cJSON *to);

/* The readers. */
int foreign_serverless(struct foreign *f); /* serverless.yml, the plugin's form */
int foreign_component(struct foreign *f);  /* serverless.yml with `component: scf` */
int foreign_funcraft(struct foreign *f);
int foreign_devs(struct foreign *f);
/* What FC's two files share: fc.c. from may be NULL for a service. */
int foreign_fc_function(struct foreign *f, const char *path, const struct cJSON *from,
                        struct cJSON *to);
int foreign_fc_service(struct foreign *f, const char *path, const struct cJSON *from,
                       struct cJSON *to);
int foreign_fc_trigger(struct foreign *f, const char *path, const char *name, const char *type,
                       const struct cJSON *config, struct cJSON *fn);
/* routes: a list, or a map by path. space: of a route that names none. */
int foreign_fc_domain(struct foreign *f, const char *path, const char *name, const char *protocol,
                      const struct cJSON *routes, const char *space);

/* The document with "${...}" in its texts replaced: vars.c. Owned by the caller; NULL:
 * refused. */
struct cJSON *foreign_fill(struct foreign *f);

#endif

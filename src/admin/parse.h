/* SPDX-License-Identifier: Apache-2.0 */
/* parse.h - requests of the admin API into records. */
#ifndef EVOKE_ADMIN_PARSE_H
#define EVOKE_ADMIN_PARSE_H

#include "base/buf.h"
#include "base/str.h"
#include "fn/key.h"

struct cJSON;
struct err;
struct fn;

enum { ADMIN_ZIP_MAX = 100 << 20, ADMIN_SOURCE_MAX = 1 << 20, ADMIN_BODY_MAX = 140 << 20 };

enum { ADMIN_CPUS = 2 };
extern const char *const admin_cpu_names[ADMIN_CPUS]; /* by fn->cpu_strict */

/* The five parts of a path. -EINVAL names the part. */
int admin_parse_key(const struct str parts[5], struct fn_key *ret, struct err *e);

/* Code in a deploy request; at most one of zip, source and sha is there. */
struct admin_code {
    struct buf zip;      /* decoded package; init before, done after, by the caller */
    struct str source;   /* one file's text; p == NULL: none. borrowed from the body */
    struct str sha;      /* the package must be this one already; p == NULL: not said */
    struct str filename; /* of source; empty: the runtime's usual one */
};

/* Fill a draft whose key is set. What the body leaves out takes its default, but code: a draft
 * copied from a function keeps what it has. -EINVAL with e. */
int admin_parse_deploy(const struct cJSON *body, struct fn *f, struct admin_code *code,
                       struct err *e);

#endif

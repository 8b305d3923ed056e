/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreign.h - project files of the clouds' own tools, read as if they were evoke.yaml: Tencent's
 * serverless.yml (the v1 plugin's form and the component's), Funcraft's template.yml, Serverless
 * Devs' s.yaml (components fc, fc3, fgs). docs/manifest.md says what becomes what.
 */
#ifndef EVOKE_CLI_FOREIGN_FOREIGN_H
#define EVOKE_CLI_FOREIGN_FOREIGN_H

#include "base/buf.h"

struct cJSON;
struct err;

/* Names of project files that a directory is searched for, in this order; NULL-terminated. */
extern const char *const foreign_files[];

/*
 * *tree: a document. If it is one of theirs, what it says in evoke.yaml's words takes its place;
 * else it stays. Returns the tool's name, NULL if it is nobody's (evoke.yaml, as far as we know), or
 * NULL with e->code set (-EINVAL, the key's path). unused: the paths of keys that mean nothing here,
 * and why if it is not plain, a line each.
 */
const char *foreign_read(struct cJSON **tree, struct buf *unused, struct err *e);

#endif

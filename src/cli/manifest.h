/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.h - evoke.yaml: the functions of a directory. docs/manifest.md */
#ifndef EVOKE_CLI_MANIFEST_H
#define EVOKE_CLI_MANIFEST_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/name.h"

struct cJSON;
struct err;

struct manifest_function { /* views into the manifest's tree */
    struct name name;
    struct str runtime, handler, initializer, description;
    struct str code; /* path relative to the manifest; "." */
    struct str network, cpu, role, pre_stop, pre_freeze;
    /* 0: not said */
    int64_t memory_mb, timeout_s, initializer_timeout_s;
    int64_t tmp_mb, instance_concurrency, reserved;
    int64_t pre_stop_timeout_s, pre_freeze_timeout_s;
    const struct cJSON *environment; /* object of scalars, or NULL */
    const struct cJSON *async;       /* checked, or NULL */
    const struct cJSON *triggers;    /* object of checked triggers by name, or NULL */
};

struct manifest {
    struct cJSON *tree;
    struct manifest_function *functions; /* owned */
    size_t n;
    const struct cJSON *domains; /* custom domains of fc by name, as its API has them; NULL: none */
    const char *tool;            /* whose file it is; NULL: evoke.yaml */
    struct buf unused;           /* of theirs: the paths of what means nothing here, a line each */
};

/* evoke.yaml, or the project file of another tool (foreign/foreign.h). -EINVAL names the key path:
 * "functions.hello.timeout must be ...". */
int manifest_parse(struct str text, struct manifest *ret, struct err *e);
void manifest_done(struct manifest *m);

/* What the admin API gets for one of the triggers: {"source","enabled","config"}. -EINVAL. */
int manifest_trigger(const struct manifest_function *f, const struct cJSON *trigger,
                     struct buf *out, struct err *e);

/* The deploy request. zip: the packaged code, or empty; then sha256 names the code that must be
 * there already, and NULL says nothing of it. */
void manifest_request(const struct manifest_function *f, struct str zip, const char *sha256,
                      struct buf *out);

#endif

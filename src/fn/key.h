/* SPDX-License-Identifier: Apache-2.0 */
/* key.h - what names a function: dialect + account + region + space + name. */
#ifndef EVOKE_FN_KEY_H
#define EVOKE_FN_KEY_H

#include "base/buf.h"
#include "base/str.h"

enum dialect { DIALECT_FUNCTIONGRAPH, DIALECT_FC, DIALECT_SCF, DIALECTS };

extern const char *const dialect_names[DIALECTS]; /* "functiongraph", "fc", "scf" */
/* 0 or -EINVAL */
int dialect_of(struct str name, enum dialect *ret);

struct fn_key {
    enum dialect dialect;
    struct str account, region, space, name; /* borrowed */
};

/*
 * The key as one store path, "<dialect>/<account>/<region>/<space>/<name>"; parts are
 * percent-encoded, so it is a bijection. A key with an empty name is the path of the space (no name
 * part).
 */
void fn_key_path(const struct fn_key *key, struct buf *out);

#endif

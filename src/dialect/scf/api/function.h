/* SPDX-License-Identifier: Apache-2.0 */
/* function.h - changes of functions, as other actions make them too. */
#ifndef EVOKE_DIALECT_SCF_FUNCTION_H
#define EVOKE_DIALECT_SCF_FUNCTION_H

#include "base/str.h"

struct call;
struct catalog;
struct fn;
struct fn_key;
struct scf_error;

/* The catalog's failure of a write, of a "function", "version", "alias", "trigger", "namespace". */
void scf_fail_write(struct call *c, int r, const char *what);
/* It replies. The number is never given again. */
void scf_delete_version(struct call *c, const struct fn_key *key, struct str version);
/* A frozen copy of f, ready for catalog_publish(). */
struct fn *scf_frozen(const struct catalog *c, const struct fn *f, struct str note);
/* Is there such a namespace? */
bool scf_has_namespace(const struct call *c, struct str name);
/* The record that a qualifier means; NULL: it has replied. */
const struct fn *scf_qualified(struct call *c, const struct fn_key *key, struct str qualifier);
/* Answer with nothing: a catalog_fn whose user is the call. */
void scf_on_function(void *user, int r, const struct fn *f);

#endif

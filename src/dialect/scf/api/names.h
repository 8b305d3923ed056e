/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - how things are called in SCF. */
#ifndef EVOKE_DIALECT_SCF_NAMES_H
#define EVOKE_DIALECT_SCF_NAMES_H

#include <stdbool.h>

#include "base/str.h"

enum { SCF_NAME_MAX = 60, SCF_NAMESPACE_MAX = 30, SCF_DESCRIPTION_MAX = 1000 };

bool scf_is_function_name(struct str s); /* 2 to 60; a letter first, a letter or digit last */
bool scf_is_namespace(struct str s);     /* 1 to 30; a letter first */
bool scf_is_alias(struct str s);         /* 1 to 64; a letter first */
bool scf_is_handler(struct str s);       /* "file.function", or Java's "pkg.Class::method" */
bool scf_is_trigger(struct str s);       /* 1 to 100; a letter first */
/* Characters, not bytes. */
size_t scf_characters(struct str utf8);

#endif

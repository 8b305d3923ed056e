/* SPDX-License-Identifier: Apache-2.0 */
/* alias.h - aliases between FunctionGraph's words and the record; for alias*.c. */
#ifndef EVOKE_DIALECT_FUNCTIONGRAPH_API_ALIAS_H
#define EVOKE_DIALECT_FUNCTIONGRAPH_API_ALIAS_H

struct alias;
struct cJSON;
struct catalog;
struct fg_error;
struct fn_key;

struct fg_alias_ask { /* whose versions it may name */
    const struct catalog *catalog;
    const struct fn_key *key;
};
/* Everything but the name into a draft. -EINVAL with x. */
int fg_alias_parse(const struct fg_alias_ask *ask, const struct cJSON *body, struct alias *draft,
                   struct fg_error *x);

#endif

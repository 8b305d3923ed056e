/* SPDX-License-Identifier: Apache-2.0 */
/* tags.h - what a function's id is, and the tags that hang on it: asked by SCF and by TAG. */
#ifndef EVOKE_DIALECT_SCF_TAGS_H
#define EVOKE_DIALECT_SCF_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct catalog;
struct cJSON;
struct err;
struct fn;
struct fn_key;
struct jw;

enum { SCF_ID_TEXT = 13, SCF_TAGS = 50, SCF_TAG_KEY = 127, SCF_TAG_VALUE = 255 };

/* "lam-" and eight letters and digits, of the key: stable, and the same after a function was made anew. */
void scf_function_id(const struct fn_key *key, char out[SCF_ID_TEXT]);
/* Borrowed; NULL: nobody has it. */
const struct fn *scf_function_by_id(const struct catalog *c, struct str account, struct str region,
                                    struct str id);

/* [{"Key","Value"}, ...] of what is kept, or with each(): one after the other, until it returns false. */
void scf_tags_put(struct jw *w, const struct catalog *c, const struct fn *f);
void scf_tags_each(const struct catalog *c, const struct fn *f,
                   bool (*each)(void *user, struct str key, struct str value), void *user);
/* A Filter of ListFunctions: "tag-Stage" with one of these values. True as well if it is no such filter. */
bool scf_tags_match(const struct catalog *c, const struct fn *f, struct str filter,
                    const struct cJSON *values);

/*
 * Replace and remove tags, in one write. replace: [{key_name, value_name}] or NULL; remove: [text] or
 * [{key_name}] or NULL; both are checked before anything is written. done comes exactly once, maybe at
 * once; r 0, -EINVAL or -E2BIG with the cloud's code in *code (a literal) and a sentence, or the store's.
 */
struct scf_tag_names {
    const char *key, *value; /* "Key", "Value" in SCF; "TagKey", "TagValue" in TAG */
};
typedef void scf_tags_fn(void *user, int r, const char *code, const struct err *e);
void scf_tags_change(struct catalog *c, const struct fn_key *key, const struct scf_tag_names *names,
                     const struct cJSON *replace, const struct cJSON *remove, scf_tags_fn *done,
                     void *user);
/* Would that be taken? For who has something else to write first. */
int scf_tags_check(const struct scf_tag_names *names, const struct cJSON *replace,
                   const char **code, struct err *e);

#endif

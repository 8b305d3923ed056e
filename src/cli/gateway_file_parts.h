/* SPDX-License-Identifier: Apache-2.0 */
/* gateway_file_parts.h - what the files that read a gateway file share; for nobody else. */
#ifndef EVOKE_CLI_GATEWAY_FILE_PARTS_H
#define EVOKE_CLI_GATEWAY_FILE_PARTS_H

#include <stddef.h>

#include "base/str.h"

struct cJSON;
struct err;
struct gateway_file;

enum { GF_DEPTH = 8, GF_NAME = 2048 };

struct gf_reader {
    struct gateway_file *f;
    struct str text;            /* of the file, for the lines of errors */
    const char *path[GF_DEPTH]; /* keys of where we are */
    size_t depth;
    struct err *e;
};

/* -EINVAL: "line 7: groups.shop.key why"; key may be NULL. */
int gf_wrong(const struct gf_reader *rd, const char *key, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* "line 7: ..." before what e says; r. */
int gf_at_line(struct str text, const char *const *path, size_t n, struct err *e, int r);
/* It is a map, and has no key but these: 0 or -EINVAL. */
int gf_keys(const struct gf_reader *rd, const struct cJSON *map, const char *const *keys, size_t n);
struct str gf_text(const struct cJSON *map, const char *key); /* "" where it is not there */

/* One more object that is wanted, made of where we are; body is taken, what is returned is the list's. */
struct cJSON *gf_wish(const struct gf_reader *rd, const char *kind, const char *name,
                      const char *group, struct cJSON *body);
/* Each entry of the map below key, with both keys in the path; the first error ends it. */
typedef int gf_entry_fn(struct gf_reader *rd, const struct cJSON *entry, const void *user);
int gf_each(struct gf_reader *rd, const struct cJSON *map, const char *key, gf_entry_fn *fn,
            const void *user);

/* Into a body: a value as it is, if it is there; a text; a word in capitals; a function's full name
 * ("hello", "space/hello", "dialect/account/region/space/hello"); "@kind:group/name"; a stage. */
void gf_pass(struct cJSON *to, const char *as, const struct cJSON *from, const char *key);
void gf_add(struct cJSON *to, const char *key, struct str s);
void gf_upper(struct cJSON *to, const char *as, struct str word, const char *otherwise);
int gf_function(const struct gf_reader *rd, struct cJSON *to, const char *as, struct str word);
void gf_ref(struct cJSON *to, const char *as, const char *kind, const char *group, struct str name);
void gf_env(struct cJSON *to, struct str stage);

gf_entry_fn gf_api; /* gateway_file_api.c: an entry of groups.NAME.apis; user: the group's name */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* field.h - a row of the tables in parse.c, which keep.c reads too. */
#ifndef EVOKE_DIALECT_FC_API_FIELD_H
#define EVOKE_DIALECT_FC_API_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct cJSON;
struct err;
struct fn;

enum field_type { TEXT, INT, NUMBER, BOOL, OBJECT, LIST };

/* What a setter works on. */
struct target {
    struct fn *fn;
    struct buf *zip; /* borrowed */
};

struct field {
    const char *name;
    enum field_type type;
    bool required;
    int64_t min, max; /* TEXT: bytes; INT: value. max 0: no limit */
    int64_t step;     /* INT: multiple of it; 0: any */
    int (*set)(struct target *t, const struct cJSON *value, struct err *e);
};

/* What no row has a setter for goes into *extra, but for the name. -EINVAL: it is too much. */
int fc_keep(const struct cJSON *body, const struct field *fields, size_t n, const char *name_field,
            char **extra, struct err *e);
/* Likewise for a change: what is named goes over what is there, the rest stays. */
int fc_keep_over(const struct cJSON *body, const struct field *fields, size_t n,
                 const char *name_field, char **extra, struct err *e);

#endif

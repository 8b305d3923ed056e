/* SPDX-License-Identifier: Apache-2.0 */
/* field.h - the stored form of plain records as a table of fields; shared inside fn/. */
#ifndef EVOKE_FN_FIELD_H
#define EVOKE_FN_FIELD_H

#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct cJSON;
struct err;
struct jw;

enum field_type {
    FIELD_DIALECT, /* enum dialect, by name */
    FIELD_TEXT,    /* char *, NULL is written as "" */
    FIELD_MAYBE,   /* char *, NULL is written as null */
    FIELD_CHARS,   /* char[size] */
    FIELD_BOOL,
    FIELD_U32,
    FIELD_U64, /* up to 2^53, as for every number in JSON that others read, too */
    FIELD_I64, /* 2^53 either way */
};

struct field {
    const char *key;
    enum field_type type;
    size_t at;   /* offsetof */
    size_t size; /* of FIELD_CHARS, terminator included */
};

void fields_write(const struct field *fields, size_t n, const void *record, struct jw *w);
int fields_read(const struct field *fields, size_t n, const struct cJSON *tree, void *record,
                struct err *e);
/* A whole record: parse, check that "v" is `format`, read the fields. The tree is the caller's to free, also
 * after an error. */
int fields_parse(struct str json, int format, const struct field *fields, size_t n, void *record,
                 struct cJSON **ret_tree, struct err *e);
/* FIELD_TEXT only: a copy of a record, made by assignment, gets texts of its own; a record's are freed. */
void fields_own(const struct field *fields, size_t n, void *record);
void fields_free(const struct field *fields, size_t n, void *record);
/* "{...}" as text of its own: what `extra` must hold. */
int field_check_object(const char *key, const char *text, struct err *e);
/* The stored text must be byte for byte what encoding writes. */
int field_check_same(struct str stored, const struct buf *again, struct err *e);

#endif

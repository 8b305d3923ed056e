/* SPDX-License-Identifier: Apache-2.0 */
/* output.h - results for people (table) and programs (json, yaml). */
#ifndef EVOKE_CLI_OUTPUT_H
#define EVOKE_CLI_OUTPUT_H

#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/command.h"

struct cJSON;

struct column {
    const char *title, *key, *unit; /* unit: appended to each value, or NULL */
    bool whole;                     /* never cut: it is there to be copied */
};

/* An array on stdout: with the columns as a table, else as it is. On a terminal the table fits its
 * width: the widest columns are cut, titles are bold. */
void output_list(enum output_format format, const struct cJSON *rows, const struct column *columns,
                 size_t n);
/* For people at a terminal: where there are no rows, a sentence on stderr instead of a table. False:
 * there are some, or nobody is there to read it. */
bool output_none(const struct cJSON *rows, const char *sentence);
/* One line per object of an array, columns aligned. */
void output_rows(const struct cJSON *rows, const struct column *columns, size_t n, struct buf *out);
/* One line per field of an object, those of objects inside as outer.inner; lists as JSON. */
void output_fields(const struct cJSON *obj, struct buf *out);
void output_yaml(const struct cJSON *tree, struct buf *out);
void output_json(const struct cJSON *tree, struct buf *out);

/* Text of our own on stdout. What could not be written is told at the end (term_end()). */
void output_text(struct str text);
/* An object in the format asked for, on stdout. */
void output_object(enum output_format format, const struct cJSON *obj);

enum { OUTPUT_MAX = 512 << 20 };

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* view.h - what describe, why, doctor and version share: titled sections, fields under each other, a
 * point in time as people say it. All on stdout. */
#ifndef EVOKE_CLI_VIEW_H
#define EVOKE_CLI_VIEW_H

#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/term.h"

struct cJSON;

struct view {
    struct term term;
    int64_t now_ms;
};

void view_init(struct view *v);
void view_section(const struct view *v, const char *title); /* a blank line before it */
/* "  name            value"; nothing for an empty value. It may come from others: made safe. */
void view_field(const struct view *v, const char *name, struct str value);
void view_fieldf(const struct view *v, const char *name, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* The field `key` of obj, a text or number as it is, with a unit behind it; nothing if it is not
 * there. */
void view_key(const struct view *v, const char *name, const struct cJSON *obj, const char *key,
              const char *unit);
/* "now", "12 s ago", "5 min ago", "3 h ago", "2 days ago"; "" for 0. */
const char *view_ago(const struct view *v, int64_t time_ms, char out[32]);
const char *view_span(int64_t ms, char out[32]); /* "12 s", "5 min", ... */

/* Words of text from column `at` on, later lines indented, none longer than columns (0: one line);
 * ends the line. */
void view_wrap(FILE *out, size_t at, size_t indent, size_t columns, const char *text);

/* Of a JSON object: STR_NONE, 0 where it is not there. */
struct str view_text(const struct cJSON *obj, const char *key);
int64_t view_int(const struct cJSON *obj, const char *key);
/* Does every row say the same? Then a column of it tells nothing. */
bool view_same(const struct cJSON *rows, const char *key);

#endif

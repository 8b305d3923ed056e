/* SPDX-License-Identifier: Apache-2.0 */
/* output.c - the same tree as a table, as JSON and as YAML. */
#include "cli/output.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/term.h"

void output_text(struct str text)
{
    const struct term t = term_of(stdout);

    (void)term_put(&t, text); /* term_end() tells of a failure */
}

enum { GAP = 2, CELL_MIN = 8 };

/* A value as one cell: text bare, the rest as JSON, nothing for null. What a terminal would obey
 * is made visible, in a pipe too: a table is for eyes. */
static void add_cell(const struct cJSON *value, const char *unit, struct buf *out)
{
    if (!value || cJSON_IsNull(value))
        return;
    if (cJSON_IsString(value)) {
        cleanup_free char *line = xstrdup(value->valuestring);

        /* A line break would break the table. */
        for (char *p = line; *p; p++)
            if (*p == '\n' || *p == '\t' || *p == '\r')
                *p = ' ';
        term_safe(str_of(line), TERM_LINE, out);
    } else {
        json_print(value, out);
    }
    if (unit)
        buf_addz(out, unit);
}

static size_t cell_width(const struct cJSON *value, const char *unit)
{
    cleanup_with(buf_done) struct buf cell;

    buf_init(&cell, OUTPUT_MAX);
    add_cell(value, unit, &cell);
    return term_columns(buf_str(&cell));
}

static void pad(struct buf *out, size_t have, size_t want)
{
    for (; have < want; have++)
        buf_addc(out, ' ');
}

static size_t column_width(const struct cJSON *rows, const struct column *column)
{
    size_t width = strlen(column->title);

    for (const struct cJSON *row = rows->child; row; row = row->next) {
        size_t n = cell_width(json_get(row, column->key), column->unit);

        width = n > width ? n : width;
    }
    return width;
}

/* The widest column, as long as something can be taken from it; n: none. */
static size_t widest(const size_t *widths, const struct column *columns, size_t n)
{
    size_t best = n;

    for (size_t i = 0; i < n; i++)
        if (!columns[i].whole && widths[i] > strlen(columns[i].title) && widths[i] > CELL_MIN &&
            (best == n || widths[i] > widths[best]))
            best = i;
    return best;
}

/* Takes from the widest columns until all of it fits into most (0: any width is right). */
static void fit(size_t *widths, const struct column *columns, size_t n, size_t most)
{
    size_t all = n ? (n - 1) * GAP : 0;

    for (size_t i = 0; i < n; i++)
        all += widths[i];
    for (; most && all > most; all--) {
        size_t i = widest(widths, columns, n);

        if (i == n)
            return;
        widths[i]--;
    }
}

static void add_row(const struct cJSON *row, const struct column *columns, const size_t *widths,
                    size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        cleanup_with(buf_done) struct buf cell;

        buf_init(&cell, OUTPUT_MAX);
        add_cell(json_get(row, columns[i].key), columns[i].unit, &cell);
        if (i + 1 < n || term_columns(buf_str(&cell)) > widths[i])
            term_cell(buf_str(&cell), widths[i], out);
        else
            buf_adds(out, buf_str(&cell)); /* no blanks at the end of a line */
        if (i + 1 < n)
            pad(out, 0, GAP);
    }
    buf_addc(out, '\n');
}

/* most: columns of the terminal; 0: there is none. */
static void add_table(const struct cJSON *rows, const struct column *columns, size_t n,
                      const struct term *t, size_t most, struct buf *out)
{
    cleanup_free size_t *widths = xcalloc(n + 1, sizeof(*widths));

    if (!rows)
        return;
    for (size_t i = 0; i < n; i++)
        widths[i] = column_width(rows, &columns[i]);
    fit(widths, columns, n, most);
    buf_addz(out, t ? term_style(t, TERM_BOLD) : "");
    for (size_t i = 0; i < n; i++) {
        buf_addz(out, columns[i].title);
        pad(out, strlen(columns[i].title), i + 1 < n ? widths[i] + GAP : 0);
    }
    buf_addz(out, t ? term_style(t, TERM_PLAIN) : "");
    buf_addc(out, '\n');
    for (const struct cJSON *row = rows->child; row; row = row->next)
        add_row(row, columns, widths, n, out);
}

void output_rows(const struct cJSON *rows, const struct column *columns, size_t n, struct buf *out)
{
    add_table(rows, columns, n, NULL, 0, out);
}

void output_list(enum output_format format, const struct cJSON *rows, const struct column *columns,
                 size_t n)
{
    const struct term t = term_of(stdout);
    cleanup_with(buf_done) struct buf out;

    buf_init(&out, OUTPUT_MAX);
    switch (format) {
    case OUTPUT_TABLE:
        add_table(rows, columns, n, &t, term_width(&t), &out);
        break;
    case OUTPUT_JSON:
        output_json(rows, &out);
        break;
    case OUTPUT_YAML:
        output_yaml(rows, &out);
        break;
    }
    output_text(buf_str(&out));
}

bool output_none(const struct cJSON *rows, const char *sentence)
{
    if (rows->child || !term_of(stdout).tty)
        return false;
    fprintf(stderr, "%s\n", sentence);
    return true;
}

/* The longest "outer.inner" below obj. The reader of JSON bounds the depth. */
static size_t names_width(const struct cJSON *obj, size_t before)
{
    size_t width = 0;

    for (const struct cJSON *item = obj->child; item; item = item->next) {
        size_t n = before + strlen(item->string);

        if (cJSON_IsObject(item))
            n = names_width(item, n + 1);
        width = n > width ? n : width;
    }
    return width;
}

static void add_fields(const struct cJSON *obj, const char *before, size_t width, struct buf *out)
{
    for (const struct cJSON *item = obj->child; item; item = item->next) {
        cleanup_free char *name = xasprintf("%s%s", before, item->string);
        cleanup_free char *inside = xasprintf("%s.", name);

        if (cJSON_IsObject(item)) {
            add_fields(item, inside, width, out);
            continue;
        }
        buf_addz(out, name);
        pad(out, strlen(name), width + 2);
        add_cell(item, NULL, out);
        buf_addc(out, '\n');
    }
}

void output_fields(const struct cJSON *obj, struct buf *out)
{
    add_fields(obj, "", names_width(obj, 0), out);
}

/* Text that YAML reads back as the same text without quotes; anything doubtful is quoted. */
static bool is_plain(const char *s)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};

    if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '/'))
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_ieq(str_of(s), str_of(words[i])))
            return false;
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
              *s == '.' || *s == '_' || *s == '-' || *s == '/'))
            return false;
    return true;
}

static void add_text(const char *s, struct buf *out)
{
    if (is_plain(s))
        buf_addz(out, s);
    else
        json_quote(out, str_of(s));
}

static void add_yaml(const struct cJSON *v, size_t depth, bool in_list, struct buf *out)
{
    bool list = cJSON_IsArray(v);

    if (!list && !cJSON_IsObject(v)) {
        if (cJSON_IsString(v))
            add_text(v->valuestring, out);
        else
            json_print(v, out);
        buf_addc(out, '\n');
        return;
    }
    if (!v->child) {
        buf_addz(out, list ? "[]\n" : "{}\n");
        return;
    }
    for (const struct cJSON *item = v->child; item; item = item->next) {
        bool nested = item->child != NULL;

        if (item != v->child || !in_list)
            pad(out, 0, depth * 2);
        if (list) {
            buf_addz(out, "- ");
            add_yaml(item, depth + 1, true, out);
            continue;
        }
        add_text(item->string, out);
        buf_addz(out, nested ? ":\n" : ": ");
        add_yaml(item, depth + 1, false, out);
    }
}

void output_yaml(const struct cJSON *tree, struct buf *out)
{
    add_yaml(tree, 0, false, out);
}

void output_json(const struct cJSON *tree, struct buf *out)
{
    json_print(tree, out);
    buf_addc(out, '\n');
}

void output_object(enum output_format format, const struct cJSON *obj)
{
    cleanup_with(buf_done) struct buf out;

    buf_init(&out, OUTPUT_MAX);
    switch (format) {
    case OUTPUT_TABLE:
        output_fields(obj, &out);
        break;
    case OUTPUT_JSON:
        output_json(obj, &out);
        break;
    case OUTPUT_YAML:
        output_yaml(obj, &out);
        break;
    }
    output_text(buf_str(&out));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* output.c - the same tree as a table, as JSON and as YAML. */
#include "cli/output.h"

#include <cjson/cJSON.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"

/* A value as one cell: text bare, the rest as JSON, nothing for null. */
static void add_cell(const struct cJSON *value, const char *unit, struct buf *out)
{
    if (!value || cJSON_IsNull(value))
        return;
    if (cJSON_IsString(value)) {
        /* A line break would break the table. */
        for (const char *p = value->valuestring; *p; p++)
            buf_addc(out, (char)((unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p));
    } else {
        json_print(value, out);
    }
    if (unit)
        buf_addz(out, unit);
}

static size_t cell_width(const struct cJSON *value, const char *unit)
{
    cleanup_with(buf_done) struct buf cell;
    size_t width = 0;

    buf_init(&cell, OUTPUT_MAX);
    add_cell(value, unit, &cell);
    for (size_t i = 0; i < cell.n; i++)
        width += ((unsigned char)cell.p[i] & 0xc0) != 0x80;
    return width;
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

void output_rows(const struct cJSON *rows, const struct column *columns, size_t n, struct buf *out)
{
    cleanup_free size_t *widths = xcalloc(n + 1, sizeof(*widths));

    if (!rows)
        return;
    for (size_t i = 0; i < n; i++) {
        widths[i] = i + 1 < n ? column_width(rows, &columns[i]) + 2 : 0;
        buf_addz(out, columns[i].title);
        pad(out, strlen(columns[i].title), widths[i]);
    }
    buf_addc(out, '\n');
    for (const struct cJSON *row = rows->child; row; row = row->next) {
        for (size_t i = 0; i < n; i++) {
            const struct cJSON *value = json_get(row, columns[i].key);

            add_cell(value, columns[i].unit, out);
            pad(out, cell_width(value, columns[i].unit), widths[i]);
        }
        buf_addc(out, '\n');
    }
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
    fwrite(out.p, 1, out.n, stdout);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field.c - walks a table of fields, both ways.
 *
 * A stored record is canonical: fixed keys in the order of the table, compact, nothing else. The
 * decoder therefore needs no list of ways to be wrong: it reads what it knows, writes the result
 * again and compares (field_check_same). A missing key, a foreign one, one that comes twice, a
 * number in another spelling, a string that C cannot hold: all of them come out different.
 */
#include "fn/field.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "fn/key.h"

#define EXACT_MAX (INT64_C(1) << 53) /* what a double holds exactly (RFC 8259 section 6) */

void fields_write(const struct field *fields, size_t n, const void *record, struct jw *w)
{
    for (const struct field *f = fields; f < fields + n; f++) {
        const void *at = (const char *)record + f->at;

        switch (f->type) {
        case FIELD_DIALECT:
            jw_kstrz(w, f->key, dialect_names[*(const enum dialect *)at]);
            break;
        case FIELD_TEXT:
            jw_kstrz(w, f->key, *(char *const *)at);
            break;
        case FIELD_MAYBE:
            jw_key(w, f->key);
            if (*(char *const *)at)
                jw_str(w, str_of(*(char *const *)at));
            else
                jw_null(w);
            break;
        case FIELD_CHARS:
            jw_kstrz(w, f->key, at);
            break;
        case FIELD_BOOL:
            jw_kbool(w, f->key, *(const bool *)at);
            break;
        case FIELD_U32:
            jw_kint(w, f->key, *(const uint32_t *)at);
            break;
        case FIELD_U64: /* at most EXACT_MAX */
        case FIELD_I64:
            jw_kint(w, f->key, *(const int64_t *)at);
            break;
        }
    }
}

static int read_text(const struct field *f, struct str text, void *at, struct err *e)
{
    if (f->type == FIELD_DIALECT) {
        if (dialect_of(text, at) < 0)
            return err_set(e, ERR_HOST, -EINVAL, "'%s' names no dialect", f->key);
        return 0;
    }
    if (f->type == FIELD_CHARS) {
        if (text.n >= f->size)
            return err_set(e, ERR_HOST, -EINVAL, "'%s' is longer than %zu bytes", f->key,
                           f->size - 1);
        memset(at, 0, f->size);
        if (text.n > 0)
            memcpy(at, text.p, text.n);
        return 0;
    }
    free(*(char **)at);
    *(char **)at = text.p || f->type == FIELD_TEXT ? str_dup(text) : NULL;
    return 0;
}

static int read_number(const struct field *f, const struct cJSON *tree, void *at, struct err *e)
{
    int64_t min = f->type == FIELD_I64 ? -EXACT_MAX : 0;
    int64_t max = f->type == FIELD_U32 ? UINT32_MAX : EXACT_MAX;
    int64_t v = 0;
    int r;

    r = json_int(tree, f->key, false, min, max, &v, e);
    if (r < 0)
        return r;

    if (f->type == FIELD_U32)
        *(uint32_t *)at = (uint32_t)v;
    else if (f->type == FIELD_U64)
        *(uint64_t *)at = (uint64_t)v;
    else
        *(int64_t *)at = v;
    return 0;
}

int fields_read(const struct field *fields, size_t n, const struct cJSON *tree, void *record,
                struct err *e)
{
    for (const struct field *f = fields; f < fields + n; f++) {
        void *at = (char *)record + f->at;
        struct str text = STR_NONE;
        int r;

        if (f->type == FIELD_U32 || f->type == FIELD_U64 || f->type == FIELD_I64) {
            r = read_number(f, tree, at, e);
        } else if (f->type == FIELD_BOOL) {
            r = json_bool(tree, f->key, false, at, e);
        } else {
            r = json_str(tree, f->key, false, &text, e);
            if (r == 0)
                r = read_text(f, text, at, e);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int fields_parse(struct str json, int format, const struct field *fields, size_t n, void *record,
                 struct cJSON **ret_tree, struct err *e)
{
    int64_t found = 0;
    int r;

    *ret_tree = json_parse(json, e);
    if (!*ret_tree)
        return -EINVAL;

    r = json_int(*ret_tree, "v", false, format, format, &found, e);
    if (r < 0)
        return r;
    return fields_read(fields, n, *ret_tree, record, e);
}

void fields_own(const struct field *fields, size_t n, void *record)
{
    for (const struct field *f = fields; f < fields + n; f++)
        if (f->type == FIELD_TEXT) {
            char **text = (char **)((char *)record + f->at);

            *text = xstrdup(*text);
        }
}

void fields_free(const struct field *fields, size_t n, void *record)
{
    for (const struct field *f = fields; f < fields + n; f++)
        if (f->type == FIELD_TEXT)
            free(*(char **)((char *)record + f->at));
}

int field_check_object(const char *key, const char *text, struct err *e)
{
    if (text[0] != '{' || !json_valid(str_of(text), NULL))
        return err_set(e, ERR_HOST, -EINVAL, "'%s' is not a JSON object", key);
    return 0;
}

int field_check_same(struct str stored, const struct buf *again, struct err *e)
{
    if (!buf_ok(again) || !str_eq(stored, buf_str(again)))
        return err_set(e, ERR_HOST, -EINVAL, "the record is not in its stored form");
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - the JSON tree of the control plane: cJSON behind a strict door.
 *
 * cJSON is small and quick, and lenient: it accepts text that is not JSON, cuts strings at NUL and
 * reads the first 63 bytes of a longer number. So it sees only text that passed json_scan(), and
 * what is valid but does not fit into its tree is refused here in words, never changed silently.
 * Numbers are doubles there: integers are exact up to 2^53, which the getters do not hide.
 */
#include "base/json.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json_scan.h"
#include "base/utf8.h"

enum { NUMBER_MAX = 63 /* cJSON's parse_number() reads no more */ };

static int hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];

        v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

static bool is_high(int v)
{
    return v >= 0xd800 && v <= 0xdbff;
}

static bool is_low(int v)
{
    return v >= 0xdc00 && v <= 0xdfff;
}

/* A \u escape of valid JSON at *i: pass it, and its second half if it has one. */
static const char *check_escape(struct str t, size_t *i)
{
    int v = hex4(t.p + *i + 2);

    if (v == 0)
        return "\\u0000 cannot be kept in text here";
    if (is_high(v) && t.n - *i >= 12 && t.p[*i + 6] == '\\' && t.p[*i + 7] == 'u' &&
        is_low(hex4(t.p + *i + 8))) {
        *i += 12;
        return NULL;
    }
    if (is_high(v) || is_low(v))
        return "half a surrogate pair is no character";
    *i += 6;
    return NULL;
}

/* At an opening quote of valid JSON. */
static const char *check_string(struct str t, size_t *i)
{
    for (++*i; t.p[*i] != '"';) {
        if (t.p[*i] != '\\') {
            ++*i;
        } else if (t.p[*i + 1] != 'u') {
            *i += 2;
        } else {
            const char *wrong = check_escape(t, i);

            if (wrong)
                return wrong;
        }
    }
    ++*i;
    return NULL;
}

static bool in_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Valid JSON that the tree cannot hold: says what, and where. */
static const char *check_holdable(struct str t, size_t *ret_offset)
{
    const char *wrong = NULL;
    size_t i = 0;

    while (i < t.n && !wrong) {
        if (t.p[i] == '"') {
            wrong = check_string(t, &i);
        } else if (t.p[i] == '-' || (t.p[i] >= '0' && t.p[i] <= '9')) {
            size_t start = i;

            while (i < t.n && in_number(t.p[i]))
                i++;
            if (i - start > NUMBER_MAX) {
                wrong = "a number longer than 63 characters";
                i = start;
            }
        } else {
            i++;
        }
    }
    if (wrong)
        *ret_offset = i;
    return wrong;
}

struct cJSON *json_parse(struct str text, struct err *e)
{
    size_t offset = 0, line, column;
    const char *wrong = json_scan(text, &offset);
    struct cJSON *tree;

    if (!wrong)
        wrong = check_holdable(text, &offset);
    if (wrong) {
        utf8_place(text, offset, &line, &column);
        (void)err_set(e, ERR_CALLER, -EINVAL, "line %zu, column %zu: %s", line, column, wrong);
        return NULL;
    }
    tree = cJSON_ParseWithLength(text.p, text.n);
    if (!tree)
        (void)err_set(e, ERR_HOST, -ENOMEM, "no memory for the JSON tree");
    return tree;
}

void json_free(struct cJSON *tree)
{
    cJSON_Delete(tree);
}

void json_freep(struct cJSON **tree)
{
    int saved = errno;

    cJSON_Delete(*tree);
    errno = saved;
}

static const struct cJSON *unless_null(const struct cJSON *item)
{
    return item && !cJSON_IsNull(item) ? item : NULL;
}

const struct cJSON *json_get(const struct cJSON *obj, const char *key)
{
    return cJSON_IsObject(obj) ? unless_null(cJSON_GetObjectItemCaseSensitive(obj, key)) : NULL;
}

const struct cJSON *json_geti(const struct cJSON *obj, const char *key)
{
    if (!cJSON_IsObject(obj))
        return NULL;
    for (const struct cJSON *item = obj->child; item; item = item->next)
        if (str_ieq(str_of(item->string), str_of(key)))
            return unless_null(item);
    return NULL;
}

const struct cJSON *json_stranger(const struct cJSON *obj, const char *const *known, size_t n)
{
    for (const struct cJSON *item = obj->child; item; item = item->next) {
        size_t i = 0;

        while (i < n && strcmp(known[i], item->string) != 0)
            i++;
        if (i == n)
            return item;
    }
    return NULL;
}

static const struct cJSON *look_up(const struct cJSON *obj, const char *key, bool nocase)
{
    return nocase ? json_geti(obj, key) : json_get(obj, key);
}

int json_str(const struct cJSON *obj, const char *key, bool nocase, struct str *ret, struct err *e)
{
    const struct cJSON *item = look_up(obj, key, nocase);

    if (!item)
        return 0;
    if (!cJSON_IsString(item))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' must be a string", key);
    *ret = str_of(item->valuestring);
    return 0;
}

int json_int(const struct cJSON *obj, const char *key, bool nocase, int64_t min, int64_t max,
             int64_t *ret, struct err *e)
{
    const struct cJSON *item = look_up(obj, key, nocase);
    const double edge = 9223372036854775808.0; /* 2^63; the negative one is an int64_t */
    double v;

    if (!item)
        return 0;
    if (!cJSON_IsNumber(item))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' must be an integer", key);
    v = item->valuedouble;
    if (isfinite(v) && v != trunc(v))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' must be an integer, not %g", key, v);
    if (!(v >= -edge && v < edge) || (int64_t)v < min || (int64_t)v > max)
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' must be between %lld and %lld, not %.17g", key,
                       (long long)min, (long long)max, v);
    *ret = (int64_t)v;
    return 0;
}

int json_bool(const struct cJSON *obj, const char *key, bool nocase, bool *ret, struct err *e)
{
    const struct cJSON *item = look_up(obj, key, nocase);

    if (!item)
        return 0;
    if (!cJSON_IsBool(item))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' must be true or false", key);
    *ret = cJSON_IsTrue(item);
    return 0;
}

/* The shortest text that reads back as the same double; JSON has no infinity, null stands for it.
 */
static void print_number(double v, struct jw *w)
{
    char text[40];

    if (!isfinite(v)) {
        jw_null(w);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, v);
        if (strtod(text, NULL) == v)
            break;
    }
    jw_raw(w, str_of(text));
}

static void print_item(const struct cJSON *item, struct jw *w)
{
    if (cJSON_IsObject(item)) {
        jw_obj(w);
        for (const struct cJSON *child = item->child; child; child = child->next) {
            jw_key(w, child->string);
            print_item(child, w);
        }
        jw_obj_end(w);
    } else if (cJSON_IsArray(item)) {
        jw_arr(w);
        for (const struct cJSON *child = item->child; child; child = child->next)
            print_item(child, w);
        jw_arr_end(w);
    } else if (cJSON_IsString(item)) {
        jw_str(w, str_of(item->valuestring));
    } else if (cJSON_IsNumber(item)) {
        print_number(item->valuedouble, w);
    } else if (cJSON_IsBool(item)) {
        jw_bool(w, cJSON_IsTrue(item));
    } else if (cJSON_IsRaw(item)) {
        jw_raw(w, str_of(item->valuestring));
    } else {
        jw_null(w);
    }
}

/* Recursion is bounded: trees come from parsers with a depth limit or from our own hands. Written
 * straight into out, so its ceiling holds for the whole text. */
void json_print(const struct cJSON *tree, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    print_item(tree, &w);
    assert(w.depth == 0);
}

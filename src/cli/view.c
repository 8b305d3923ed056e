/* SPDX-License-Identifier: Apache-2.0 */
/* view.c - sections and fields for people. */
#include "cli/view.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"

enum { NAME_COLUMNS = 18, VALUE_MAX = 1 << 20 };

void view_init(struct view *v)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    v->term = term_of(stdout);
    v->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void view_section(const struct view *v, const char *title)
{
    printf("\n%s%s%s\n", term_style(&v->term, TERM_BOLD), title, term_style(&v->term, TERM_PLAIN));
}

void view_field(const struct view *v, const char *name, struct str value)
{
    cleanup_with(buf_done) struct buf safe;

    buf_init(&safe, VALUE_MAX);
    if (!value.n)
        return;
    term_safe(value, TERM_LINE, &safe);
    printf("  %-*s ", NAME_COLUMNS, name);
    view_wrap(stdout, NAME_COLUMNS + 3, NAME_COLUMNS + 3, term_width(&v->term), safe.p);
}

void view_fieldf(const struct view *v, const char *name, const char *fmt, ...)
{
    cleanup_with(buf_done) struct buf value;
    va_list ap;

    buf_init(&value, VALUE_MAX);
    va_start(ap, fmt);
    buf_vaddf(&value, fmt, ap);
    va_end(ap);
    view_field(v, name, buf_str(&value));
}

void view_key(const struct view *v, const char *name, const struct cJSON *obj, const char *key,
              const char *unit)
{
    const struct cJSON *value = json_get(obj, key);
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, VALUE_MAX);
    if (!value)
        return;
    if (cJSON_IsString(value))
        buf_addz(&text, value->valuestring);
    else
        json_print(value, &text);
    if (text.n && unit)
        buf_addz(&text, unit);
    view_field(v, name, buf_str(&text));
}

const char *view_span(int64_t ms, char out[32])
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "days"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(units) && ms < 2 * units[i].ms)
        i++; /* 90 min says more than 1 h */
    snprintf(out, 32, "%lld %s", (long long)(ms / units[i].ms), units[i].unit);
    return out;
}

const char *view_ago(const struct view *v, int64_t time_ms, char out[32])
{
    char span[32];

    if (time_ms == 0)
        out[0] = 0;
    else if (v->now_ms - time_ms < 1000)
        snprintf(out, 32, "now");
    else
        snprintf(out, 32, "%.24s ago", view_span(v->now_ms - time_ms, span));
    return out;
}

void view_wrap(FILE *out, size_t at, size_t indent, size_t columns, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, " ");

        if (columns && at > indent && at + 1 + n > columns) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', out);
            at++;
        }
        fwrite(text, 1, n, out);
        at += n;
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}

struct str view_text(const struct cJSON *obj, const char *key)
{
    struct str s = STR_NONE;

    (void)json_str(obj, key, false, &s, NULL);
    return s;
}

int64_t view_int(const struct cJSON *obj, const char *key)
{
    int64_t v = 0;

    (void)json_int(obj, key, false, INT64_MIN, INT64_MAX, &v, NULL);
    return v;
}

bool view_same(const struct cJSON *rows, const char *key)
{
    for (const struct cJSON *row = rows->child; row; row = row->next)
        if (!cJSON_Compare(json_get(row, key), json_get(rows->child, key), true))
            return false;
    return true;
}

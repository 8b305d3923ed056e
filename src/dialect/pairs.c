/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pairs.c - names and values as a JSON object, where names may come several times.
 *
 * A query of 8 KiB may hold four thousand names, and comparing each with each would be a stranger's
 * way to make us work. So equal names are linked by sorting once the list is long; short ones, which
 * is nearly all, are compared in place and need no memory.
 */
#include "dialect/pairs.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/crypto.h"
#include "base/json.h"

enum { SHORT = 64 };

/* next[i]: the next pair of the same name, or 0. again[i]: one before it has that name. */
struct chains {
    const struct pairs_rules *rules;
    struct shape_list list;
    uint32_t *next;
    bool *again;
    uint32_t short_next[SHORT];
    bool short_again[SHORT];
};

void pairs_body(struct jw *w, struct str body, bool base64)
{
    jw_key(w, "body");
    if (base64) {
        jw_raw(w, S("\""));
        base64_encode(body, w->out);
        buf_addc(w->out, '"');
    } else {
        jw_str(w, body);
    }
    jw_kbool(w, "isBase64Encoded", base64);
}

struct str pairs_find(struct shape_list list, struct str name)
{
    for (size_t i = 0; i < list.n; i++)
        if (str_ieq(list.at[i].name, name))
            return list.at[i].value;
    return STR_NONE;
}

static void add_station(struct str station, struct buf *room)
{
    if (station.n == 0)
        return;
    if (room->n > 0)
        buf_adds(room, S(", "));
    buf_adds(room, station);
}

struct str pairs_way(struct shape_list headers, struct str source_ip, struct buf *room)
{
    for (size_t i = 0; i < headers.n; i++)
        if (str_ieq(headers.at[i].name, S("x-forwarded-for")))
            add_station(headers.at[i].value, room);
    if (room->n == 0)
        return source_ip;
    add_station(source_ip, room);
    return buf_str(room);
}

static int compare_nocase(struct str a, struct str b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        int d = (uint8_t)str_lower(a.p[i]) - (uint8_t)str_lower(b.p[i]);

        if (d != 0)
            return d;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

static int compare(const struct chains *c, uint32_t i, uint32_t k)
{
    struct str a = c->list.at[i].name, b = c->list.at[k].name;

    return c->rules->headers ? compare_nocase(a, b) : str_cmp(a, b);
}

static int by_name(const void *a, const void *b, void *user)
{
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    int d = compare(user, i, k);

    if (d != 0)
        return d;
    return i < k ? -1 : i > k;
}

static void link_short(struct chains *c)
{
    for (uint32_t i = 0; i < c->list.n; i++)
        for (uint32_t k = i + 1; k < c->list.n; k++)
            if (c->list.at[i].name.n == c->list.at[k].name.n && compare(c, i, k) == 0) {
                c->next[i] = k;
                c->again[k] = true;
                break;
            }
}

static void link_long(struct chains *c)
{
    uint32_t n = (uint32_t)c->list.n, *order = xcalloc(n, sizeof(*order));

    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof(*order), by_name, c);
    for (uint32_t k = 1; k < n; k++)
        if (compare(c, order[k - 1], order[k]) == 0) {
            c->next[order[k - 1]] = order[k];
            c->again[order[k]] = true;
        }
    free(order);
}

static void chains_init(struct chains *c, struct shape_list list, const struct pairs_rules *rules)
{
    c->rules = rules;
    c->list = list;
    if (list.n <= SHORT) {
        c->next = c->short_next;
        c->again = c->short_again;
        memset(c->next, 0, list.n * sizeof(*c->next));
        memset(c->again, 0, list.n * sizeof(*c->again));
        link_short(c);
        return;
    }
    c->next = xcalloc(list.n, sizeof(*c->next));
    c->again = xcalloc(list.n, sizeof(*c->again));
    link_long(c);
}

static void chains_done(struct chains *c)
{
    if (c->next == c->short_next)
        return;
    free(c->next);
    free(c->again);
}

/* Escapes have no letters that lower case would change. */
static void write_name(struct jw *w, struct str name, const struct pairs_rules *rules)
{
    size_t at = w->out->n;

    jw_name(w, name);
    if (rules->headers && !rules->cased)
        for (; at < w->out->n; at++)
            w->out->p[at] = str_lower(w->out->p[at]);
}

static void write_joined(struct jw *w, const struct chains *c, uint32_t i)
{
    bool cookies = str_ieq(c->list.at[i].name, S("cookie"));
    struct buf all;

    buf_init(&all, w->out->max);
    for (;;) {
        buf_adds(&all, c->list.at[i].value);
        i = c->next[i];
        if (i == 0)
            break;
        buf_adds(&all, cookies ? S("; ") : S(", "));
    }
    jw_str(w, buf_str(&all));
    buf_done(&all);
}

static void write_value(struct jw *w, struct str value)
{
    if (value.p)
        jw_str(w, value);
    else
        jw_bool(w, true);
}

static void write_values(struct jw *w, const struct chains *c, uint32_t i)
{
    if (c->next[i] == 0) {
        write_value(w, c->list.at[i].value);
        return;
    }
    jw_arr(w);
    do {
        write_value(w, c->list.at[i].value);
        i = c->next[i];
    } while (i != 0);
    jw_arr_end(w);
}

static void write_pair(struct jw *w, const struct chains *c, uint32_t i)
{
    write_name(w, c->list.at[i].name, c->rules);
    switch (c->rules->again) {
    case PAIRS_LAST:
        while (c->next[i] != 0)
            i = c->next[i];
        jw_str(w, c->list.at[i].value);
        break;
    case PAIRS_JOIN:
        if (c->next[i] == 0)
            jw_str(w, c->list.at[i].value);
        else
            write_joined(w, c, i);
        break;
    case PAIRS_VALUES:
        write_values(w, c, i);
        break;
    }
}

void pairs_write(struct jw *w, const char *key, struct shape_list list,
                 const struct pairs_rules *rules)
{
    struct shape_list extra = rules->extra;
    struct chains c;

    chains_init(&c, list, rules);
    jw_key(w, key);
    jw_obj(w);
    for (uint32_t i = 0; i < list.n; i++)
        if (!c.again[i] && !pairs_find(extra, list.at[i].name).p)
            write_pair(w, &c, i);
    for (size_t i = 0; i < extra.n; i++) {
        write_name(w, extra.at[i].name, rules);
        jw_str(w, extra.at[i].value);
    }
    jw_obj_end(w);
    chains_done(&c);
}

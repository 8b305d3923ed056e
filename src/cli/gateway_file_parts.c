/* SPDX-License-Identifier: Apache-2.0 */
/* gateway_file_parts.c - a gateway file, read key by key: what is wrong in it and where, and the pieces
 * that objects of all kinds are made of. */
#include "cli/gateway_file_parts.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "base/yaml.h"
#include "cli/gateway.h"
#include "cli/name.h"
#include "cli/view.h"

static void add_path(const struct gf_reader *rd, const char *key, struct buf *out)
{
    for (size_t i = 0; i < rd->depth; i++)
        buf_addf(out, "%s%s", i ? "." : "", rd->path[i]);
    if (key)
        buf_addf(out, "%s%s", rd->depth ? "." : "", key);
}

int gf_at_line(struct str text, const char *const *path, size_t n, struct err *e, int r)
{
    size_t line = yaml_line(text, path, n);

    return line > 0 ? err_wrap(e, r, "line %zu", line) : r;
}

int gf_wrong(const struct gf_reader *rd, const char *key, const char *fmt, ...)
{
    cleanup_with(buf_done) struct buf path;
    const char *keys[GF_DEPTH + 1];
    char why[160];
    va_list ap;

    buf_init(&path, GF_NAME);
    add_path(rd, key, &path);
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < rd->depth; i++)
        keys[i] = rd->path[i];
    keys[rd->depth] = key;
    return gf_at_line(rd->text, keys, rd->depth + (key != NULL), rd->e,
                      err_set(rd->e, ERR_CALLER, -EINVAL, "%s %s", path.p, why));
}

int gf_keys(const struct gf_reader *rd, const struct cJSON *map, const char *const *keys, size_t n)
{
    const struct cJSON *stranger;

    if (!cJSON_IsObject(map))
        return gf_wrong(rd, NULL, "must be a map");
    stranger = json_stranger(map, keys, n);
    return stranger ? gf_wrong(rd, stranger->string, "is no key that is known here") : 0;
}

struct str gf_text(const struct cJSON *map, const char *key)
{
    struct str s = view_text(map, key);

    return s.p ? s : S("");
}

void gf_pass(struct cJSON *to, const char *as, const struct cJSON *from, const char *key)
{
    const struct cJSON *value = json_get(from, key);

    if (value)
        cJSON_AddItemToObject(to, as, cJSON_Duplicate(value, true));
}

void gf_add(struct cJSON *to, const char *key, struct str s)
{
    cleanup_free char *copy = str_dup(s);

    cJSON_AddStringToObject(to, key, copy);
}

struct cJSON *gf_wish(const struct gf_reader *rd, const char *kind, const char *name,
                      const char *group, struct cJSON *body)
{
    struct cJSON *w = cJSON_CreateObject();

    cJSON_AddStringToObject(w, "kind", kind);
    cJSON_AddStringToObject(w, "name", name);
    cJSON_AddStringToObject(w, "group", group);
    cJSON_AddItemToObject(w, "path",
                          cJSON_CreateStringArray((const char *const *)rd->path, (int)rd->depth));
    cJSON_AddItemToObject(w, "body", body);
    cJSON_AddItemToArray(rd->f->wanted, w);
    return w;
}

int gf_each(struct gf_reader *rd, const struct cJSON *map, const char *key, gf_entry_fn *fn,
            const void *user)
{
    const struct cJSON *all = json_get(map, key), *entry;
    int r = 0;

    if (!all)
        return 0;
    rd->path[rd->depth++] = key;
    if (!cJSON_IsObject(all))
        r = gf_wrong(rd, NULL, "must be a map of names");
    for (entry = all->child; r == 0 && entry; entry = entry->next) {
        rd->path[rd->depth++] = entry->string;
        r = fn(rd, entry, user);
        rd->depth--;
    }
    rd->depth--;
    return r;
}

static void put_parts(const struct name *n, struct buf *out)
{
    const struct str parts[] = {n->dialect, n->account, n->region, n->space, n->name};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_addz(out, i ? "/" : "");
        uri_encode(parts[i], "", out);
    }
}

int gf_function(const struct gf_reader *rd, struct cJSON *to, const char *as, struct str word)
{
    cleanup_with(buf_done) struct buf full;
    struct name n;
    struct str account, region, space;

    buf_init(&full, GF_NAME);
    if (str_starts(word, S("urn:"))) {
        buf_adds(&full, word);
    } else {
        if (name_parse(word, &n, rd->e) < 0)
            return gf_wrong(rd, "function", "must be NAME, SPACE/NAME or the whole name");
        account = n.account.p ? n.account : rd->f->account;
        region = n.region.p ? n.region : rd->f->region;
        space = n.space.p ? n.space : S("default");
        if (!n.dialect.p)
            n.dialect = rd->f->dialect;
        n.account = account;
        n.region = region;
        n.space = space;
        if (str_eq(n.dialect, S("functiongraph")))
            buf_addf(&full, "urn:fss:%.*s:%.*s:function:%.*s:%.*s", STR_ARG(region),
                     STR_ARG(account), STR_ARG(space), STR_ARG(n.name));
        else
            put_parts(&n, &full);
    }
    gf_add(to, as, buf_str(&full));
    return 0;
}

void gf_ref(struct cJSON *to, const char *as, const char *kind, const char *group, struct str name)
{
    cleanup_with(buf_done) struct buf ref;

    buf_init(&ref, GF_NAME);
    buf_addf(&ref, "@%s:%s%s%.*s", kind, group, group[0] ? "/" : "", STR_ARG(name));
    cJSON_AddStringToObject(to, as, ref.p);
}

void gf_upper(struct cJSON *to, const char *as, struct str word, const char *otherwise)
{
    cleanup_with(buf_done) struct buf up;

    buf_init(&up, 256);
    for (size_t i = 0; i < word.n; i++)
        buf_addc(&up, str_upper(word.p[i]));
    cJSON_AddStringToObject(to, as, word.n ? up.p : otherwise);
}

void gf_env(struct cJSON *to, struct str stage)
{
    if (str_ieq(stage, S("RELEASE")))
        cJSON_AddStringToObject(to, "env_id", GATEWAY_RELEASE_ENV);
    else
        gf_ref(to, "env_id", "env", "", stage);
}

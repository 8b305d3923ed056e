/* SPDX-License-Identifier: Apache-2.0 */
/* name.c - from a short name to the one function it means. */
#include "cli/name.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"

enum { PARTS = 5, PATH_TEXT_MAX = 8 << 10, CANDIDATES_MAX = 64 << 10 };

int name_parse(struct str text, struct name *ret, struct err *e)
{
    struct str parts[PARTS] = {0}, rest = text;
    size_t n = 0;
    bool good = text.n > 0;

    for (; rest.p && n < PARTS; n++) {
        parts[n] = str_cut(&rest, '/');
        good = good && parts[n].n > 0;
    }
    if (!good || rest.p || (n != 1 && n != 2 && n != 5))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.*s' is not name, space/name or dialect/account/region/space/name",
                       (int)(text.n < 128 ? text.n : 128), text.p ? text.p : "");
    *ret = (struct name){.name = parts[n - 1]};
    if (n >= 2)
        ret->space = parts[n - 2];
    if (n == 5) {
        ret->dialect = parts[0];
        ret->account = parts[1];
        ret->region = parts[2];
    }
    return 0;
}

static struct name name_of(const struct cJSON *f)
{
    struct name n = {0};

    (void)json_str(f, "dialect", false, &n.dialect, NULL);
    (void)json_str(f, "account", false, &n.account, NULL);
    (void)json_str(f, "region", false, &n.region, NULL);
    (void)json_str(f, "space", false, &n.space, NULL);
    (void)json_str(f, "name", false, &n.name, NULL);
    return n;
}

static bool part_fits(struct str want, struct str have)
{
    return !want.p || str_eq(want, have);
}

static bool fits(const struct name *want, const struct name *have)
{
    return part_fits(want->dialect, have->dialect) && part_fits(want->account, have->account) &&
           part_fits(want->region, have->region) && part_fits(want->space, have->space) &&
           part_fits(want->name, have->name);
}

void name_print(const struct name *n, struct buf *out)
{
    buf_addf(out, "%.*s/%.*s/%.*s/%.*s/%.*s", STR_ARG(n->dialect), STR_ARG(n->account),
             STR_ARG(n->region), STR_ARG(n->space), STR_ARG(n->name));
}

void name_of_function(const struct cJSON *function, struct buf *out)
{
    struct name n = name_of(function);

    name_print(&n, out);
}

void name_path(const struct name *n, struct buf *out)
{
    const struct str parts[PARTS] = {n->dialect, n->account, n->region, n->space, n->name};

    buf_addz(out, "/evoke/v1/functions");
    for (size_t i = 0; i < PARTS; i++) {
        buf_addc(out, '/');
        uri_encode(parts[i], "", out);
    }
}

/* name and want->name are views; the tree's own strings are terminated. */
static void try_name(struct nearest *meant, const struct name *want, const struct cJSON *f)
{
    const struct cJSON *have = json_get(f, "name");
    char word[65];

    if (!cJSON_IsString(have) || want->name.n >= sizeof(word))
        return;
    snprintf(word, sizeof(word), "%.*s", STR_ARG(want->name));
    nearest_try(meant, word, have->valuestring);
}

int name_pick(const struct name *want, const struct cJSON *list, struct name *ret,
              struct buf *candidates, struct err *e)
{
    const struct cJSON *functions = json_get(list, "functions");
    struct nearest meant = {0};
    struct name found = {0};
    size_t n = 0;

    for (const struct cJSON *f = functions ? functions->child : NULL; f; f = f->next) {
        struct name have = name_of(f);

        if (!fits(want, &have)) {
            try_name(&meant, want, f);
            continue;
        }
        if (n++ == 0)
            found = have;
        name_print(&have, candidates);
        buf_addc(candidates, '\n');
    }
    if (n == 0)
        return err_set(e, ERR_CALLER, -ENOENT, "there is no function '%.*s%s%.*s'%s%s%s",
                       STR_ARG(want->space), want->space.p ? "/" : "", STR_ARG(want->name),
                       meant.name ? "; did you mean '" : "", meant.name ? meant.name : "",
                       meant.name ? "'?" : "");
    if (n > 1)
        return err_set(e, ERR_CALLER, -ENOTUNIQ, "'%.*s%s%.*s' means %zu functions",
                       STR_ARG(want->space), want->space.p ? "/" : "", STR_ARG(want->name), n);
    *ret = found;
    return 0;
}

int name_resolve(struct client *c, const char *word, struct buf *out, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *list = NULL;
    cleanup_with(buf_done) struct buf candidates, query;
    struct name want = {0}, found = {0};
    int r;

    buf_init(&candidates, CANDIDATES_MAX);
    buf_init(&query, PATH_TEXT_MAX);
    r = name_parse(str_of(word), &want, e);
    if (r < 0)
        return r;
    if (want.dialect.p) {
        name_path(&want, out);
        return 0;
    }
    if (want.space.p) {
        buf_addz(&query, "space=");
        uri_encode(want.space, "", &query);
    }
    r = client_get(c, S("/evoke/v1/functions"), buf_str(&query), &list, e);
    if (r < 0)
        return r;
    r = name_pick(&want, list, &found, &candidates, e);
    if (r == -ENOTUNIQ)
        fprintf(stderr, "%s", candidates.p);
    if (r < 0)
        return r;
    name_path(&found, out);
    return 0;
}

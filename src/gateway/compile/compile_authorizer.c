/* SPDX-License-Identifier: Apache-2.0 */
/* compile_authorizer.c - a custom authorizer as its resource says (functiongraph.md 5.4), and how a
 * function is named. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/uri.h"
#include "catalog/resources.h"
#include "gateway/compile/compile_internal.h"

enum { NAME_PARTS = 5, URN_PARTS = 8 };

/* ---- a function's name ---- */

static int no_function(struct str text, struct err *e)
{
    return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' names no function",
                   (int)(text.n < 200 ? text.n : 200), text.p ? text.p : "");
}

static int from_urn(struct str text, struct fn_key *key, char **qualifier, struct err *e)
{
    struct str parts[URN_PARTS] = {0}, rest = text;
    struct fn_key named;
    size_t n = 0;

    while (rest.p && n < URN_PARTS)
        parts[n++] = str_cut(&rest, ':');
    if (n < 7 || rest.p || !str_eq(parts[1], S("fss")) || !str_eq(parts[4], S("function")) ||
        parts[6].n == 0)
        return no_function(text, e);
    named = (struct fn_key){.dialect = DIALECT_FUNCTIONGRAPH,
                            .region = parts[2],
                            .account = parts[3],
                            .space = parts[5],
                            .name = parts[6]};
    gw_key_own(key, &named);
    if (n == 8 && parts[7].n > 0)
        gw_set(qualifier,
               str_eq(parts[7].p[0] == '!' ? str_from(parts[7], 1) : parts[7], S("latest"))
                       ? S("latest")
                       : parts[7]);
    return 0;
}

static int from_path(struct str text, struct fn_key *key, struct err *e)
{
    struct buf decoded[NAME_PARTS];
    struct str rest = text;
    struct fn_key named;
    size_t n = 0;
    int r = 0;

    for (; n < NAME_PARTS; n++) {
        buf_init(&decoded[n], text.n);
        if (!rest.p || uri_decode(str_cut(&rest, '/'), false, &decoded[n]) < 0)
            r = -EINVAL;
    }
    named = (struct fn_key){.account = buf_str(&decoded[1]),
                            .region = buf_str(&decoded[2]),
                            .space = buf_str(&decoded[3]),
                            .name = buf_str(&decoded[4])};
    if (r == 0 && !rest.p && named.name.n > 0)
        r = dialect_of(buf_str(&decoded[0]), &named.dialect);
    else
        r = -EINVAL;
    if (r == 0)
        gw_key_own(key, &named);
    for (size_t i = 0; i < NAME_PARTS; i++)
        buf_done(&decoded[i]);
    return r < 0 ? no_function(text, e) : 0;
}

int compile_function(struct str text, struct fn_key *key, char **qualifier, struct err *e)
{
    return str_starts(text, S("urn:")) ? from_urn(text, key, qualifier, e)
                                       : from_path(text, key, e);
}

/* ---- an authorizer ---- */

static void add_identities(struct gw_authorizer *a, const struct cJSON *list)
{
    const struct cJSON *item;

    if (!list)
        return;
    a->identities = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*a->identities));
    cJSON_ArrayForEach(item, list)
    {
        struct gw_identity *to = &a->identities[a->nidentities++];
        struct str rule = compile_text(item, "validation");

        to->name = str_dup(compile_text(item, "name"));
        to->place = str_eq(compile_text(item, "location"), S("QUERY")) ? GW_IN_QUERY : GW_IN_HEADER;
        to->validation = rule.n > 0 ? str_dup(rule) : NULL;
    }
}

static int read_function(struct gw_authorizer *a, const struct cJSON *said, struct err *e)
{
    struct str alias = compile_text(said, "authorizer_alias_uri");
    struct str version = compile_text(said, "authorizer_version");
    int r = compile_function(alias.n > 0 ? alias : compile_text(said, "authorizer_uri"),
                             &a->function, &a->qualifier, e);

    if (r == 0 && alias.n == 0 && version.n > 0)
        gw_set(&a->qualifier, version);
    return r;
}

int compile_authorizer(struct compiler *c, const struct gw_group *group, struct str which,
                       const struct gw_authorizer **ret, struct err *e)
{
    const struct resource *r = catalog_resource(c->catalog, S("authorizer"), which);
    cleanup_with(json_freep) struct cJSON *said = NULL;
    struct gw_authorizer *a;

    if (!r)
        r = compile_named(c, S("authorizer"), -1, str_of(group->account), str_of(group->region),
                          which);
    if (!r)
        return err_set(e, ERR_CALLER, -ENOENT, "there is no authorizer '%.*s'", STR_ARG(which));
    said = json_parse(str_of(r->body), e);
    if (!said)
        return -EINVAL;
    a = gw_authorizer_new();
    gw_set(&a->id, str_of(r->id));
    a->ttl_s = (uint32_t)compile_number(said, "ttl", 0);
    a->need_body = compile_flag(said, "need_body", false);
    a->revision = r->revision;
    if (compile_text(said, "user_data").p)
        gw_set(&a->user_data, compile_text(said, "user_data"));
    add_identities(a, json_get(said, "identities"));
    if (read_function(a, said, e) < 0) {
        gw_authorizer_unref(a);
        return -EINVAL;
    }
    *ret = a;
    return 0;
}

/* ---- helpers of all ---- */

struct str compile_text(const struct cJSON *o, const char *key)
{
    const struct cJSON *at = o ? json_get(o, key) : NULL;

    return cJSON_IsString(at) ? str_of(at->valuestring) : STR_NONE;
}

int64_t compile_number(const struct cJSON *o, const char *key, int64_t absent)
{
    int64_t v = absent;

    if (o && json_int(o, key, false, INT32_MIN, INT32_MAX, &v, NULL) < 0)
        return absent;
    return v;
}

bool compile_flag(const struct cJSON *o, const char *key, bool absent)
{
    const struct cJSON *at = o ? json_get(o, key) : NULL;

    return cJSON_IsBool(at) ? cJSON_IsTrue(at) : absent;
}

static bool take_first(void *user, const struct resource *r)
{
    *(const struct resource **)user = r;
    return false;
}

const struct resource *compile_named(struct compiler *c, struct str kind, int dialect,
                                     struct str account, struct str region, struct str name)
{
    const struct resource *found = NULL;
    struct resource_filter filter = {
            .kind = kind, .dialect = dialect, .account = account, .region = region, .name = name};

    catalog_each_resource(c->catalog, &filter, take_first, (void *)&found);
    return found;
}

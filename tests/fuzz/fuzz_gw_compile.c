/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_gw_compile.c - the gateway's objects as they are written, and APIs as they are compiled from them.
 * "kind\nbody": taken, or refused with a sentence and a path; the definition of an API that is taken is
 * compiled, or refused with a sentence, and what is compiled can be put into the route table. What the
 * check has not seen, because a file was edited by hand, must not break the compiler either.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "catalog/internal.h"
#include "catalog/resources.h"
#include "fn/resource.h"
#include "fuzz.h"
#include "gateway/compile/compile_internal.h"
#include "gateway/model/match.h"
#include "gateway/plane/kinds.h"

enum { MAX_INPUT = 16 * 1024 };

/* With one group, and nothing that an API could refer to. */
static struct compiler *compiler(void)
{
    static struct catalog catalog;
    static struct compiler c;
    static struct buf scratch;
    struct resource *group;
    struct buf path;

    if (c.catalog)
        return &c;
    buf_init(&scratch, 4096);
    catalog.scratch = &scratch;
    group = resource_new(S("group"), S("0123456789abcdef0123456789abcdef"));
    buf_init(&path, 4096);
    catalog_resource_path(str_of(group->kind), str_of(group->id), &path);
    (void)table_set(&catalog.resources, buf_str(&path), group);
    buf_done(&path);
    c.magic = COMPILER_MAGIC;
    c.catalog = &catalog;
    c.binds = map_new();
    return &c;
}

static void compile(const struct cJSON *definition)
{
    struct gw_group *group =
            gw_group_new(DIALECT_FUNCTIONGRAPH, "0123456789abcdef0123456789abcdef", "g");
    struct gw_table *table = gw_table_new();
    struct err e = {0};
    struct gw_api *a = compile_api(compiler(), S("api"), definition, STR_NONE, group, &e);

    holds(a || e.msg[0]);
    if (a)
        holds(gw_table_add(table, a) == 0 && gw_table_count(table) == 1);
    gw_table_free(table);
    gw_api_unref(a);
    gw_group_unref(group);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str body = {(const char *)data, n}, name = str_cut(&body, '\n');
    const struct gw_kind *kind = gw_kind_of(name);
    const char *path = NULL;
    struct err e = {0};
    struct cJSON *tree;
    int r;

    if (n > MAX_INPUT || !kind || !(tree = json_parse(body, NULL)))
        return 0;
    r = gw_check(kind, tree, &path, &e);
    holds(r == 0 || (r == -EINVAL && e.msg[0] && path));
    if (cJSON_IsObject(tree) && str_eq(name, S("api")))
        compile(tree);
    json_free(tree);
    return 0;
}

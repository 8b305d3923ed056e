/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - what one operation of its own changes in a function: the most instances, and whether
 * the console pins it. */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "dialect/functiongraph/api/fg.h"

enum { OBJECT_MAX = 1 << 20, STATE = 2 };

static void on_limited(void *user, int r, const struct fn *f)
{
    struct call *c = user;
    struct buf body;
    struct jw w;

    if (r < 0) {
        fg_fail_catalog(c, r);
        return;
    }
    buf_init(&body, OBJECT_MAX);
    jw_init(&w, &body);
    fg_object(&w, f, FG_VIEW_CONFIG);
    fg_reply_json(c, 200, &body);
}

/* Said as UpdateFunctionConfig says it, and so checked and kept alike. */
static int limit(const struct cJSON *body, struct fn *draft, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *config = cJSON_CreateObject();
    struct cJSON *strategy = cJSON_AddObjectToObject(config, "strategy_config");
    int64_t most = -2;

    x->status = 400;
    x->code = "FSS.1026";
    if (json_int(body, "max_instance_num", false, -1, 1000, &most, &x->e) < 0)
        return -EINVAL;
    if (most == -2)
        return fg_refuse(x, 400, "FSS.1026", "max_instance_num is missing");
    (void)cJSON_AddNumberToObject(strategy, "concurrency", (double)most);
    (void)cJSON_AddNumberToObject(strategy, "concurrent_num", draft->instance_concurrency);
    return fg_parse_fields(config, FG_PART, draft, x);
}

void fg_limit_instances(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fg_error x = {0};
    struct fn *draft = fg_draft(c, &body);

    if (!draft)
        return;
    if (limit(body, draft, &x) < 0) {
        fn_unref(draft);
        fg_fail(c, &x);
        return;
    }
    catalog_update(c->api->catalog, draft, on_limited, c); /* -> on_limited */
}

static void on_pinned(void *user, int r, const struct fn *f)
{
    struct call *c = user;

    (void)f;
    if (r < 0)
        fg_fail_catalog(c, r);
    else
        call_reply(c, 200, S("application/json"), S("{}"));
}

void fg_pin(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *kept = NULL;
    struct str state = c->captures[STATE];
    struct fg_error x = {0};
    const struct fn *f;
    struct fg_urn urn;
    struct fn *draft;

    f = fg_target(c, &urn);
    if (!f)
        return;
    if (!str_eq(state, S("true")) && !str_eq(state, S("false"))) {
        call_fail(c, 400, "FSS.0400", "the state is neither true nor false");
        return;
    }
    kept = cJSON_CreateObject();
    (void)cJSON_AddBoolToObject(kept, "is_collect", str_eq(state, S("true")));
    draft = fn_copy(f);
    if (fg_keep(kept, "is_collect", draft, &x) < 0) {
        fn_unref(draft);
        fg_fail(c, &x);
        return;
    }
    catalog_update(c->api->catalog, draft, on_pinned, c); /* -> on_pinned */
}

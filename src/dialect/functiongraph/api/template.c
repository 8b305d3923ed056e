/* SPDX-License-Identifier: Apache-2.0 */
/* template.c - functions to begin with, listed and shown: each is source that runs as it is. They are
 * everybody's, so a list of private ones is empty. */
#include "dialect/functiongraph/api/template.h"

#include "base/json.h"
#include "dialect/functiongraph/api/fg.h"

enum { ANSWER_MAX = 1 << 20, TEMPLATE = 1 /* capture */ };

static bool wants(struct call *c, const char *query, const char *value)
{
    struct str want = call_query(c, str_of(query));

    return want.n == 0 || str_eq(want, str_of(value));
}

static bool matches(struct call *c, const struct fg_template *t)
{
    return wants(c, "runtime", t->runtime) && wants(c, "scene", t->scene) &&
           wants(c, "service", t->service) && wants(c, "ispublic", "true");
}

void fg_list_templates(struct call *c)
{
    uint64_t marker = 0, most = FG_LIST_MAX, seen = 0, shown = 0;
    struct str project;
    struct buf body;
    struct jw w;

    if (!fg_project(c, &project) || !fg_query_u64(c, S("marker"), &marker) ||
        !fg_query_u64(c, S("maxitems"), &most))
        return;
    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "func_templates");
    jw_arr(&w);
    for (size_t i = 0; i < fg_templates_n; i++)
        if (matches(c, &fg_templates[i]) && seen++ >= marker && (most == 0 || shown < most)) {
            jw_raw(&w, str_of(fg_templates[i].json));
            shown++;
        }
    jw_arr_end(&w);
    jw_kint(&w, "next_marker", (int64_t)(marker + shown));
    jw_kint(&w, "count", (int64_t)seen);
    jw_obj_end(&w);
    fg_reply_json(c, 200, &body);
}

void fg_show_template(struct call *c)
{
    struct str project;

    if (!fg_project(c, &project))
        return;
    for (size_t i = 0; i < fg_templates_n; i++)
        if (str_eq(c->captures[TEMPLATE], str_of(fg_templates[i].id))) {
            call_reply(c, 200, S("application/json"), str_of(fg_templates[i].json));
            return;
        }
    call_fail(c, 404, "FSS.1059", "Not found the template");
}

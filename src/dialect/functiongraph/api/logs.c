/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.c - where a function's log lines are. There is no LTS here: lines are kept by the daemon (`evoke
 * logs`), for every function and always. A function that was given a group and a stream (log_config)
 * is told of with these; any other one has the group "evoke" and a stream of its own name.
 */
#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "dialect/functiongraph/api/fg.h"

enum { ANSWER_MAX = 16 << 10, STREAM_MAX = 256 };

void fg_enable_logs(struct call *c)
{
    struct str project;

    if (fg_project(c, &project))
        call_reply(c, 200, S("application/json"), S("{}"));
}

void fg_show_log_detail(struct call *c)
{
    static const char *const keys[] = {"group_name", "group_id", "stream_id", "stream_name"};
    cleanup_with(json_freep) struct cJSON *extra = NULL;
    cleanup_with(buf_done) struct buf stream;
    const struct cJSON *config;
    const struct fn *f;
    struct fg_urn urn;
    struct buf body;
    struct jw w;

    buf_init(&stream, STREAM_MAX);
    f = fg_target(c, &urn);
    if (!f)
        return;
    buf_addf(&stream, "%s/%s", f->space, f->name);
    extra = json_parse(str_of(f->extra), NULL);
    config = extra ? json_get(extra, "log_config") : NULL;
    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct str v = i < 2 ? S("evoke") : buf_str(&stream);

        (void)json_str(config, keys[i], false, &v, NULL);
        jw_kstr(&w, keys[i], v);
    }
    jw_obj_end(&w);
    fg_reply_json(c, 200, &body);
}

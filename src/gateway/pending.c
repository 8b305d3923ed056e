/* SPDX-License-Identifier: Apache-2.0 */
/* pending.c - steps whose files have not landed: each passes, or says so. Whoever lands one removes it
 * here in the same commit; the file goes with the last. */
#include <errno.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "gateway/call.h"

int gw_describe(struct gw_call *c, struct str user_data, struct shape_http *ret)
{
    const struct http_request *r = c->req;
    struct shape_pair *headers = arena_alloc(c->arena, (r->nheaders + 1) * sizeof(*headers));

    if (!headers)
        return -ENOMEM;
    for (uint32_t i = 0; i < r->nheaders; i++)
        headers[i] = (struct shape_pair){r->headers[i].name, r->headers[i].value};
    *ret = (struct shape_http){.request_id = str_of(c->request_id),
                               .method = r->method,
                               .api_method = str_of(c->api->method),
                               .scheme = S("http"),
                               .host = r->host,
                               .path = c->path,
                               .raw_path = c->path,
                               .target = c->target,
                               .pattern = str_of(c->api->pattern),
                               .headers = {headers, r->nheaders},
                               .query = {c->query, c->nquery},
                               .body = r->body,
                               .base64 = c->api->fn.base64,
                               .group_id = str_of(c->group->id),
                               .api_id = str_of(c->api->id),
                               .stage = c->stage,
                               .source_ip = str_of(c->source_ip),
                               .qualifier = str_of(c->api->fn.qualifier),
                               .user_data = user_data,
                               .timeout_ms = c->api->timeout_ms,
                               .now_ms = clock_wall_ms()};
    return 0;
}

enum gw_step gw_fc_authenticate(struct gw_call *c)
{
    gw_fail(c, GW_AUTH_FAILED, "this signature cannot be checked yet");
    return GW_ENDED;
}

enum gw_step gw_params(struct gw_call *c)
{
    (void)c;
    return GW_GO_ON;
}

enum gw_step gw_map_out(struct gw_call *c)
{
    (void)c;
    return GW_GO_ON;
}

enum gw_step gw_backend_http(struct gw_call *c)
{
    gw_fail(c, GW_BACKEND_UNAVAILABLE, "there are no HTTP backends yet");
    return GW_ENDED;
}

enum gw_step gw_fc_proxy(struct gw_call *c)
{
    gw_fail(c, GW_NO_API, "%.*s", STR_ARG(c->path));
    return GW_ENDED;
}

enum gw_step gw_fc_routed(struct gw_call *c)
{
    (void)c;
    return GW_GO_ON;
}

void gw_reply(struct gw_call *c, int status, struct str type, struct shape_list headers,
              struct buf *body)
{
    gw_send(c, status, type, headers, body);
}

void gw_word(struct gw_call *c, enum gw_fault why, const char *detail, struct gw_worded *ret)
{
    enum dialect d = c->group ? c->group->dialect : DIALECT_FUNCTIONGRAPH;
    const struct gw_wording *w = &gw_faults[why].by[d];
    struct jw out;

    *ret = (struct gw_worded){.status = w->status, .type = S("application/json")};
    buf_init(&ret->body, 4096);
    jw_init(&out, &ret->body);
    jw_obj(&out);
    jw_kstrz(&out, "error_code", w->code);
    jw_kstrz(&out, "error_msg", detail ? detail : w->message);
    jw_kstrz(&out, "request_id", c->request_id);
    jw_obj_end(&out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* link.c - GET /.evoke/code/<sha256>/<name>?expires=&signature=: a stored package, for who has the link. */
#include <errno.h>
#include <stdlib.h>

#include "api/code_source.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "storage/internal.h"
#include "storage/storage.h"

enum { LINK_MAGIC = 0x534c4e4b };

struct looking {
    uint32_t magic;
    struct call *call;
    struct objects *objects;
    struct object_part part;
    int r;
};

static void look(void *user)
{
    struct looking *l = OBJ(user, struct looking, LINK_MAGIC);

    l->r = objects_blob_size(l->objects, l->part.sha, &l->part.size);
}

static void on_looked(void *user)
{
    struct looking *l = OBJ(user, struct looking, LINK_MAGIC);
    struct object ob = {.size = l->part.size,
                        .type = (char *)(uintptr_t) "application/zip",
                        .parts = &l->part,
                        .nparts = 1};
    struct objects *o = l->objects;

    if (l->r < 0) {
        call_fail(l->call, 404, NULL, "this code is not here any more");
    } else {
        if (l->call->req)
            call_headerf(l->call, "Content-Disposition", "attachment; filename=\"%.*s\"",
                         STR_ARG(l->call->captures[1]));
        storage_send(l->call, 200, &ob, 0, ob.size);
    }
    l->magic = 0;
    free(l);
    object_release(o);
}

static void get_code(struct call *c)
{
    struct str sha = c->captures[0];
    struct looking *l;

    if (!c->api->objects || !is_hex(sha, SHA256_HEX - 1) ||
        !code_link_holds(c->api->keys, sha, c->captures[1], call_query(c, S("expires")),
                         call_query(c, S("signature")), clock_wall_ms())) {
        call_fail(c, 403, NULL, "this link is not one of ours, or it has expired");
        return;
    }
    l = xnew(struct looking);
    l->magic = LINK_MAGIC;
    l->call = c;
    l->objects = c->api->objects;
    memcpy(l->part.sha, sha.p, sha.n);
    object_hold(l->objects);
    loop_work(c->api->loop, look, on_looked, l);
}

static const char *error_body(struct http_request *r, const char *request_id, int status,
                              const char *code, const char *message, struct buf *out)
{
    struct jw w;

    (void)r;
    (void)status;
    (void)code;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "message", message);
    jw_kstrz(&w, "request_id", request_id);
    jw_obj_end(&w);
    return "application/json";
}

static const struct api_op ops[] = {
        {.route = {"GET", "/.evoke/code/{sha}/{name}"}, .name = "GetCode", .handle = get_code},
        {.route = {"HEAD", "/.evoke/code/{sha}/{name}"}, .name = "HeadCode", .handle = get_code},
};

const struct api_set links_api = {
        .name = "links",
        .prefix = "/.evoke/",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .error = error_body,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async_cancel.c - cancel: ends an asynchronous invocation that waits or runs; and the status logs,
 * which the cloud keeps in a log service that is not here.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "delivery/delivery.h"
#include "dialect/functiongraph/api/fg.h"
#include "store/queue.h"

enum { CANCEL_MAGIC = 0x46474341, PATH_TEXT = 4096 };

struct cancelling {
    uint32_t magic;
    struct call *call;
    char id[Q_ID + 1];
    enum delivery_cancel how;
};

static struct call *cancelling_free(struct cancelling *k)
{
    struct call *c = k->call;

    k->magic = 0;
    free(k);
    return c;
}

static void on_cancelled(void *user, int r, const struct err *e)
{
    struct call *c = cancelling_free(OBJ(user, struct cancelling, CANCEL_MAGIC));

    if (r < 0)
        fg_fail_queue(c, r, e);
    else /* documented as null, over which the Node SDK falls */
        call_reply(c, 200, S("application/json"), S("{}"));
}

static void on_found(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct cancelling *k = OBJ(user, struct cancelling, CANCEL_MAGIC);

    (void)events;
    (void)more;
    if (r == 0 && n > 0) /* -> on_cancelled */
        delivery_cancel(k->call->api->delivery, str_of(k->id), k->how, on_cancelled, k);
    else
        fg_fail_queue(cancelling_free(k), r < 0 ? r : -ENOENT, NULL);
}

static int read_cancel(const struct cJSON *body, struct cancelling *k, struct fg_error *x)
{
    struct str id = STR_NONE, type = S("force");

    x->status = 400;
    x->code = "FSS.0400";
    if (json_str(body, "request_id", false, &id, &x->e) < 0 ||
        json_str(body, "type", false, &type, &x->e) < 0)
        return -EINVAL;
    if (id.n == 0 || id.n > Q_ID)
        return fg_refuse(x, 400, "FSS.0400", "Invalid RequestId");
    if (!str_eq(type, S("force")) && !str_eq(type, S("recursive")))
        return fg_refuse(x, 400, "FSS.0400", "type is not force or recursive");
    memcpy(k->id, id.p, id.n);
    k->how = str_eq(type, S("force")) ? DELIVERY_CANCEL : DELIVERY_CANCEL_RECURSIVE;
    return 0;
}

void fg_cancel_async(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct q_filter filter = {.limit = 1};
    struct fg_error x = {0};
    struct cancelling *k;
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);
    struct fn_key key;
    struct buf path;

    if (!f || !fg_queue(c))
        return;
    body = fg_body(c);
    if (!body)
        return;
    k = xnew(struct cancelling);
    k->magic = CANCEL_MAGIC;
    k->call = c;
    if (read_cancel(body, k, &x) < 0) {
        fg_fail(cancelling_free(k), &x);
        return;
    }
    key = fn_key_of(f);
    buf_init(&path, PATH_TEXT);
    fn_key_path(&key, &path);
    filter.queue = buf_str(&path); /* another function's invocation is not this one's to end */
    filter.id = str_of(k->id);
    q_list(fg_queue(c), &filter, on_found, k); /* -> on_found */
    buf_done(&path);
}

/* ---- status logs ---- */

void fg_enable_status_log(struct call *c)
{
    struct str project;

    if (fg_project(c, &project))
        call_fail(c, 400, "FSS.0400",
                  "there is no LTS here to write status logs to: ask for async-invocations");
}

void fg_show_status_log(struct call *c)
{
    struct str project;

    if (fg_project(c, &project))
        call_fail(c, 404, "FSS.0404", "there are no status logs: ask for async-invocations");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracing.c - the tracing switch of a function. On: traces that begin with one of its runs are
 * always kept, whatever --trace-ratio says. A caller's own decision is followed as ever.
 *
 * In the cloud the two keys are those of its APM service, to which spans are sent. Here spans go to
 * the installation's collector, so nobody needs the secret: it switches tracing on and is forgotten.
 * A read shows stars in its place; what was read can be written back.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "dialect/functiongraph/api/fg.h"

enum { KEY_BYTES = 256, ANSWER_MAX = 4 << 10 };

static void reply(struct call *c, const struct fn *f)
{
    struct buf body;
    struct jw w;

    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstrz(&w, "tracing_ak", f->tracing ? f->tracing : "");
    jw_kstrz(&w, "tracing_sk", f->tracing ? "******" : "");
    jw_obj_end(&w);
    fg_reply_json(c, 200, &body);
}

void fg_show_tracing(struct call *c)
{
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);

    if (f)
        reply(c, f);
}

static int read_tracing(const struct cJSON *body, struct fn *draft, struct fg_error *x)
{
    struct str ak = STR_NONE, sk = STR_NONE;

    x->status = 400;
    x->code = "FSS.0400";
    if (json_str(body, "tracing_ak", false, &ak, &x->e) < 0 ||
        json_str(body, "tracing_sk", false, &sk, &x->e) < 0)
        return -EINVAL;
    if (ak.n > KEY_BYTES || sk.n > KEY_BYTES)
        return fg_refuse(x, 400, "FSS.0400", "tracing_ak or tracing_sk has more than %d bytes",
                         KEY_BYTES);
    if ((ak.n > 0) != (sk.n > 0))
        return fg_refuse(x, 400, "FSS.0400", "%s is missing; without both, tracing is off",
                         ak.n > 0 ? "tracing_sk" : "tracing_ak");
    fn_set(&draft->tracing, ak.n > 0 ? ak : STR_NONE);
    return 0;
}

static void on_updated(void *user, int r, const struct fn *f)
{
    struct call *c = user;

    if (r < 0)
        fg_fail_catalog(c, r);
    else
        reply(c, f);
}

void fg_update_tracing(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fg_error x = {0};
    struct fn *draft = fg_draft(c, &body);

    if (!draft)
        return;
    if (read_tracing(body, draft, &x) < 0) {
        fn_unref(draft);
        fg_fail(c, &x);
        return;
    }
    catalog_update(c->api->catalog, draft, on_updated, c); /* -> on_updated */
}

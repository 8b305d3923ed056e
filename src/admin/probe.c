/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.c - does the function load? An instance is started if none is warm and kept for the first
 * run; nothing is run. What fails here would fail with the first event: the code, the handler's
 * name, the initializer, the host.
 */
#include "invoke/invoke.h"

#include <cjson/cJSON.h>

#include "admin/handlers.h"
#include "api/api.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "fn/fn.h"

enum { ANSWER_MAX = 8 << 20 };

/* The error result is JSON of the cloud's own, as a rule. */
static void put_error(struct jw *w, struct str body)
{
    if (body.n == 0)
        return;
    jw_key(w, "error");
    if (json_valid(body, NULL))
        jw_raw(w, body);
    else
        jw_str(w, body);
}

static void on_done(void *user, const struct invoke_result *result)
{
    struct call *c = user; /* checked by call_...() */
    bool ok = result->run.outcome == OUTCOME_OK;
    struct buf answer;
    struct jw w;

    if (result->refused) {
        call_fail_err(c, NULL, result->refused);
        return;
    }
    buf_init(&answer, ANSWER_MAX);
    jw_init(&w, &answer);
    jw_obj(&w);
    jw_kbool(&w, "ok", ok);
    jw_key(&w, "init_ms");
    jw_fix(&w, result->run.init_ns / 1000, 3);
    jw_kstrz(&w, "instance", result->facts->instance_id);
    if (!ok) {
        jw_kstrz(&w, "outcome", outcome_names[result->run.outcome]);
        put_error(&w, result->body);
    }
    jw_kstr(&w, "log", result->tail);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &answer);
}

void admin_probe(struct call *c)
{
    struct invoke_spec spec = {.load_only = true, .on_done = on_done, .user = c};
    struct invocation *in = NULL;
    struct fn_key key;
    struct err e = {0};
    int r;

    spec.fn = admin_function(c, &key);
    if (!spec.fn)
        return;
    spec.request_id = c->request_id;
    r = invoke(c->api->invoker, &spec, &in, &e);
    if (r < 0)
        admin_fail_start(c, r, spec.fn, &e);
    /* else -> on_done */
}

/* SPDX-License-Identifier: Apache-2.0 */
/* state.c - how is this function? In figures, and in the words of situation.c. */
#include "admin/handlers.h"
#include "admin/object.h"
#include "admin/parse.h"
#include "admin/situation.h"
#include "api/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "fn/fn.h"
#include "pool/launch.h"

enum { STATE_MAX = 4 << 20, PATH_MAX_BYTES = 64 * 1024 };

static void put_instance(void *user, const struct pool_instance *in)
{
    struct jw *w = user;

    jw_obj(w);
    jw_kstrz(w, "id", in->id);
    jw_kstrz(w, "state", in->state);
    jw_kint(w, "revision", (int64_t)in->revision);
    jw_kint(w, "age_ms", (int64_t)(in->age_ns / 1000000));
    jw_kint(w, "idle_ms", (int64_t)(in->idle_ns / 1000000));
    jw_kint(w, "runs", (int64_t)in->runs);
    jw_kint(w, "running", in->running);
    jw_kint(w, "memory_bytes", (int64_t)in->memory_bytes);
    jw_obj_end(w);
}

static const char *const start_outcomes[] = {
        [JOB_DONE] = "ok",
        [JOB_ERROR] = "error",
        [JOB_TIMEOUT] = "timeout",
        [JOB_EXITED] = "exited",
        [JOB_MEMORY] = "memory",
        [JOB_PROTOCOL] = "protocol",
        [JOB_TOO_LARGE] = "too_large",
        [JOB_INIT_ERROR] = "init_error",
        [JOB_INIT_TIMEOUT] = "init_timeout",
        [JOB_INIT_EXITED] = "init_exited",
        [JOB_NO_START] = "no_start",
};

static void put_starts(struct jw *w, const struct pool_state *s)
{
    jw_key(w, "starts");
    jw_arr(w);
    for (uint32_t i = 0; i < s->nstarts; i++) {
        const struct pool_start *start = &s->starts[i];
        char message[SITUATION_MESSAGE] = "";

        if (!start->ok)
            situation_message(start->message, message);
        jw_obj(w);
        jw_kint(w, "time_ms", start->wall_ms);
        jw_kint(w, "took_ms", (int64_t)(start->took_ns / 1000000));
        jw_kstrz(w, "how", start->how);
        jw_kbool(w, "ok", start->ok);
        jw_kstrz(w, "outcome", start->ok ? "ok" : start_outcomes[start->end]);
        jw_kstrz(w, "message", message);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void put_failures(struct jw *w, const struct metrics_past *p)
{
    jw_key(w, "failures");
    jw_arr(w);
    for (uint32_t i = 0; i < p->nfailures; i++) {
        const struct metrics_failure *f = &p->failures[i];

        jw_obj(w);
        jw_kint(w, "time_ms", f->wall_ms);
        jw_kstrz(w, "request_id", f->request_id);
        jw_kstrz(w, "outcome", f->limited ? "throttled" : outcome_names[f->outcome]);
        jw_kstrz(w, "message", f->message);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void put_words(struct jw *w, const struct situation *s)
{
    struct verdict v;

    situation_judge(s, &v);
    jw_kstrz(w, "state", s->ready);
    jw_kstrz(w, "code", v.code);
    jw_kstrz(w, "sentence", v.sentence);
    jw_kstrz(w, "next", v.next);
}

static void put_rest(struct jw *w, const struct situation *v)
{
    jw_kint(w, "waiting", v->pool.use.waiting);
    jw_kint(w, "running", v->pool.use.running);
    jw_kint(w, "reserved", v->fn->reserved);
    jw_kint(w, "runs", (int64_t)v->past.runs);
    jw_kint(w, "errors", (int64_t)v->past.errors);
    jw_kint(w, "timeouts", (int64_t)v->past.timeouts);
    jw_kint(w, "throttled", (int64_t)v->past.throttled);
    jw_kint(w, "last_run_ms", v->past.last_ms);
    jw_kint(w, "last_ok_ms", v->past.last_ok_ms);
    put_starts(w, &v->pool);
    put_failures(w, &v->past);
    if (v->pool.failures == 0)
        return;
    jw_key(w, "backoff");
    jw_obj(w);
    jw_kint(w, "failures", v->pool.failures);
    jw_kint(w, "retry_ms", (int64_t)v->pool.retry_ms);
    jw_obj_end(w);
}

void admin_state(struct call *c)
{
    char ready[ADMIN_STATE_TEXT];
    struct situation v = {.now_ms = clock_wall_ms()};
    struct buf path, body;
    struct fn_key key;
    struct jw w;

    v.fn = admin_function(c, &key);
    if (!v.fn)
        return;
    v.ready = admin_object_state(c->api, v.fn, ready);
    v.launcher = launch_hello(c->api->launch) != NULL;
    buf_init(&path, PATH_MAX_BYTES);
    fn_key_path(&key, &path);
    buf_init(&body, STATE_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "instances");
    jw_arr(&w);
    pool_state(c->api->pool, buf_str(&path), &v.pool, put_instance, &w);
    jw_arr_end(&w);
    metrics_past(c->api->metrics, buf_str(&path), &v.past);
    situation_look(&v);
    put_words(&w, &v);
    put_rest(&w, &v);
    jw_obj_end(&w);
    buf_done(&path);
    call_reply_buf(c, 200, S("application/json"), &body);
}

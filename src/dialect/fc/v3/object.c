/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.c - functions as 3.0 shows them.
 *
 * What 2016-08-15 has on the service stands on the function here, in `extra`. A record made through the
 * earlier API, or by `evoke deploy`, reads the same: its initializer is the hook `initializer`.
 */
#include <cjson/cJSON.h>
#include <string.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

static void put_hook(struct jw *w, const char *key, const char *handler, uint32_t timeout_ms)
{
    if (!handler || !handler[0])
        return;
    jw_key(w, key);
    jw_obj(w);
    jw_kstrz(w, "handler", handler);
    jw_kint(w, "timeout", timeout_ms / 1000);
    jw_obj_end(w);
}

static void put_hooks(struct jw *w, const struct fn *f)
{
    jw_key(w, "instanceLifecycleConfig");
    jw_obj(w);
    put_hook(w, "initializer", f->initializer, f->init_timeout_ms);
    put_hook(w, "preStop", f->pre_stop, f->pre_stop_timeout_ms);
    jw_obj_end(w);
}

static void put_vars(struct jw *w, const struct fn *f)
{
    jw_key(w, "environmentVariables");
    jw_obj(w);
    for (uint32_t i = 0; i < f->nvars; i++)
        jw_kstrz(w, f->vars[i].name, f->vars[i].value);
    jw_obj_end(w);
}

static void put_layers(struct jw *w, const struct fn *f)
{
    jw_key(w, "layers");
    jw_arr(w);
    for (uint32_t i = f->nlayers; i-- > 0;) { /* fc/api/layer.h: the other way round */
        jw_obj(w);
        jw_kstrz(w, "arn", f->layers[i].ref);
        jw_kint(w, "size", (int64_t)f->layers[i].size);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

void fc3_put_arn(struct jw *w, const struct fn *f)
{
    cleanup_with(buf_done) struct buf arn;
    bool latest = str_ieq(str_of(f->version), S("latest"));

    buf_init(&arn, 1024);
    fc3_arn(f, latest ? STR_NONE : str_of(f->version), &arn);
    jw_kstr(w, "functionArn", buf_str(&arn));
}

/* Created and changed in one step here: a function is never Pending. */
static void put_state(struct jw *w)
{
    jw_kstrz(w, "state", "Active");
    jw_kstrz(w, "stateReason", "");
    jw_kstrz(w, "stateReasonCode", "");
    jw_kstrz(w, "lastUpdateStatus", "Successful");
    jw_kstrz(w, "lastUpdateStatusReason", "");
    jw_kstrz(w, "lastUpdateStatusReasonCode", "");
}

static bool is_one_of(struct str key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(key, str_of(names[i])))
            return true;
    return false;
}

/* What we only keep, but for what stands in the record, or is ours. */
static void put_extra(struct jw *w, const struct cJSON *extra)
{
    static const char *const done[] = {"diskSize", "instanceLifecycleConfig", "fcVersion", "layers",
                                       "caPort",   "internetAccess",          "role"};

    for (const struct cJSON *item = extra ? extra->child : NULL; item; item = item->next) {
        cleanup_with(buf_done) struct buf text;

        buf_init(&text, FC3_OBJECT_MAX);
        if (is_one_of(str_of(item->string), done, ARRAY_LEN(done)))
            continue;
        json_print(item, &text);
        jw_key(w, item->string);
        jw_raw(w, buf_ok(&text) ? buf_str(&text) : S("null"));
    }
}

static void put_times(struct jw *w, const struct fn *f)
{
    char text[CLOCK_TEXT];

    jw_kstrz(w, "createdTime", clock_iso(f->created_ms, text));
    jw_kstrz(w, "lastModifiedTime", clock_iso(f->modified_ms, text));
}

void fc3_put_function(struct jw *w, const struct fn *f)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    char name[FC3_NAME_TEXT], id[UUID_TEXT];

    jw_obj(w);
    jw_kstrz(w, "functionName", fc3_name(f, name, sizeof(name)));
    jw_kstrz(w, "functionId", fc_object_function_id(f, id));
    fc3_put_arn(w, f);
    jw_kstrz(w, "description", f->description);
    jw_kstrz(w, "runtime", f->runtime);
    jw_kstrz(w, "handler", f->handler);
    jw_kint(w, "timeout", f->timeout_ms / 1000);
    jw_kint(w, "memorySize", f->memory_mb);
    jw_kint(w, "diskSize", f->tmp_mb);
    jw_kint(w, "instanceConcurrency", f->instance_concurrency);
    jw_kint(w, "codeSize", (int64_t)f->code.size);
    jw_kstrz(w, "codeChecksum", f->code.digest);
    jw_kbool(w, "internetAccess",
             f->network == FN_NETWORK_DEFAULT || f->network == FN_NETWORK_EGRESS);
    jw_kstrz(w, "role", f->role);
    put_vars(w, f);
    put_hooks(w, f);
    put_layers(w, f);
    put_extra(w, extra);
    put_state(w);
    put_times(w, f);
    jw_obj_end(w);
}

void fc3_object_function(const struct fn *f, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    fc3_put_function(&w, f);
}

void fc3_reply_function(struct call *c, const struct fn *f)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;

    buf_init(&body, FC3_OBJECT_MAX);
    fc3_object_function(f, &body);
    fc_reply_object(c, fc_object_function_etag(f, etag), &body);
}

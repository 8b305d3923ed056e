/* SPDX-License-Identifier: Apache-2.0 */
/* object.c - one JSON object per function, the same fields for every cloud. */
#include "admin/object.h"

#include <stdio.h>

#include "admin/async.h"
#include "admin/parse.h"
#include "api/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "dialect/shape.h"
#include "fn/fn.h"
#include "runtime/runtime.h"

const char *admin_object_state(const struct api *api, const struct fn *f,
                               char out[ADMIN_STATE_TEXT])
{
    const struct runtime *rt = runtime_find(f->dialect, str_of(f->runtime));

    if (!f->code.sha[0])
        snprintf(out, ADMIN_STATE_TEXT, "no code: deploy some");
    else if (!rt)
        snprintf(out, ADMIN_STATE_TEXT, "'%.64s' is not a runtime of %s", f->runtime,
                 dialect_names[f->dialect]);
    else if (!shape_of(f->dialect))
        snprintf(out, ADMIN_STATE_TEXT, "this version of evoke does not run functions of %s",
                 dialect_names[f->dialect]);
    else if (!runtime_worker(rt))
        snprintf(out, ADMIN_STATE_TEXT, "this version of evoke has no worker for %s", f->runtime);
    else if (runtime_available(rt, api->interpreters, out, ADMIN_STATE_TEXT))
        snprintf(out, ADMIN_STATE_TEXT, "ready");
    return out;
}

static void put_code(struct jw *w, const struct fn_code *code)
{
    jw_key(w, "code");
    jw_obj(w);
    jw_kstrz(w, "sha256", code->sha);
    jw_kint(w, "size", (int64_t)code->size);
    jw_kstrz(w, "checksum", code->digest);
    jw_kstrz(w, "kind", code->kind);
    jw_kstrz(w, "filename", code->filename);
    jw_obj_end(w);
}

void admin_object_function(struct jw *w, const struct api *api, const struct fn *f)
{
    char state[ADMIN_STATE_TEXT], time[CLOCK_TEXT];

    jw_obj(w);
    jw_kstrz(w, "dialect", dialect_names[f->dialect]);
    jw_kstrz(w, "account", f->account);
    jw_kstrz(w, "region", f->region);
    jw_kstrz(w, "space", f->space);
    jw_kstrz(w, "name", f->name);
    jw_kstrz(w, "version", f->version);
    jw_kstrz(w, "state", admin_object_state(api, f, state));
    jw_kstrz(w, "runtime", f->runtime);
    jw_kstrz(w, "handler", f->handler);
    jw_kstrz(w, "initializer", f->initializer);
    jw_kstrz(w, "description", f->description);
    jw_kint(w, "memory_mb", f->memory_mb);
    jw_kint(w, "timeout_ms", f->timeout_ms);
    jw_kint(w, "init_timeout_ms", f->init_timeout_ms);
    jw_kstrz(w, "network", fn_network_names[f->network]);
    jw_kstrz(w, "cpu", admin_cpu_names[f->cpu_strict]);
    jw_kint(w, "tmp_mb", f->tmp_mb);
    jw_kstrz(w, "role", f->role);
    jw_kint(w, "instance_concurrency", f->instance_concurrency);
    jw_kint(w, "max_instances", f->max_instances);
    jw_kint(w, "reserved", f->reserved);
    jw_kstrz(w, "pre_stop", f->pre_stop);
    jw_kint(w, "pre_stop_timeout_ms", f->pre_stop_timeout_ms);
    jw_kstrz(w, "pre_freeze", f->pre_freeze);
    jw_kint(w, "pre_freeze_timeout_ms", f->pre_freeze_timeout_ms);
    jw_key(w, "environment");
    jw_obj(w);
    for (uint32_t i = 0; i < f->nvars; i++)
        jw_kstrz(w, f->vars[i].name, f->vars[i].value);
    jw_obj_end(w);
    admin_put_async(w, f);
    put_code(w, &f->code);
    jw_kint(w, "revision", (int64_t)f->revision);
    jw_kstrz(w, "created", clock_iso(f->created_ms, time));
    jw_kstrz(w, "modified", clock_iso(f->modified_ms, time));
    jw_obj_end(w);
}

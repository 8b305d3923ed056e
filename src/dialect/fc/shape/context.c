/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.c - what a Function Compute function is told: environment, context, request.
 *
 * User variables are process environment here. The names the cloud reserves are ours: the API
 * refuses them, and one that slipped through (an import, an older record) does not get past
 * put_environment(). Role credentials change from run to run, so they travel in OPEN, and the
 * worker sets their variables.
 */
#include "dialect/fc/shape/parts.h"

#include <stdio.h>

#include "base/json.h"
#include "base/obj.h"
#include "fn/fn.h"

static const char *const reserved[] = {
        "accessKeyID",
        "accessKeySecret",
        "securityToken",
        "topic",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
};

static bool is_reserved(struct str name)
{
    if (str_starts(name, S("FC_")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_eq(name, str_of(reserved[i])))
            return true;
    return false;
}

/* Elastic instances: two thirds of a CPU per GB of memory, so 3 GB have two. */
uint32_t fc_cpu_millis(const struct fn *f)
{
    return (uint32_t)((uint64_t)f->memory_mb * 2000 / 3072);
}

static uint32_t seconds(uint32_t ms)
{
    return (uint32_t)(((uint64_t)ms + 999) / 1000);
}

static bool is_latest(const struct fn *f)
{
    return str_ieq(str_of(f->version), S("latest"));
}

/* The cloud spells its moving version in capitals and gives it no version id. */
static const char *qualifier(const struct fn *f)
{
    return is_latest(f) ? "LATEST" : f->version;
}

static const char *version_id(const struct fn *f)
{
    return is_latest(f) ? "" : f->version;
}

static void put_environment(struct jw *w, const struct fn *f, const char *instance_id)
{
    char memory[24];

    (void)snprintf(memory, sizeof(memory), "%u", f->memory_mb);
    jw_obj(w);
    for (uint32_t i = 0; i < f->nvars; i++)
        if (!is_reserved(str_of(f->vars[i].name)))
            jw_kstrz(w, f->vars[i].name, f->vars[i].value);
    shape_endpoint(w, f);
    jw_kstrz(w, "FC_FUNC_CODE_PATH", "/code");
    jw_kstrz(w, "FC_FUNCTION_NAME", f->name);
    jw_kstrz(w, "FC_SERVICE_NAME", f->space);
    jw_kstrz(w, "FC_QUALIFIER", qualifier(f));
    jw_kstrz(w, "FC_VER_ID", version_id(f));
    jw_kstrz(w, "FC_FUNCTION_VERSION", version_id(f));
    jw_kstrz(w, "FC_FUNCTION_HANDLER", f->handler);
    jw_kstrz(w, "FC_FUNCTION_MEMORY_SIZE", memory);
    jw_kstrz(w, "FC_ACCOUNT_ID", f->account);
    jw_kstrz(w, "FC_REGION", f->region);
    jw_kstrz(w, "FC_INSTANCE_ID", instance_id);
    jw_kstrz(w, "FC_RUNTIME_VERSION", f->runtime);
    jw_obj_end(w);
}

static void put_context(struct jw *w, const struct fn *f)
{
    jw_obj(w);
    jw_kstrz(w, "region", f->region);
    jw_kstrz(w, "account_id", f->account);
    jw_key(w, "function");
    jw_obj(w);
    jw_kstrz(w, "name", f->name);
    jw_kstrz(w, "handler", f->handler);
    jw_kint(w, "memory", f->memory_mb);
    jw_kint(w, "timeout", seconds(f->timeout_ms));
    jw_kstrz(w, "initializer", f->initializer);
    jw_kint(w, "initialization_timeout", seconds(f->init_timeout_ms));
    jw_obj_end(w);
    jw_key(w, "service");
    jw_obj(w);
    jw_kstrz(w, "name", f->space);
    jw_kstrz(w, "log_project", "");
    jw_kstrz(w, "log_store", "");
    jw_kstrz(w, "qualifier", qualifier(f));
    jw_kstrz(w, "version_id", version_id(f));
    jw_obj_end(w);
    jw_obj_end(w);
}

void fc_assign(const struct fn *f, const char *instance_id, const struct shape_keys *keys,
               struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    shape_assign_head(&w, f, instance_id, "/code", "/code", keys);
    shape_search(&w, f, "/opt/python", "/opt/nodejs/node_modules");
    jw_key(&w, "env");
    put_environment(&w, f, instance_id);
    jw_kint(&w, "log_line_bytes", FC_LOG_LINE);
    jw_kint(&w, "answer_max", FC_BODY_MAX);
    jw_key(&w, "context");
    put_context(&w, f);
    jw_obj_end(&w);
}

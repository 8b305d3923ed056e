/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.c - what an SCF function is told: environment, context, request.
 *
 * The context of the cloud repeats the function's variables twice, once as the text of a JSON
 * object (`environment`) and once as pairs between semicolons (`environ`). They stay the same for
 * all runs, so they are made here once and the workers only hand them on. Names that begin as the
 * cloud's own are not the user's to set: one that slipped past an API goes no further than
 * put_variables(). Keys of a role change from run to run, so they travel in OPEN, and the worker
 * sets their variables.
 */
#include "dialect/scf/shape/parts.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/fn.h"

static const char *const reserved[] = {"SCF_", "QCLOUD_", "TENCENTCLOUD_"};

static bool is_reserved(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_starts(name, str_of(reserved[i])))
            return true;
    return false;
}

/* The cloud says that CPU follows memory, not by how much: a whole one at 1 GB here. */
uint32_t scf_cpu_millis(const struct fn *f)
{
    return (uint32_t)((uint64_t)f->memory_mb * 1000 / 1024);
}

struct str scf_qualifier(struct str version)
{
    return version.n == 0 || str_ieq(version, S("latest")) ? S("$LATEST") : version;
}

static void put_variables(struct jw *w, const struct fn *f)
{
    for (uint32_t i = 0; i < f->nvars; i++)
        if (!is_reserved(str_of(f->vars[i].name)))
            jw_kstrz(w, f->vars[i].name, f->vars[i].value);
}

static void put_environment(struct jw *w, const struct fn *f)
{
    jw_obj(w);
    put_variables(w, f);
    shape_endpoint(w, f);
    jw_kstrz(w, "TENCENTCLOUD_RUNENV", "SCF");
    jw_kstrz(w, "TENCENTCLOUD_REGION", f->region);
    jw_kstrz(w, "TENCENTCLOUD_APPID", f->account);
    jw_kstrz(w, "TENCENTCLOUD_UIN", f->account);
    jw_kstrz(w, "SCF_NAMESPACE", f->space);
    jw_kstrz(w, "SCF_FUNCTIONNAME", f->name);
    jw_kstr(w, "SCF_FUNCTIONVERSION", scf_qualifier(str_of(f->version)));
    jw_kstrz(w, "USER_CODE_ROOT", "/var/user/");
    jw_kstrz(w, "PWD", "/var/user");
    if (!fn_var(f, "PYTHONPATH"))
        jw_kstrz(w, "PYTHONPATH", "/var/user:/opt");
    if (!fn_var(f, "PYTHONDONTWRITEBYTECODE"))
        jw_kstrz(w, "PYTHONDONTWRITEBYTECODE", "x");
    if (!fn_var(f, "NODE_PATH"))
        jw_kstrz(w, "NODE_PATH", "/var/user:/var/user/node_modules:/opt:/opt/node_modules");
    jw_obj_end(w);
}

/* {"SCF_NAMESPACE":"default","K":"v"}, as text */
static void put_environment_text(struct jw *w, const struct fn *f, size_t max)
{
    cleanup_with(buf_done) struct buf text;
    struct jw inner;

    buf_init(&text, max);
    jw_init(&inner, &text);
    jw_obj(&inner);
    jw_kstrz(&inner, "SCF_NAMESPACE", f->space);
    put_variables(&inner, f);
    jw_obj_end(&inner);
    jw_kstr(w, "environment", buf_str(&text));
}

/* SCF_NAMESPACE=default;K=v */
static void put_environ(struct jw *w, const struct fn *f, size_t max)
{
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, max);
    buf_addz(&text, "SCF_NAMESPACE=");
    buf_addz(&text, f->space);
    for (uint32_t i = 0; i < f->nvars; i++) {
        if (is_reserved(str_of(f->vars[i].name)))
            continue;
        buf_addc(&text, ';');
        buf_addz(&text, f->vars[i].name);
        buf_addc(&text, '=');
        buf_addz(&text, f->vars[i].value);
    }
    jw_kstr(w, "environ", buf_str(&text));
}

void scf_assign(const struct fn *f, const char *instance_id, const struct shape_keys *keys,
                struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    shape_assign_head(&w, f, instance_id, "/var/user", "/var/user", keys);
    jw_key(&w, "env");
    put_environment(&w, f);
    jw_kint(&w, "log_line_bytes", SCF_LOG_LINE);
    jw_kint(&w, "answer_max", SCF_BODY_MAX);
    jw_key(&w, "context");
    jw_obj(&w);
    jw_kint(&w, "memory_limit_in_mb", f->memory_mb);
    jw_kint(&w, "time_limit_in_ms", f->timeout_ms);
    put_environment_text(&w, f, out->max);
    put_environ(&w, f, out->max);
    jw_kstr(&w, "function_version", scf_qualifier(str_of(f->version)));
    jw_kstrz(&w, "function_name", f->name);
    jw_kstrz(&w, "namespace", f->space);
    jw_kstrz(&w, "tencentcloud_region", f->region);
    jw_kstrz(&w, "tencentcloud_appid", f->account);
    jw_kstrz(&w, "tencentcloud_uin", f->account);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.c - what a FunctionGraph function is told: environment, context, request.
 *
 * The cloud keeps user variables (user_data) out of the process environment of event functions:
 * code reads them with context.getUserData(), or all at once as JSON in RUNTIME_USERDATA. Only
 * functions that bring their own process (custom, http, image, and our native) see them as plain
 * variables. Project is our account, package is our space; a function here has no alias of its own,
 * because an alias is resolved before a run begins.
 */
#include "dialect/functiongraph/shape/parts.h"

#include <stdio.h>

#include "base/json.h"
#include "base/obj.h"
#include "fn/fn.h"

/* Runtimes whose process is the user's own. */
static const char *const own_process[] = {"Custom", "http", "Custom Image", "native"};

static bool vars_are_environment(const struct fn *f)
{
    for (size_t i = 0; i < ARRAY_LEN(own_process); i++)
        if (str_eq(str_of(f->runtime), str_of(own_process[i])))
            return true;
    return false;
}

uint32_t functiongraph_cpu_millis(const struct fn *f)
{
    return (uint32_t)((uint64_t)f->memory_mb * 100 / 128 + 200);
}

static uint32_t seconds(uint32_t ms)
{
    return (uint32_t)(((uint64_t)ms + 999) / 1000);
}

static void put_user_data(struct jw *w, const struct fn *f)
{
    jw_obj(w);
    for (uint32_t i = 0; i < f->nvars; i++)
        jw_kstrz(w, f->vars[i].name, f->vars[i].value);
    jw_obj_end(w);
}

/* Numbers are text in an environment. */
static void put_number(struct jw *w, const char *name, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    jw_kstrz(w, name, text);
}

static void put_environment(struct jw *w, const struct fn *f, size_t max)
{
    struct buf user_data;
    struct jw inner;

    buf_init(&user_data, max);
    jw_init(&inner, &user_data);
    put_user_data(&inner, f);

    jw_obj(w);
    if (vars_are_environment(f))
        for (uint32_t i = 0; i < f->nvars; i++)
            if (!str_starts(str_of(f->vars[i].name), S("RUNTIME_")))
                jw_kstrz(w, f->vars[i].name, f->vars[i].value);
    shape_endpoint(w, f);
    jw_kstrz(w, "RUNTIME_PROJECT_ID", f->account);
    jw_kstrz(w, "RUNTIME_FUNC_NAME", f->name);
    jw_kstrz(w, "RUNTIME_FUNC_VERSION", f->version);
    jw_kstrz(w, "RUNTIME_PACKAGE", f->space);
    jw_kstrz(w, "RUNTIME_HANDLER", f->handler);
    jw_kstrz(w, "RUNTIME_ALIAS", "");
    put_number(w, "RUNTIME_TIMEOUT", seconds(f->timeout_ms));
    put_number(w, "RUNTIME_MEMORY", f->memory_mb);
    put_number(w, "RUNTIME_CPU", functiongraph_cpu_millis(f));
    jw_kstr(w, "RUNTIME_USERDATA", buf_str(&user_data));
    jw_kstrz(w, "RUNTIME_CODE_ROOT", "/opt/function/code");
    jw_kstrz(w, "RUNTIME_ROOT", "/home/snuser/runtime");
    jw_kstrz(w, "RUNTIME_LOG_DIR", "/home/snuser/log");
    if (f->initializer) {
        jw_kstrz(w, "RUNTIME_INITIALIZER_HANDLER", f->initializer);
        put_number(w, "RUNTIME_INITIALIZER_TIMEOUT", seconds(f->init_timeout_ms));
    }
    put_number(w, "RUNTIME_MAX_RESP_BODY_SIZE", FUNCTIONGRAPH_BODY_MAX);
    put_number(w, "RUNTIME_MAX_REQUEST_BODY_SIZE", FUNCTIONGRAPH_BODY_MAX);
    jw_obj_end(w);
    buf_done(&user_data);
}

void functiongraph_assign(const struct fn *f, const char *instance_id,
                          const struct shape_keys *keys, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    shape_assign_head(&w, f, instance_id, "/opt/function/code", "/opt/function", keys);
    shape_search(&w, f, "/opt/function/dependencies", "/opt/function/dependencies/node_modules");
    jw_key(&w, "env");
    put_environment(&w, f, out->max);
    jw_kint(&w, "log_line_bytes", FUNCTIONGRAPH_LOG_LINE);
    jw_kint(&w, "answer_max", FUNCTIONGRAPH_BODY_MAX);

    jw_key(&w, "context");
    jw_obj(&w);
    jw_kstrz(&w, "project_id", f->account);
    jw_kstrz(&w, "package", f->space);
    jw_kstrz(&w, "function", f->name);
    jw_kstrz(&w, "version", f->version);
    jw_kstrz(&w, "alias", "");
    jw_kint(&w, "timeout_s", seconds(f->timeout_ms));
    jw_kint(&w, "memory_mb", f->memory_mb);
    jw_kint(&w, "cpu", functiongraph_cpu_millis(f));
    jw_key(&w, "user_data");
    put_user_data(&w, f);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

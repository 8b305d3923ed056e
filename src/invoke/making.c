/* SPDX-License-Identifier: Apache-2.0 */
/*
 * making.c - what the pool asks of a function's cloud: how an instance of it is made, and what its
 * hooks are told. Instances are made without an invocation too, so none is needed here.
 */
#include "invoke/internal.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/obj.h"
#include "catalog/layers.h"
#include "fn/fn.h"

enum { KEEPING_MAGIC = 0x4b454550 };

/* Derived anew for the initializer and for each run: an instance may have waited in between. */
const struct shape_keys *invoke_keys(const struct invoker *iv, const struct fn *fn,
                                     struct role_keys *role, struct shape_keys *ret)
{
    cleanup_with(buf_done) struct buf path = {0};
    struct fn_key key;

    if (!fn->role || !iv->has_roles)
        return NULL;
    buf_init(&path, ROLE_FUNCTION);
    key = fn_key_of(fn);
    fn_key_path(&key, &path);
    if (!buf_ok(&path) || role_issue(&iv->roles, shape_of(fn->dialect)->key_prefix, buf_str(&path),
                                     clock_wall_ms(), role) < 0)
        return NULL;
    *ret = (struct shape_keys){role->access_key, role->secret_key, role->token};
    return ret;
}

static void make(void *user, const struct fn *fn, const char *instance_id, struct pool_make *ret,
                 struct buf *assign)
{
    struct invoker *iv = OBJ(user, struct invoker, INVOKER_MAGIC);
    const struct shape_ops *shape = shape_of(fn->dialect);
    struct role_keys role;
    struct shape_keys keys;

    ret->layout = shape->layout;
    ret->cpu_millis = shape->cpu_millis ? shape->cpu_millis(fn) : 0;
    shape->assign(fn, instance_id, invoke_keys(iv, fn, &role, &keys), assign);
}

static void hook(void *user, const struct fn *fn, const char *instance_id, const char *name,
                 struct buf *open)
{
    struct invoker *iv = OBJ(user, struct invoker, INVOKER_MAGIC);
    char id[UUID_TEXT];
    struct role_keys role;
    struct shape_keys keys;
    struct run run = {
            .fn = fn,
            .request_id = id,
            .instance_id = instance_id,
            .hook = name,
            .keys = invoke_keys(iv, fn, &role, &keys),
    };

    uuid4(id);
    shape_of(fn->dialect)->open(&run, open);
}

/* ---- instances that no invocation asked for ---- */

struct keeping {
    uint32_t magic;
    struct invoker *iv;
    const struct fn *fn; /* shared */
};

static void on_code(void *user, int r, const struct err *e)
{
    struct keeping *k = OBJ(user, struct keeping, KEEPING_MAGIC);
    struct log_cx cx = {.component = "invoke", .function = k->fn->name};

    if (r < 0)
        log_warn(&cx, "no reserved instances, ignoring: %s", e ? e->msg : "its code is missing");
    else if (!k->iv->closing)
        pool_keep(k->iv->pool, k->fn);
    fn_unref(k->fn);
    invoker_unhold(k->iv);
    free(k);
}

void invoker_keep(struct invoker *iv, const struct fn *fn)
{
    struct keeping *k;

    if (fn->reserved == 0 || fn->code.sha[0] == 0 || !shape_of(fn->dialect) || iv->closing)
        return;
    k = xnew(struct keeping);
    k->magic = KEEPING_MAGIC;
    k->iv = iv;
    k->fn = fn_ref(fn);
    iv->live++;
    catalog_ready_layers(iv->catalog, fn, 0, on_code, k);
}

struct str invoke_code_name(const struct fn *fn, char out[INVOKE_CODE_NAME])
{
    size_t n = strlen(fn->code.sha);

    memcpy(out, fn->code.sha, n);
    (void)fn_layers_key(fn, out + n);
    return str_of(out);
}

static void lost_code(void *user, const struct fn *fn)
{
    struct invoker *iv = OBJ(user, struct invoker, INVOKER_MAGIC);
    char name[INVOKE_CODE_NAME];

    map_del(iv->ready, invoke_code_name(fn, name));
    invoker_keep(iv, fn);
}

static void stray(void *user, const struct fn *fn, const char *instance_id, const char *name,
                  struct str text)
{
    watch_stray(OBJ(user, struct invoker, INVOKER_MAGIC), fn, instance_id, name, text);
}

const struct pool_shape invoke_pool_shape = {
        .make = make, .hook = hook, .stray = stray, .lost_code = lost_code};

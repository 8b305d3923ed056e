/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn.c - the record of a function: made as a draft, then shared and frozen.
 *
 * One owner per draft; from the moment the catalog has it, everybody else holds a reference and
 * nobody writes. The count is plain, not atomic: records belong to the loop thread.
 *
 * What always holds:
 *   (1) the texts that fn.h calls "never NULL" are set in fn_new() and fn_set() is their only way
 *       to change.
 *   (2) a name occurs once in vars; adding it again replaces the value and keeps the place.
 */
#include "fn/fn.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "fn/async.h"

/* What a draft starts with; each dialect sets its own defaults over them. */
enum {
    TIMEOUT_MS = 3000,
    INIT_TIMEOUT_MS = 30000,
    HOOK_TIMEOUT_MS = 3000,
    MEMORY_MB = 128,
    TMP_MB = 512,
    INSTANCES = 100,
};

const char *const fn_network_names[FN_NETWORKS] = {
        [FN_NETWORK_DEFAULT] = "default",
        [FN_NETWORK_NONE] = "none",
        [FN_NETWORK_ENDPOINT] = "endpoint",
        [FN_NETWORK_EGRESS] = "egress",
};

struct fn *fn_new(const struct fn_key *key)
{
    struct fn *f = xnew(struct fn);

    f->refs = 1;
    f->dialect = key->dialect;
    f->account = str_dup(key->account);
    f->region = str_dup(key->region);
    f->space = str_dup(key->space);
    f->name = str_dup(key->name);
    f->version = xstrdup("latest");
    f->runtime = xstrdup("");
    f->handler = xstrdup("");
    f->description = xstrdup("");
    f->extra = xstrdup("{}");
    f->timeout_ms = TIMEOUT_MS;
    f->init_timeout_ms = INIT_TIMEOUT_MS;
    f->memory_mb = MEMORY_MB;
    f->max_instances = INSTANCES;
    f->instance_concurrency = 1;
    f->tmp_mb = TMP_MB;
    f->pre_stop_timeout_ms = HOOK_TIMEOUT_MS;
    f->pre_freeze_timeout_ms = HOOK_TIMEOUT_MS;
    return f;
}

struct fn *fn_copy(const struct fn *f)
{
    struct fn *to = xnew(struct fn);

    *to = *f; /* numbers, code.sha, code.digest; every pointer is replaced below */
    to->refs = 1;
    to->account = xstrdup(f->account);
    to->region = xstrdup(f->region);
    to->space = xstrdup(f->space);
    to->name = xstrdup(f->name);
    to->version = xstrdup(f->version);
    to->version_note = xstrdup(f->version_note);
    to->runtime = xstrdup(f->runtime);
    to->handler = xstrdup(f->handler);
    to->initializer = xstrdup(f->initializer);
    to->description = xstrdup(f->description);
    to->role = xstrdup(f->role);
    to->pre_stop = xstrdup(f->pre_stop);
    to->pre_freeze = xstrdup(f->pre_freeze);
    to->tracing = xstrdup(f->tracing);
    to->async = fn_async_copy(f->async);
    to->extra = xstrdup(f->extra);
    to->code.kind = xstrdup(f->code.kind);
    to->code.filename = xstrdup(f->code.filename);
    to->vars = NULL;
    if (f->nvars > 0)
        to->vars = xcalloc(f->nvars, sizeof(*to->vars));
    for (uint32_t i = 0; i < f->nvars; i++) {
        to->vars[i].name = xstrdup(f->vars[i].name);
        to->vars[i].value = xstrdup(f->vars[i].value);
    }
    to->layers = NULL;
    to->nlayers = 0;
    for (uint32_t i = 0; i < f->nlayers; i++)
        fn_add_layer(to, str_of(f->layers[i].ref), f->layers[i].sha, f->layers[i].size);
    return to;
}

static void bury(struct fn *f)
{
    fn_set_vars_done(f);
    fn_set_layers_done(f);
    free(f->account);
    free(f->region);
    free(f->space);
    free(f->name);
    free(f->version);
    free(f->version_note);
    free(f->runtime);
    free(f->handler);
    free(f->initializer);
    free(f->description);
    free(f->role);
    free(f->pre_stop);
    free(f->pre_freeze);
    free(f->tracing);
    fn_async_free(f->async);
    free(f->extra);
    free(f->code.kind);
    free(f->code.filename);
    free(f);
}

const struct fn *fn_ref(const struct fn *f)
{
    ((struct fn *)f)->refs++; /* the count is the one thing that changes in a frozen record */
    return f;
}

void fn_unref(const struct fn *f)
{
    struct fn *mine = (struct fn *)f;

    if (!mine)
        return;
    assert(mine->refs > 0);
    if (--mine->refs == 0)
        bury(mine);
}

void fn_unrefp(const struct fn **f)
{
    fn_unref(*f);
}

struct fn_key fn_key_of(const struct fn *f)
{
    return (struct fn_key){
            .dialect = f->dialect,
            .account = str_of(f->account),
            .region = str_of(f->region),
            .space = str_of(f->space),
            .name = str_of(f->name),
    };
}

void fn_set(char **field, struct str value)
{
    char *old = *field;

    *field = value.p ? str_dup(value) : NULL;
    free(old); /* last: value may be a view of it */
}

void fn_set_vars_done(struct fn *f)
{
    for (uint32_t i = 0; i < f->nvars; i++) {
        free(f->vars[i].name);
        free(f->vars[i].value);
    }
    free(f->vars);
    f->vars = NULL;
    f->nvars = 0;
}

void fn_add_var(struct fn *f, struct str name, struct str value)
{
    for (uint32_t i = 0; i < f->nvars; i++)
        if (str_eq(str_of(f->vars[i].name), name)) {
            char *old = f->vars[i].value;

            f->vars[i].value = str_dup(value);
            free(old);
            return;
        }
    f->vars = xrealloc(f->vars, f->nvars + 1, sizeof(*f->vars));
    f->vars[f->nvars++] = (struct fn_var){.name = str_dup(name), .value = str_dup(value)};
}

const char *fn_var(const struct fn *f, const char *name)
{
    for (uint32_t i = 0; i < f->nvars; i++)
        if (strcmp(f->vars[i].name, name) == 0)
            return f->vars[i].value;
    return NULL;
}

void fn_set_layers_done(struct fn *f)
{
    for (uint32_t i = 0; i < f->nlayers; i++)
        free(f->layers[i].ref);
    free(f->layers);
    f->layers = NULL;
    f->nlayers = 0;
}

void fn_add_layer(struct fn *f, struct str ref, const char *sha, uint64_t size)
{
    struct fn_layer *l;

    assert(f->nlayers < FN_LAYERS && strlen(sha) < SHA256_HEX);
    f->layers = xrealloc(f->layers, f->nlayers + 1, sizeof(*f->layers));
    l = &f->layers[f->nlayers++];
    *l = (struct fn_layer){.ref = str_dup(ref), .size = size};
    memcpy(l->sha, sha, strlen(sha));
}

const char *fn_layers_key(const struct fn *f, char out[SHA256_HEX])
{
    struct sha256_stream *s;

    out[0] = '\0';
    if (f->nlayers == 0)
        return out;
    s = sha256_stream_new();
    for (uint32_t i = 0; i < f->nlayers; i++)
        sha256_stream_add(s, f->layers[i].sha, SHA256_HEX - 1);
    sha256_stream_end(s, out);
    return out;
}

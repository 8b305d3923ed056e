/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.c - the JSON of services and functions, in the field order of the cloud's documents.
 *
 * Fields the engine uses come from the record; the others from `extra`, as they were sent. A
 * function's id is not stored: it is derived from key and time of creation, so that functions made
 * through other doors (the command line) have one as well, and it stays the same for their life.
 */
#include "dialect/fc/api/object.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "dialect/fc/api/layer.h"
#include "fn/fn.h"
#include "fn/resource.h"
#include "fn/space.h"

/* The rest of `extra`; `done` are keys that were written already. */
static void add_extra(struct jw *w, const struct cJSON *extra, const char *const *done, size_t n)
{
    if (!cJSON_IsObject(extra))
        return;
    for (const struct cJSON *item = extra->child; item; item = item->next) {
        cleanup_with(buf_done) struct buf text;
        bool skip = false;

        buf_init(&text, FC_OBJECT_MAX);
        for (size_t i = 0; i < n && !skip; i++)
            skip = str_eq(str_of(item->string), str_of(done[i]));
        if (skip)
            continue;
        json_print(item, &text);
        jw_key(w, item->string);
        jw_raw(w, buf_ok(&text) ? buf_str(&text) : S("null"));
    }
}

static void add_time(struct jw *w, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT];

    jw_kstrz(w, key, clock_iso(wall_ms, text));
}

static void add_text(struct jw *w, const struct cJSON *extra, const char *key)
{
    struct str text = STR_NONE;

    (void)json_str(extra, key, false, &text, NULL);
    jw_kstr(w, key, text);
}

void fc_object_service(const struct space *s, struct buf *out)
{
    static const char *const done[] = {"description", "role", "internetAccess"};
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(s->extra), NULL);
    bool internet = true;
    struct jw w;

    (void)json_bool(extra, "internetAccess", false, &internet, NULL);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "serviceName", s->name);
    jw_kstrz(&w, "serviceId", s->id);
    add_text(&w, extra, "description");
    add_text(&w, extra, "role");
    jw_kbool(&w, "internetAccess", internet);
    add_extra(&w, extra, done, sizeof(done) / sizeof(done[0]));
    add_time(&w, "createdTime", s->created_ms);
    add_time(&w, "lastModifiedTime", s->modified_ms);
    jw_obj_end(&w);
}

/* A name-based UUID (RFC 9562, version 8) from key and time of creation. */
const char *fc_object_function_id(const struct fn *f, char out[UUID_TEXT])
{
    cleanup_with(buf_done) struct buf text;
    struct fn_key key = fn_key_of(f);
    char hex[SHA256_HEX];

    buf_init(&text, 4096);
    fn_key_path(&key, &text);
    buf_addf(&text, "@%lld", (long long)f->created_ms);
    sha256_hex(buf_str(&text), hex);
    snprintf(out, UUID_TEXT, "%.8s-%.4s-8%.3s-a%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15,
             hex + 18);
    return out;
}

static void add_hook(struct jw *w, const char *key, const char *handler, uint32_t timeout_ms)
{
    jw_key(w, key);
    jw_obj(w);
    jw_kstrz(w, "handler", handler);
    jw_kint(w, "timeout", timeout_ms / 1000);
    jw_obj_end(w);
}

static void add_hooks(struct jw *w, const struct fn *f)
{
    jw_key(w, "instanceLifecycleConfig");
    jw_obj(w);
    add_hook(w, "preFreeze", f->pre_freeze, f->pre_freeze_timeout_ms);
    add_hook(w, "preStop", f->pre_stop, f->pre_stop_timeout_ms);
    jw_obj_end(w);
}

void fc_object_function(const struct fn *f, struct buf *out)
{
    /* from the record, also where an older one kept them */
    static const char *const done[] = {"diskSize", "instanceLifecycleConfig", "layers",
                                       "layersArnV2"};
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    char id[UUID_TEXT];
    struct jw w;

    (void)fc_object_function_id(f, id);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "functionId", id);
    jw_kstrz(&w, "functionName", f->name);
    jw_kstrz(&w, "description", f->description);
    jw_kstrz(&w, "runtime", f->runtime);
    jw_kstrz(&w, "handler", f->handler);
    jw_kstrz(&w, "initializer", f->initializer);
    jw_kint(&w, "timeout", f->timeout_ms / 1000);
    jw_kint(&w, "initializationTimeout", f->init_timeout_ms / 1000);
    jw_kint(&w, "memorySize", f->memory_mb);
    jw_kint(&w, "instanceConcurrency", f->instance_concurrency);
    jw_kint(&w, "diskSize", f->tmp_mb);
    add_hooks(&w, f);
    jw_kint(&w, "codeSize", (int64_t)f->code.size);
    jw_kstrz(&w, "codeChecksum", f->code.digest);
    jw_key(&w, "environmentVariables");
    jw_obj(&w);
    for (uint32_t i = 0; i < f->nvars; i++)
        jw_kstrz(&w, f->vars[i].name, f->vars[i].value);
    jw_obj_end(&w);
    fc_layers_put(&w, f);
    add_extra(&w, extra, done, sizeof(done) / sizeof(done[0]));
    add_time(&w, "createdTime", f->created_ms);
    add_time(&w, "lastModifiedTime", f->modified_ms);
    jw_obj_end(&w);
}

static const char *etag(const struct fn_key *key, uint64_t revision, char out[FC_ETAG_TEXT])
{
    cleanup_with(buf_done) struct buf text;
    char hex[SHA256_HEX];

    buf_init(&text, 4096);
    fn_key_path(key, &text);
    buf_addf(&text, "@%llu", (unsigned long long)revision);
    sha256_hex(buf_str(&text), hex);
    snprintf(out, FC_ETAG_TEXT, "%.32s", hex);
    return out;
}

const char *fc_object_service_etag(const struct space *s, char out[FC_ETAG_TEXT])
{
    struct fn_key key = {.dialect = s->dialect,
                         .account = str_of(s->account),
                         .region = str_of(s->region),
                         .space = str_of(s->name)};

    return etag(&key, s->revision, out);
}

const char *fc_object_function_etag(const struct fn *f, char out[FC_ETAG_TEXT])
{
    struct fn_key key = fn_key_of(f);

    return etag(&key, f->revision, out);
}

const char *fc_object_resource_etag(const struct resource *r, char out[FC_ETAG_TEXT])
{
    cleanup_with(buf_done) struct buf text;
    char hex[SHA256_HEX];

    buf_init(&text, 4096);
    buf_addf(&text, "%s/%s@%llu", r->kind, r->id, (unsigned long long)r->revision);
    sha256_hex(buf_str(&text), hex);
    snprintf(out, FC_ETAG_TEXT, "%.32s", hex);
    return out;
}

const char *fc_object_checksum(struct str zip, char out[FC_CHECKSUM_TEXT])
{
    snprintf(out, FC_CHECKSUM_TEXT, "%llu", (unsigned long long)crc64_ecma(0, zip.p, zip.n));
    return out;
}

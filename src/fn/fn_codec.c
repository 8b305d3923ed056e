/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_codec.c - a function's stored form: one JSON object, canonical (see field.c).
 *
 * {"v":5, <the fields of the table, in its order>, "vars":{"NAME":"value",...}, "async":null,
 *  "layers":[{"ref":"..","sha":"..","size":1},...]}
 *
 * async: null, or as async.c writes it; since format 4. layers: since format 5.
 *
 * A record of an older format is the same without the fields that came later: it is read, its
 * missing fields are what a new draft has, and the next write stores it in the form of today.
 *
 * `extra` is stored as text inside a string and not as a subtree: a number or an order of keys that
 * a user sent comes back as it was. The revision is not part of the text; the store keeps it.
 * All texts are UTF-8: they came out of JSON.
 */
#include "fn/fn.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/async.h"
#include "fn/field.h"

enum { FORMAT = 5, STORED_MAX = 8 << 20 };

#define AT(type_, member, ...)                                                                     \
    {                                                                                              \
        .type = FIELD_##type_, .at = offsetof(struct fn, member), __VA_ARGS__                      \
    }
#define CHARS(member, ...) AT(CHARS, member, .size = sizeof(((struct fn *)0)->member), __VA_ARGS__)

static const struct field fields[] = {
        AT(DIALECT, dialect, .key = "dialect"),
        AT(TEXT, account, .key = "account"),
        AT(TEXT, region, .key = "region"),
        AT(TEXT, space, .key = "space"),
        AT(TEXT, name, .key = "name"),
        AT(TEXT, version, .key = "version"),
        AT(TEXT, runtime, .key = "runtime"),
        AT(TEXT, handler, .key = "handler"),
        AT(MAYBE, initializer, .key = "initializer"),
        AT(TEXT, description, .key = "description"),
        AT(U32, timeout_ms, .key = "timeout_ms"),
        AT(U32, init_timeout_ms, .key = "init_timeout_ms"),
        AT(U32, memory_mb, .key = "memory_mb"),
        AT(U32, max_instances, .key = "max_instances"),
        AT(U32, instance_concurrency, .key = "instance_concurrency"),
        CHARS(code.sha, .key = "code_sha"),
        AT(U64, code.size, .key = "code_size"),
        CHARS(code.digest, .key = "code_digest"),
        AT(MAYBE, code.kind, .key = "code_kind"),
        AT(MAYBE, code.filename, .key = "code_filename"),
        AT(TEXT, extra, .key = "extra"),
        AT(I64, created_ms, .key = "created_ms"),
        AT(I64, modified_ms, .key = "modified_ms"),
        /* since format 2 */
        AT(U32, reserved, .key = "reserved"),
        AT(U32, network, .key = "network"),
        AT(U32, cpu_strict, .key = "cpu_strict"),
        AT(U32, tmp_mb, .key = "tmp_mb"),
        AT(MAYBE, role, .key = "role"),
        AT(MAYBE, pre_stop, .key = "pre_stop"),
        AT(MAYBE, pre_freeze, .key = "pre_freeze"),
        AT(U32, pre_stop_timeout_ms, .key = "pre_stop_timeout_ms"),
        AT(U32, pre_freeze_timeout_ms, .key = "pre_freeze_timeout_ms"),
        /* since format 3 */
        AT(MAYBE, tracing, .key = "tracing"),
        /* since format 5 */
        AT(MAYBE, version_note, .key = "version_note"),
        AT(I64, published_ms, .key = "published_ms"),
};

static const size_t fields_of[FORMAT + 1] = {
        [1] = 23, [2] = 32, [3] = 33, [4] = 33, [FORMAT] = ARRAY_LEN(fields),
};

static const struct field layer_fields[] = {
        {.key = "ref", .type = FIELD_TEXT, .at = offsetof(struct fn_layer, ref)},
        {.key = "sha",
         .type = FIELD_CHARS,
         .at = offsetof(struct fn_layer, sha),
         .size = SHA256_HEX},
        {.key = "size", .type = FIELD_U64, .at = offsetof(struct fn_layer, size)},
};

static void write_layers(const struct fn *f, struct jw *w)
{
    jw_key(w, "layers");
    jw_arr(w);
    for (uint32_t i = 0; i < f->nlayers; i++) {
        jw_obj(w);
        fields_write(layer_fields, ARRAY_LEN(layer_fields), &f->layers[i], w);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void encode(const struct fn *f, int format, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "v", format);
    fields_write(fields, fields_of[format], f, &w);
    jw_key(&w, "vars");
    jw_obj(&w);
    for (uint32_t i = 0; i < f->nvars; i++)
        jw_kstrz(&w, f->vars[i].name, f->vars[i].value);
    jw_obj_end(&w);
    if (format >= 4) {
        jw_key(&w, "async");
        fn_async_encode(f->async, &w);
    }
    if (format >= 5)
        write_layers(f, &w);
    jw_obj_end(&w);
}

void fn_encode(const struct fn *f, struct buf *out)
{
    encode(f, FORMAT, out);
}

static int read_vars(const struct cJSON *vars, struct fn *f, struct err *e)
{
    const struct cJSON *it;

    if (!cJSON_IsObject(vars))
        return err_set(e, ERR_HOST, -EINVAL, "'vars' is not an object");
    cJSON_ArrayForEach(it, vars)
    {
        if (!cJSON_IsString(it))
            return err_set(e, ERR_HOST, -EINVAL, "'vars' has a value that is not text");
        fn_add_var(f, str_of(it->string), str_of(it->valuestring));
    }
    return 0;
}

static int read_layer(const struct cJSON *tree, struct fn *f, struct err *e)
{
    struct fn_layer l = {0};
    int r = fields_read(layer_fields, ARRAY_LEN(layer_fields), tree, &l, e);

    if (r == 0 && !is_hex(str_of(l.sha), SHA256_HEX - 1))
        r = err_set(e, ERR_HOST, -EINVAL, "'sha' of a layer is not a sha256");
    if (r == 0)
        fn_add_layer(f, str_of(l.ref), l.sha, l.size);
    free(l.ref);
    return r;
}

static int read_layers(const struct cJSON *layers, struct fn *f, struct err *e)
{
    const struct cJSON *it;
    int r;

    if (!cJSON_IsArray(layers) || cJSON_GetArraySize(layers) > FN_LAYERS)
        return err_set(e, ERR_HOST, -EINVAL, "'layers' is not a list of at most %d", FN_LAYERS);
    cJSON_ArrayForEach(it, layers)
    {
        r = read_layer(it, f, e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What is none we know fails when it is read as today's. */
static int format_of(struct str json)
{
    if (str_starts(json, S("{\"v\":1,")))
        return 1;
    if (str_starts(json, S("{\"v\":2,")))
        return 2;
    if (str_starts(json, S("{\"v\":3,")))
        return 3;
    return str_starts(json, S("{\"v\":4,")) ? 4 : FORMAT;
}

static int read_record(struct str json, struct fn *f, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf again;
    int format = format_of(json);
    int r;

    buf_init(&again, STORED_MAX);
    r = fields_parse(json, format, fields, fields_of[format], f, &tree, e);
    if (r < 0)
        return r;

    r = read_vars(json_get(tree, "vars"), f, e);
    if (r < 0)
        return r;

    if (format >= 4) {
        r = fn_async_decode(json_get(tree, "async"), &f->async, e);
        if (r < 0)
            return r;
    }

    if (format >= 5) {
        r = read_layers(json_get(tree, "layers"), f, e);
        if (r < 0)
            return r;
    }

    if (f->code.sha[0] && !is_hex(str_of(f->code.sha), SHA256_HEX - 1))
        return err_set(e, ERR_HOST, -EINVAL, "'code_sha' is not a sha256");

    r = field_check_object("extra", f->extra, e);
    if (r < 0)
        return r;

    if (f->network >= FN_NETWORKS || f->cpu_strict > 1)
        return err_set(e, ERR_HOST, -EINVAL, "'network' or 'cpu_strict' is out of range");

    encode(f, format, &again);
    return field_check_same(json, &again, e);
}

int fn_decode(struct str json, uint64_t revision, struct fn **ret, struct err *e)
{
    struct fn *f = fn_new(&(struct fn_key){0});
    int r;

    r = read_record(json, f, e);
    if (r < 0) {
        fn_unref(f);
        return err_wrap(e, r, "function record");
    }

    f->revision = revision;
    *ret = f;
    return 0;
}

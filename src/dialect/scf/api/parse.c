/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c - a function's settings, from the cloud's words into its record. Types are right already
 * (model.c); here values are looked at, each with its own code.
 *
 * What means something here has a field of the record; the rest (VpcConfig, CfsConfig, ...) is kept in
 * `extra` under its own name and given back.
 */
#include "dialect/scf/api/parse.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/scf/api/names.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/fn.h"
#include "runtime/runtime.h"

enum { EXTRA_MAX = 64 << 10 };

int scf_refuse_as(struct scf_error *x, const char *code, const char *fmt, ...)
{
    char text[sizeof(x->e.msg)];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    x->code = code;
    return err_set(&x->e, ERR_CALLER, -EINVAL, "%s", text);
}

/* ---- numbers ---- */

static int read_memory(const struct cJSON *p, struct fn *f, struct scf_error *x)
{
    int64_t mb = scf_number(p, "MemorySize", f->memory_mb);

    if (mb != 64 && (mb < 128 || mb > 3072 || mb % 128 != 0))
        return scf_refuse_as(x, "InvalidParameterValue.MemorySize",
                             "MemorySize is 64, or 128 to 3072 in steps of 128, not %lld.",
                             (long long)mb);
    f->memory_mb = (uint32_t)mb;
    return 0;
}

static int read_timeout(const struct cJSON *p, struct fn *f, struct scf_error *x)
{
    int64_t s = scf_number(p, "Timeout", f->timeout_ms / 1000);
    int64_t init = scf_number(p, "InitTimeout", f->init_timeout_ms / 1000);

    if (s < 1 || s > 900)
        return scf_refuse_as(x, "InvalidParameterValue", "Timeout is 1 to 900 seconds, not %lld.",
                             (long long)s);
    if (init < 3 || init > 300)
        return scf_refuse_as(x, "LimitExceeded.InitTimeout",
                             "InitTimeout is 3 to 300 seconds, not %lld.", (long long)init);
    f->timeout_ms = (uint32_t)s * 1000;
    f->init_timeout_ms = (uint32_t)init * 1000;
    return 0;
}

/* ---- texts ---- */

static int read_runtime(const struct cJSON *p, bool is_new, struct fn *f, struct scf_error *x)
{
    struct str name = scf_text(p, "Runtime");

    if (!name.n && is_new)
        name = S("Python2.7");
    if (!name.n)
        return 0;
    if (!is_new && !str_eq(name, str_of(f->runtime)))
        return scf_refuse_as(x, "InvalidParameterValue.Runtime",
                             "The runtime of a function cannot change, it is %s.", f->runtime);
    if (!runtime_find(DIALECT_SCF, name))
        return scf_refuse_as(x, "InvalidParameterValue.Runtime", "There is no runtime '%.*s'.",
                             (int)(name.n < 32 ? name.n : 32), name.p);
    fn_set(&f->runtime, name);
    return 0;
}

static int read_handler(const struct cJSON *p, bool is_new, struct fn *f, struct scf_error *x)
{
    struct str handler = scf_text(p, "Handler");

    if (!handler.n && is_new)
        handler = S("index.main_handler");
    if (!handler.n)
        return 0;
    if (!scf_is_handler(handler))
        return scf_refuse_as(
                x, "InvalidParameterValue.Handler",
                "Handler is of the form 'file.function', with 2 to 60 characters each.");
    fn_set(&f->handler, handler);
    return 0;
}

static int read_description(const struct cJSON *p, struct fn *f, struct scf_error *x)
{
    struct str text = scf_text(p, "Description");

    if (scf_characters(text) > SCF_DESCRIPTION_MAX)
        return scf_refuse_as(x, "InvalidParameterValue.Description",
                             "Description has more than %d characters.", SCF_DESCRIPTION_MAX);
    if (text.p)
        fn_set(&f->description, text);
    return 0;
}

static void read_role(const struct cJSON *p, struct fn *f)
{
    struct str role = scf_text(p, "Role");

    if (role.p)
        fn_set(&f->role, role.n ? role : STR_NONE);
}

/* ---- Environment ---- */

static bool is_variable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower(s.p[i]);

        if (!(c >= 'a' && c <= 'z') && (i == 0 || !((c >= '0' && c <= '9') || c == '_')))
            return false;
    }
    return s.n > 0;
}

static int add_variable(const struct cJSON *v, struct fn *f, struct scf_error *x)
{
    static const char *const reserved[] = {"SCF_", "QCLOUD_", "TENCENTCLOUD_"};
    struct str key = scf_text(v, "Key"), value = scf_text(v, "Value");

    if (!is_variable(key))
        return scf_refuse_as(x, "InvalidParameterValue.Environment",
                             "'%.*s' is no name of a variable: letters, digits and '_', a letter "
                             "first.",
                             (int)(key.n < 64 ? key.n : 64), key.p ? key.p : "");
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_starts(key, str_of(reserved[i])))
            return scf_refuse_as(x, "InvalidParameterValue.EnvironmentSystemProtect",
                                 "Names that begin with %s are the system's.", reserved[i]);
    if (fn_var(f, scf_text(v, "Key").p))
        return scf_refuse_as(x, "InvalidParameterValue.Environment",
                             "The variable '%.*s' is there twice.", STR_ARG(key));
    fn_add_var(f, key, value.p ? value : S(""));
    return 0;
}

/* [{"Key":"","Value":""}]: none, which the SDKs cannot say otherwise. */
static bool says_none(const struct cJSON *list)
{
    return cJSON_GetArraySize(list) == 1 && !scf_text(list->child, "Key").n;
}

static int read_environment(const struct cJSON *p, struct fn *f, struct scf_error *x)
{
    const struct cJSON *list = json_get(json_get(p, "Environment"), "Variables"), *v;
    size_t bytes = 0;

    if (!list)
        return 0;
    fn_set_vars_done(f);
    if (says_none(list))
        return 0;
    cJSON_ArrayForEach(v, list)
    {
        if (add_variable(v, f, x) < 0)
            return -EINVAL;
        bytes += scf_text(v, "Key").n + scf_text(v, "Value").n;
    }
    if (bytes > SCF_ENVIRONMENT_MAX)
        return scf_refuse_as(x, "InvalidParameterValue.EnvironmentExceededLimit",
                             "The variables have %zu bytes, %d are allowed.", bytes,
                             SCF_ENVIRONMENT_MAX);
    return 0;
}

/* ---- what is kept ---- */

/* Texts with few values; NULL ends the list. */
static const struct {
    const char *name, *code, *values[4];
} choices[] = {
        {"Type", "InvalidParameterValue.FunctionType", {"Event", "HTTP"}},
        {"InstallDependency", "InvalidParameterValue", {"TRUE", "FALSE"}},
        {"AsyncRunEnable", "InvalidParameterValue.AsyncRunEnable", {"TRUE", "FALSE"}},
        {"TraceEnable", "InvalidParameterValue.TraceEnable", {"TRUE", "FALSE"}},
        {"L5Enable", "InvalidParameterValue.L5Enable", {"TRUE", "FALSE"}},
        {"DnsCache", "InvalidParameterValue", {"TRUE", "FALSE"}},
        {"ProtocolType", "InvalidParameterValue.ProtocolType", {"WS", ""}},
        {"CodeSource", "InvalidParameterValue.CodeSource", {"ZipFile", "Cos", "Demo", "Inline"}},
        {"Publish", "InvalidParameterValue", {"TRUE", "FALSE"}},
};

static int check_choices(const struct cJSON *p, struct scf_error *x)
{
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        struct str v = scf_text(p, choices[i].name);
        bool good = !v.p;

        for (size_t k = 0; k < 4 && choices[i].values[k]; k++)
            good = good || str_eq(v, str_of(choices[i].values[k]));
        if (!good)
            return scf_refuse_as(x, choices[i].code, "%s has no value '%.*s'.", choices[i].name,
                                 (int)(v.n < 64 ? v.n : 64), v.p);
    }
    if (str_eq(scf_text(p, "Type"), S("HTTP")))
        return scf_refuse_as(x, "UnsupportedOperation",
                             "Web functions (Type HTTP) are not run here; Event functions are.");
    return 0;
}

static int check_kept(const struct cJSON *p, struct scf_error *x)
{
    const struct cJSON *net = json_get(p, "PublicNetConfig");
    const struct cJSON *many = json_get(p, "InstanceConcurrencyConfig");
    struct str status = scf_text(net, "PublicNetStatus");
    int64_t n = scf_number(many, "MaxConcurrency", 1);

    if (net && !str_eq(status, S("ENABLE")) && !str_eq(status, S("DISABLE")))
        return scf_refuse_as(x, "InvalidParameterValue.PublicNetConfig",
                             "PublicNetStatus is ENABLE or DISABLE.");
    if (n < 1 || n > 100)
        return scf_refuse_as(x, "InvalidParameterValue.MaxConcurrency",
                             "MaxConcurrency is 1 to 100, not %lld.", (long long)n);
    return 0;
}

static int keep(const struct cJSON *p, struct fn *f, struct scf_error *x)
{
    static const char *const kept[] = {
            "VpcConfig",
            "InstallDependency",
            "ClsLogsetId",
            "ClsTopicId",
            "Type",
            "DeadLetterConfig",
            "CfsConfig",
            "PublicNetConfig",
            "AsyncRunEnable",
            "TraceEnable",
            "ProtocolType",
            "ProtocolParams",
            "InstanceConcurrencyConfig",
            "DnsCache",
            "IntranetConfig",
            "L5Enable",
            "IgnoreSysLog",
    };
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, EXTRA_MAX);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct cJSON *v = json_get(p, kept[i]);

        if (!v)
            continue;
        cJSON_DeleteItemFromObjectCaseSensitive(extra, kept[i]);
        (void)cJSON_AddItemToObject(extra, kept[i], cJSON_Duplicate(v, true));
    }
    json_print(extra, &text);
    if (!buf_ok(&text))
        return scf_refuse_as(x, "LimitExceeded.Quota",
                             "The function's settings have more than %d bytes.", EXTRA_MAX);
    fn_set(&f->extra, buf_str(&text));
    return 0;
}

/* No way out of the instance: what the cloud calls a function without public network. */
static void read_network(const struct cJSON *p, struct fn *f)
{
    struct str status = scf_text(json_get(p, "PublicNetConfig"), "PublicNetStatus");

    if (str_eq(status, S("DISABLE")))
        f->network = FN_NETWORK_ENDPOINT;
    else if (status.p)
        f->network = FN_NETWORK_DEFAULT;
}

int scf_parse_function(const struct cJSON *p, bool is_new, struct fn *f, struct scf_error *x)
{
    if (is_new) {
        f->memory_mb = 128;
        f->timeout_ms = 3000;
        f->init_timeout_ms = 65 * 1000;
        f->tmp_mb = 512;
    }
    if (read_runtime(p, is_new, f, x) < 0 || read_handler(p, is_new, f, x) < 0 ||
        read_description(p, f, x) < 0 || read_memory(p, f, x) < 0 || read_timeout(p, f, x) < 0 ||
        read_environment(p, f, x) < 0 || check_choices(p, x) < 0 || check_kept(p, x) < 0)
        return -EINVAL;
    read_role(p, f);
    read_network(p, f);
    return keep(p, f, x);
}

/* ---- code ---- */

int scf_parse_code(const struct cJSON *p, struct scf_code *ret, struct scf_error *x)
{
    static const char *const others[] = {"DemoId", "TempCosObjectName", "GitUrl", "ImageConfig"};
    const struct cJSON *code = json_get(p, "Code") ? json_get(p, "Code") : p;
    bool cos;

    ret->zip = scf_text(code, "ZipFile");
    ret->bucket = scf_text(code, "CosBucketName");
    ret->object = scf_text(code, "CosObjectName");
    cos = ret->bucket.n || ret->object.n;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (json_get(code, others[i]))
            return scf_refuse_as(x, "UnsupportedOperation",
                                 "Code from %s is not to be had here: send ZipFile, or name an "
                                 "object in a bucket.",
                                 others[i]);
    if (!ret->zip.n && !cos)
        return scf_refuse_as(x, "MissingParameter.Code", "The code is missing.");
    if (ret->zip.n && cos)
        return scf_refuse_as(x, "InvalidParameterValue.Code",
                             "The code is either ZipFile or an object in a bucket.");
    if (cos && !ret->bucket.n)
        return scf_refuse_as(x, "InvalidParameterValue.CosBucketName", "CosBucketName is missing.");
    if (cos && !ret->object.n)
        return scf_refuse_as(x, "InvalidParameterValue.CosObjectName", "CosObjectName is missing.");
    return 0;
}

int scf_decode_zip(struct str base64, struct buf *out, struct scf_error *x)
{
    int r = base64_decode(base64, out);

    if (r == -EMSGSIZE)
        return scf_refuse_as(x, "InvalidParameterValue.ZipFile",
                             "The package is larger than %d MB.", SCF_ZIP_MAX >> 20);
    if (r < 0)
        return scf_refuse_as(x, "InvalidParameterValue.ZipFileBase64BinasciiError",
                             "ZipFile is not base64.");
    return 0;
}

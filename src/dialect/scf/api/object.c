/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.c - functions as GetFunction and ListFunctions show them; members and order as in the vendor's
 * own examples.
 *
 * Times have no zone in this API; the vendor's plugin writes those of its own machine. Here they are
 * those of the daemon's.
 *
 * Every function is Active. Whether its language is there is said in StatusDesc: a client that waits
 * for Active would wait for ever.
 */
#include "dialect/scf/api/object.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/scf/api/layer.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/scf/api/tags.h"
#include "fn/fn.h"
#include "runtime/runtime.h"

enum { KEPT_MAX = 64 << 10 };

const char *scf_time(int64_t ms, char out[CLOCK_TEXT])
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;

    (void)localtime_r(&s, &tm);
    if (!strftime(out, CLOCK_TEXT, "%Y-%m-%d %H:%M:%S", &tm))
        out[0] = '\0';
    return out;
}

int scf_parse_time(struct str text, int64_t *ret)
{
    char copy[20];
    struct tm tm = {.tm_isdst = -1};
    const char *end;

    if (text.n != 19)
        return -EINVAL;
    memcpy(copy, text.p, 19);
    copy[19] = '\0';
    end = strptime(copy, "%Y-%m-%d %H:%M:%S", &tm);
    if (!end || *end)
        return -EINVAL;
    *ret = (int64_t)mktime(&tm) * 1000;
    return 0;
}

struct str scf_version_of(const struct fn *f)
{
    return qualifier_is_latest(str_of(f->version)) ? S("$LATEST") : str_of(f->version);
}

void scf_put_kept(struct jw *w, const struct cJSON *extra, const char *name, const char *absent)
{
    const struct cJSON *v = json_get(extra, name);
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, KEPT_MAX);
    jw_key(w, name);
    if (v)
        json_print(v, &text);
    jw_raw(w, v && buf_ok(&text) ? buf_str(&text) : str_of(absent));
}

static void put_environment(struct jw *w, const struct fn *f)
{
    jw_key(w, "Environment");
    jw_obj(w);
    jw_key(w, "Variables");
    jw_arr(w);
    for (uint32_t i = 0; i < f->nvars; i++) {
        jw_obj(w);
        jw_kstrz(w, "Key", f->vars[i].name);
        jw_kstrz(w, "Value", f->vars[i].value);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
}

/* Why it could not run here, or "". */
static void put_status(struct jw *w, const struct call *c, const struct fn *f)
{
    const struct runtime *rt = runtime_find(DIALECT_SCF, str_of(f->runtime));
    char why[256] = "";

    if (rt && runtime_available(rt, c->api->interpreters, why, sizeof(why)))
        why[0] = '\0';
    jw_kstrz(w, "Status", "Active");
    jw_kstrz(w, "StatusDesc", why);
    jw_key(w, "StatusReasons");
    jw_arr(w);
    jw_arr_end(w);
}

static void put_public_net(struct jw *w, const struct fn *f)
{
    jw_key(w, "PublicNetConfig");
    jw_obj(w);
    jw_kstrz(w, "PublicNetStatus", f->network == FN_NETWORK_ENDPOINT ? "DISABLE" : "ENABLE");
    jw_key(w, "EipConfig");
    jw_raw(w, S("{\"EipStatus\":\"DISABLE\",\"EipAddress\":[]}"));
    jw_obj_end(w);
}

static void put_rest(struct jw *w, const struct cJSON *extra)
{
    static const struct {
        const char *name, *absent;
    } kept[] = {
            {"VpcConfig", "{\"VpcId\":\"\",\"SubnetId\":\"\"}"},
            {"InstallDependency", "\"FALSE\""},
            {"ClsLogsetId", "\"\""},
            {"ClsTopicId", "\"\""},
            {"Type", "\"Event\""},
            {"L5Enable", "\"FALSE\""},
            {"DnsCache", "\"FALSE\""},
            {"DeadLetterConfig", "{\"Type\":\"\",\"Name\":\"\",\"FilterType\":\"\"}"},
            {"CfsConfig", "{\"CfsInsList\":[]}"},
            {"AsyncRunEnable", "\"FALSE\""},
            {"TraceEnable", "\"FALSE\""},
            {"ProtocolType", "\"\""},
            {"ProtocolParams", "null"},
            {"InstanceConcurrencyConfig", "null"},
            {"IntranetConfig", "{\"IpFixed\":\"DISABLE\"}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        scf_put_kept(w, extra, kept[i].name, kept[i].absent);
}

static void put_nothing(struct jw *w)
{
    jw_kstrz(w, "UseGpu", "FALSE");
    jw_kstrz(w, "OnsEnable", "FALSE");
    jw_kstrz(w, "AvailableStatus", "Available");
    jw_kstrz(w, "CodeResult", "success");
    jw_kstrz(w, "CodeError", "");
    jw_kint(w, "ErrNo", 0);
    jw_key(w, "EipConfig");
    jw_raw(w, S("{\"EipFixed\":\"FALSE\",\"Eips\":[]}"));
    jw_key(w, "AccessInfo");
    jw_raw(w, S("{\"Host\":\"\",\"Vip\":\"\"}"));
    jw_key(w, "ImageConfig");
    jw_null(w);
}

void scf_put_function(struct jw *w, const struct call *c, const struct fn *f)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    char text[CLOCK_TEXT], id[SCF_ID_TEXT];
    struct fn_key key = fn_key_of(f);

    scf_function_id(&key, id);
    jw_kstrz(w, "FunctionName", f->name);
    jw_kstrz(w, "FunctionId", id);
    jw_kstr(w, "FunctionVersion", scf_version_of(f));
    jw_kstrz(w, "Namespace", f->space);
    jw_kstrz(w, "Description", f->published_ms ? f->version_note : f->description);
    jw_kstrz(w, "Runtime", f->runtime);
    jw_kstrz(w, "Handler", f->handler);
    jw_kint(w, "MemorySize", f->memory_mb);
    jw_kint(w, "Timeout", f->timeout_ms / 1000);
    jw_kint(w, "InitTimeout", f->init_timeout_ms / 1000);
    jw_kint(w, "CodeSize", (int64_t)f->code.size);
    jw_kstrz(w, "Role", f->role);
    put_environment(w, f);
    scf_layers_put(w, c, f);
    put_status(w, c, f);
    put_public_net(w, f);
    put_rest(w, extra);
    jw_key(w, "Tags");
    scf_tags_put(w, c->api->catalog, f);
    put_nothing(w);
    jw_kstrz(w, "AddTime", scf_time(f->published_ms ? f->published_ms : f->created_ms, text));
    jw_kstrz(w, "ModTime", scf_time(f->modified_ms, text));
}

void scf_put_summary(struct jw *w, const struct call *c, const struct fn *f)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    char text[CLOCK_TEXT], id[SCF_ID_TEXT];
    struct fn_key key = fn_key_of(f);

    scf_function_id(&key, id);
    jw_obj(w);
    jw_kstrz(w, "Namespace", f->space);
    jw_kstrz(w, "FunctionName", f->name);
    jw_kstrz(w, "FunctionId", id);
    jw_kstrz(w, "Description", f->description);
    jw_key(w, "Tags");
    scf_tags_put(w, c->api->catalog, f);
    jw_kstrz(w, "Runtime", f->runtime);
    scf_put_kept(w, extra, "Type", "\"Event\"");
    scf_put_kept(w, extra, "AsyncRunEnable", "\"FALSE\"");
    scf_put_kept(w, extra, "TraceEnable", "\"FALSE\"");
    scf_put_kept(w, extra, "ReservedConcurrencyMem", "null");
    jw_kint(w, "TotalProvisionedConcurrencyMem", (int64_t)f->reserved * f->memory_mb);
    put_status(w, c, f);
    jw_kstrz(w, "AddTime", scf_time(f->created_ms, text));
    jw_kstrz(w, "ModTime", scf_time(f->modified_ms, text));
    jw_obj_end(w);
}

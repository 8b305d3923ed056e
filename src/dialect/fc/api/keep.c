/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep.c - settings of a request that the engine has no use for.
 *
 * They go into `extra` and come back in every answer, in the order they were sent. Clients disagree
 * about case (Funcraft writes "nasConfig": {"UserId": ...}), so keys are found without case and
 * given back in lowerCamelCase, down to the last level. The values of environmentVariables are the
 * user's: parse.c takes them, and there a key is never touched.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/fc/api/field.h"
#include "dialect/fc/api/parse.h"
#include "fn/fn.h"

/* Ours to say, whatever a client sends. */
static const char *const answered[] = {
        "serviceId",
        "createdTime",
        "lastModifiedTime",
        "useSLRAuthentication",
        "functionId",
        "codeSize",
        "codeChecksum",
        "layersArnV2",
        /* 2023-03-30 */
        "functionArn",
        "state",
        "stateReason",
        "stateReasonCode",
        "lastUpdateStatus",
        "lastUpdateStatusReason",
        "lastUpdateStatusReasonCode",
        "invocationRestriction",
        "reservedConcurrency",
        "fcVersion",
        "tags",
};

static const struct field *field_of(const struct field *fields, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(str_of(fields[i].name), key))
            return &fields[i];
    return NULL;
}

static bool is_answered(struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(answered); i++)
        if (str_ieq(str_of(answered[i]), key))
            return true;
    return false;
}

static void key_lower_camel(struct jw *w, const char *key)
{
    cleanup_free char *lower = str_dup(str_of(key));

    if (lower[0] >= 'A' && lower[0] <= 'Z')
        lower[0] = (char)(lower[0] | 0x20);
    jw_key(w, lower);
}

/* Depth is bounded by json_parse(). */
static void keep_value(struct jw *w, const struct cJSON *value)
{
    if (cJSON_IsObject(value)) {
        jw_obj(w);
        for (const struct cJSON *item = value->child; item; item = item->next) {
            key_lower_camel(w, item->string);
            keep_value(w, item);
        }
        jw_obj_end(w);
    } else if (cJSON_IsArray(value)) {
        jw_arr(w);
        for (const struct cJSON *item = value->child; item; item = item->next)
            keep_value(w, item);
        jw_arr_end(w);
    } else {
        cleanup_with(buf_done) struct buf text;

        buf_init(&text, FC_EXTRA_MAX);
        json_print(value, &text);
        jw_raw(w, buf_ok(&text) ? buf_str(&text) : S("null"));
    }
}

int fc_keep(const struct cJSON *body, const struct field *fields, size_t n, const char *name_field,
            char **extra, struct err *e)
{
    cleanup_with(buf_done) struct buf out;
    struct jw w;

    buf_init(&out, FC_EXTRA_MAX);
    jw_init(&w, &out);
    jw_obj(&w);
    for (const struct cJSON *item = body->child; item; item = item->next) {
        struct str key = str_of(item->string);
        const struct field *f = field_of(fields, n, key);

        /* Of two spellings of one key the first counts, here as in json_geti(). */
        if (cJSON_IsNull(item) || json_geti(body, item->string) != item || is_answered(key))
            continue;
        if (f && (f->set || str_eq(str_of(f->name), str_of(name_field))))
            continue;
        if (f)
            jw_key(&w, f->name);
        else
            key_lower_camel(&w, item->string);
        keep_value(&w, item);
    }
    jw_obj_end(&w);
    if (!buf_ok(&out))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the request holds more optional settings than fit (%d bytes)",
                       FC_EXTRA_MAX);
    fn_set(extra, buf_str(&out));
    return 0;
}

int fc_keep_over(const struct cJSON *body, const struct field *fields, size_t n,
                 const char *name_field, char **extra, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *both = json_parse(str_of(*extra), NULL), *over = NULL;
    cleanup_with(buf_done) struct buf text = {0};
    cleanup_free char *said = NULL;
    int r = fc_keep(body, fields, n, name_field, &said, e);

    if (r < 0)
        return r;
    over = json_parse(str_of(said), NULL);
    while (over && over->child) {
        struct cJSON *item = cJSON_DetachItemViaPointer(over, over->child);

        cJSON_DeleteItemFromObjectCaseSensitive(both, item->string);
        (void)cJSON_AddItemToObject(both, item->string, item);
    }
    buf_init(&text, FC_EXTRA_MAX);
    json_print(both, &text);
    if (!buf_ok(&text))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the request holds more optional settings than fit (%d bytes)",
                       FC_EXTRA_MAX);
    fn_set(extra, buf_str(&text));
    return 0;
}

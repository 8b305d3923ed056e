/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger_fields.c - what may stand in the triggerConfig of which type: one row per field.
 *
 * Of the types whose source does not exist here yet. Keys are found without case, on every level;
 * fields in no row are kept unchecked.
 */
#include "dialect/fc/api/trigger_fields.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"

enum kind { TEXT, WORD, INT, BOOL, OBJECT, LIST, EVENTS };

struct row {
    const char *type, *path; /* "jobConfig.maxRetryTime" */
    enum kind kind;
    bool required;
    int64_t min, max;         /* INT: value; TEXT: bytes; LIST: elements. max 0: no limit */
    const char *const *words; /* WORD, EVENTS; ends with NULL */
};

static const char *const oss_events[] = {
        "oss:ObjectCreated:*",
        "oss:ObjectCreated:PutObject",
        "oss:ObjectCreated:PutSymlink",
        "oss:ObjectCreated:PostObject",
        "oss:ObjectCreated:CopyObject",
        "oss:ObjectCreated:InitiateMultipartUpload",
        "oss:ObjectCreated:UploadPart",
        "oss:ObjectCreated:UploadPartCopy",
        "oss:ObjectCreated:CompleteMultipartUpload",
        "oss:ObjectCreated:AppendObject",
        "oss:ObjectRemoved:DeleteObject",
        "oss:ObjectRemoved:DeleteObjects",
        "oss:ObjectRemoved:AbortMultipartUpload",
        "oss:ObjectReplication:ObjectCreated",
        "oss:ObjectReplication:ObjectRemoved",
        "oss:ObjectReplication:ObjectModified",
        NULL,
};
static const char *const cdn_events[] = {
        "CachedObjectsRefreshed", "CachedObjectsBlocked", "CachedObjectsPushed",
        "LogFileCreated",         "CdnDomainStarted",     "CdnDomainStopped",
        "CdnDomainAdded",         "CdnDomainDeleted",     NULL,
};
static const char *const versions[] = {"1.0.0", NULL};
static const char *const formats[] = {"STREAM", "JSON", NULL};
static const char *const strategies[] = {"BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY", NULL};
static const char *const bridges[] = {"Default", "MNS",  "RocketMQ", "RabbitMQ",
                                      "Kafka",   "MQTT", "DTS",      NULL};
static const char *const modes[] = {"event-driven", "event-streaming", NULL};
static const char *const tolerances[] = {"NONE", "ALL", NULL};
static const char *const rds_formats[] = {"protobuf", "json", "sql", NULL};
static const char *const positions[] = {"LATEST", "OLDEST", "SYSTEM_TIME", NULL};

static const struct row rows[] = {
        {"oss", "events", EVENTS, true, 1, 0, oss_events},
        {"oss", "filter", OBJECT},
        {"oss", "filter.key", OBJECT},
        {"oss", "filter.key.prefix", TEXT, .max = 1023},
        {"oss", "filter.key.suffix", TEXT, .max = 1023},
        {"log", "sourceConfig", OBJECT, true},
        {"log", "sourceConfig.logstore", TEXT, true, 1, 63},
        {"log", "jobConfig", OBJECT},
        {"log", "jobConfig.maxRetryTime", INT, .min = 0, .max = 100},
        {"log", "jobConfig.triggerInterval", INT, .min = 3, .max = 600},
        {"log", "functionParameter", OBJECT},
        {"log", "logConfig", OBJECT},
        {"log", "logConfig.project", TEXT},
        {"log", "logConfig.logstore", TEXT},
        {"log", "enable", BOOL},
        {"mns_topic", "notifyContentFormat", WORD, .words = formats},
        {"mns_topic", "notifyStrategy", WORD, .words = strategies},
        {"mns_topic", "filterTag", TEXT, .max = 16},
        {"cdn_events", "eventName", WORD, true, .words = cdn_events},
        {"cdn_events", "eventVersion", WORD, true, .words = versions},
        {"cdn_events", "notes", TEXT},
        {"cdn_events", "filter", OBJECT, true},
        {"cdn_events", "filter.domain", LIST, true, 1, 0},
        {"eventbridge", "triggerEnable", BOOL},
        {"eventbridge", "asyncInvocationType", BOOL},
        {"eventbridge", "eventRuleFilterPattern", TEXT},
        {"eventbridge", "eventSourceConfig", OBJECT, true},
        {"eventbridge", "eventSourceConfig.eventSourceType", WORD, true, .words = bridges},
        {"eventbridge", "eventSourceConfig.eventSourceParameters", OBJECT},
        {"eventbridge", "eventSinkConfig", OBJECT},
        {"eventbridge", "runOptions", OBJECT},
        {"eventbridge", "runOptions.mode", WORD, .words = modes},
        {"eventbridge", "runOptions.errorsTolerance", WORD, .words = tolerances},
        {"eventbridge", "runOptions.retryStrategy", OBJECT},
        {"eventbridge", "runOptions.retryStrategy.PushRetryStrategy", WORD, .words = strategies},
        {"rds", "subscriptionObjects", LIST, true, 1, 0},
        {"rds", "retry", INT, .min = 0, .max = 3},
        {"rds", "concurrency", INT, .min = 1, .max = 5},
        {"rds", "eventFormat", WORD, .words = rds_formats},
        {"datahub", "topic", TEXT, true, 1, 128},
        {"datahub", "startingPosition", WORD, .words = positions},
        {"datahub", "batchSize", INT, .min = 1, .max = 10000},
};

const struct cJSON *fc_config_at(const struct cJSON *config, const char *path)
{
    struct str rest = str_of(path);

    while (config && rest.p) {
        struct str key = str_cut(&rest, '.');
        const struct cJSON *found = NULL;

        for (const struct cJSON *m = cJSON_IsObject(config) ? config->child : NULL; m && !found;
             m = m->next)
            if (str_ieq(str_of(m->string), key))
                found = m;
        config = found && !cJSON_IsNull(found) ? found : NULL;
    }
    return config;
}

static bool is_word(const struct cJSON *value, const char *const *words)
{
    for (; cJSON_IsString(value) && *words; words++)
        if (strcmp(value->valuestring, *words) == 0)
            return true;
    return false;
}

static int refuse(const struct row *row, struct err *e, const char *what)
{
    return err_set(e, ERR_CALLER, -EINVAL, "invalid %s trigger config: %s %s",
                   strcmp(row->type, "oss") == 0 ? "OSS" : row->type, row->path, what);
}

static int check_list(const struct row *row, const struct cJSON *value, struct err *e)
{
    const struct cJSON *item;

    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) < row->min)
        return refuse(row, e, "must be a list that is not empty");
    cJSON_ArrayForEach(item, value)
    {
        if (!cJSON_IsString(item) || (row->kind == EVENTS && !is_word(item, row->words)))
            return refuse(row, e, "holds a value that it does not know");
    }
    return 0;
}

static int check_int(const struct row *row, const struct cJSON *value, struct err *e)
{
    char text[96];

    if (cJSON_IsNumber(value) && value->valuedouble >= (double)row->min &&
        value->valuedouble <= (double)row->max &&
        value->valuedouble == (double)(int64_t)value->valuedouble)
        return 0;
    (void)snprintf(text, sizeof(text), "must be a whole number between %lld and %lld",
                   (long long)row->min, (long long)row->max);
    return refuse(row, e, text);
}

static int check_text(const struct row *row, const struct cJSON *value, struct err *e)
{
    char text[96];
    size_t n;

    if (!cJSON_IsString(value))
        return refuse(row, e, "must be a string");
    n = strlen(value->valuestring);
    if ((int64_t)n >= row->min && (row->max == 0 || (int64_t)n <= row->max))
        return 0;
    (void)snprintf(text, sizeof(text), "must have %lld to %lld characters", (long long)row->min,
                   (long long)row->max);
    return refuse(row, e, text);
}

static int check(const struct row *row, const struct cJSON *value, struct err *e)
{
    switch (row->kind) {
    case TEXT:
        return check_text(row, value, e);
    case WORD:
        return is_word(value, row->words)
                       ? 0
                       : refuse(row, e, "is set to a value that it does not know");
    case INT:
        return check_int(row, value, e);
    case BOOL:
        return cJSON_IsBool(value) ? 0 : refuse(row, e, "must be true or false");
    case OBJECT:
        return cJSON_IsObject(value) ? 0 : refuse(row, e, "must be an object");
    case LIST:
    case EVENTS:
        return check_list(row, value, e);
    }
    return 0;
}

int fc_config_check(const char *type, const struct cJSON *config, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        const struct cJSON *value;

        if (strcmp(row->type, type) != 0)
            continue;
        value = fc_config_at(config, row->path);
        if (!value && row->required)
            return refuse(row, e, "must be set");
        if (value && check(row, value, e) < 0)
            return -EINVAL;
    }
    return 0;
}

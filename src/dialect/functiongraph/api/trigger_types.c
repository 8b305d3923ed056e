/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger_types.c - the table of trigger types: what their event_data may say.
 *
 * TIMER and the gateway's types are served. The others are kept and shown and wait for their source:
 * nothing calls the function until this installation has one of that name.
 * Source: the models of huaweicloudsdkfunctiongraph 3.1.219; reference 1.8, 8.1.
 */
#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/trigger.h"

enum { ID = 64, LONG = 1024, TOPICS = 100 };

static const char *const obs_events[] = {"s3:ObjectCreated:*",
                                         "s3:ObjectCreated:Put",
                                         "s3:ObjectCreated:Post",
                                         "s3:ObjectCreated:Copy",
                                         "s3:ObjectCreated:CompleteMultipartUpload",
                                         "s3:ObjectRemoved:*",
                                         "s3:ObjectRemoved:Delete",
                                         "s3:ObjectRemoved:DeleteMarkerCreated",
                                         NULL};
static const char *const iterators[] = {"TRIM_HORIZON", "LATEST", NULL};
static const char *const units[] = {"s", "ms", NULL};
static const char *const booleans[] = {"true", "false", NULL};
static const char *const statuses[] = {"ACTIVE", "DISABLE", NULL};

static const struct fg_trigger_field cts[] = {
        {"name", FG_TEXT, true, false, 1, ID, NULL},
        {"operations", FG_TEXTS, true, false, 1, 100, NULL},
};
static const struct fg_trigger_field mongo[] = {
        {"instance_id", FG_TEXT, true, false, 1, ID, NULL},
        {"db_name", FG_TEXT, true, false, 1, ID, NULL},
        {"collection_name", FG_TEXT, true, false, 1, 120, NULL},
        {"db_password", FG_TEXT, true, true, 1, 256, NULL},
        {"db_user", FG_TEXT, false, false, 0, ID, NULL},
        {"batch_size", FG_NUMBER, false, false, 1, 10000, NULL},
};
static const struct fg_trigger_field dms[] = {
        {"queue_id", FG_TEXT, true, false, 1, ID, NULL},
        {"consumer_group_id", FG_TEXT, true, false, 1, ID, NULL},
        {"polling_interval", FG_NUMBER, false, false, 1, 60, NULL},
};
static const struct fg_trigger_field dis[] = {
        {"stream_name", FG_TEXT, true, false, 1, ID, NULL},
        {"sharditerator_type", FG_TEXT, false, false, 1, ID, iterators},
        {"polling_interval", FG_NUMBER, false, false, 1, 60000, NULL},
        {"polling_unit", FG_TEXT, false, false, 1, 2, units},
        {"max_fetch_bytes", FG_NUMBER, false, false, 1, 4ll * 1024 * 1024, NULL},
        {"is_serial", FG_TEXT, false, false, 4, 5, booleans},
};
static const struct fg_trigger_field lts[] = {
        {"log_group_id", FG_TEXT, true, false, 1, ID, NULL},
        {"log_topic_id", FG_TEXT, true, false, 1, ID, NULL},
};
static const struct fg_trigger_field obs[] = {
        {"name", FG_TEXT, true, false, 1, ID, NULL},
        {"bucket", FG_TEXT, true, false, 3, 63, NULL},
        {"events", FG_TEXTS, true, false, 1, 8, obs_events},
        {"prefix", FG_TEXT, false, false, 0, LONG, NULL},
        {"suffix", FG_TEXT, false, false, 0, LONG, NULL},
};
static const struct fg_trigger_field smn[] = {
        {"topic_urn", FG_TEXT, true, false, 1, LONG, NULL},
};
static const struct fg_trigger_field kafka[] = {
        {"instance_id", FG_TEXT, true, false, 1, ID, NULL},
        {"topic_ids", FG_TEXTS, true, false, 1, TOPICS, NULL},
        {"kafka_user", FG_TEXT, false, false, 0, ID, NULL},
        {"kafka_password", FG_TEXT, false, true, 0, 256, NULL},
        {"kafka_connect_address", FG_TEXT, false, false, 0, LONG, NULL},
        {"kafka_ssl_enable", FG_SWITCH, false, false, 0, 0, NULL},
        {"batch_size", FG_NUMBER, false, false, 1, 1000, NULL},
};
static const struct fg_trigger_field open_kafka[] = {
        {"topic_ids", FG_TEXTS, true, false, 1, TOPICS, NULL},
        {"kafka_connect_address", FG_TEXT, false, false, 1, LONG, NULL},
        {"connect_address", FG_TEXT, false, false, 1, LONG, NULL},
        {"kafka_password", FG_TEXT, false, true, 0, 256, NULL},
        {"batch_size", FG_NUMBER, false, false, 1, 1000, NULL},
};
static const struct fg_trigger_field rabbitmq[] = {
        {"instance_id", FG_TEXT, true, false, 1, ID, NULL},
        {"exchange_name", FG_TEXT, true, false, 1, 256, NULL},
        {"access_user", FG_TEXT, false, false, 0, ID, NULL},
        {"access_password", FG_TEXT, false, true, 0, 256, NULL},
        {"vhost", FG_TEXT, false, false, 0, 256, NULL},
        {"ssl_enable", FG_SWITCH, false, false, 0, 0, NULL},
        {"batch_size", FG_NUMBER, false, false, 1, 1000, NULL},
};
static const struct fg_trigger_field rocketmq[] = {
        {"instance_id", FG_TEXT, true, false, 1, ID, NULL},
        {"topic_ids", FG_TEXTS, true, false, 1, TOPICS, NULL},
        {"consumer_group_id", FG_TEXT, false, false, 0, ID, NULL},
        {"enable_acl", FG_SWITCH, false, false, 0, 0, NULL},
        {"access_key", FG_TEXT, false, false, 0, 256, NULL},
        {"secret_key", FG_TEXT, false, true, 0, 256, NULL},
        {"ssl_enable", FG_SWITCH, false, false, 0, 0, NULL},
        {"batch_size", FG_NUMBER, false, false, 1, 1000, NULL},
};
static const struct fg_trigger_field eventgrid[] = {
        {"channel_id", FG_TEXT, true, false, 1, ID, NULL},
        {"channel_name", FG_TEXT, false, false, 0, 128, NULL},
        {"source_name", FG_TEXT, false, false, 0, 128, NULL},
        {"trigger_name", FG_TEXT, false, false, 0, 128, NULL},
        {"agency", FG_TEXT, false, false, 0, ID, NULL},
        {"bucket", FG_TEXT, false, false, 0, 63, NULL},
        {"event_types", FG_TEXTS, false, false, 0, 100, NULL},
        {"prefix", FG_TEXT, false, false, 0, LONG, NULL},
        {"suffix", FG_TEXT, false, false, 0, LONG, NULL},
        {"Key_encode", FG_SWITCH, false, false, 0, 0, NULL},
        {"key_encode", FG_SWITCH, false, false, 0, 0, NULL},
        {"status", FG_TEXT, false, false, 0, 8, statuses},
};

static int parse_timer(struct call *c, const struct fg_trigger_type *type, const struct cJSON *data,
                       bool update, struct trigger *draft, struct fg_error *x)
{
    (void)c, (void)type;
    return fg_parse_timer(data, update, draft, x);
}

static void put_timer(struct jw *w, struct call *c, const struct trigger *t)
{
    (void)c;
    fg_put_timer(w, t);
}

/* Nobody has confirmed the subscription: there is no SMN. */
static void put_smn(struct jw *w, struct call *c, const struct trigger *t)
{
    (void)c;
    fg_put_fields_of(w, t, "subscription_status", S("\"Unconfirmed\""));
}

#define FIELDS(f) .fields = (f), .nfields = ARRAY_LEN(f)
#define OTHER     .wrong = "FSS.0400", .exists = "FSS.0409", .missing = "FSS.1131"
#define GATEWAY                                                                                    \
    .source = "apig", .wrong = "FSS.1107", .exists = "FSS.1146", .missing = "FSS.1138",            \
    .always = true, .parse = fg_parse_apig, .put = fg_put_apig

const struct fg_trigger_type fg_trigger_types[] = {
        {.code = "TIMER",
         .source = "timer",
         .name = "Timer",
         .wrong = "FSS.1109",
         .exists = "FSS.1148",
         .missing = "FSS.1140",
         .parse = parse_timer,
         .put = put_timer},
        {.code = "APIG", .name = "API Gateway", GATEWAY},
        {.code = "APIC", .name = "ROMA Connect", GATEWAY},
        {.code = "DEDICATEDGATEWAY", .name = "API Gateway (dedicated)", GATEWAY},
        {.code = "CTS", .source = "cts", .name = "Cloud Trace", OTHER, .most = 10, FIELDS(cts)},
        {.code = "DDS",
         .source = "dds",
         .name = "Document Database",
         .off = true,
         .wrong = "FSS.1172",
         .exists = "FSS.0409",
         .missing = "FSS.1131",
         FIELDS(mongo)},
        {.code = "GAUSSMONGO",
         .source = "gaussmongo",
         .name = "GaussDB(for Mongo)",
         .wrong = "FSS.1172",
         .exists = "FSS.0409",
         .missing = "FSS.1131",
         FIELDS(mongo)},
        {.code = "DMS", .source = "dms", .name = "Distributed Message", OTHER, FIELDS(dms)},
        {.code = "DIS", .source = "dis", .name = "Data Ingestion", OTHER, FIELDS(dis)},
        {.code = "LTS", .source = "lts", .name = "Log Tank", OTHER, FIELDS(lts)},
        {.code = "OBS",
         .source = "obs",
         .name = "Object Storage",
         .always = true,
         .wrong = "FSS.1106",
         .exists = "FSS.1145",
         .missing = "FSS.1136",
         .identity = "name",
         FIELDS(obs)},
        {.code = "SMN",
         .source = "smn",
         .name = "Simple Message Notification",
         .wrong = "FSS.1102",
         .exists = "FSS.1141",
         .missing = "FSS.1132",
         .identity = "topic_urn",
         FIELDS(smn),
         .put = put_smn},
        {.code = "KAFKA",
         .source = "kafka",
         .name = "Kafka",
         .off = true,
         .wrong = "FSS.1112",
         .exists = "FSS.1150",
         .missing = "FSS.1174",
         .identity = "instance_id",
         FIELDS(kafka)},
        {.code = "OPENSOURCEKAFKA",
         .source = "opensourcekafka",
         .name = "Open-source Kafka",
         .off = true,
         .wrong = "FSS.1112",
         .exists = "FSS.1150",
         .missing = "FSS.1174",
         FIELDS(open_kafka)},
        {.code = "RABBITMQ", .source = "rabbitmq", .name = "RabbitMQ", OTHER, FIELDS(rabbitmq)},
        {.code = "ROCKETMQ",
         .source = "rocketmq",
         .name = "RocketMQ",
         .off = true,
         OTHER,
         FIELDS(rocketmq)},
        {.code = "EVENTGRID", .source = "eventgrid", .name = "EventGrid", OTHER, FIELDS(eventgrid)},
        {.code = "IOTDA", .source = "iotda", .name = "IoT Device Access", OTHER},
};
const size_t fg_trigger_types_n = ARRAY_LEN(fg_trigger_types);

const struct fg_trigger_type *fg_trigger_type(struct str code)
{
    for (size_t i = 0; i < ARRAY_LEN(fg_trigger_types); i++)
        if (str_eq(code, str_of(fg_trigger_types[i].code)))
            return &fg_trigger_types[i];
    return NULL;
}

/* Three types share the gateway's source: which of them it is stands with what was kept. */
const struct fg_trigger_type *fg_trigger_type_of(const struct trigger *t)
{
    cleanup_with(json_freep) struct cJSON *kept = NULL;
    struct str code = S("APIG");

    if (str_eq(str_of(t->source), S("apig"))) {
        kept = json_parse(str_of(t->extra), NULL);
        (void)json_str(kept, "trigger_type_code", false, &code, NULL);
        return fg_trigger_type(code);
    }
    for (size_t i = 0; i < ARRAY_LEN(fg_trigger_types); i++)
        if (str_eq(str_of(t->source), str_of(fg_trigger_types[i].source)))
            return &fg_trigger_types[i];
    return NULL;
}

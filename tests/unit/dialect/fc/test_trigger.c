/* SPDX-License-Identifier: Apache-2.0 */
/* Triggers and aliases between Function Compute's words and the records. */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "dialect/fc/api/alias.h"
#include "dialect/fc/api/trigger.h"
#include "fn/alias.h"
#include "fn/fn.h"
#include "fn/trigger.h"
#include "t.h"

static const struct fn_key key = {.dialect = DIALECT_FC,
                                  .account = {"1", 1},
                                  .region = {"r", 1},
                                  .space = {"s", 1},
                                  .name = {"f", 1}};

static int fill(struct trigger *t, const char *text, bool is_new, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(text), e);

    *e = (struct err){0};
    return fc_trigger_fill(body, t, is_new, e);
}

static char *config_of(const struct trigger *t)
{
    struct buf out;
    struct jw w;

    buf_init(&out, TRIGGER_CONFIG);
    jw_init(&w, &out);
    fc_trigger_put_config(&w, t);
    return buf_take(&out);
}

static void a_timer_comes_back_as_it_was_sent(void **state)
{
    struct trigger *t = trigger_new(&key, S(""));
    cleanup_free char *first = NULL, *second = NULL;
    struct err e;

    (void)state;
    t_ok(fill(t,
              "{\"triggerType\":\"timer\",\"triggerConfig\":{\"CronExpression\":\"@every "
              "5m\",\"enable\":false,"
              "\"payload\":\"p\"}}",
              true, &e),
         &e);
    first = config_of(t);
    assert_string_equal(first,
                        "{\"cronExpression\":\"@every 5m\",\"enable\":false,\"payload\":\"p\"}");
    assert_string_equal(t->source, "timer");
    assert_false(t->enabled);
    t_ok(fill(t, "{\"triggerConfig\":\"{\\\"enable\\\":true}\"}", false, &e), &e);
    second = config_of(t);
    assert_string_equal(second,
                        "{\"cronExpression\":\"@every 5m\",\"enable\":true,\"payload\":\"p\"}");
    trigger_unref(t);
}

/* A record of ours keeps what waits for its source, and says so by an empty config. */
static void what_waits_is_kept_as_it_was_sent(void **state)
{
    struct trigger *t = trigger_new(&key, S(""));
    cleanup_free char *shown = NULL, *arn = NULL;
    struct err e;

    (void)state;
    t_ok(fill(t,
              "{\"triggerType\":\"mns_topic\",\"sourceArn\":\"acs:mns:r:1:/topics/t\","
              "\"triggerConfig\":{\"filterTag\":\"a\",\"later\":[1]}}",
              true, &e),
         &e);
    t_ok(fill(t, "{\"triggerConfig\":{\"FilterTag\":\"b\"}}", false, &e), &e);
    shown = config_of(t);
    arn = fc_trigger_text(t, "sourceArn");
    assert_string_equal(t->source, "mns_topic");
    assert_string_equal(t->config, "{}");
    assert_string_equal(shown, "{\"later\":[1],\"FilterTag\":\"b\"}");
    assert_string_equal(arn, "acs:mns:r:1:/topics/t");
    trigger_unref(t);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *body, *says;
    } rows[] = {
            {"{\"triggerConfig\":{}}", "triggerType is required"},
            {"{\"triggerType\":\"moon\",\"triggerConfig\":{}}", "'moon'"},
            {"{\"triggerType\":\"timer\"}", "triggerConfig must be set"},
            {"{\"triggerType\":\"timer\",\"triggerConfig\":\"[\"}",
             "triggerConfig must be a JSON object"},
            {"{\"triggerType\":\"timer\",\"triggerConfig\":{\"cronExpression\":\"x\"}}",
             "timer trigger config"},
            {"{\"triggerType\":\"oss\",\"triggerConfig\":{}}", "sourceArn"},
            {"{\"triggerType\":\"oss\",\"sourceArn\":\"acs:oss:r:1:\",\"triggerConfig\":{}}",
             "sourceArn"},
            {"{\"triggerType\":\"oss\",\"sourceArn\":\"acs:oss:r:1:b\",\"triggerConfig\":{}}",
             "events must be set"},
            {"{\"triggerType\":\"tablestore\",\"sourceArn\":\"acs:ots:r:1:table\","
             "\"triggerConfig\":{}}",
             "instance/"},
            {"{\"triggerType\":\"rds\",\"sourceArn\":\"acs:rds:r:1:dbinstance/"
             "i\",\"triggerConfig\":"
             "{\"subscriptionObjects\":[1]}}",
             "subscriptionObjects"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trigger *t = trigger_new(&key, S(""));
        struct err e;

        assert_int_equal(fill(t, rows[i].body, true, &e), -EINVAL);
        t_has(e.msg, rows[i].says);
        trigger_unref(t);
    }
}

/* ---- aliases ---- */

static bool has(void *user, struct str version)
{
    (void)user;
    return str_eq(version, S("1")) || str_eq(version, S("2"));
}

static struct alias *alias_of(const char *text, int expect, struct fc_alias_error *x)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(text), NULL);
    struct alias *a = alias_new(&key, S("prod"));

    *x = (struct fc_alias_error){0};
    assert_int_equal(fc_alias_parse(body, a, true, has, NULL, x), expect);
    return a;
}

static void a_share_is_what_the_cloud_says(void **state)
{
    struct fc_alias_error x;
    struct alias *a =
            alias_of("{\"VersionId\":\"1\",\"additionalVersionWeight\":{\"2\":0.05}}", 0, &x);
    struct alias *again = fc_alias_draft(a);

    (void)state;
    assert_string_equal(a->version, "1");
    assert_int_equal(a->nothers, 1);
    assert_string_equal(a->others[0].version, "2");
    assert_int_equal(a->others[0].share, 500);
    assert_int_equal(again->nothers, 0); /* read again from what was sent */
    alias_unref(again);
    alias_unref(a);
}

static void rules_pick_the_other_version(void **state)
{
    struct fc_alias_error x;
    struct alias *a = alias_of("{\"versionId\":\"LATEST\",\"additionalVersionWeight\":{\"2\":0},"
                               "\"resolvePolicy\":\"Content\","
                               "\"routePolicy\":{\"condition\":\"OR\",\"policyItems\":[{\"type\":"
                               "\"Cookie\",\"key\":\"k\","
                               "\"value\":\"v\",\"operator\":\"percent\"},{\"type\":\"Param\","
                               "\"key\":\"q\",\"value\":\"1\","
                               "\"operator\":\">=\"}]}}",
                               0, &x);

    (void)state;
    assert_string_equal(a->version, "latest");
    assert_true(a->others[0].any);
    assert_int_equal(a->others[0].nrules, 2);
    assert_int_equal(a->others[0].rules[0].part, ALIAS_COOKIE);
    assert_int_equal(a->others[0].rules[0].op, ALIAS_PERCENT);
    assert_int_equal(a->others[0].rules[1].part, ALIAS_QUERY);
    assert_int_equal(a->others[0].rules[1].op, ALIAS_AT_LEAST);
    alias_unref(a);
}

static void an_alias_has_the_clouds_codes(void **state)
{
    static const struct {
        const char *body, *code;
    } rows[] = {
            {"{\"versionId\":\"3\"}", "VersionNotFound"},
            {"{}", "InvalidArgument"},
            {"{\"versionId\":\"1\",\"additionalVersionWeight\":{\"1\":0.1}}",
             "AdditionalVersionContainsMajorVersion"},
            {"{\"versionId\":\"1\",\"additionalVersionWeight\":{\"2\":1.1}}", "InvalidArgument"},
            {"{\"versionId\":\"1\",\"additionalVersionWeight\":{\"2\":null}}", "InvalidArgument"},
            {"{\"versionId\":\"1\",\"resolvePolicy\":\"Content\"}", "InvalidArgument"},
    };
    struct fc_alias_error x;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        alias_unref(alias_of(rows[i].body, -EINVAL, &x));
        assert_string_equal(x.code, rows[i].code);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_timer_comes_back_as_it_was_sent),
            cmocka_unit_test(what_waits_is_kept_as_it_was_sent),
            cmocka_unit_test(what_is_wrong_is_named),
            cmocka_unit_test(a_share_is_what_the_cloud_says),
            cmocka_unit_test(rules_pick_the_other_version),
            cmocka_unit_test(an_alias_has_the_clouds_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

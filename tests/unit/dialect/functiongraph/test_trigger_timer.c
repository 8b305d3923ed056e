/* SPDX-License-Identifier: Apache-2.0 */
/* event_data of a TIMER: what becomes the source's, what is kept, what comes back. */
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"
#include "fn/trigger.h"
#include "t.h"

static struct trigger *draft(void)
{
    struct fn_key key = {DIALECT_FUNCTIONGRAPH, S("proj"), S("local-1"), S("default"), S("hello")};
    struct trigger *t = trigger_new(&key, S("timer"));

    (void)snprintf(t->id, sizeof(t->id), "00000000-0000-4000-8000-000000000001");
    return t;
}

static int parse(struct trigger *t, const char *text, bool update, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *data = json_parse(str_of(text), &x->e);

    assert_non_null(data);
    return fg_parse_timer(data, update, t, x);
}

static void take(struct trigger *t, const char *text, bool update)
{
    struct fg_error x = {0};

    t_ok(parse(t, text, update, &x), &x.e);
}

static void shows(const struct trigger *t, const char *text)
{
    struct buf out;
    struct jw w;

    buf_init(&out, 1 << 20);
    jw_init(&w, &out);
    fg_put_timer(&w, t);
    t_str(buf_str(&out), str_of(text));
    buf_done(&out);
}

static void a_rate_is_the_sources_own_form(void **state)
{
    struct trigger *t = draft();

    (void)state;
    take(t, "{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":\"3m\",\"user_event\":\"u\"}",
         false);
    assert_string_equal(t->name, "T");
    assert_string_equal(t->config,
                        "{\"schedule\":\"3m\",\"syntax\":\"fg-rate\",\"payload\":\"u\"}");
    assert_string_equal(t->extra, "{}");
    shows(t, "{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":\"3m\",\"user_event\":\"u\","
             "\"triggerid\":\"00000000-0000-4000-8000-000000000001\"}");
    trigger_unref(t);
}

static void an_update_changes_what_it_names(void **state)
{
    struct trigger *t = draft();

    (void)state;
    take(t,
         "{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":\"3m\",\"sync_execution\":true,"
         "\"note\":[1.50,{}],\"missed_policy\":\"all\"}",
         false);
    take(t, "{\"schedule_type\":\"Cron\",\"schedule\":\"@every 1h\",\"note\":null,\"b\":1}", true);
    assert_string_equal(t->config, "{\"schedule\":\"@every 1h\",\"syntax\":\"fg-cron\","
                                   "\"missed\":\"all\"}");
    shows(t, "{\"name\":\"T\",\"schedule_type\":\"Cron\",\"schedule\":\"@every 1h\","
             "\"user_event\":\"\",\"missed_policy\":\"all\","
             "\"triggerid\":\"00000000-0000-4000-8000-000000000001\",\"sync_execution\":true,"
             "\"b\":1}");
    trigger_unref(t);
}

static void a_bound_of_its_own_is_shown_kept_and_taken_away(void **state)
{
    struct trigger *t = draft();

    (void)state;
    take(t,
         "{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":\"3m\",\"max_concurrency\":1000}",
         false);
    assert_int_equal(t->concurrency, 1000);
    assert_string_equal(t->extra, "{}");
    take(t, "{\"user_event\":\"u\"}", true);
    shows(t, "{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":\"3m\",\"user_event\":\"u\","
             "\"max_concurrency\":1000,\"triggerid\":\"00000000-0000-4000-8000-000000000001\"}");
    take(t, "{\"max_concurrency\":0}", true);
    assert_int_equal(t->concurrency, 0);
    trigger_unref(t);
}

static void what_another_door_said_is_shown_and_kept(void **state)
{
    struct trigger *t = draft();

    (void)state;
    fn_set(&t->name, S("T"));
    fn_set(&t->config, S("{\"schedule\":\"0 0 4 * * *\",\"syntax\":\"fg-cron\",\"zone\":"
                         "\"Asia/Shanghai\"}"));
    take(t, "{\"user_event\":\"u\"}", true);
    assert_string_equal(t->config, "{\"schedule\":\"0 0 4 * * *\",\"syntax\":\"fg-cron\","
                                   "\"zone\":\"Asia/Shanghai\",\"payload\":\"u\"}");
    shows(t, "{\"name\":\"T\",\"schedule_type\":\"Cron\",\"schedule\":\"0 0 4 * * *\","
             "\"user_event\":\"u\",\"triggerid\":\"00000000-0000-4000-8000-000000000001\"}");
    trigger_unref(t);
}

static void a_field_of_ours_in_what_is_kept_is_not_shown_twice(void **state)
{
    struct trigger *t = draft();

    (void)state;
    take(t,
         "{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":\"3m\",\"triggerid\":\"mine\"}",
         false);
    assert_string_equal(t->extra, "{}");
    trigger_unref(t);
}

static void what_is_wrong_is_told_and_names_the_code(void **state)
{
    static const struct {
        const char *data, *said;
    } bad[] = {
            {"{}", "name"},
            {"{\"name\":\"T\"}", "schedule_type is missing"},
            {"{\"name\":\"T\",\"schedule_type\":\"Rate\"}", "schedule is missing"},
            {"{\"name\":\"T\",\"schedule_type\":\"At\",\"schedule\":\"3m\"}", "Rate or Cron"},
            {"{\"name\":\"-\",\"schedule_type\":\"Rate\",\"schedule\":\"3m\"}", "name"},
            {"{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":\"61m\"}", "61"},
            {"{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":3}", "schedule"},
            {"{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":\"3m\",\"missed_policy\":"
             "\"\"}",
             "skip, once or all"},
            {"{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":\"3m\",\"max_concurrency\":"
             "1001}",
             "max_concurrency"},
            {"{\"name\":\"T\",\"schedule_type\":\"Rate\",\"schedule\":\"3m\",\"sync_execution\":"
             "1}",
             "sync_execution"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct trigger *t = draft();
        struct fg_error x = {0};

        assert_true(parse(t, bad[i].data, false, &x) < 0);
        assert_int_equal(x.status, 400);
        assert_string_equal(x.code, "FSS.1109");
        t_has(x.e.msg, bad[i].said);
        trigger_unref(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_rate_is_the_sources_own_form),
            cmocka_unit_test(an_update_changes_what_it_names),
            cmocka_unit_test(a_bound_of_its_own_is_shown_kept_and_taken_away),
            cmocka_unit_test(what_another_door_said_is_shown_and_kept),
            cmocka_unit_test(a_field_of_ours_in_what_is_kept_is_not_shown_twice),
            cmocka_unit_test(what_is_wrong_is_told_and_names_the_code),
    };

    return T_RUN(tests);
}

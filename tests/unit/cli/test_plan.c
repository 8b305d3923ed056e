/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan.c - what a deployment changes, and whose values nobody sees. */
#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/plan.h"
#include "cli/progress.h"
#include "t.h"

#define HEAD "\"name\":\"f\",\"revision\":1,\"modified\":\"now\",\"state\":\"ready\","

/* Each change as "setting: before -> after\n", one blank between. */
static void check(const char *before, const char *after, const struct plan_code *code,
                  const char *want)
{
    cleanup_with(json_freep) struct cJSON *a = before ? json_parse(str_of(before), NULL) : NULL;
    cleanup_with(json_freep) struct cJSON *b = json_parse(str_of(after), NULL);
    cleanup_with(json_freep) struct cJSON *changes = plan_changes(a, b, code);
    cleanup_with(buf_done) struct buf out;

    buf_init(&out, 64 << 10);
    for (const struct cJSON *c = changes->child; c; c = c->next) {
        const struct cJSON *from = json_get(c, "before"), *to = json_get(c, "after");

        buf_addf(&out, "%s: %s -> %s\n", json_get(c, "setting")->valuestring,
                 !from ? "null" : from->valuestring, !to ? "null" : to->valuestring);
    }
    t_str(buf_str(&out), str_of(want));
}

static void settings_are_compared_and_what_no_deployment_sets_is_not(void **state)
{
    (void)state;
    check("{" HEAD "\"memory_mb\":128,\"handler\":\"a.b\",\"cpu\":\"weight\"}",
          "{\"name\":\"f\",\"revision\":2,\"modified\":\"later\",\"state\":\"no\",\"memory_mb\":"
          "256,"
          "\"handler\":\"a.c\",\"cpu\":\"weight\"}",
          NULL, "memory_mb: 128 -> 256\nhandler: a.b -> a.c\n");
    check("{" HEAD "\"a\":1}", "{" HEAD "\"a\":1}", NULL, "");
    check(NULL, "{" HEAD "\"a\":1}", NULL, "");
}

static void code_is_compared_by_its_hash(void **state)
{
    static const struct plan_code code = {"ffffffffffff", 2048};

    (void)state;
    check("{\"code\":{\"sha256\":\"0123456789ab\",\"size\":100,\"checksum\":\"x\"}}",
          "{\"code\":{\"sha256\":\"9876543210ab\",\"size\":1024,\"checksum\":\"y\"}}", NULL,
          "code: 100 B (01234567) -> 1.00 KiB (98765432)\n");
    check("{\"code\":{\"sha256\":\"\",\"size\":0}}", "{\"code\":{\"sha256\":\"abc\",\"size\":1}}",
          NULL, "code: null -> 1 B (abc)\n");
    check("{\"code\":{\"sha256\":\"abc\",\"size\":1}}",
          "{\"code\":{\"sha256\":\"abc\",\"size\":1}}", &code,
          "code: 1 B (abc) -> 2.00 KiB (ffffffff)\n");
}

static void secrets_are_masked(void **state)
{
    (void)state;
    check("{\"environment\":{\"A\":\"1\",\"DB_PASSWORD\":\"old\",\"GONE\":\"x\",\"u\":\"http://"
          "a\"}}",
          "{\"environment\":{\"A\":\"2\",\"DB_PASSWORD\":\"new\",\"ApiKey\":\"k\","
          "\"u\":\"http://me:pw@a\"}}",
          NULL,
          "environment.A: 1 -> 2\n"
          "environment.DB_PASSWORD: *** -> ***\n"
          "environment.GONE: x -> null\n"
          "environment.u: *** -> ***\n"
          "environment.ApiKey: null -> ***\n");
}

static void names_and_urls_tell_a_secret(void **state)
{
    static const struct {
        const char *name, *value;
        bool secret;
    } cases[] = {
            {"GREETING", "hi", false},
            {"token", "x", true},
            {"MY_SECRET_THING", "x", true},
            {"aws_access_key_id", "x", true},
            {"DSN", "postgres://u:p@h/db", true},
            {"DSN", "postgres://u@h/db", false},
            {"URL", "http://h:80/a@b", true}, /* rather one too many */
            {"URL", "http://h:80/ab", false},
            {"", "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (plan_is_secret(str_of(cases[i].name), str_of(cases[i].value)) != cases[i].secret)
            fail_msg("%s=%s", cases[i].name, cases[i].value);
}

static void what_is_printed_commands_no_terminal(void **state)
{
    cleanup_with(json_freep) struct cJSON *changes = json_parse(
            S("[{\"setting\":\"description\",\"before\":\"\",\"after\":\"a\\u001b[2Jb\\nc\"},"
              "{\"setting\":\"x\",\"before\":null,\"after\":\"1\"}]"),
            NULL);
    cleanup_with(buf_done) struct buf out;

    (void)state;
    buf_init(&out, 4096);
    plan_print(changes, &out);
    assert_null(memchr(out.p, 0x1b, out.n));
    t_has(out.p, "  description                   \"\" -> a\\x1b[2Jb\\x0ac\n");
    t_has(out.p, "(none) -> 1\n");
}

static void a_progress_bar_fits_its_columns(void **state)
{
    (void)state;
    for (size_t columns = 60; columns < 200; columns += 7) {
        cleanup_with(buf_done) struct buf line;

        buf_init(&line, 4096);
        progress_bar("hello", 50 << 20, 100 << 20, 2000000000, columns, &line);
        assert_true(line.n <= columns);
        t_has(line.p, "50.0 MiB of 100 MiB, 25.0 MiB/s");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(settings_are_compared_and_what_no_deployment_sets_is_not),
            cmocka_unit_test(code_is_compared_by_its_hash),
            cmocka_unit_test(secrets_are_masked),
            cmocka_unit_test(names_and_urls_tell_a_secret),
            cmocka_unit_test(what_is_printed_commands_no_terminal),
            cmocka_unit_test(a_progress_bar_fits_its_columns),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings.c - where the command line finds daemon and key pair. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/command.h"
#include "cli/settings.h"
#include "t.h"

static int setup(void **state)
{
    (void)state;
    unsetenv("EVOKE_ENDPOINT");
    unsetenv("EVOKE_ACCESS_KEY");
    unsetenv("EVOKE_SECRET_KEY");
    setenv("EVOKE_DATA", "/nonexistent", 1);
    return 0;
}

static void the_root_pair_is_found_among_other_keys(void **state)
{
    cleanup_free char *access = NULL;
    cleanup_free char *secret = NULL;
    struct err e = {0};

    (void)state;
    t_ok(settings_root_key(
                 S("{\"version\":1,\"keys\":[{\"access_key\":\"a\",\"secret_key\":\"b\",\"root\":"
                   "false},{\"access_key\":\"AK\",\"secret_key\":\"SK\",\"root\":true}]}"),
                 &access, &secret, &e),
         &e);
    t_str(str_of(access), S("AK"));
    t_str(str_of(secret), S("SK"));
}

static void a_key_file_without_a_root_pair_is_refused(void **state)
{
    char *access = NULL, *secret = NULL;

    (void)state;
    assert_int_equal(settings_root_key(S("{\"keys\":[]}"), &access, &secret, NULL), -EACCES);
    assert_int_equal(settings_root_key(S("{}"), &access, &secret, NULL), -EACCES);
    assert_int_equal(settings_root_key(S("not json"), &access, &secret, NULL), -EINVAL);
}

static void the_environment_names_endpoint_and_keys(void **state)
{
    struct common common = {0};
    struct settings s = {0};
    struct err e = {0};

    (void)state;
    setenv("EVOKE_ACCESS_KEY", "AK", 1);
    setenv("EVOKE_SECRET_KEY", "SK", 1);
    t_ok(settings_load(&common, &s, &e), &e);
    t_str(str_of(s.endpoint), S("http://127.0.0.1:8900"));
    settings_done(&s);
    setenv("EVOKE_ENDPOINT", "http://other:1", 1);
    t_ok(settings_load(&common, &s, &e), &e);
    t_str(str_of(s.endpoint), S("http://other:1"));
    t_str(str_of(s.access_key), S("AK"));
    settings_done(&s);
}

static void an_option_outranks_the_environment(void **state)
{
    struct common common = {.endpoint = "http://option:1"};
    struct settings s = {0};
    struct err e = {0};

    (void)state;
    setenv("EVOKE_ACCESS_KEY", "AK", 1);
    setenv("EVOKE_SECRET_KEY", "SK", 1);
    setenv("EVOKE_ENDPOINT", "http://other:1", 1);
    t_ok(settings_load(&common, &s, &e), &e);
    t_str(str_of(s.endpoint), S("http://option:1"));
    settings_done(&s);
}

static void half_a_key_pair_is_refused(void **state)
{
    struct common common = {0};
    struct settings s = {0};
    struct err e = {0};

    (void)state;
    setenv("EVOKE_ACCESS_KEY", "AK", 1);
    assert_int_equal(settings_load(&common, &s, &e), -EACCES);
    t_has(e.msg, "EVOKE_SECRET_KEY is missing");
    settings_done(&s);
}

static void without_any_key_the_message_says_where_to_get_one(void **state)
{
    struct common common = {0};
    struct settings s = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(settings_load(&common, &s, &e), -EACCES);
    t_has(e.msg, "no key pair");
    t_has(e.msg, "/nonexistent/keys.json");
    settings_done(&s);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(the_root_pair_is_found_among_other_keys),
            TEST(a_key_file_without_a_root_pair_is_refused),
            TEST(the_environment_names_endpoint_and_keys),
            TEST(an_option_outranks_the_environment),
            TEST(half_a_key_pair_is_refused),
            TEST(without_any_key_the_message_says_where_to_get_one),
    };

    return T_RUN(tests);
}

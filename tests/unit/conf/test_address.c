/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/address.h"

#include <errno.h>

#include "base/err.h"
#include "t.h"

static void addresses_are_read_and_printed(void **state)
{
    static const struct {
        const char *text, *printed;
    } cases[] = {
            {"127.0.0.1:8900", "127.0.0.1:8900"},
            {"localhost:0", "127.0.0.1:0"},
            {"0.0.0.0:65535", "0.0.0.0:65535"},
            {"[::1]:1", "[::1]:1"},
            {"::1:80", "[::1]:80"},
    };
    char text[ADDRESS_TEXT];
    union address a;
    struct err e = {0};
    socklen_t n;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        t_ok(address_parse(str_of(cases[i].text), &a, &n, &e), &e);
        assert_string_equal(address_print(&a, text), cases[i].printed);
    }
}

static void others_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      ":",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "256.0.0.1:1",
                                      "[::1]",
                                      "host:80",
                                      "127.0.0.1:-1",
                                      "127.0.0.1: 1",
                                      "[]:1",
                                      ":80",
                                      "nonsense"};
    union address a;
    socklen_t n;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = {0};

        assert_int_equal(address_parse(str_of(bad[i]), &a, &n, &e), -EINVAL);
        t_has(e.msg, "must be ADDRESS:PORT");
        t_has(e.msg, bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(addresses_are_read_and_printed),
            cmocka_unit_test(others_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

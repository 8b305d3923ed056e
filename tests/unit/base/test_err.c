/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>

#include "base/str.h"
#include "t.h"

static void says_the_outermost_context_first(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(err_set(&e, ERR_CALLER, -EINVAL, "manifest is %s", "empty"), -EINVAL);
    assert_int_equal(err_wrap(&e, -EINVAL, "function '%s'", "thumb"), -EINVAL);
    assert_string_equal(e.msg, "function 'thumb': manifest is empty");
    assert_int_equal(e.kind, ERR_CALLER);
    assert_int_equal(e.code, -EINVAL);
}

static void a_system_call_tells_what_the_kernel_said(void **state)
{
    struct err e = {0};

    (void)state;
    errno = ENOENT;
    assert_int_equal(err_sys(&e, "open '%s'", "x"), -ENOENT);
    assert_string_equal(e.msg, "open 'x': No such file or directory");
    assert_int_equal(e.kind, ERR_HOST);
}

static void wrapping_nothing_fills_and_success_passes(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(err_wrap(&e, 3, "unused"), 3);
    assert_int_equal(e.code, 0);
    assert_int_equal(err_wrap(&e, -EIO, "read"), -EIO);
    assert_string_equal(e.msg, "read: Input/output error");
    assert_int_equal(e.code, -EIO);
    assert_int_equal(e.kind, ERR_HOST);
}

static void nobody_has_to_listen(void **state)
{
    (void)state;
    errno = EPERM;
    assert_int_equal(err_sys(NULL, "x"), -EPERM);
    assert_int_equal(err_set(NULL, ERR_LIMIT, -EFBIG, "x"), -EFBIG);
    assert_int_equal(err_wrap(NULL, -EFBIG, "x"), -EFBIG);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    struct err e = {0};

    (void)state;
    for (int lead = 240; lead < 260; lead++) {
        (void)err_set(&e, ERR_CALLER, -EINVAL, "%*s%s", lead, "",
                      "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
        assert_true(strlen(e.msg) < sizeof(e.msg));
        assert_true(str_utf8(str_of(e.msg)));
        (void)err_wrap(&e, -EINVAL, "\xe2\x82\xac");
        assert_true(str_utf8(str_of(e.msg)));
    }
    (void)err_set(&e, ERR_CALLER, -EINVAL, "%*s", 255, "x");
    assert_int_equal(strlen(e.msg), 255);
    (void)err_set(&e, ERR_CALLER, -EINVAL, "%*s", 256, "x");
    assert_int_equal(strlen(e.msg), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(says_the_outermost_context_first),
            cmocka_unit_test(a_system_call_tells_what_the_kernel_said),
            cmocka_unit_test(wrapping_nothing_fills_and_success_passes),
            cmocka_unit_test(nobody_has_to_listen),
            cmocka_unit_test(a_long_message_is_cut_between_characters),
    };

    return T_RUN(tests);
}

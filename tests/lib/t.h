/* SPDX-License-Identifier: Apache-2.0 */
/* t.h - our few assertions on top of cmocka, so that changing the runner means changing this file.
 */
#ifndef EVOKE_TESTS_T_H
#define EVOKE_TESTS_T_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"

/* The call must succeed; its error message is shown if not. */
#define t_ok(r, e)                                                                                 \
    do {                                                                                           \
        int t_r_ = (r);                                                                            \
        if (t_r_ < 0)                                                                              \
            fail_msg("%s: %d: %s", #r, t_r_, (e)->msg);                                            \
    } while (0)

/* Two byte strings must be equal; both are shown if not. */
#define t_str(got, want)                                                                           \
    do {                                                                                           \
        struct str t_g_ = (got), t_w_ = (want);                                                    \
        if (!str_eq(t_g_, t_w_))                                                                   \
            fail_msg("%s is '%.*s', not '%.*s'", #got, STR_ARG(t_g_), STR_ARG(t_w_));              \
    } while (0)

/* text must contain part. */
#define t_has(text, part)                                                                          \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("'%s' does not contain '%s'", (text), (part));                                \
    } while (0)

#define T_RUN(tests) cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL)

#endif

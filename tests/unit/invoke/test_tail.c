/* SPDX-License-Identifier: Apache-2.0 */
/* test_tail.c - the last bytes of a log, in whole characters. */
#include "t.h"

#include "base/obj.h"
#include "invoke/tail.h"

static void a_short_log_is_kept_whole(void **state)
{
    struct tail t;

    (void)state;
    tail_init(&t, 8);
    t_str(tail_text(&t), S(""));
    tail_add(&t, S("abc"));
    tail_add(&t, S(""));
    tail_add(&t, S("defgh"));
    t_str(tail_text(&t), S("abcdefgh")); /* exactly full */
    tail_done(&t);
}

static void of_a_long_log_the_end_is_kept(void **state)
{
    static const char *const pieces[][4] = {
            {"abcdefghi", NULL},            /* one byte over, at once */
            {"abcd", "efgh", "i", NULL},    /* one byte over, in pieces */
            {"0123456789abcdefghi", NULL},  /* far over */
            {"xyz", "0123abcdefghi", NULL}, /* far over, behind something */
            {"abcdefg", "hi", NULL},        /* round the corner */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct tail t;

        tail_init(&t, 8);
        for (size_t k = 0; pieces[i][k]; k++)
            tail_add(&t, str_of(pieces[i][k]));
        t_str(tail_text(&t), S("bcdefghi"));
        tail_done(&t);
    }
}

static void a_cut_character_is_left_out(void **state)
{
    struct tail t;

    (void)state;
    tail_init(&t, 8);
    tail_add(&t, S("\xe4\xbd\xa0\xe5\xa5\xbd"
                   "abc")); /* nine bytes: the first is lost */
    t_str(tail_text(&t), S("\xe5\xa5\xbd"
                           "abc"));
    tail_done(&t);

    tail_init(&t, 4); /* not UTF-8 at all: no more than a character's worth is cut */
    tail_add(&t, S("\x80\x80\x80\x80\x80\x80"));
    t_str(tail_text(&t), S("\x80"));
    tail_done(&t);
}

static void a_tail_of_nothing_keeps_nothing(void **state)
{
    struct tail t;

    (void)state;
    tail_init(&t, 0);
    tail_add(&t, S("abc"));
    t_str(tail_text(&t), S(""));
    tail_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_short_log_is_kept_whole),
            cmocka_unit_test(of_a_long_log_the_end_is_kept),
            cmocka_unit_test(a_cut_character_is_left_out),
            cmocka_unit_test(a_tail_of_nothing_keeps_nothing),
    };

    return T_RUN(tests);
}

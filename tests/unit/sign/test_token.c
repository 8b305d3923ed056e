/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of key pairs: read back as they were made, by that secret only, and void with one bit changed. */
#include "t.h"

#include <errno.h>
#include <string.h>

#include "base/crypto.h"
#include "sign/token.h"

static const int64_t now_ms = 1795294200000;

static struct buf issue(const char *access, const char *secret, const char *account)
{
    struct buf b;

    buf_init(&b, TOKEN_TEXT);
    assert_int_equal(token_issue(str_of(access), str_of(secret), str_of(account), now_ms, &b), 0);
    assert_true(buf_ok(&b));
    return b;
}

static void what_is_issued_is_read_and_holds(void **state)
{
    struct buf b = issue("AK1", "secret", "p1");
    struct token t;

    (void)state;
    assert_int_equal(token_read(buf_str(&b), &t), 0);
    assert_string_equal(t.access_key, "AK1");
    assert_string_equal(t.account, "p1");
    assert_int_equal(t.issued_ms, now_ms);
    assert_int_equal(t.expires_ms, now_ms + TOKEN_LIFE_MS);
    assert_true(token_holds(&t, S("secret")));
    assert_false(token_holds(&t, S("Secret")));
    assert_false(token_holds(&t, S("")));
    buf_done(&b);
}

static void without_an_account_it_has_none(void **state)
{
    struct buf b = issue("AK1", "secret", "");
    struct token t;

    (void)state;
    assert_int_equal(token_read(buf_str(&b), &t), 0);
    assert_string_equal(t.account, "");
    assert_true(token_holds(&t, S("secret")));
    buf_done(&b);
}

/* A token for one project is not turned into one for another, or for all. */
static void no_changed_byte_holds(void **state)
{
    struct buf b = issue("AK1", "secret", "p1");

    (void)state;
    for (size_t i = 0; i < b.n; i++)
        for (int bit = 0; bit < 7; bit++) {
            struct token t;

            b.p[i] ^= (char)(1 << bit);
            if (token_read(buf_str(&b), &t) == 0)
                assert_false(token_holds(&t, S("secret")));
            b.p[i] ^= (char)(1 << bit);
        }
    buf_done(&b);
}

static void other_parts_under_the_same_mac_do_not_hold(void **state)
{
    struct buf b = issue("AK1", "secret", "p1"), text, forged;
    struct token t;
    char *at;

    (void)state;
    buf_init(&text, TOKEN_TEXT);
    buf_init(&forged, TOKEN_TEXT);
    assert_int_equal(base64_decode(buf_str(&b), &text), 0);
    at = strstr(text.p, "p1 ");
    assert_non_null(at);
    memcpy(at, "p2 ", 3);
    base64_encode(buf_str(&text), &forged);
    assert_int_equal(token_read(buf_str(&forged), &t), 0);
    assert_string_equal(t.account, "p2");
    assert_false(token_holds(&t, S("secret")));
    buf_done(&b);
    buf_done(&text);
    buf_done(&forged);
}

static void what_is_no_token_is_refused(void **state)
{
    static const char *const texts[] = {
            "",
            "1",
            "1 1795294200 * AK1",
            "2 1795294200 * AK1 0000000000000000000000000000000000000000000000000000000000000000",
            "1 x * AK1 0000000000000000000000000000000000000000000000000000000000000000",
            "1 1795294200 * AK1 000000000000000000000000000000000000000000000000000000000000000",
            "1 1795294200  AK1 0000000000000000000000000000000000000000000000000000000000000000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct token t;
        struct buf b;

        buf_init(&b, TOKEN_TEXT);
        base64_encode(str_of(texts[i]), &b);
        assert_int_equal(token_read(buf_str(&b), &t), -EBADMSG);
        assert_int_equal(token_read(str_of(texts[i]), &t), -EBADMSG);
        buf_done(&b);
    }
}

static void parts_have_a_limit_and_no_space(void **state)
{
    char longest[TOKEN_PART + 1];
    struct buf b;

    (void)state;
    memset(longest, 'a', sizeof(longest));
    buf_init(&b, TOKEN_TEXT);
    assert_int_equal(token_issue((struct str){longest, TOKEN_PART - 1}, S("s"),
                                 (struct str){longest, TOKEN_PART - 1}, INT64_C(9999999999999), &b),
                     0);
    assert_true(buf_ok(&b));
    assert_int_equal(token_issue((struct str){longest, TOKEN_PART}, S("s"), S(""), now_ms, &b),
                     -EINVAL);
    assert_int_equal(token_issue(S("a b"), S("s"), S(""), now_ms, &b), -EINVAL);
    assert_int_equal(token_issue(S("a"), S("s"), S("p 1"), now_ms, &b), -EINVAL);
    assert_int_equal(token_issue(S("a"), S("s"), S("*"), now_ms, &b), -EINVAL);
    assert_int_equal(token_issue(S(""), S("s"), S(""), now_ms, &b), -EINVAL);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_issued_is_read_and_holds),
            cmocka_unit_test(without_an_account_it_has_none),
            cmocka_unit_test(no_changed_byte_holds),
            cmocka_unit_test(other_parts_under_the_same_mac_do_not_hold),
            cmocka_unit_test(what_is_no_token_is_refused),
            cmocka_unit_test(parts_have_a_limit_and_no_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

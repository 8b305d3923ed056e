/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary keys: the same within a step, void at their expiry, and void when one byte is changed. */
#include "t.h"

#include <errno.h>
#include <string.h>

#include "sign/role.h"

#define FUNCTION "fc/123/local-1/svc/fn"

static const int64_t step_ms = 1795294200000; /* a multiple of ROLE_STEP_MS */
static struct role_root root;

static int setup(void **state)
{
    (void)state;
    root = role_root_of(S("root secret"));
    return 0;
}

static struct role_keys issue(const char *prefix, const char *function, int64_t now_ms)
{
    struct role_keys k;

    assert_int_equal(role_issue(&root, prefix, str_of(function), now_ms, &k), 0);
    return k;
}

static int check(const struct role_keys *k, int64_t now_ms, struct role_claim *ret)
{
    return role_check(&root, str_of(k->access_key), str_of(k->token), now_ms, ret);
}

static void what_is_issued_is_recognised_with_the_same_secret(void **state)
{
    struct role_keys k = issue("STS.", FUNCTION, step_ms);
    struct role_claim claim;

    (void)state;
    assert_int_equal(check(&k, step_ms, &claim), 0);
    assert_string_equal(claim.function, FUNCTION);
    assert_string_equal(claim.secret_key, k.secret_key);
    assert_int_equal(claim.expires_ms, step_ms + ROLE_LIFE_MS);
    assert_int_equal(strlen(k.access_key), 24);
    assert_memory_equal(k.access_key, "STS.", 4);
    assert_int_equal(strlen(k.secret_key), ROLE_SECRET - 1);
}

static void keys_change_with_the_step_and_never_have_less_than_their_life(void **state)
{
    struct role_keys at = issue("HST", FUNCTION, step_ms);
    struct role_keys later = issue("HST", FUNCTION, step_ms + 1);
    struct role_keys last = issue("HST", FUNCTION, step_ms + ROLE_STEP_MS);
    struct role_keys next = issue("HST", FUNCTION, step_ms + ROLE_STEP_MS + 1);
    struct role_claim claim;

    (void)state;
    assert_string_not_equal(at.access_key, later.access_key);
    assert_string_equal(later.access_key, last.access_key);
    assert_string_equal(later.token, last.token);
    assert_string_not_equal(last.access_key, next.access_key);
    for (int64_t now = step_ms; now < step_ms + 2 * ROLE_STEP_MS; now += ROLE_STEP_MS / 7) {
        struct role_keys k = issue("HST", FUNCTION, now);

        assert_int_equal(check(&k, now, &claim), 0);
        assert_true(claim.expires_ms - now >= ROLE_LIFE_MS);
        assert_true(claim.expires_ms - now < ROLE_LIFE_MS + ROLE_STEP_MS);
    }
}

static void keys_are_good_to_the_last_millisecond_and_not_after(void **state)
{
    struct role_keys k = issue("HST", FUNCTION, step_ms);
    struct role_claim claim;

    (void)state;
    assert_int_equal(check(&k, step_ms + ROLE_LIFE_MS - 1, &claim), 0);
    assert_int_equal(check(&k, step_ms + ROLE_LIFE_MS, &claim), -EKEYEXPIRED);
    assert_int_equal(check(&k, INT64_MIN, &claim), 0);
}

static void every_changed_byte_is_noticed(void **state)
{
    struct role_keys good = issue("STS.", FUNCTION, step_ms);
    struct role_claim claim;

    (void)state;
    for (size_t i = 0; i < strlen(good.access_key); i++) {
        struct role_keys k = good;

        k.access_key[i] = k.access_key[i] == 'A' ? 'B' : 'A';
        assert_int_equal(check(&k, step_ms, &claim), -EBADMSG);
    }
    for (size_t i = 0; i < strlen(good.token); i++) {
        struct role_keys k = good;

        k.token[i] = k.token[i] == 'A' ? 'B' : 'A';
        assert_int_equal(check(&k, step_ms, &claim), -EBADMSG);
    }
}

static void a_token_of_one_function_does_not_fit_the_key_of_another(void **state)
{
    struct role_keys a = issue("STS.", FUNCTION, step_ms);
    struct role_keys b = issue("STS.", FUNCTION "2", step_ms);
    struct role_claim claim;

    (void)state;
    assert_string_not_equal(a.access_key, b.access_key);
    assert_string_not_equal(a.secret_key, b.secret_key);
    assert_int_equal(role_check(&root, str_of(a.access_key), str_of(b.token), step_ms, &claim),
                     -EBADMSG);
}

static void another_root_knows_nothing_of_it(void **state)
{
    struct role_keys k = issue("STS.", FUNCTION, step_ms);
    struct role_root other = role_root_of(S("root secres"));
    struct role_claim claim;

    (void)state;
    assert_int_equal(role_check(&other, str_of(k.access_key), str_of(k.token), step_ms, &claim),
                     -EBADMSG);
}

static void texts_that_are_not_a_token_are_refused(void **state)
{
    static const char *const texts[] = {
            "",       "x",    "1",      "1 5",    "1 5 ",   "2 9999999999 f",
            "1 -1 f", "1  f", "1 9x f", "01 5 f", " 1 5 f", "1 99999999999999999999 f",
    };
    struct role_keys k = issue("STS.", FUNCTION, step_ms);
    struct role_claim claim;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf token;

        buf_init(&token, 256);
        base64_encode(str_of(texts[i]), &token);
        assert_int_equal(role_check(&root, str_of(k.access_key), buf_str(&token), 0, &claim),
                         -EBADMSG);
        buf_done(&token);
    }
    assert_int_equal(role_check(&root, str_of(k.access_key), S("no base64"), 0, &claim), -EBADMSG);
    assert_int_equal(role_check(&root, S(""), str_of(k.token), 0, &claim), -EBADMSG);
}

static void the_longest_path_fits_and_one_more_does_not(void **state)
{
    char path[ROLE_FUNCTION + 1];
    struct role_keys k;
    struct role_claim claim;

    (void)state;
    memset(path, 'f', sizeof(path));
    assert_int_equal(role_issue(&root, "STS.", (struct str){path, ROLE_FUNCTION - 1}, step_ms, &k),
                     0);
    assert_int_equal(check(&k, step_ms, &claim), 0);
    assert_int_equal(strlen(claim.function), ROLE_FUNCTION - 1);
    assert_int_equal(role_issue(&root, "STS.", (struct str){path, ROLE_FUNCTION}, step_ms, &k),
                     -EMSGSIZE);
    assert_int_equal(role_issue(&root, "STS.", S(""), step_ms, &k), -EMSGSIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_issued_is_recognised_with_the_same_secret),
            cmocka_unit_test(keys_change_with_the_step_and_never_have_less_than_their_life),
            cmocka_unit_test(keys_are_good_to_the_last_millisecond_and_not_after),
            cmocka_unit_test(every_changed_byte_is_noticed),
            cmocka_unit_test(a_token_of_one_function_does_not_fit_the_key_of_another),
            cmocka_unit_test(another_root_knows_nothing_of_it),
            cmocka_unit_test(texts_that_are_not_a_token_are_refused),
            cmocka_unit_test(the_longest_path_fits_and_one_more_does_not),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"

#include <errno.h>

#include "t.h"

static void digests_match_the_published_vectors(void **state)
{
    char hex[SHA512_HEX];

    (void)state;
    /* FIPS 180-4 examples */
    sha256_hex(S("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_hex(STR_NONE, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha512_hex(S("abc"), hex);
    assert_string_equal(hex, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                             "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

static void macs_match_the_published_vectors(void **state)
{
    uint8_t mac[SHA256_LEN];
    char hex[SHA256_HEX], key[131];

    (void)state;
    /* RFC 4231 cases 2 and 6, then the empty key */
    hmac_sha256(S("Jefe"), S("what do ya want for nothing?"), mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    hmac_sha256((struct str){key, sizeof(key)},
                S("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    /* a key as long as a block, and one byte longer (checked against Python's hmac) */
    memset(key, 'k', sizeof(key));
    hmac_sha256((struct str){key, 64}, S("data"), mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "93244b031118b8060c6619e5900fcf916faefb2d8d020fecb22ae0f62275db08");
    hmac_sha256((struct str){key, 65}, S("data"), mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "a79b53d0bf1cb4bb00c301979e6e60ef792a435cafabd76ab9e8989bbdef2dff");
    hmac_sha256(STR_NONE, STR_NONE, mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void a_stream_gives_the_digest_of_the_whole(void **state)
{
    char text[1000], whole[SHA256_HEX], parts[SHA256_HEX];
    struct sha256_stream *s = sha256_stream_new();

    (void)state;
    memset(text, 'x', sizeof(text));
    sha256_hex((struct str){text, sizeof(text)}, whole);
    for (size_t i = 0; i < sizeof(text); i += 50)
        sha256_stream_add(s, text + i, 50);
    sha256_stream_add(s, NULL, 0);
    sha256_stream_end(s, parts);
    assert_string_equal(whole, parts);
}

static void checksums_give_the_check_values_and_chain(void **state)
{
    char text[100];

    (void)state;
    assert_true(crc64_ecma(0, "123456789", 9) == 0x995dc9bbdf1939fau);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    memset(text, 0, 32); /* RFC 3720 B.4 */
    assert_int_equal(crc32c(0, text, 32), 0x8a9136aau);
    memset(text, 0xff, 32);
    assert_int_equal(crc32c(0, text, 32), 0x62a8ab43u);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 37);
    for (size_t cut = 0; cut <= sizeof(text); cut++) {
        assert_true(crc64_ecma(crc64_ecma(0, text, cut), text + cut, sizeof(text) - cut) ==
                    crc64_ecma(0, text, sizeof(text)));
        assert_true(crc32c(crc32c(0, text, cut), text + cut, sizeof(text) - cut) ==
                    crc32c(0, text, sizeof(text)));
    }
    assert_true(crc64_ecma(7, NULL, 0) == 7);
}

static void base64_matches_rfc_4648_and_goes_back(void **state)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    struct buf out, back;
    char raw[64];

    (void)state;
    buf_init(&out, 1000);
    buf_init(&back, 1000);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        buf_reset(&out);
        base64_encode(str_of(pairs[i][0]), &out);
        t_str(buf_str(&out), str_of(pairs[i][1]));
    }
    for (size_t n = 0; n <= sizeof(raw); n++) {
        random_bytes(raw, n);
        buf_reset(&out);
        buf_reset(&back);
        base64_encode((struct str){raw, n}, &out);
        assert_int_equal(base64_decode(buf_str(&out), &back), 0);
        t_str(buf_str(&back), ((struct str){raw, n}));
    }
    buf_done(&out);
    buf_done(&back);
}

static void base64_refuses_what_is_not_canonical(void **state)
{
    static const char *const bad[] = {"Z",         "Zg",   "Zg=",  "Zh==", "Zm9=",
                                      "====",      "Z===", "Zg= ", "Zm 9", "Zg==Zg==",
                                      "Zm9v\n",    "-_-_", "=Zg=", "Z=g=", "\xff\xff\xff\xff",
                                      "Zm9vZg==\n"};
    struct buf out;

    (void)state;
    buf_init(&out, 3);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        buf_reset(&out);
        out.max = 100;
        if (base64_decode(str_of(bad[i]), &out) != -EINVAL || out.n != 0)
            fail_msg("'%s' was accepted", bad[i]);
    }
    buf_done(&out);
    buf_init(&out, 3);
    assert_int_equal(base64_decode(S("Zm9v"), &out), 0);
    buf_reset(&out);
    assert_int_equal(base64_decode(S("Zm9vYg=="), &out), -EMSGSIZE);
    buf_done(&out);
}

static void secrets_compare_by_length_and_contents(void **state)
{
    (void)state;
    assert_true(same_secret(S("abc"), S("abc")));
    assert_true(same_secret(STR_NONE, S("")));
    assert_false(same_secret(S("abc"), S("abd")));
    assert_false(same_secret(S("abc"), S("ab")));
}

static void identifiers_have_their_version_and_differ(void **state)
{
    char a[UUID_TEXT], b[UUID_TEXT];

    (void)state;
    uuid4(a);
    uuid4(b);
    assert_int_equal(strlen(a), 36);
    assert_string_not_equal(a, b);
    for (int i = 0; i < 36; i++)
        assert_true(i == 8 || i == 13 || i == 18 || i == 23 ? a[i] == '-'
                                                            : is_hex((struct str){a + i, 1}, 1));
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
}

static void identifiers_of_a_time_are_in_its_order(void **state)
{
    char a[UUID_TEXT], b[UUID_TEXT];

    (void)state;
    uuid7(0x017f22e279b0, a); /* the time of the example in RFC 9562, A.6 */
    assert_memory_equal(a, "017f22e2-79b0-7", 15);
    assert_int_equal(strlen(a), 36);
    assert_non_null(strchr("89ab", a[19]));
    uuid7(0x017f22e279b0, b);
    assert_string_not_equal(a, b);
    uuid7(0x017f22e279b1, b);
    assert_true(strcmp(a, b) < 0);
    uuid7(0xffffffffffff, a);
    assert_true(strcmp(b, a) < 0);
}

static void hex_is_lower_case_and_counted(void **state)
{
    char out[9];

    (void)state;
    hex_encode("\x00\xff\x1a\xa1", 4, out);
    assert_string_equal(out, "00ff1aa1");
    assert_true(is_hex(S("00ff1aa1"), 8));
    assert_false(is_hex(S("00ff1aa1"), 7));
    assert_false(is_hex(S("00fF1aa1"), 8));
    assert_false(is_hex(S("00fg1aa1"), 8));
    assert_true(is_hex(STR_NONE, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(digests_match_the_published_vectors),
            cmocka_unit_test(macs_match_the_published_vectors),
            cmocka_unit_test(a_stream_gives_the_digest_of_the_whole),
            cmocka_unit_test(checksums_give_the_check_values_and_chain),
            cmocka_unit_test(base64_matches_rfc_4648_and_goes_back),
            cmocka_unit_test(base64_refuses_what_is_not_canonical),
            cmocka_unit_test(secrets_compare_by_length_and_contents),
            cmocka_unit_test(identifiers_have_their_version_and_differ),
            cmocka_unit_test(identifiers_of_a_time_are_in_its_order),
            cmocka_unit_test(hex_is_lower_case_and_counted),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of object storage: the examples of the clouds' own guides, and what is malformed. */
#include "t.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "sign/storage.h"

static void is(const struct sign_request *r, const char *bucket, const char *key,
               const char *secret, enum storage_scheme scheme, bool in_query)
{
    struct storage_target t = {str_of(bucket), str_of(key)};
    char want[STORAGE_SIGNATURE];
    struct sign_storage how;
    struct err e = {0};
    struct buf room;

    buf_init(&room, 65536);
    t_ok(sign_storage_parse(r, &room, &how, &e), &e);
    assert_int_equal(how.scheme, scheme);
    assert_int_equal(how.in_query, in_query);
    t_ok(sign_storage_expect(r, &how, &t, 0, str_of(secret), want, &e), &e);
    assert_string_equal(want, str_of(want).n == how.signature.n &&
                                              memcmp(want, how.signature.p, how.signature.n) == 0
                                      ? want
                                      : "the signature of the guide");
    t_ok(sign_storage_expect(r, &how, &t, 0, S("another secret"), want, &e), &e);
    assert_false(str_eq(str_of(want), how.signature));
    buf_done(&room);
}

/* docs.aws.amazon.com, "Signature Calculations for the Authorization Header: Transferring Payload in a
 * Single Chunk", GET Object. */
static void s3_get_object(void **state)
{
    const struct sign_header h[] = {
            {S("Host"), S("examplebucket.s3.amazonaws.com")},
            {S("Range"), S("bytes=0-9")},
            {S("x-amz-content-sha256"),
             S("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")},
            {S("x-amz-date"), S("20130524T000000Z")},
            {S("Authorization"),
             S("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
               "aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature="
               "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")}};

    (void)state;
    is(
            &(struct sign_request){
                    .method = S("GET"), .path = S("/test.txt"), .headers = h, .nheaders = 5},
            "examplebucket", "test.txt", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", STORAGE_AWS4,
            false);
}

/* The same guide, "Authenticating Requests: Using Query Parameters". */
static void s3_signed_url(void **state)
{
    const struct sign_header h[] = {{S("Host"), S("examplebucket.s3.amazonaws.com")}};

    (void)state;
    is(
            &(struct sign_request){
                    .method = S("GET"),
                    .path = S("/test.txt"),
                    .query = S(
                            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
                            "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-"
                            "Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-"
                            "Amz-Signature="
                            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
                    .headers = h,
                    .nheaders = 1},
            "examplebucket", "test.txt", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", STORAGE_AWS4,
            true);
}

/* help.aliyun.com, OSS, "Add signatures to headers", the example. */
static void oss_put_object(void **state)
{
    const struct sign_header h[] = {
            {S("Content-Md5"), S("ODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM=")},
            {S("Content-Type"), S("text/html")},
            {S("Date"), S("Thu, 17 Nov 2005 18:49:58 GMT")},
            {S("X-OSS-Meta-Author"), S("foo@bar.com")},
            {S("X-OSS-Magic"), S("abracadabra")},
            {S("Authorization"), S("OSS 44CF9590006BF252F707:26NBxoKdsyly4EDv6inkoDft/yA=")}};

    (void)state;
    is(&(struct sign_request){.method = S("PUT"),
                              .path = S("/nelson"),
                              .headers = h,
                              .nheaders = 6},
       "oss-example", "nelson", "OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV", STORAGE_OSS, false);
}

/* cloud.tencent.com, COS, "Request signature", the upload. */
static void cos_put_object(void **state)
{
    const struct sign_header h[] = {
            {S("Date"), S("Thu, 16 May 2019 06:45:51 GMT")},
            {S("Host"), S("examplebucket-1250000000.cos.ap-beijing.myqcloud.com")},
            {S("Content-Type"), S("text/plain")},
            {S("Content-Length"), S("13")},
            {S("Content-MD5"), S("mQ/fVh815F3k6TAUm8m0eg==")},
            {S("x-cos-acl"), S("private")},
            {S("x-cos-grant-read"), S("uin=\"100000000011\"")},
            {S("Authorization"),
             S("q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&q-sign-time="
               "1557989151;1557996351&q-key-time=1557989151;1557996351&q-header-list=content-"
               "length;"
               "content-md5;content-type;date;host;x-cos-acl;x-cos-grant-read&q-url-param-list=&q-"
               "signature=3b8851a11a569213c17ba8fa7dcf2abec6935172")}};

    (void)state;
    is(&(struct sign_request){.method = S("PUT"),
                              .path = S("/exampleobject%28%E8%85%BE%E8%AE%AF%E4%BA%91%29"),
                              .headers = h,
                              .nheaders = 8},
       "examplebucket-1250000000", "exampleobject(腾讯云)", "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz",
       STORAGE_COS, false);
}

/* docs.aws.amazon.com, "Signing and Authenticating REST Requests" (version 2), object GET; our Date says
 * GMT, which is signed as it is, so the text is the guide's. */
static void s3_of_version_2(void **state)
{
    struct sign_storage how = {.scheme = STORAGE_AWS2,
                               .date = S("Tue, 27 Mar 2007 19:36:42 +0000")};
    struct storage_target t = {S("awsexamplebucket1"), S("photos/puppy.jpg")};
    char want[STORAGE_SIGNATURE];

    (void)state;
    assert_int_equal(sign_storage_expect(&(struct sign_request){.method = S("GET"),
                                                                .path = S("/photos/puppy.jpg")},
                                         &how, &t, 0, S("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                                         want, NULL),
                     0);
    assert_string_equal(want, "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=");
}

static void what_is_made_is_accepted(void **state)
{
    struct sign_header h[4] = {{S("host"), S("127.0.0.1:9000")},
                               {S("x-amz-content-sha256"), S("UNSIGNED-PAYLOAD")},
                               {S("x-amz-date"), S("20261122T204758Z")}};
    struct sign_request r = {
            .method = S("GET"), .path = S("/b/a%20b/%C3%BC"), .headers = h, .nheaders = 3};
    struct buf authorization;

    (void)state;
    buf_init(&authorization, 1024);
    assert_int_equal(
            sign_aws4_authorize(&r, S("us-east-1"), S("AK"), S("secret"), &authorization, NULL), 0);
    h[3] = (struct sign_header){S("authorization"), buf_str(&authorization)};
    r.nheaders = 4;
    is(&r, "b", "a b/ü", "secret", STORAGE_AWS4, false);
    buf_done(&authorization);
}

static void malformed_is_refused(void **state)
{
    static const char *const bad[] = {
            "AWS4-HMAC-SHA256 x",
            "AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request",
            "AWS4-HMAC-SHA256 Credential=AK/20261122/r/ec2/"
            "aws4_request,SignedHeaders=host,Signature="
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            "AWS4-HMAC-SHA256 Credential=AK/20261122/r/s3/" /* it may name the bucket */
            "aws4_request,SignedHeaders=x-amz-date;hosts,Signature="
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            "OSS x",
            "OSS a",
            "OSS a:b",
            "OSS :26NBxoKdsyly4EDv6inkoDft/yA=",
            "OBS a:b",
            "AWS a:b",
            "q-sign-algorithm=sha1",
            "q-sign-algorithm=md5&q-ak=a",
            "q-sign-algorithm=sha1&q-ak=a&q-sign-time=2;1&q-key-time=2;1&q-header-list=&q-url-"
            "param-"
            "list=&q-signature=3b8851a11a569213c17ba8fa7dcf2abec6935172",
            "OSS4-HMAC-SHA256 Credential=a"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct sign_header h[] = {{S("Authorization"), str_of(bad[i])},
                                        {S("Date"), S("Thu, 17 Nov 2005 18:49:58 GMT")},
                                        {S("x-amz-date"), S("20261122T204758Z")},
                                        {S("x-oss-date"), S("20261122T204758Z")}};
        struct sign_request r = {.method = S("GET"), .path = S("/"), .headers = h, .nheaders = 4};
        struct sign_storage how;
        struct err e = {0};
        struct buf room;

        buf_init(&room, 65536);
        assert_true(sign_storage_is(&r));
        assert_int_equal(sign_storage_parse(&r, &room, &how, &e), -EINVAL);
        assert_true(e.msg[0] != '\0');
        buf_done(&room);
    }
}

static void a_url_is_good_for_a_week_at_most(void **state)
{
    const struct {
        int seconds, r;
    } rows[] = {{0, -EINVAL}, {1, 0}, {604800, 0}, {604801, -EINVAL}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct sign_storage how;
        struct sign_request r = {.method = S("GET"), .path = S("/")};
        struct buf room, query;

        buf_init(&room, 65536);
        buf_init(&query, 4096);
        buf_addf(&query,
                 "X-Amz-Credential=AK%%2F20261122%%2Fr%%2Fs3%%2Faws4_request&X-Amz-Date="
                 "20261122T204758Z&X-Amz-Expires=%d&X-Amz-SignedHeaders=host&X-Amz-Signature="
                 "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
                 rows[i].seconds);
        r.query = buf_str(&query);
        assert_int_equal(sign_storage_parse(&r, &room, &how, NULL), rows[i].r);
        if (rows[i].r == 0)
            assert_int_equal(how.until_ms - how.from_ms, rows[i].seconds * 1000ll);
        buf_done(&room);
        buf_done(&query);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(s3_get_object),
            cmocka_unit_test(s3_signed_url),
            cmocka_unit_test(s3_of_version_2),
            cmocka_unit_test(oss_put_object),
            cmocka_unit_test(cos_put_object),
            cmocka_unit_test(what_is_made_is_accepted),
            cmocka_unit_test(malformed_is_refused),
            cmocka_unit_test(a_url_is_good_for_a_week_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

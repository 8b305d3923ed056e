/* SPDX-License-Identifier: Apache-2.0 */
/* Forms captured from tencentcloud-sdk-nodejs 3.0.270; secret SECRETKEYEXAMPLE. */
#include "t.h"

#include <errno.h>

#include "sign/sign.h"

#define HOST S("127.0.0.1:18080")

static const struct {
    const char *form, *signature;
} captured[] = {
        {"FunctionName=x&Action=DeleteFunction&RequestClient=ServerlessFramework&Nonce=37139&"
         "Timestamp=1795294263&Version=2018-04-16&Language=en-US&SecretId=AKIDEXAMPLE&Region="
         "ap-guangzhou&SignatureMethod=HmacSHA256&Signature="
         "i5iFpI5VuZCumhsVMEU3sZIQm0lxWw15n%2FwweyoalAw%3D",
         "i5iFpI5VuZCumhsVMEU3sZIQm0lxWw15n/wweyoalAw="},
        {"Type=apigw&TriggerName=hello_world_apigw&FunctionName=my-service-dev-hello&Region="
         "ap-guangzhou&Namespace=default&Enable=OPEN&TriggerDesc=%7B%22api%22%3A%7B%7D%7D&Action="
         "CreateTrigger&RequestClient=ServerlessFramework&Nonce=27660&Timestamp=1795294263&Version="
         "2018-04-16&Language=en-US&SecretId=AKIDEXAMPLE&SignatureMethod=HmacSHA256&Signature=x",
         "pv6cx+vUgw2+5c1J9tI6h80RIsvdGpSnZ8Kij6I2s9o="},
        {"FunctionName=my-service-dev-hello&Code.CosBucketName=sls-cloudfunction-ap-guangzhou&Code."
         "CosObjectName=%2Fx.zip&Handler=index.main_handler&Description=&MemorySize=128&Timeout=3&"
         "Environment.Variables.0.Key=A&Environment.Variables.0.Value=1&Runtime=Nodejs8.9&"
         "Namespace="
         "default&Action=CreateFunction&RequestClient=ServerlessFramework&Nonce=12495&Timestamp="
         "1795294263&Version=2018-04-16&Language=en-US&SecretId=AKIDEXAMPLE&Region=ap-guangzhou&"
         "SignatureMethod=HmacSHA256",
         "gCddfoMAlMF6+6ECGZb/BY+y1NwKV9qQJua0bYKZzK0="},
};

static void of(const char *form, bool sha256, bool dotted, struct buf *out)
{
    struct err e = {0};

    buf_init(out, 64);
    t_ok(sign_tc1_expect(S("POST"), HOST, str_of(form), sha256, dotted, S("SECRETKEYEXAMPLE"), out,
                         &e),
         &e);
}

static void captured_forms_have_their_signatures(void **state)
{
    struct buf got;

    (void)state;
    for (size_t i = 0; i < sizeof(captured) / sizeof(captured[0]); i++) {
        of(captured[i].form, true, false, &got);
        assert_string_equal(got.p, captured[i].signature);
        buf_done(&got);
        of(captured[i].form, false, false, &got);
        assert_int_equal(got.n, 28); /* SHA-1 */
        buf_done(&got);
    }
}

static void the_order_of_fields_does_not_matter(void **state)
{
    struct buf one, two;

    (void)state;
    of("A=1&B=2&a=3&B.10=4&B.2=5", false, false, &one);
    of("B.2=5&B.10=4&a=3&Signature=x&B=2&&A=1", false, false, &two);
    assert_string_equal(one.p, two.p);
    buf_done(&one);
    buf_done(&two);
}

static void names_may_be_signed_with_dots(void **state)
{
    struct buf one, two;

    (void)state;
    of("A_b=1_2", true, true, &one);
    of("A.b=1_2", true, false, &two);
    assert_string_equal(one.p, two.p);
    buf_done(&one);
    buf_done(&two);
}

static void a_malformed_escape_is_signed_as_it_is(void **state)
{
    struct buf one, two;

    (void)state;
    of("A=x%zz%41", true, false, &one);
    of("A=x%25zz%2541", true, false, &two);
    assert_string_equal(one.p, two.p);
    buf_done(&one);
    buf_done(&two);
}

static void a_form_has_so_many_fields(void **state)
{
    struct buf form, out;

    (void)state;
    buf_init(&form, 64 << 10);
    buf_init(&out, 64);
    for (int i = 0; i < 4096; i++)
        buf_addz(&form, "a=1&");
    assert_int_equal(
            sign_tc1_expect(S("POST"), HOST, buf_str(&form), true, false, S("s"), &out, NULL), 0);
    buf_addz(&form, "a=1");
    assert_int_equal(
            sign_tc1_expect(S("POST"), HOST, buf_str(&form), true, false, S("s"), &out, NULL),
            -EMSGSIZE);
    buf_done(&form);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(captured_forms_have_their_signatures),
            cmocka_unit_test(the_order_of_fields_does_not_matter),
            cmocka_unit_test(names_may_be_signed_with_dots),
            cmocka_unit_test(a_malformed_escape_is_signed_as_it_is),
            cmocka_unit_test(a_form_has_so_many_fields),
    };

    return T_RUN(tests);
}

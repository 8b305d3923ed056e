/* SPDX-License-Identifier: Apache-2.0 */
/* test_object.c - the objects Function Compute answers with. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "dialect/fc/api/object.h"
#include "fn/fn.h"
#include "fn/space.h"
#include "t.h"

static const struct fn_key key = {.dialect = DIALECT_FC,
                                  .account = {"1", 1},
                                  .region = {"r", 1},
                                  .space = {"svc", 3},
                                  .name = {"f", 1}};

static struct fn *sample(void)
{
    struct fn *f = fn_new(&key);

    fn_set(&f->runtime, S("python3"));
    fn_set(&f->handler, S("index.handler"));
    fn_set(&f->extra, S("{\"caPort\":9000,\"layers\":[]}"));
    fn_add_var(f, S("Key"), S("v\"1"));
    f->timeout_ms = 10000;
    f->init_timeout_ms = 3000;
    f->memory_mb = 128;
    f->code.size = 42;
    snprintf(f->code.digest, sizeof(f->code.digest), "7");
    f->created_ms = 1585893448000;
    f->modified_ms = 1585893449999;
    f->revision = 5;
    return f;
}

static void a_function_has_the_fields_of_the_cloud(void **state)
{
    cleanup_with(buf_done) struct buf out;
    struct fn *f = sample();

    (void)state;
    buf_init(&out, FC_OBJECT_MAX);
    fc_object_function(f, &out);
    t_has(out.p, "\"functionName\":\"f\",\"description\":\"\",\"runtime\":\"python3\","
                 "\"handler\":\"index.handler\",\"initializer\":\"\",\"timeout\":10,"
                 "\"initializationTimeout\":3,\"memorySize\":128,\"instanceConcurrency\":1,"
                 "\"diskSize\":512,"
                 "\"instanceLifecycleConfig\":{\"preFreeze\":{\"handler\":\"\",\"timeout\":3},"
                 "\"preStop\":{\"handler\":\"\",\"timeout\":3}},"
                 "\"codeSize\":42,\"codeChecksum\":\"7\","
                 "\"environmentVariables\":{\"Key\":\"v\\\"1\"},\"layers\":[],\"layersArnV2\":[],"
                 "\"caPort\":9000,"
                 "\"createdTime\":\"2020-04-03T05:57:28Z\","
                 "\"lastModifiedTime\":\"2020-04-03T05:57:29Z\"}");
    fn_unref(f);
}

static void a_function_keeps_its_id_over_updates_and_a_new_one_has_another(void **state)
{
    cleanup_with(buf_done) struct buf one, two, three;
    struct fn *f = sample();

    (void)state;
    buf_init(&one, FC_OBJECT_MAX);
    buf_init(&two, FC_OBJECT_MAX);
    buf_init(&three, FC_OBJECT_MAX);
    fc_object_function(f, &one);
    f->revision++;
    f->timeout_ms = 1000;
    fc_object_function(f, &two);
    f->created_ms++;
    fc_object_function(f, &three);
    /* {"functionId":"<36 characters>" */
    assert_memory_equal(one.p, two.p, 15 + UUID_TEXT);
    assert_memory_not_equal(one.p, three.p, 15 + UUID_TEXT);
    fn_unref(f);
}

static void an_etag_changes_with_the_revision_only(void **state)
{
    char one[FC_ETAG_TEXT], two[FC_ETAG_TEXT];
    struct fn *f = sample();

    (void)state;
    fc_object_function_etag(f, one);
    f->memory_mb = 256;
    t_str(str_of(fc_object_function_etag(f, two)), str_of(one));
    f->revision++;
    assert_string_not_equal(fc_object_function_etag(f, two), one);
    assert_int_equal(strlen(one), FC_ETAG_TEXT - 1);
    fn_unref(f);
}

static void a_service_may_use_the_internet_unless_it_says_no(void **state)
{
    cleanup_with(buf_done) struct buf one, two;
    struct space *s = space_new(&key);

    (void)state;
    buf_init(&one, FC_OBJECT_MAX);
    buf_init(&two, FC_OBJECT_MAX);
    fc_object_service(s, &one);
    t_has(one.p, "{\"serviceName\":\"svc\",\"serviceId\":\"");
    t_has(one.p, "\"description\":\"\",\"role\":\"\",\"internetAccess\":true,\"createdTime\":");
    fn_set(&s->extra, S("{\"internetAccess\":false,\"role\":\"acs:r\",\"logConfig\":{\"project\":"
                        "\"p\"}}"));
    fc_object_service(s, &two);
    t_has(two.p, "\"role\":\"acs:r\",\"internetAccess\":false,\"logConfig\":{\"project\":\"p\"},");
    space_unref(s);
}

static void a_checksum_is_the_decimal_crc64(void **state)
{
    char text[FC_CHECKSUM_TEXT];

    (void)state;
    t_str(str_of(fc_object_checksum(S("123456789"), text)), S("11051210869376104954"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_function_has_the_fields_of_the_cloud),
            cmocka_unit_test(a_function_keeps_its_id_over_updates_and_a_new_one_has_another),
            cmocka_unit_test(an_etag_changes_with_the_revision_only),
            cmocka_unit_test(a_service_may_use_the_internet_unless_it_says_no),
            cmocka_unit_test(a_checksum_is_the_decimal_crc64),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which names in a Host header are ours (api/host.h). */
#include "t.h"

#include <unistd.h>

#include "api/host.h"
#include "base/obj.h"

static void these_are_ours(void **state)
{
    static const char *const ours[] = {
            "",
            "localhost",
            "LocalHost:8900",
            "127.0.0.1",
            "10.1.2.3:1",
            "[::1]",
            "[::1]:8900",
            "console.localhost:8900",
            "a.b.localhost",
            "one.example",
            "ONE.example:8900",
            "two.example",
            "scf.tencentcloudapi.com",
            "SCF.ap-guangzhou.tencentcloudapi.com:443",
            "123456789.cn-hangzhou.fc.aliyuncs.com",
            "functiongraph.cn-north-4.myhuaweicloud.com",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (!host_is_ours(str_of(ours[i]), S("one.example, two.example")))
            fail_msg("%s is ours", ours[i]);
}

static void these_are_not(void **state)
{
    static const char *const others[] = {
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xlocalhost",
            ".localhost",
            ":80",
            "one.example.evil",
            "127.0.0.1x",
            "[::1].evil.example",
            "[evil.example]",
            "0x7f000001.evil",
            "one.exampl",
            "1.2.3",
            "one.example:80:80",
            "[]",
            "localhost.",
            "tencentcloudapi.com",
            "scf.tencentcloudapi.com.evil.example",
            "evil-tencentcloudapi.com",
            "bucket.oss-cn-hangzhou.aliyuncs.com",
            "bucket.obs.cn-north-4.myhuaweicloud.com",
            "bucket-1250000000.cos.ap-guangzhou.myqcloud.com",
            "service-1-1250000000.gz.apigw.tencentcs.com",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (host_is_ours(str_of(others[i]), S("one.example")))
            fail_msg("%s is not ours", others[i]);
    assert_false(host_is_ours(S("one.example"), S("")));
}

static void the_machine_knows_its_own_name(void **state)
{
    char name[256] = "";

    (void)state;
    assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
    assert_true(host_is_ours(str_of(name), S("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(these_are_ours),
            cmocka_unit_test(these_are_not),
            cmocka_unit_test(the_machine_knows_its_own_name),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The clouds' own names (fn/vendor.h). */
#include "t.h"

#include "base/obj.h"
#include "fn/vendor.h"

static const struct {
    const char *name;
    enum vendor_use use;
} names[] = {
        {"scf.tencentcloudapi.com", VENDOR_API},
        {"cam.tencentcloudapi.com.", VENDOR_API},
        {"SCF.ap-guangzhou.TencentCloudAPI.com", VENDOR_API},
        {"a.tencentcloudapi.com", VENDOR_API},
        {"tencentcloudapi.com", VENDOR_NONE},
        {".tencentcloudapi.com", VENDOR_NONE},
        {"xtencentcloudapi.com", VENDOR_NONE},
        {"scf.tencentcloudapi.com..", VENDOR_NONE},
        {"scf.tencentcloudapi.com.cn", VENDOR_NONE},
        {"scf.tencentcloudapi.co", VENDOR_NONE},
        {"", VENDOR_NONE},
        {".", VENDOR_NONE},
        {"localhost", VENDOR_NONE},

        {"cos.ap-guangzhou.myqcloud.com", VENDOR_PAGES},
        {"bucket-1250000000.cos.ap-guangzhou.myqcloud.com", VENDOR_PAGES},
        {"bucket-1250000000.cos.ap-guangzhou.tencentcos.cn", VENDOR_PAGES},
        {"service-1-1250000000.gz.apigw.tencentcs.com", VENDOR_PAGES},
        {"service-ocnymoks-1258344699.gz.apigw.tencentcs.com", VENDOR_API},
        {"x.service-ocnymoks-1258344699.gz.apigw.tencentcs.com", VENDOR_PAGES},

        {"123456789.cn-hangzhou.fc.aliyuncs.com", VENDOR_API},
        {"fcv3.cn-hangzhou.aliyuncs.com", VENDOR_API},
        {"oss-cn-hangzhou.aliyuncs.com", VENDOR_PAGES},
        {"bucket.oss-cn-hangzhou-internal.aliyuncs.com", VENDOR_PAGES},
        {"bucket.OSS-cn-hangzhou.aliyuncs.com", VENDOR_PAGES},
        {"oss.aliyuncs.com", VENDOR_PAGES},
        {"ossx.aliyuncs.com", VENDOR_API},
        {"aliyuncs.com", VENDOR_NONE},

        {"functiongraph.cn-north-4.myhuaweicloud.com", VENDOR_API},
        {"iam.myhuaweicloud.com", VENDOR_API},
        {"obs.cn-north-4.myhuaweicloud.com", VENDOR_PAGES},
        {"bucket.obs.cn-north-4.myhuaweicloud.com", VENDOR_PAGES},
        {"bucket.obs-website.cn-north-4.myhuaweicloud.com", VENDOR_PAGES},
        {"0123456789abcdef0123456789abcdef.apic.cn-north-4.huaweicloudapis.com", VENDOR_PAGES},
};

static void each_name_has_its_use(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (vendor_of(str_of(names[i].name)) != names[i].use)
            fail_msg("%s is %d", names[i].name, vendor_of(str_of(names[i].name)));
}

static void no_domain_hides_behind_another(void **state)
{
    struct str one, other;

    (void)state;
    for (size_t i = 0; (one = vendor_domain(i)).n > 0; i++)
        for (size_t k = i + 1; (other = vendor_domain(k)).n > 0; k++)
            assert_false(str_ends(other, one));
    assert_true(vendor_domain(3).n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_name_has_its_use),
            cmocka_unit_test(no_domain_hides_behind_another),
    };

    return T_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names of buckets in the network, and links to objects. */
#include <errno.h>

#include "object/object.h"
#include "t.h"

enum { OURS = -1 };

static void hosts_of_the_clouds_name_buckets(void **state)
{
    static const struct {
        const char *host, *bucket; /* NULL: none of storage */
        int dialect;
    } cases[] = {
            {"objects.localhost", "", OURS},
            {"OBJECTS.LocalHost", "", OURS},
            {"photos.objects.localhost", "photos", OURS},
            {"a.b.objects.localhost", "a.b", OURS},
            {"photos.obs.cn-north-4.myhuaweicloud.com", "photos", DIALECT_FUNCTIONGRAPH},
            {"obs.cn-north-4.myhuaweicloud.com", "", DIALECT_FUNCTIONGRAPH},
            {"obs.myhuaweicloud.com", "", DIALECT_FUNCTIONGRAPH},
            {"photos.oss-cn-hangzhou.aliyuncs.com", "photos", DIALECT_FC},
            {"photos.oss-cn-hangzhou-internal.aliyuncs.com", "photos", DIALECT_FC},
            {"oss-cn-hangzhou.aliyuncs.com", "", DIALECT_FC},
            {"photos-125.cos.ap-guangzhou.myqcloud.com", "photos-125", DIALECT_SCF},
            {"cos.ap-guangzhou.myqcloud.com", "", DIALECT_SCF},
            {"service.cos.myqcloud.com", "", DIALECT_SCF},
            {"photos-125.cos.ap-guangzhou.tencentcos.cn", "photos-125", DIALECT_SCF},
            {"localhost", NULL, 0},
            {"", NULL, 0},
            {".objects.localhost", NULL, 0},
            {"evilobjects.localhost", NULL, 0},
            {"objects.localhost.example", NULL, 0},
            {"functiongraph.cn-north-4.myhuaweicloud.com", NULL, 0},
            {"1.cn-hangzhou.fc.aliyuncs.com", NULL, 0},
            {"oss-.aliyuncs.com", NULL, 0},
            {"scf.tencentcloudapi.com", NULL, 0},
            {"myqcloud.com", NULL, 0},
            {".myqcloud.com", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct str bucket = STR_NONE;
        int dialect = 7;

        if (object_host(str_of(cases[i].host), &bucket, &dialect) != (cases[i].bucket != NULL))
            fail_msg("%s: %s storage", cases[i].host, cases[i].bucket ? "is" : "is not");
        if (!cases[i].bucket)
            continue;
        t_str(bucket, str_of(cases[i].bucket));
        assert_int_equal(dialect, cases[i].dialect);
    }
}

static void links_name_a_bucket_and_a_key(void **state)
{
    static const struct {
        const char *url, *bucket, *key; /* bucket NULL: refused */
    } cases[] = {
            {"https://photos.obs.cn-north-4.myhuaweicloud.com/a/b%20c.zip", "photos", "a/b c.zip"},
            {"http://photos.objects.localhost:8900/a.zip?versionId=1#top", "photos", "a.zip"},
            {"http://127.0.0.1:8900/photos/a/b.zip", "photos", "a/b.zip"},
            {"https://obs.cn-north-4.myhuaweicloud.com/photos/a.zip", "photos", "a.zip"},
            {"http://h/photos/../a", "photos", "../a"},                         /* a key, no path */
            {"https://photos.cos.ap-guangzhou.myqcloud.com/a.zip", NULL, NULL}, /* another's */
            {"https://photos.obs.cn-north-4.myhuaweicloud.com/", NULL, NULL},
            {"https://photos.obs.cn-north-4.myhuaweicloud.com", NULL, NULL},
            {"http://h/photos", NULL, NULL},
            {"http://h/photos/", NULL, NULL},
            {"http://h", NULL, NULL},
            {"http://user@photos.objects.localhost/a", NULL, NULL},
            {"http://photos.objects.localhost/%zz", NULL, NULL},
            {"http://photos.objects.localhost/%4", NULL, NULL},
            {"ftp://photos.objects.localhost/a", NULL, NULL},
            {"file:///etc/passwd", NULL, NULL},
            {"HTTP", NULL, NULL},
            {"", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct object_ref ref = {0};
        struct err e = {0};
        struct buf room;
        int r;

        buf_init(&room, 4096);
        r = object_ref_of_url(DIALECT_FUNCTIONGRAPH, S("account"), str_of(cases[i].url), &room,
                              &ref, &e);
        if (r != (cases[i].bucket ? 0 : -EINVAL))
            fail_msg("%s: %d %s", cases[i].url, r, e.msg);
        if (cases[i].bucket) {
            t_str(ref.bucket, str_of(cases[i].bucket));
            t_str(ref.key, str_of(cases[i].key));
            t_str(ref.account, S("account"));
        } else {
            t_has(e.msg, "the link to the code");
        }
        buf_done(&room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(hosts_of_the_clouds_name_buckets),
            cmocka_unit_test(links_name_a_bucket_and_a_key),
    };
    return T_RUN(tests);
}

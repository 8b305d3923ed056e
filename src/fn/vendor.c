/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vendor.c - the clouds' domains, one row each.
 *
 * Buckets and APIs of a cloud may lie under one domain; a bucket's name then has a label that tells
 * ("bucket.oss-cn-hangzhou.aliyuncs.com", "bucket.obs.cn-north-4.myhuaweicloud.com"). Only the
 * cloud itself can make names under its domain, so a page that points its own name at this machine
 * (api/host.h) never has one of these.
 */
#include "fn/vendor.h"

#include <stdbool.h>

#include "base/obj.h"

static const struct domain {
    struct str name;
    enum vendor_use use;
    struct str storage; /* with a label that is this, or this and "-...": pages */
    bool whole;         /* this name itself, nothing under it */
} domains[] = {
        {S("aliyuncs.com"), VENDOR_API, .storage = S("oss")},
        {S("huaweicloudapis.com"), VENDOR_PAGES},
        {S("myhuaweicloud.cn"), VENDOR_API, .storage = S("obs")},
        {S("myhuaweicloud.com"), VENDOR_API, .storage = S("obs")},
        {S("myhuaweicloud.eu"), VENDOR_API, .storage = S("obs")},
        {S("myqcloud.com"), VENDOR_PAGES},
        {S("tencentcloudapi.com"), VENDOR_API},
        {S("tencentcos.cn"), VENDOR_PAGES},
        /* Where Tencent's plugin asks whether an account is a real person's; a function of theirs. */
        {S("service-ocnymoks-1258344699.gz.apigw.tencentcs.com"), VENDOR_API, .whole = true},
        {S("tencentcs.com"), VENDOR_PAGES},
};

struct str vendor_domain(size_t i)
{
    return i < ARRAY_LEN(domains) ? domains[i].name : STR_NONE;
}

/* What stands before ".domain"; none: the name is another's, or the bare domain. */
static struct str labels_before(struct str name, struct str domain)
{
    size_t n = name.n > domain.n ? name.n - domain.n : 0;

    if (n < 2 || name.p[n - 1] != '.' || !str_ieq(str_from(name, n), domain))
        return STR_NONE;
    return (struct str){name.p, n - 1};
}

static bool is_or_begins(struct str label, struct str word)
{
    return word.n > 0 && label.n >= word.n && str_ieq((struct str){label.p, word.n}, word) &&
           (label.n == word.n || label.p[word.n] == '-');
}

static bool has_storage(struct str labels, struct str word)
{
    while (labels.n > 0)
        if (is_or_begins(str_cut(&labels, '.'), word))
            return true;
    return false;
}

enum vendor_use vendor_of(struct str name)
{
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
        const struct domain *d = &domains[i];
        struct str labels = labels_before(name, d->name);

        if (d->whole && str_ieq(name, d->name))
            return d->use;
        if (labels.n > 0 && !d->whole)
            return has_storage(labels, d->storage) ? VENDOR_PAGES : d->use;
    }
    return VENDOR_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ref.c - which bucket does a name in the network, or a link, mean? */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/uri.h"
#include "object/object.h"

/* "<bucket>.<service>[.-]<region><end>"; the region is one label. */
static const struct {
    int dialect;
    struct str service; /* begins the label before `end`, or the label before the region's */
    bool joined;        /* "oss-cn-hangzhou", not "obs.cn-north-4" */
    struct str end;
} services[] = {
        {DIALECT_FUNCTIONGRAPH, {"obs", 3}, false, {".myhuaweicloud.com", 18}},
        {DIALECT_FC, {"oss-", 4}, true, {".aliyuncs.com", 13}},
        {DIALECT_SCF, {"cos", 3}, false, {".myqcloud.com", 13}},
        {DIALECT_SCF, {"cos", 3}, false, {".tencentcos.cn", 14}},
};

static bool ends_in(struct str s, struct str end)
{
    return s.n > end.n && str_ieq(str_from(s, s.n - end.n), end);
}

static struct str head(struct str s, size_t cut)
{
    return (struct str){s.p, s.n - cut};
}

/* The last label of *rest; *rest becomes what stands before its dot, p == NULL: nothing does. */
static struct str cut_last(struct str *rest)
{
    const char *dot = rest->n ? memrchr(rest->p, '.', rest->n) : NULL;
    struct str label = *rest;

    if (!dot) {
        *rest = STR_NONE;
        return label;
    }
    label = str_from(*rest, (size_t)(dot - rest->p) + 1);
    rest->n = (size_t)(dot - rest->p);
    return label;
}

static bool match(size_t i, struct str host, struct str *ret_bucket)
{
    struct str rest, label;

    if (!ends_in(host, services[i].end))
        return false;
    rest = head(host, services[i].end.n);
    label = cut_last(&rest); /* the region, or service and region */
    if (!services[i].joined && str_ieq(label, services[i].service)) {
        /* without a region: "obs.myhuaweicloud.com", "service.cos.myqcloud.com" */
        if (str_ieq(rest, S("service")))
            rest = STR_NONE;
    } else if (services[i].joined) {
        struct str start = {label.p,
                            label.n < services[i].service.n ? label.n : services[i].service.n};

        if (!str_ieq(start, services[i].service) || label.n == services[i].service.n)
            return false;
    } else {
        if (label.n == 0 || !rest.p || !str_ieq(cut_last(&rest), services[i].service))
            return false;
    }
    *ret_bucket = rest.p ? rest : S("");
    return !rest.p || rest.n > 0;
}

bool object_host(struct str host, struct str *ret_bucket, int *ret_dialect)
{
    const struct str ours = S("objects.localhost"), under = S(".objects.localhost");

    *ret_dialect = -1;
    if (str_ieq(host, ours)) {
        *ret_bucket = S("");
        return true;
    }
    if (ends_in(host, under)) {
        *ret_bucket = head(host, under.n);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        if (!match(i, host, ret_bucket))
            continue;
        *ret_dialect = services[i].dialect;
        return true;
    }
    return false;
}

static int malformed(struct err *e, const char *why)
{
    return err_set(e, ERR_CALLER, -EINVAL, "the link to the code %s", why);
}

int object_ref_of_url(enum dialect dialect, struct str account, struct str url, struct buf *room,
                      struct object_ref *ret, struct err *e)
{
    struct object_ref ref = {.dialect = dialect, .account = account};
    struct str rest = url, host, path, bare;
    int of;

    if (str_starts(url, S("https://")))
        rest = str_from(url, 8);
    else if (str_starts(url, S("http://")))
        rest = str_from(url, 7);
    else
        return malformed(e, "does not begin with https:// or http://");
    path = str_cut(&rest, '?');
    path = str_cut(&path, '#');
    host = str_cut(&path, '/');
    if (memchr(host.p, '@', host.n))
        return malformed(e, "has a user name in it");
    bare = host;
    bare = str_cut(&bare, ':');
    if (object_host(bare, &ref.bucket, &of) && ref.bucket.n > 0) {
        if (of >= 0 && of != (int)dialect)
            return malformed(e, "is one of another cloud's storage service");
    } else {
        ref.bucket = str_cut(&path, '/');
    }
    if (ref.bucket.n == 0 || path.n == 0)
        return malformed(e, "names no bucket and object");
    if (uri_decode(path, false, room) < 0)
        return malformed(e, "has a malformed escape");
    ref.key = buf_str(room);
    *ret = ref;
    return 0;
}

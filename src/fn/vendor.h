/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vendor.h - the names under which the clouds' own servers are called. Tools that know no endpoint
 * option come to us by these (docs/proxy.md): `evoke proxy` brings their requests, Host unchanged.
 *
 * A name of an API is as good as one of ours. A name that holds somebody's pages (a bucket, a group of
 * the gateway) is not: no stranger's page may share an origin with our APIs.
 */
#ifndef EVOKE_FN_VENDOR_H
#define EVOKE_FN_VENDOR_H

#include "base/str.h"

enum vendor_use {
    VENDOR_NONE,  /* not a cloud's */
    VENDOR_API,   /* operations, identity, billing */
    VENDOR_PAGES, /* objects of buckets, answers of functions */
};

/* name: without a port, in any case; one dot may end it. */
enum vendor_use vendor_of(struct str name);
/* The domains, first to last, without the dot in front ("aliyuncs.com"); STR_NONE: no more. */
struct str vendor_domain(size_t i);

#endif

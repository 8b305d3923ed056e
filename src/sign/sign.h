/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.h - the clouds' request signatures: the same pure functions make them (CLI) and check them
 * (daemon). Nothing here looks at a clock or a key store.
 */
#ifndef EVOKE_SIGN_SIGN_H
#define EVOKE_SIGN_SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct err;

struct sign_header {
    struct str name, value;
};

/* What is signed. All views borrowed. */
struct sign_request {
    struct str method;
    struct str path;  /* raw, as on the request line */
    struct str query; /* raw, without '?' */
    const struct sign_header *headers;
    uint32_t nheaders;
    struct str body;
};

/*
 * --- SDK-HMAC-SHA256 and V11-HMAC-SHA256 (Huawei Cloud) ---
 *
 * Source: the cloud's guide to AK/SK signing; the second, derived form is what its SDKs send when
 * asked to derive a key for one day, region and service (HKDF, RFC 5869). Both sign the same
 * canonical request.
 */

struct sign_sdk { /* a parsed Authorization header; views into it */
    struct str access_key, signed_headers, signature;
    struct str scope; /* "20261121/region/service" of the derived form; else STR_NONE */
};
/* 0; -EINVAL when it is of neither form (e says what). */
int sign_sdk_parse(struct str authorization, struct sign_sdk *ret, struct err *e);
/*
 * The hex signature r ought to have, signed as `how` says (its signature is not looked at).
 * -EINVAL: a named header is missing or the names are not sorted; -EMSGSIZE: canonical request over
 * 256 KiB.
 */
int sign_sdk_expect(const struct sign_request *r, const struct sign_sdk *how, struct str date,
                    struct str secret_key, char out[65], struct err *e);
/* The same for the plain form, over the headers named in signed_headers ("a;b;c"). */
int sign_sdk_compute(const struct sign_request *r, struct str signed_headers, struct str date,
                     struct str secret_key, char out[65], struct err *e);
/* Client side: value of the Authorization header; r must hold host and x-sdk-date. */
int sign_sdk_authorize(const struct sign_request *r, struct str access_key, struct str secret_key,
                       struct buf *out, struct err *e);

/* --- FC (Alibaba Function Compute 2016-08-15) --- */

struct sign_fc {
    struct str access_key, signature; /* signature: base64 text */
};
int sign_fc_parse(struct str authorization, struct sign_fc *ret, struct err *e);
/* Base64 signature. path is used as given (callers try decoded, then raw). with_query: HTTP-trigger
 * paths and custom domains only. */
int sign_fc_compute(const struct sign_request *r, struct str path, bool with_query,
                    struct str secret_key, struct buf *out, struct err *e);

/* --- ACS3-HMAC-SHA256 (Alibaba Cloud: Function Compute 2023-03-30 and 2021-04-06) --- */

struct sign_acs3 { /* a parsed Authorization header; views into it */
    struct str access_key, signed_headers, signature;
};
int sign_acs3_parse(struct str authorization, struct sign_acs3 *ret, struct err *e);
/* Is that header (lower case) among those it signs? */
bool sign_acs3_names(const struct sign_acs3 *how, struct str header);
/* The hex signature r ought to have. escape: the path decoded and escaped again, else as it is. Errors as
 * sign_sdk_expect(). */
int sign_acs3_expect(const struct sign_request *r, const struct sign_acs3 *how, bool escape,
                     struct str secret_key, char out[65], struct err *e);

/* --- TC3-HMAC-SHA256 (Tencent Cloud) --- */

struct sign_tc3 {                         /* a parsed Authorization header; views into it */
    struct str access_key, date, service; /* of the credential; a service may have a port */
    struct str signed_headers, signature;
};
int sign_tc3_parse(struct str authorization, struct sign_tc3 *ret, struct err *e);
/* Is that header (lower case) among those it signs? */
bool sign_tc3_names(const struct sign_tc3 *how, struct str header);
/* The hex signature r ought to have. timestamp: X-TC-Timestamp as sent. host: what was signed as such,
 * with or without its port. -EINVAL: a named header is missing; -EMSGSIZE: more than 256 KiB of it. */
int sign_tc3_expect(const struct sign_request *r, const struct sign_tc3 *how, struct str timestamp,
                    struct str host, struct str secret_key, char out[65], struct err *e);

/* --- HmacSHA1 and HmacSHA256 (Tencent Cloud, the earlier scheme) --- */

/* Base64 of what a form ("a=1&b=2": the query of a GET, the body of a POST) ought to have as its
 * Signature. sha256: else SHA-1. dotted: '_' in names is signed as '.'. -EMSGSIZE: more than 4096 fields. */
int sign_tc1_expect(struct str method, struct str host, struct str form, bool sha256, bool dotted,
                    struct str secret_key, struct buf *out, struct err *e);

#endif

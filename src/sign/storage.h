/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage.h - the signatures of object storage: S3 (AWS4-HMAC-SHA256 and the older "AWS id:signature"), OSS
 * (version 1 and OSS4-HMAC-SHA256), COS (q-sign-algorithm=sha1) and OBS ("OBS id:signature"), each in the
 * header Authorization or in the query (a signed URL). Pure, as all of sign/.
 *
 * None signs the body; S3 and OSS4 sign the hash that the request names for it.
 */
#ifndef EVOKE_SIGN_STORAGE_H
#define EVOKE_SIGN_STORAGE_H

#include <stdbool.h>

#include "sign/sign.h"

enum storage_scheme {
    STORAGE_AWS4,
    STORAGE_OSS4,
    STORAGE_COS,
    STORAGE_OSS,
    STORAGE_OBS,
    STORAGE_AWS2
};

enum {
    STORAGE_SIGNATURE = 96,           /* the longest, terminated */
    STORAGE_URL_S = 7 * 24 * 60 * 60, /* how long a signed URL of S3 and OSS4 may be good */
};

struct sign_storage { /* as parsed: views into the request, or into room */
    enum storage_scheme scheme;
    bool in_query;
    struct str access_key, token, signature;
    struct str names;  /* of signed headers, "a;b;c" (OSS4: besides its own); STR_NONE */
    struct str params; /* COS: of signed parameters */
    struct str scope;  /* 4: "20261122/region/service/aws4_request" */
    struct str date;   /* as it is signed */
    int64_t from_ms,
            until_ms; /* when it is good, with no word on clocks that differ; in a header of
                                  all but COS both are the date */
};

/* Does it carry a signature of this kind, well formed or not? */
bool sign_storage_is(const struct sign_request *r);
/* room: for what has to be decoded; its ceiling should be that of a head. -EINVAL: malformed; -ENOENT: it
 * carries none, or no date (e names it). */
int sign_storage_parse(const struct sign_request *r, struct buf *room, struct sign_storage *ret,
                       struct err *e);

/* What it is about: the bucket ("": none) and the key, decoded ("": none). */
struct storage_target {
    struct str bucket, key;
};
/* The signature r ought to have. OBS clients sign a bucket as "/name" and as "/name/", and COS clients a
 * Host with or without its port: spelling 0 and 1. -EINVAL: a signed header is missing. -EMSGSIZE. */
enum { STORAGE_SPELLINGS = 2 };
int sign_storage_expect(const struct sign_request *r, const struct sign_storage *how,
                        const struct storage_target *t, int spelling, struct str secret_key,
                        char out[STORAGE_SIGNATURE], struct err *e);

/* The key that signs one day, region and service of S3, and the hex signature of a text by it. */
void sign_aws4_key(struct str secret_key, struct str scope, uint8_t out[32]);
/* Client side: the value of Authorization for r, which holds host, x-amz-date and x-amz-content-sha256, all
 * lower case and sorted; every header of it is signed. region, date: "20261122T204758Z". */
int sign_aws4_authorize(const struct sign_request *r, struct str region, struct str access_key,
                        struct str secret_key, struct buf *out, struct err *e);

#endif

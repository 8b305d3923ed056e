/* SPDX-License-Identifier: Apache-2.0 */
/* parse.h - what CreateFunction and UpdateFunctionConfiguration say, into a function's record. */
#ifndef EVOKE_DIALECT_SCF_PARSE_H
#define EVOKE_DIALECT_SCF_PARSE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct buf;
struct cJSON;
struct fn;
struct interpreter;

struct scf_error { /* a refusal in the cloud's words */
    const char *code;
    struct err e;
};
int scf_refuse_as(struct scf_error *x, const char *code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

enum { SCF_ENVIRONMENT_MAX = 4096, SCF_ZIP_MAX = 50 << 20, SCF_UNPACKED_MAX = 500 << 20 };

/* Of a new function, or over what is there. What is absent stays. 0 or -EINVAL. */
int scf_parse_function(const struct cJSON *p, bool is_new, struct fn *f, struct scf_error *x);

/* Where the code is: in the request, or in a bucket. */
struct scf_code {
    struct str zip;            /* base64; STR_NONE: not here */
    struct str bucket, object; /* STR_NONE: not there */
};
/* p: the parameters, which have a Code, or (UpdateFunctionCode) its members themselves. */
int scf_parse_code(const struct cJSON *p, struct scf_code *ret, struct scf_error *x);
int scf_decode_zip(struct str base64, struct buf *out, struct scf_error *x);

#endif

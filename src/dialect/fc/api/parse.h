/* SPDX-License-Identifier: Apache-2.0 */
/* parse.h - requests of Function Compute into records: text in, draft out. Keys are read without
 * case, null is absent, what we do not know is kept. */
#ifndef EVOKE_DIALECT_FC_API_PARSE_H
#define EVOKE_DIALECT_FC_API_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf;
struct cJSON;
struct err;
struct fn;
struct space;

enum {
    FC_NAME_MAX = 128,
    FC_HANDLER_MAX = 128,
    FC_DESCRIPTION_MAX = 256,
    FC_TIMEOUT_MAX_S = 86400,
    FC_INIT_TIMEOUT_MAX_S = 300,
    FC_MEMORY_MIN_MB = 128,
    FC_MEMORY_MAX_MB = 32768,
    FC_MEMORY_STEP_MB = 64,
    FC_HOOK_TIMEOUT_MAX_S = 90,
    FC_VARS_MAX = 4096,            /* bytes of all names and values */
    FC_ZIP_MAX = 100 << 20,        /* bytes of a package after base64 */
    FC_EXTRA_MAX = 64 << 10,       /* bytes of everything we only keep */
    FC_BODY_MAX = (140 << 20),     /* a package of FC_ZIP_MAX in base64, and the rest */
    FC_SMALL_BODY_MAX = 256 << 10, /* bodies without code */
};

/* A path segment "svc" or "svc.qualifier". */
struct fc_service_ref {
    struct str service, qualifier; /* qualifier.p == NULL: none was written */
};
struct fc_service_ref fc_parse_service_ref(struct str segment);

/* [A-Za-z_][A-Za-z0-9_-]*, 1 to FC_NAME_MAX. `what` names the field in the message. */
int fc_parse_name(struct str name, const char *what, struct err *e);

/* The required, valid name in a create request; borrowed from body. */
int fc_parse_name_of(const struct cJSON *body, const char *field, struct str *ret, struct err *e);

/* Fill a draft from a create request (its name is known already). Errors are ERR_CALLER -EINVAL, to
 * be answered as InvalidArgument. */
int fc_parse_service(const struct cJSON *body, struct space *s, struct err *e);
/* What a change names, over what the draft has; null and absent leave it. */
int fc_parse_service_update(const struct cJSON *body, struct space *draft, struct err *e);
/* zip gets the decoded package. */
int fc_parse_function(const struct cJSON *body, struct fn *f, struct buf *zip, struct err *e);

/* Likewise over a copy of the function; an empty zip leaves its code. */
int fc_parse_function_update(const struct cJSON *body, struct fn *draft, struct buf *zip,
                             struct err *e);

/* What a function has from its service: the role it runs as, and whether it may go out. */
void fc_parse_inherit(const struct space *s, struct fn *f);

/* How many instances are to be kept ready: the body of PutProvisionConfig. At most `most`. */
int fc_parse_provision(const struct cJSON *body, uint32_t most, uint32_t *ret_target,
                       struct err *e);

/* Does the (parsed) request take its code from an object? Views into body. */
bool fc_parse_code_object(const struct cJSON *body, struct str *bucket, struct str *object);

/* base64 text of a zip of at most max bytes. */
int fc_parse_zip(struct str base64, size_t max, struct buf *zip, struct err *e);

#endif

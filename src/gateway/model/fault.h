/* SPDX-License-Identifier: Apache-2.0 */
/* fault.h - what can go wrong with a gateway request, and how each cloud says it: one table (fault.c)
 * of status, code and message per cloud, with APIG's response type, by which a group words its own. */
#ifndef EVOKE_GATEWAY_MODEL_FAULT_H
#define EVOKE_GATEWAY_MODEL_FAULT_H

#include "fn/key.h"

enum gw_fault {
    GW_NO_API,      /* no such host, stage, path */
    GW_NO_SERVICE,  /* FC: of that name */
    GW_NO_FUNCTION, /* FC: of that name in the service */
    GW_NO_METHOD,   /* the path, not the method */
    GW_BAD_REQUEST, /* malformed escape, header, target */
    GW_URI_TOO_LONG,
    GW_HEADERS_TOO_LARGE,
    GW_BODY_TOO_LARGE,
    GW_AUTH_MISSING,  /* no credentials where an app, a key or a signature is needed */
    GW_AUTH_FAILED,   /* they are wrong */
    GW_UNKNOWN_KEY,   /* FC: nobody has this access key */
    GW_AUTH_STALE,    /* the date is too far off */
    GW_IAM_MISSING,   /* the same for a signature with the cloud's own keys (APIG.0301) ... */
    GW_IAM_FAILED,    /* ... wrong, or stale */
    GW_NOT_ALLOWED,   /* a good app that is not authorised for this API; a key of another account */
    GW_ACCESS_DENIED, /* by address, disabled URL */
    GW_IDENTITY_MISSING,  /* authorizer: an identity is missing or not valid */
    GW_DENIED,            /* authorizer: deny */
    GW_AUTHORIZER_BROKEN, /* authorizer: failed, timed out, answered nonsense */
    GW_PARAMETER,         /* a request parameter is missing or not valid */
    GW_THROTTLED,
    GW_CROSS_ORIGIN, /* SCF: a cross-origin request, CORS off */
    GW_BACKEND_TIMEOUT,
    GW_BACKEND_UNAVAILABLE, /* HTTP backend: no connection; no instance; function missing */
    GW_BACKEND_BUSY,        /* the function's limit */
    GW_FUNCTION_FAILED,     /* it ended with an error */
    GW_BAD_ANSWER,          /* not in the form the gateway wants */
    GW_ANSWER_TOO_LARGE,
    GW_LOOP, /* it calls itself */
    GW_GONE, /* the client has (access log only) */
    GW_INTERNAL,
    GW_FAULTS
};

struct gw_wording {
    int status;
    const char *code;    /* "APIG.0101"; "ResourceNotFound"; NULL: this cloud has none */
    const char *message; /* a sentence; may have one %s: what, where, which limit */
};
struct gw_fault_row {
    const char *name; /* for log and metrics: "no_api" */
    const char *type; /* APIG's response type; NULL: it has none */
    struct gw_wording by[DIALECTS];
};
extern const struct gw_fault_row gw_faults[GW_FAULTS];

#endif

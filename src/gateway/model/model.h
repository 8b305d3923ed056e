/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - what a request meets, ready to be used: compiled from the catalog's resources and
 * triggers (compile.c), looked up by host, path and method (match.h). Immutable once it is in the
 * route table and reference counted: a change is a new gw_api, and a call keeps the one it began
 * with. Texts are owned and never NULL unless said.
 */
#ifndef EVOKE_GATEWAY_MODEL_MODEL_H
#define EVOKE_GATEWAY_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "fn/key.h"

struct gw_group;

enum gw_auth {
    GW_AUTH_NONE,
    GW_AUTH_APP,        /* APIG: signature of an app, app code, HMAC of scf.md 5.1 likewise */
    GW_AUTH_IAM,        /* signed like a call of the cloud's own API */
    GW_AUTH_AUTHORIZER, /* a custom authorizer: gw_api.authorizer */
    GW_AUTH_SECRET,     /* scf.md 5.1: hmac id="...", with the key of an app */
    GW_AUTH_FC,         /* function-compute.md 6: FC's signature over path and query */
};

enum gw_backend_kind { GW_BACKEND_FUNCTION, GW_BACKEND_HTTP, GW_BACKEND_MOCK };
enum gw_place { GW_IN_PATH, GW_IN_QUERY, GW_IN_HEADER };
enum gw_origin { GW_FROM_REQUEST, GW_FROM_CONSTANT, GW_FROM_SYSTEM };

/* How a function's answer becomes HTTP. */
enum gw_answer {
    GW_ANSWER_OBJECT, /* {"statusCode","headers","body","isBase64Encoded"}: the shape parses it */
    GW_ANSWER_TEXT,   /* SCF pass-through: 200, application/json, as it is */
    GW_ANSWER_HTTP,   /* FC HTTP handlers: the worker tells status and headers apart */
};

struct gw_param { /* a declared request parameter; APIG's req_params[] */
    char *name;
    enum gw_place place;
    bool number, required, validate, pass_through;
    char *preset;          /* NULL: none */
    char *enumerations;    /* "a,b,c"; NULL: any */
    bool has_min, has_max; /* of the numbers below */
    double min_num, max_num;
    int64_t min_size, max_size; /* characters; 0: no bound */
};

struct gw_out { /* a parameter of the backend; APIG's backend_params[] */
    enum gw_origin origin;
    enum gw_place place;
    char *name;  /* there */
    char *value; /* name of the request's parameter, the constant, "$context.sourceIp" */
};

struct gw_identity { /* of an authorizer */
    char *name;
    enum gw_place place; /* HEADER or QUERY */
    char *validation;    /* a regular expression; NULL: none */
};

struct gw_authorizer {
    uint32_t refs;
    char *id;
    struct fn_key function; /* parts owned */
    char *qualifier;
    struct gw_identity *identities;
    uint32_t nidentities;
    uint32_t ttl_s;  /* 0: its answers are not kept */
    char *user_data; /* "" */
    bool need_body;
    uint64_t revision; /* of its resource: answers kept for another one do not count */
};

struct gw_limit { /* calls per period; 0 calls: no limit */
    uint32_t api, app, user, ip;
    uint64_t period_ms;
    char *id; /* of the throttle: what shares one count. "": the API by itself */
};

struct gw_cors { /* APIG's cors: true and SCF's enableCORS */
    bool on;
};

struct gw_api {
    uint32_t refs;
    char *id, *name;
    struct gw_group *group; /* referenced */
    char *stage;            /* "RELEASE", "release"; "" where the cloud has none (FC HTTP) */
    char *method;           /* "GET" or "ANY" */
    char *methods;          /* FC: "GET,POST"; "": as `method` says */
    char *pattern;          /* "/a/{p}/{rest+}" */
    char *response;         /* id of the set of gateway responses it uses; "": the group's */
    bool prefix;            /* it is the beginning of the paths it takes (APIG's SWA, FC's "*") */

    enum gw_auth auth;
    bool app_code; /* X-Apig-AppCode will do for an app, and so will Authorization: Basic */
    const struct gw_authorizer *authorizer;         /* referenced; NULL: none */
    const struct gw_authorizer *backend_authorizer; /* likewise */
    struct gw_limit limit;
    struct gw_cors cors;
    struct gw_param *params;
    uint32_t nparams;
    struct gw_out *outs;
    uint32_t nouts;

    enum gw_backend_kind backend;
    uint32_t timeout_ms;
    struct {               /* FUNCTION */
        struct fn_key key; /* parts owned */
        char *qualifier;   /* "latest" */
        bool async;
        char *base64_types; /* SCF: "image/png,application/pdf": of these Content-Type or Accept; "":
                               as base64 says */
        bool base64;        /* the body goes in base64 (FunctionGraph); SCF: by rule */
        enum gw_answer answer;
    } fn;
    struct {          /* HTTP */
        char *url;    /* scheme://authority */
        char *path;   /* may name parameters, "/x/{p}", and #variables# already put in */
        char *method; /* "ANY": as it came */
        uint32_t retries;
    } http;
    struct { /* MOCK */
        char *body;
        uint32_t status;
    } mock;
    bool public_off; /* FC: disableURLInternet */
};

/* What the APIs of one group (SCF: service; FC: custom domain or the proxy path) share. */
struct gw_variable {
    char *stage, *name, *value;
};
struct gw_response {        /* a gateway response; APIG: functiongraph.md 5.5 */
    char *set;              /* id of the resource it is of; a group may have several */
    char *type;             /* "AUTHORIZER_FAILURE", "DEFAULT_4XX" */
    int status;             /* 0: as it would be */
    char *body;             /* with $context.... variables; NULL: as it would be */
    struct gw_out *headers; /* name, value */
    uint32_t nheaders;
};
struct gw_mapping { /* SCF: what is below this path of a custom domain is a stage */
    char *host, *path, *stage;
};
struct gw_group {
    uint32_t refs;
    char *id, *name;
    enum dialect dialect; /* in whose words errors are */
    char *account, *region;
    struct gw_variable *variables;
    uint32_t nvariables;
    struct gw_response *responses;
    uint32_t nresponses;
    struct gw_mapping *mappings;
    uint32_t nmappings;
    char *response_set; /* of APIs that name none; "": there is no such */
    bool closed;        /* it does not answer to its own name, only to its domains */
};

struct gw_api *gw_api_new(struct gw_group *group); /* referenced; one reference of its own */
struct gw_api *gw_api_ref(const struct gw_api *a);
void gw_api_unref(struct gw_api *a);
struct gw_group *gw_group_new(enum dialect dialect, const char *id, const char *name);
struct gw_group *gw_group_ref(const struct gw_group *g);
void gw_group_unref(struct gw_group *g);
/* Is the method in a list like "GET,POST"? */
bool gw_lists_method(struct str list, struct str method);
/* For whoever fills them: own copies of a function's key, and of a text (STR_NONE: NULL). */
void gw_key_own(struct fn_key *to, const struct fn_key *from);
void gw_key_done(struct fn_key *key);
void gw_set(char **field, struct str value);
struct gw_authorizer *gw_authorizer_new(void);
const struct gw_authorizer *gw_authorizer_ref(const struct gw_authorizer *a);
void gw_authorizer_unref(const struct gw_authorizer *shared);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds.h - the objects of the gateway's control plane: which kinds there are, which fields each has
 * and what may stand in them. One table; APIG's control plane, our admin API, the command line and
 * the documents all live by it. Fields are spelt as in Huawei Cloud's APIG API, version 2
 * (functiongraph.md 5), which is the richest of the three clouds' forms.
 */
#ifndef EVOKE_GATEWAY_PLANE_KINDS_H
#define EVOKE_GATEWAY_PLANE_KINDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "fn/key.h"

struct cJSON;
struct err;

/*
 * kind            id                    parent     what its body says
 * group           32 hex                -          name, remark; sl_domain is "<id>.<gateway domain>"
 * env             32 hex, or            -          name ("RELEASE" is always there, without a record, as
 *                 DEFAULT_ENVIRONMENT_RELEASE_ID   DEFAULT_ENVIRONMENT_RELEASE_ID)
 * variable        32 hex                group      env_id, variable_name, variable_value
 * authorizer      32 hex                -          see functiongraph.md 5.4
 * api             32 hex                group      the definition as it is edited (5.2)
 * version         32 hex                api        a published definition, frozen: {"env_id","remark",
 *                                                  "api":{definition}}
 * release         "<api>.<env>"         api        {"env_id","version_id"}: which version is called
 * response        32 hex                group      gateway responses (5.5)
 * throttle        32 hex                -          api_call_limits, app_call_limits, user_..., ip_...,
 *                                                  time_interval, time_unit, type
 * throttle_bind   32 hex                throttle   {"publish_id"| api_id + env_id}
 * app             32 hex                -          name, app_key, app_secret
 * app_code        32 hex                app        app_code
 * app_auth        32 hex                app        api_id, env_id
 * domain          the name, lower case  group      url_domain, ... ; a custom domain of a group;
 *                                                  SCF: path_mappings [{path, environment}]
 * fc_domain       the name, lower case  -          FC's custom domain: protocol, routeConfig
 */
struct gw_kind {
    const char *name;
    uint32_t most; /* per parent, or account and region; 0: as the catalog allows */
    const struct gw_field *fields;
    uint32_t nfields;
    bool named; /* its "name" is unique in account, region (and parent, where it has one) */
    /* What the fields say about each other; NULL: nothing. As gw_check(). */
    int (*rules)(const struct cJSON *body, const char **ret_path, struct err *e);
};

/* A list is of objects where `fields` is there, else of texts that follow `rule`. A map is an object
 * whose keys are among `values`, each an object of `fields`. */
enum gw_type { GW_TEXT, GW_WHOLE, GW_BOOL, GW_OBJECT, GW_LIST, GW_MAP };

struct gw_field {
    const char *key;
    enum gw_type type;
    bool required;
    int64_t min, max;          /* of a number; characters of a text; members of a list */
    const char *const *values; /* NULL-terminated: the only ones; NULL: any */
    const char *pattern;       /* what it may be, in words for errors; `rule` checks it */
    bool (*rule)(struct str text);
    const struct gw_field *fields; /* of an object, or of each object of a list */
    uint32_t nfields;
};

extern const struct gw_kind gw_kinds[];
extern const uint32_t gw_nkinds;
const struct gw_kind *gw_kind_of(struct str name); /* or NULL */

/* Is this an object of that kind? 0, or -EINVAL with a sentence that names the field, the value and
 * what it may be; *ret_path (never NULL, good until the next gw_check()) is then the field's path,
 * "func_info.timeout" or "req_params[2].name". Fields that are not in the table are left alone: they
 * are kept and returned. */
int gw_check(const struct gw_kind *kind, const struct cJSON *body, const char **ret_path,
             struct err *e);

/* Which function a text names: "urn:fss:REGION:PROJECT:function:PACKAGE:NAME[:QUALIFIER]" or, for
 * every cloud, "DIALECT/ACCOUNT/REGION/SPACE/NAME[:QUALIFIER]" with percent-encoded parts
 * (fn_key_path()). 0 or -EINVAL. Parts point into `text`, which moves with the struct: use in place. */
struct gw_function {
    char text[1024];
    struct fn_key key;
    struct str qualifier; /* "" where none is said */
};
int gw_function_of(struct str name, struct gw_function *ret);

#endif

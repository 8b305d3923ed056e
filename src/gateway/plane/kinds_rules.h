/* SPDX-License-Identifier: Apache-2.0 */
/* kinds_rules.h - what the fields of a kind say about each other; inside this room. */
#ifndef EVOKE_GATEWAY_PLANE_KINDS_RULES_H
#define EVOKE_GATEWAY_PLANE_KINDS_RULES_H

struct cJSON;
struct err;

typedef int gw_rules_fn(const struct cJSON *body, const char **ret_path, struct err *e);
gw_rules_fn gw_rules_env, gw_rules_authorizer, gw_rules_api, gw_rules_response, gw_rules_throttle,
        gw_rules_throttle_bind;

/* kinds_check.c: this field is wrong, "<path> <why>". Returns -EINVAL. */
int gw_wrong(const char **ret_path, struct err *e, const char *path, const char *why, ...)
        __attribute__((format(printf, 4, 5)));

#endif

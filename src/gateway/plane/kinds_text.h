/* SPDX-License-Identifier: Apache-2.0 */
/* kinds_text.h - which characters the texts of kinds.c may have; inside this room. Lengths are the
 * table's affair. */
#ifndef EVOKE_GATEWAY_PLANE_KINDS_TEXT_H
#define EVOKE_GATEWAY_PLANE_KINDS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

size_t gw_characters(struct str s); /* of well-formed UTF-8 */

bool gw_is_title(struct str s);    /* a group, an API */
bool gw_is_name(struct str s);     /* an authorizer, a throttle, an app, a policy */
bool gw_is_env_name(struct str s); /* and other names in ASCII */
bool gw_is_variable(struct str s);
bool gw_is_variable_value(struct str s);
bool gw_is_param(struct str s);
bool gw_is_identity(struct str s); /* of an authorizer: a header or query parameter */
bool gw_is_response_name(struct str s);
bool gw_is_header_name(struct str s);
bool gw_is_header_value(struct str s);
bool gw_is_app_key(struct str s);
bool gw_is_app_secret(struct str s);
bool gw_is_app_code(struct str s);
bool gw_is_tag(struct str s);
bool gw_is_host(struct str s);        /* a domain name, also with '*' as its first label */
bool gw_is_endpoint(struct str s);    /* host[:port], #variables# allowed */
bool gw_is_path(struct str s);        /* "/a/{p}/{rest+}": '/' first, no '?', no blanks */
bool gw_is_mapped_path(struct str s); /* without parameters and without '/' at its end */
bool gw_is_function(struct str s);    /* gw_function_of() reads it */
bool gw_is_retry(struct str s);       /* "-1" to "10" */

#endif

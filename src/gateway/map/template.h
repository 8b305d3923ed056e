/* SPDX-License-Identifier: Apache-2.0 */
/* template.h - texts with $context.... variables, as gateway responses have them. Pure. */
#ifndef EVOKE_GATEWAY_MAP_TEMPLATE_H
#define EVOKE_GATEWAY_MAP_TEMPLATE_H

#include "base/buf.h"
#include "base/str.h"

enum gw_escape {
    GW_ESCAPE_NONE, /* header values: whoever sends them checks them */
    GW_ESCAPE_JSON, /* inside of a JSON text */
    GW_ESCAPE_HTML, /* anything else a client may show */
};

/* What must be done to values in this body, so that no client's words become part of its form. */
enum gw_escape gw_escape_of(struct str body);

/* name: "$context.error.code". STR_NONE: there is no such, and the text stays as it is. */
typedef struct str gw_value(void *user, struct str name);

/*
 * A variable is "$context." with letters and dots, or "$context.authorizer.frontend." (.backend.)
 * with letters, digits, '-' and '_'; a dot at its end is not part of it. Values are not looked into
 * again.
 */
void gw_expand(struct str text, enum gw_escape how, gw_value *value, void *user, struct buf *out);

#endif

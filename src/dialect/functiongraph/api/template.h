/* SPDX-License-Identifier: Apache-2.0 */
/* template.h - functions to begin with: templates/functiongraph/, built in by tools/templates.py. */
#ifndef EVOKE_DIALECT_FUNCTIONGRAPH_API_TEMPLATE_H
#define EVOKE_DIALECT_FUNCTIONGRAPH_API_TEMPLATE_H

#include <stddef.h>

struct fg_template {
    const char *id, *runtime, *scene, *service;
    const char *json; /* the whole object, as it is shown */
};
extern const struct fg_template fg_templates[];
extern const size_t fg_templates_n;

#endif

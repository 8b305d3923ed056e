/* SPDX-License-Identifier: Apache-2.0 */
/* params.h - is this a value the API's definition allows? Pure. */
#ifndef EVOKE_GATEWAY_MAP_PARAMS_H
#define EVOKE_GATEWAY_MAP_PARAMS_H

#include "base/str.h"
#include "gateway/model/model.h"

/* NULL: yes. Else what it has to be: "must be a number". Only of a parameter that is validated. */
const char *gw_param_check(const struct gw_param *p, struct str value);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* rules.h - what each cloud allows in a function's record. Source: docs/compat. */
#ifndef EVOKE_ADMIN_RULES_H
#define EVOKE_ADMIN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "fn/key.h"

struct err;

struct rules {
    size_t name_max, space_max, description_max;
    bool underscore_first; /* a name may begin with '_', and end with anything in it */
    size_t handler_min;
    int64_t timeout_min_ms, timeout_max_ms;
    int64_t memory_max_mb, concurrency_max;
    const uint16_t *memory_mb; /* sizes the cloud sells, ended by 0; NULL: multiples of 64 */
    size_t vars;               /* how many; 0: no limit */
    size_t vars_max;           /* bytes of all names and values */
    const char *reserved;      /* prefix of variable names, or NULL */
};

extern const struct rules admin_rules[DIALECTS];

/* The name of an environment variable. -EINVAL with e. */
int admin_check_var(const struct rules *rule, struct str name, struct err *e);

#endif

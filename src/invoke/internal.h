/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - the invoker from inside, for invoke.c and making.c. */
#ifndef EVOKE_INVOKE_INTERNAL_H
#define EVOKE_INVOKE_INTERNAL_H

#include "invoke/invoke.h"
#include "pool/pool.h"
#include "sign/role.h"

enum { INVOKER_MAGIC = 0x494e564b };

struct invoker {
    uint32_t magic;
    struct loop *loop;       /* borrowed */
    struct catalog *catalog; /* borrowed */
    struct pool *pool;       /* borrowed */
    struct map *ready;       /* sha of a package -> itself: its code directory was seen */
    struct role_root roles;  /* what the keys of roles are derived from */
    bool has_roles;
    size_t live; /* its owner and the invocations: each holds it */
    bool closing;
};

/* Keys of the function's role, derived into *role; views of them. NULL: it has none. */
const struct shape_keys *invoke_keys(const struct invoker *iv, const struct fn *fn,
                                     struct role_keys *role, struct shape_keys *ret);
void invoker_unhold(struct invoker *iv);
extern const struct pool_shape invoke_pool_shape; /* user: the invoker */

#endif

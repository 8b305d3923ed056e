/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - the invoker from inside, for invoke.c and making.c. */
#ifndef EVOKE_INVOKE_INTERNAL_H
#define EVOKE_INVOKE_INTERNAL_H

#include "invoke/invoke.h"
#include "observe/run.h"
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
    struct {
        const struct run_watch *ops; /* borrowed */
        void *user;
    } watches[RUN_WATCHES];
    uint32_t nwatches;
    size_t live; /* its owner and the invocations: each holds it */
    bool closing;
};

/* Keys of the function's role, derived into *role; views of them. NULL: it has none. */
const struct shape_keys *invoke_keys(const struct invoker *iv, const struct fn *fn,
                                     struct role_keys *role, struct shape_keys *ret);

/* ---- watch.c: each watcher in turn; watched[] is what their begin returned ---- */

void watch_begin(const struct invoker *iv, const struct run_facts *f, void *watched[RUN_WATCHES]);
void watch_log(const struct invoker *iv, const struct run_facts *f, void *const *watched,
               struct str text);
void watch_end(const struct invoker *iv, const struct run_facts *f, void *const *watched);
void watch_stray(const struct invoker *iv, const struct fn *fn, const char *instance_id,
                 const char *hook, struct str text);
/* What is known when it begins; request_id may be "". */
struct run_facts watch_facts(const struct invoke_spec *spec, const char *request_id);
/* f, ended as refused. */
const struct run_facts *watch_refusal(struct run_facts *f, const struct err *e);
/* Asked for and refused at once. */
void watch_refused(const struct invoker *iv, const struct invoke_spec *spec, const struct err *e);

void invoker_unhold(struct invoker *iv);
extern const struct pool_shape invoke_pool_shape; /* user: the invoker */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* init.h - pid 1 of a slot, and the orders it takes until it has given up the means to. */
#ifndef EVOKE_SANDBOX_INIT_H
#define EVOKE_SANDBOX_INIT_H

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/limits.h"

struct cgroup_door;
struct filter;

/*
 * One SOCK_SEQPACKET message each; answered by notes (sandbox.h).
 *
 *   RUN     channel, log                 start the runtime, without code     -> RUNNING
 *   ATTACH  code, [layers]               code, limits; then drop everything  -> READY; no more orders
 *   START   channel, log, code, [layers] both in one go                      -> READY; no more orders
 */
enum init_order_type { INIT_RUN = 1, INIT_ATTACH, INIT_START };
enum { INIT_PATH_MAX = 64, INIT_ARGV_MAX = 2048, INIT_ORDER_FDS = 4 };

struct init_order {
    uint32_t type;
    uint32_t uid;    /* RUN, START */
    int32_t runtime; /* ATTACH: the pid, as init sees it, of the one a zygote has made; 0: our own */
    bool hard_memory; /* a cgroup holds the memory limit */
    struct limits limits;
    char code_at[INIT_PATH_MAX], cwd[INIT_PATH_MAX];
    char layers_at[INIT_PATH_MAX]; /* "": no layers come with the code */
    char argv[INIT_ARGV_MAX];      /* one string after the other, an empty one at the end */
};

/* All borrowed; the child has its own copy. */
struct init_plan {
    const struct cgroup_door *door; /* we are born in what it has of version 2 */
    int template_ns;
    int net_ns; /* -EBADF: we are born in a fresh one */
    int sock;   /* orders come in, struct sandbox_note goes out */
    uint32_t tmp_mb;
    const struct filter *runtime_filter, *init_filter;
};

_Noreturn void init_run(const struct init_plan *plan);

#endif

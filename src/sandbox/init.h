/* SPDX-License-Identifier: Apache-2.0 */
/* init.h - pid 1 of an instance. */
#ifndef EVOKE_SANDBOX_INIT_H
#define EVOKE_SANDBOX_INIT_H

#include <stdbool.h>

struct cgroup_door;
struct filter;
struct sandbox_spec;

/* All borrowed; the child has its own copy. */
struct init_plan {
    const struct sandbox_spec *spec;
    const struct cgroup_door *door; /* we are born in what it has of version 2 */
    int template_ns;
    int notes; /* where struct sandbox_note goes */
    bool hard_memory;
    const struct filter *runtime_filter, *init_filter;
};

_Noreturn void init_run(const struct init_plan *plan);

#endif

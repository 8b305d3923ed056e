/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp.h - which system calls are left. Prefix filter_, since seccomp_ is libseccomp's. */
#ifndef EVOKE_SANDBOX_SECCOMP_H
#define EVOKE_SANDBOX_SECCOMP_H

#include "sandbox/filter.h"

struct err;

/* Compile once; load in as many processes as wanted. */
int filter_build_runtime(struct filter *ret, struct err *e);
int filter_build_init(struct filter *ret, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp.h - which system calls are left. Prefix filter_, since seccomp_ is libseccomp's. */
#ifndef EVOKE_SANDBOX_SECCOMP_H
#define EVOKE_SANDBOX_SECCOMP_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct sock_filter;

struct filter {
    struct sock_filter *code; /* owned */
    size_t n;
};

/* Compile once; load in as many processes as wanted. */
int filter_build_runtime(struct filter *ret, struct err *e);
int filter_build_init(struct filter *ret, struct err *e);
void filter_done(struct filter *f);
/* For the rest of this process's life. Needs no_new_privs. */
int filter_load(const struct filter *f, struct err *e);

/* Landlock's scopes: no abstract unix socket of, and no signal to, anybody outside. */
bool landlock_has_scope(void);
int landlock_scope(struct err *e);

#endif

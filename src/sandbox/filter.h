/* SPDX-License-Identifier: Apache-2.0 */
/* filter.h - a compiled system call filter, put on. Needs no libseccomp; seccomp.h compiles them. */
#ifndef EVOKE_SANDBOX_FILTER_H
#define EVOKE_SANDBOX_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct sock_filter;

struct filter {
    struct sock_filter *code; /* owned */
    size_t n;
};

/* To and from a descriptor, for a program that was not born from ours. */
int filter_save(const struct filter *f, int *ret_memfd, struct err *e);
int filter_restore(int fd, struct filter *ret, struct err *e);
void filter_done(struct filter *f);
/* For the rest of this process's life. Needs no_new_privs. */
int filter_load(const struct filter *f, struct err *e);

/* Landlock's scopes: no abstract unix socket of, and no signal to, anybody outside. */
bool landlock_has_scope(void);
int landlock_scope(struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* access.h - one line per call of the gateway, in a file or on standard error (docs/gateway.md). */
#ifndef EVOKE_GATEWAY_ACCESS_H
#define EVOKE_GATEWAY_ACCESS_H

#include <stdint.h>

struct access_log; /* opaque */
struct gw_call;
struct loop;

/* path: "-" is standard error; "" or NULL: no log, and the rest does nothing. */
struct access_log *access_log_new(struct loop *l, const char *path);
struct access_log *access_log_free(struct access_log *a); /* what is there is written first */
/* The call has ended. Makes no system call. */
void access_log_add(struct access_log *a, const struct gw_call *c);
uint64_t access_log_dropped(const struct access_log *a);

#endif

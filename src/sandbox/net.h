/* SPDX-License-Identifier: Apache-2.0 */
/* net.h - the network an instance sees. This version: a namespace of its own with loopback only. */
#ifndef EVOKE_SANDBOX_NET_H
#define EVOKE_SANDBOX_NET_H

struct err;

int net_lo_up(struct err *e); /* in the calling process's network namespace */

#endif

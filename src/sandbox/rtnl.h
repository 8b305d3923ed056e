/* SPDX-License-Identifier: Apache-2.0 */
/* rtnl.h - interfaces, addresses and routes of a network namespace, by rtnetlink(7). IPv4 only;
 * addresses are in host byte order. */
#ifndef EVOKE_SANDBOX_RTNL_H
#define EVOKE_SANDBOX_RTNL_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/* A socket of the namespace the caller is in, and stays in when the caller moves on.
 * groups: RTMGRP_* to hear of, 0: none. */
int rtnl_open(uint32_t groups, int *ret_sock, struct err *e);

/* One end of a cable. */
struct rtnl_end {
    const char *name;
    uint32_t index; /* 0: the kernel chooses; for both ends or none */
    int ns;         /* to put it into; -EBADF: the socket's own */
};
int rtnl_veth(int sock, const struct rtnl_end *a, const struct rtnl_end *b, uint32_t mtu,
              struct err *e);
int rtnl_up(int sock, uint32_t index, struct err *e);
int rtnl_group(int sock, uint32_t index, uint32_t group, struct err *e);
int rtnl_delete(int sock, const char *name, struct err *e);
int rtnl_index(int sock, const char *name, uint32_t *ret_index, uint32_t *ret_mtu, struct err *e);

int rtnl_address(int sock, uint32_t index, uint32_t address, uint8_t prefix, struct err *e);
/* gateway 0: on the link. A gateway need not be in a known network. */
int rtnl_route(int sock, uint32_t index, uint32_t to, uint8_t prefix, uint32_t gateway,
               struct err *e);

enum rtnl_what { RTNL_ADDRESSES, RTNL_ROUTES };
/* All of them. index: the interface, 0 where there is none. */
typedef void rtnl_each_fn(void *user, uint32_t address, uint8_t prefix, uint32_t index);
int rtnl_each(int sock, enum rtnl_what what, rtnl_each_fn *fn, void *user, struct err *e);

#endif

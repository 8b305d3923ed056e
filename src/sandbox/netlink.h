/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.h - one request to the kernel and its answers, netlink(7), whatever the protocol. */
#ifndef EVOKE_SANDBOX_NETLINK_H
#define EVOKE_SANDBOX_NETLINK_H

#include <libmnl/libmnl.h>

/* Send, and hand every answer to `each` (or NULL) until the last one. 0, or -errno: the kernel's
 * own, too. sock: plain, blocking. */
int netlink_talk(int sock, const struct nlmsghdr *request, mnl_cb_t each, void *user);

#endif

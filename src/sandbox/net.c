/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.c - the network namespace of an instance.
 *
 * init is born in a fresh one (CLONE_NEWNET, sandbox.c), owned by the launcher's user namespace, so
 * no runtime can change it. There is one interface, lo; without an address on it even a function
 * that talks to itself would fail. Pools, egress and the tunnel to ports 8000 and 9000 come here.
 */
#include "sandbox/net.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"

int net_lo_up(struct err *e)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    cleanup_close int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (s < 0)
        return err_sys(e, "socket to configure lo");
    if (ioctl(s, SIOCSIFFLAGS, &lo) < 0)
        return err_sys(e, "bring lo up");

    return 0;
}

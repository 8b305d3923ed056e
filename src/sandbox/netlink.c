/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.c - the conversation that rtnl.c and net_clean.c have with the kernel. */
#include "sandbox/netlink.h"

#include <errno.h>
#include <sys/socket.h>

enum { ANSWER_MAX = 32768 };

int netlink_talk(int sock, const struct nlmsghdr *request, mnl_cb_t each, void *user)
{
    char answer[ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int r = MNL_CB_OK;

    if (sendto(sock, request, request->nlmsg_len, 0, (const struct sockaddr *)&kernel,
               sizeof kernel) < 0)
        return -errno;
    while (r > MNL_CB_STOP) {
        ssize_t n = recv(sock, answer, sizeof answer, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        r = mnl_cb_run(answer, (size_t)n, 1, 0, each, user);
        if (r < 0)
            return -errno;
    }
    return 0;
}

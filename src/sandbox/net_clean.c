/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_clean.c - what a function leaves in its box, and how it is ended.
 *
 * Its processes are dead, so its UDP and unix sockets are gone. TCP is what outlives a process:
 * connections that still say goodbye, and the listener that the daemon holds. They are listed and
 * destroyed by sock_diag(7) until the list is empty. In the router the connections that it had to
 * the world are forgotten, so that no late answer finds the box's next tenant.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sandbox/net_internal.h"
#include "sandbox/netlink.h"

enum {
    ROUNDS = 4,
    REQUEST_MAX = 512,
    DESTROY_MAX = 256,
    /* A destroyed listener stays bound until the daemon closes its descriptor (Linux 6.8 lists it,
     * TCP_BOUND_INACTIVE). It hears nothing, and is in nobody's way. */
    STATES = ~(1 << 13),
};

union request {
    char bytes[REQUEST_MAX];
    struct nlmsghdr head;
};

static int open_netlink(int protocol, const char *what, int *ret, struct err *e)
{
    cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

    if (fd < 0)
        return err_sys(e, "open a socket to %s", what);
    *ret = TAKE_FD(fd);
    return 0;
}

/* ---- sockets of the box ---- */

struct found {
    size_t n; /* all of them; at most DESTROY_MAX are kept */
    struct {
        uint8_t family;
        struct inet_diag_sockid id;
    } list[DESTROY_MAX];
};

static int take_socket(const struct nlmsghdr *h, void *user)
{
    const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
    struct found *found = user;

    if (found->n < DESTROY_MAX) {
        found->list[found->n].family = m->idiag_family;
        found->list[found->n].id = m->id;
    }
    found->n++;
    return MNL_CB_OK;
}

static struct inet_diag_req_v2 *diag(union request *q, uint16_t type, uint16_t flags,
                                     uint8_t family)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(q->bytes);
    struct inet_diag_req_v2 *d;

    h->nlmsg_type = type;
    h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    h->nlmsg_seq = 1;
    d = mnl_nlmsg_put_extra_header(h, sizeof *d);
    d->sdiag_family = family;
    d->sdiag_protocol = IPPROTO_TCP;
    d->idiag_states = (uint32_t)STATES;
    return d;
}

static int list_sockets(int sock, uint8_t family, struct found *ret)
{
    union request q = {0};

    (void)diag(&q, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family);
    return netlink_talk(sock, &q.head, take_socket, ret);
}

static int destroy(int sock, uint8_t family, const struct inet_diag_sockid *id)
{
    union request q = {0};
    struct inet_diag_req_v2 *d = diag(&q, SOCK_DESTROY, NLM_F_ACK, family);

    d->id = *id;
    return netlink_talk(sock, &q.head, NULL, NULL);
}

int clean_sockets(struct err *e)
{
    cleanup_close int sock = -EBADF;
    int r = open_netlink(NETLINK_SOCK_DIAG, "list sockets", &sock, e);

    if (r < 0)
        return r;
    for (int i = 0; i < ROUNDS; i++) {
        struct found found = {0};

        r = list_sockets(sock, AF_INET, &found);
        if (r >= 0)
            r = list_sockets(sock, AF_INET6, &found);
        if (r < 0)
            return err_set(e, ERR_HOST, r, "list the sockets of a box: %s", strerror(-r));
        if (found.n == 0)
            return 0;
        /* One that ended by itself meanwhile is -ENOENT; what really stays is seen next round. */
        for (size_t k = 0; k < found.n && k < DESTROY_MAX; k++)
            (void)destroy(sock, found.list[k].family, &found.list[k].id);
    }
    return err_set(e, ERR_HOST, -EBUSY, "sockets of a box do not end");
}

/* ---- connections through the router ---- */

int clean_flows(uint32_t address, struct err *e)
{
    cleanup_close int sock = -EBADF;
    union request q = {0};
    struct nlmsghdr *h = mnl_nlmsg_put_header(q.bytes);
    struct nfgenmsg *nf;
    int r = open_netlink(NETLINK_NETFILTER, "connection tracking", &sock, e);

    if (r < 0)
        return r;
    h->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    h->nlmsg_seq = 1;
    nf = mnl_nlmsg_put_extra_header(h, sizeof *nf);
    nf->nfgen_family = AF_INET;
    nf->version = NFNETLINK_V0;
    /* The rules mark each connection with the address of its box (net_router.c). */
    mnl_attr_put_u32(h, CTA_MARK, htonl(address));
    mnl_attr_put_u32(h, CTA_MARK_MASK, ~0U);
    r = netlink_talk(sock, &q.head, NULL, NULL);
    if (r < 0)
        return err_set(e, ERR_HOST, r, "forget connections of a box: %s", strerror(-r));
    return 0;
}

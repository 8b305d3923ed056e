/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnl.c - requests to rtnetlink, one at a time, each acknowledged.
 *
 * libmnl writes the attributes; the sockets are plain ones, so that they can be handed about like
 * any descriptor. A request costs some 10 us, so they are not batched.
 */
#include "sandbox/rtnl.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sandbox/netlink.h"

enum { REQUEST_MAX = 1024 };

struct request {
    union {
        char bytes[REQUEST_MAX];
        struct nlmsghdr head;
    };
};

int rtnl_open(uint32_t groups, int *ret_sock, struct err *e)
{
    const struct sockaddr_nl at = {.nl_family = AF_NETLINK, .nl_groups = groups};
    cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) < 0)
        return err_sys(e, "open an rtnetlink socket");
    *ret_sock = TAKE_FD(fd);
    return 0;
}

static void *start(struct request *q, uint16_t type, uint16_t flags, size_t extra)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(q->bytes);

    h->nlmsg_type = type;
    h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    h->nlmsg_seq = 1;
    return mnl_nlmsg_put_extra_header(h, extra);
}

static int tell(int sock, struct request *q)
{
    q->head.nlmsg_flags |= NLM_F_ACK;
    return netlink_talk(sock, &q->head, NULL, NULL);
}

static int fail(int r, struct err *e, const char *what)
{
    errno = -r;
    return r < 0 ? err_sys(e, "%s", what) : 0;
}

static void put_end(struct nlmsghdr *h, const struct rtnl_end *end, uint32_t mtu)
{
    mnl_attr_put_strz(h, IFLA_IFNAME, end->name);
    mnl_attr_put_u32(h, IFLA_MTU, mtu);
    if (end->ns >= 0)
        mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)end->ns);
}

int rtnl_veth(int sock, const struct rtnl_end *a, const struct rtnl_end *b, uint32_t mtu,
              struct err *e)
{
    struct request q = {0};
    struct ifinfomsg *ifi =
            start(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
    struct nlattr *info, *data, *peer;

    ifi->ifi_index = (int)a->index;
    put_end(&q.head, a, mtu);
    info = mnl_attr_nest_start(&q.head, IFLA_LINKINFO);
    mnl_attr_put_strz(&q.head, IFLA_INFO_KIND, "veth");
    data = mnl_attr_nest_start(&q.head, IFLA_INFO_DATA);
    peer = mnl_attr_nest_start(&q.head, VETH_INFO_PEER);
    ifi = mnl_nlmsg_put_extra_header(&q.head, sizeof *ifi);
    ifi->ifi_index = (int)b->index;
    put_end(&q.head, b, mtu);
    mnl_attr_nest_end(&q.head, peer);
    mnl_attr_nest_end(&q.head, data);
    mnl_attr_nest_end(&q.head, info);
    return fail(tell(sock, &q), e, "make a veth pair");
}

int rtnl_up(int sock, uint32_t index, struct err *e)
{
    struct request q = {0};
    struct ifinfomsg *ifi = start(&q, RTM_NEWLINK, 0, sizeof *ifi);

    ifi->ifi_index = (int)index;
    ifi->ifi_flags = ifi->ifi_change = IFF_UP;
    return fail(tell(sock, &q), e, "bring an interface up");
}

int rtnl_group(int sock, uint32_t index, uint32_t group, struct err *e)
{
    struct request q = {0};
    struct ifinfomsg *ifi = start(&q, RTM_NEWLINK, 0, sizeof *ifi);

    ifi->ifi_index = (int)index;
    mnl_attr_put_u32(&q.head, IFLA_GROUP, group);
    return fail(tell(sock, &q), e, "set the group of an interface");
}

int rtnl_delete(int sock, const char *name, struct err *e)
{
    struct request q = {0};

    (void)start(&q, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(&q.head, IFLA_IFNAME, name);
    return fail(tell(sock, &q), e, "delete an interface");
}

struct link {
    uint32_t index, mtu;
};

static int take_link(const struct nlmsghdr *h, void *user)
{
    const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);
    const struct nlattr *attr;
    struct link *found = user;

    found->index = (uint32_t)ifi->ifi_index;
    mnl_attr_for_each(attr, h, sizeof *ifi)
    {
        if (mnl_attr_get_type(attr) == IFLA_MTU)
            found->mtu = mnl_attr_get_u32(attr);
    }
    return MNL_CB_OK;
}

int rtnl_index(int sock, const char *name, uint32_t *ret_index, uint32_t *ret_mtu, struct err *e)
{
    struct request q = {0};
    struct link found = {0};
    int r;

    (void)start(&q, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(&q.head, IFLA_IFNAME, name);
    r = netlink_talk(sock, &q.head, take_link, &found);
    if (r < 0)
        return fail(r, e, "find an interface");
    *ret_index = found.index;
    *ret_mtu = found.mtu;
    return 0;
}

int rtnl_address(int sock, uint32_t index, uint32_t address, uint8_t prefix, struct err *e)
{
    struct request q = {0};
    struct ifaddrmsg *ifa = start(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *ifa);

    ifa->ifa_family = AF_INET;
    ifa->ifa_prefixlen = prefix;
    ifa->ifa_index = index;
    mnl_attr_put_u32(&q.head, IFA_LOCAL, htonl(address));
    mnl_attr_put_u32(&q.head, IFA_ADDRESS, htonl(address));
    return fail(tell(sock, &q), e, "add an address");
}

int rtnl_route(int sock, uint32_t index, uint32_t to, uint8_t prefix, uint32_t gateway,
               struct err *e)
{
    struct request q = {0};
    struct rtmsg *rt = start(&q, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof *rt);

    rt->rtm_family = AF_INET;
    rt->rtm_dst_len = prefix;
    rt->rtm_table = RT_TABLE_MAIN;
    rt->rtm_protocol = RTPROT_STATIC;
    rt->rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    rt->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(&q.head, RTA_OIF, index);
    if (prefix > 0)
        mnl_attr_put_u32(&q.head, RTA_DST, htonl(to));
    if (gateway) {
        rt->rtm_flags = RTNH_F_ONLINK;
        mnl_attr_put_u32(&q.head, RTA_GATEWAY, htonl(gateway));
    }
    return fail(tell(sock, &q), e, "add a route");
}

struct each {
    rtnl_each_fn *fn;
    void *user;
};

static int take_address(const struct nlmsghdr *h, void *user)
{
    const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(h);
    const struct each *each = user;
    const struct nlattr *attr;

    if (h->nlmsg_type != RTM_NEWADDR || ifa->ifa_family != AF_INET)
        return MNL_CB_OK;
    mnl_attr_for_each(attr, h, sizeof *ifa)
    {
        if (mnl_attr_get_type(attr) == IFA_LOCAL)
            each->fn(each->user, ntohl(mnl_attr_get_u32(attr)), ifa->ifa_prefixlen, ifa->ifa_index);
    }
    return MNL_CB_OK;
}

static int take_route(const struct nlmsghdr *h, void *user)
{
    const struct rtmsg *rt = mnl_nlmsg_get_payload(h);
    const struct each *each = user;
    const struct nlattr *attr;
    uint32_t to = 0, index = 0;

    if (h->nlmsg_type != RTM_NEWROUTE || rt->rtm_family != AF_INET)
        return MNL_CB_OK;
    mnl_attr_for_each(attr, h, sizeof *rt)
    {
        if (mnl_attr_get_type(attr) == RTA_DST)
            to = ntohl(mnl_attr_get_u32(attr));
        if (mnl_attr_get_type(attr) == RTA_OIF)
            index = mnl_attr_get_u32(attr);
    }
    each->fn(each->user, to, rt->rtm_dst_len, index);
    return MNL_CB_OK;
}

int rtnl_each(int sock, enum rtnl_what what, rtnl_each_fn *fn, void *user, struct err *e)
{
    struct each each = {fn, user};
    struct request q = {0};
    int r;

    if (what == RTNL_ADDRESSES) {
        struct ifaddrmsg *ifa = start(&q, RTM_GETADDR, NLM_F_DUMP, sizeof *ifa);

        ifa->ifa_family = AF_INET;
        r = netlink_talk(sock, &q.head, take_address, &each);
    } else {
        struct rtmsg *rt = start(&q, RTM_GETROUTE, NLM_F_DUMP, sizeof *rt);

        rt->rtm_family = AF_INET;
        r = netlink_talk(sock, &q.head, take_route, &each);
    }
    return fail(r, e, "list addresses or routes");
}

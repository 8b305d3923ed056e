/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_router.c - which packets of a box go where.
 *
 * The rules are set once. A box gets its policy by the group of its interface (one rtnetlink
 * message), so no rule changes when an instance starts. What changes with the host, its addresses
 * and its resolvers, is a set and a map.
 *
 *   from a box that is shut                         rejected
 *   from a box with egress, to a resolver           the host's resolver, port 53 only
 *   ... to what nobody may reach, to the host       rejected
 *   ... to anything but the uplink (other boxes)    rejected
 *   ... else                                        out, behind the router's one address
 *   to a box                                        only what belongs to its own connections
 *   to the router itself                            nothing
 *
 * Rejected, not dropped: a function should see an error at once instead of a timeout. TCP gets a
 * reset, since it takes an ICMP error that comes while connect(2) still runs for a passing one, and
 * fails a second later, at its next attempt.
 *
 * A box cannot claim another's address: the strict reverse path filter drops what did not come by
 * the interface that its source is routed to. IPv6 is off in boxes and router (docs/adr/0007).
 * Each connection carries the address of its box as mark, so that clean_flows() finds it.
 */
#include "sandbox/net_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "base/str.h"
#include "sandbox/nft.h"
#include "sandbox/rtnl.h"

enum { RESOLVERS = 2, TEXT_MAX = 64 << 10, RESOLV_CONF_MAX = 64 << 10 };

/* Nobody's business, whoever routes it: this host, link-local with the metadata services of most
 * clouds, those of Alibaba, Azure and Oracle, multicast, reserved, broadcast. */
static const char closed[] =
        "0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 100.100.100.200, 168.63.129.16, "
        "192.0.0.0/24, 224.0.0.0/3";

static const char *const resolver_names[RESOLVERS] = {NET_RESOLVER_1, NET_RESOLVER_2};

static const struct {
    const char *name, *value;
    bool needed;
} sysctls[] = {
        {"net/ipv4/ip_forward", "1", true},
        {"net/ipv4/conf/all/rp_filter", "1", true},
        {"net/ipv4/conf/default/rp_filter", "1", true},
        /* The gateway's address is on lo, and is asked for on every box's cable. */
        {"net/ipv4/conf/all/arp_ignore", "0", true},
        {"net/ipv4/conf/default/arp_ignore", "0", true},
        {"net/ipv4/conf/all/arp_filter", "0", true},
        {"net/ipv4/conf/default/arp_filter", "0", true},
        {"net/ipv4/conf/all/accept_redirects", "0", false},
        {"net/ipv4/conf/all/send_redirects", "0", false},
        {"net/ipv4/conf/default/send_redirects", "0", false},
        {"net/ipv4/icmp_ratelimit", "0", false}, /* or a function waits for every refusal but one */
        {"net/ipv6/conf/all/disable_ipv6", "1", false},
        {"net/ipv6/conf/default/disable_ipv6", "1", false},
        /* The default, five days, is for hosts, not for addresses that change hands (RFC 5382). */
        {"net/netfilter/nf_conntrack_tcp_timeout_established", "7440", false},
};

int net_sysctl(const char *name, const char *value, struct err *e)
{
    cleanup_close int fd = -EBADF;
    char path[128];

    snprintf(path, sizeof path, "/proc/sys/%s", name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return err_sys(e, "set %s", name);
    return 0;
}

static void add_rules(uint32_t base, struct buf *b)
{
    buf_addf(b,
             "table inet evoke {\n"
             "set closed { type ipv4_addr; flags interval; elements = { %s, %u.%u.%u.0/%d } }\n"
             "set host { type ipv4_addr; }\n"
             "set flows { type ipv4_addr; size %d; flags dynamic; }\n"
             "map resolvers { type ipv4_addr : ipv4_addr; }\n",
             closed, base >> 24, base >> 16 & 255, base >> 8 & 255, NET_RANGE_PREFIX, NET_BOXES);
    buf_addf(b,
             "chain refuse {\n"
             " meta l4proto tcp reject with tcp reset\n"
             " reject with icmpx admin-prohibited\n"
             "}\n"
             "chain admit {\n"
             " ct state established,related accept\n"
             " ct state invalid drop\n"
             " meta l4proto != { tcp, udp, icmp } goto refuse\n"
             " add @flows { ip saddr ct count over %d } goto refuse\n"
             " ct mark set @nh,96,32\n"
             " accept\n"
             "}\n"
             "chain leave {\n"
             " oifname != \"" NET_UPLINK_NAME "\" goto refuse\n"
             " tcp flags syn tcp option maxseg size set rt mtu\n"
             " ct status dnat goto admit\n"
             " ip daddr @closed goto refuse\n"
             " ip daddr @host goto refuse\n"
             " meta nfproto ipv4 goto admit\n"
             "}\n",
             NET_FLOWS);
    buf_addf(b,
             "chain forward {\n"
             " type filter hook forward priority filter; policy drop;\n"
             " iifgroup %d goto leave\n"
             " iifname \"" NET_UPLINK_NAME "\" ct state established,related accept\n"
             " iifname != \"" NET_UPLINK_NAME "\" goto refuse\n"
             "}\n"
             "chain input {\n"
             " type filter hook input priority filter; policy drop;\n"
             " iifname != \"" NET_UPLINK_NAME "\" goto refuse\n"
             "}\n"
             "chain resolve {\n"
             " type nat hook prerouting priority dstnat; policy accept;\n"
             " iifgroup %d meta l4proto { tcp, udp } th dport 53 dnat ip to ip daddr map "
             "@resolvers\n"
             "}\n"
             "chain hide {\n"
             " type nat hook postrouting priority srcnat; policy accept;\n"
             " oifname \"" NET_UPLINK_NAME "\" masquerade\n"
             "}\n"
             "}\n",
             NET_GROUP_EGRESS, NET_GROUP_EGRESS);
}

int router_open(struct router *r, const struct uplink *u, struct err *e)
{
    cleanup_with(buf_done) struct buf rules;
    cleanup_close int sock = -EBADF;
    int x;

    *r = (struct router){0};
    buf_init(&rules, TEXT_MAX);
    add_rules(u->base, &rules);
    x = nft_apply(rules.p, e);
    for (size_t i = 0; x >= 0 && i < ARRAY_LEN(sysctls); i++) {
        if (net_sysctl(sysctls[i].name, sysctls[i].value, e) < 0 && sysctls[i].needed)
            x = e->code;
    }
    if (x >= 0)
        x = rtnl_open(0, &sock, e);
    if (x >= 0)
        x = rtnl_address(sock, 1, u->base + NET_GATEWAY, 32, e);
    if (x >= 0)
        x = router_refresh(r, u, e);
    if (x < 0)
        return x;
    *e = (struct err){0};
    r->up = true;
    return 0;
}

void router_done(struct router *r)
{
    free(r->told);
    *r = (struct router){0};
}

/* ---- what changes with the host ---- */

struct resolvers {
    unsigned n;
    char address[RESOLVERS][INET_ADDRSTRLEN];
};

/* resolv.conf(5). One on a loopback address is out of reach for whoever is not on the host. */
static void read_resolvers(const char *path, struct resolvers *ret)
{
    cleanup_with(buf_done) struct buf text;
    struct str rest;
    struct in_addr a;

    buf_init(&text, RESOLV_CONF_MAX);
    ret->n = 0;
    if (io_read_file(AT_FDCWD, path, &text, NULL) < 0)
        return;
    rest = buf_str(&text);
    while (ret->n < RESOLVERS && rest.n > 0) {
        char *at = ret->address[ret->n];
        struct str line = str_cut(&rest, '\n');
        char name[INET_ADDRSTRLEN];

        if (sscanf(line.p, "nameserver %15[0-9.]", name) == 1 &&
            inet_pton(AF_INET, name, &a) == 1 && ntohl(a.s_addr) >> 24 != 127 && a.s_addr != 0) {
            snprintf(at, INET_ADDRSTRLEN, "%s", name);
            ret->n++;
        }
    }
}

static void find_resolvers(struct resolvers *ret)
{
    read_resolvers("/etc/resolv.conf", ret);
    /* systemd-resolved listens on 127.0.0.53 and says here whom it asks. */
    if (ret->n == 0)
        read_resolvers("/run/systemd/resolve/resolv.conf", ret);
}

struct listing {
    struct buf *out;
    unsigned n;
};

static void add_address(void *user, uint32_t address, uint8_t prefix, uint32_t index)
{
    struct listing *l = user;
    const struct in_addr a = {htonl(address)};
    char text[INET_ADDRSTRLEN];

    (void)prefix;
    (void)index;
    buf_addf(l->out, "%s%s", l->n++ ? ", " : "", inet_ntop(AF_INET, &a, text, sizeof text));
}

int router_refresh(struct router *r, const struct uplink *u, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    struct listing list = {.out = &text};
    struct resolvers found;
    int x;

    buf_init(&text, TEXT_MAX);
    buf_addz(&text, "flush set inet evoke host\nflush map inet evoke resolvers\n"
                    "add element inet evoke host { ");
    x = rtnl_each(u->host_ask, RTNL_ADDRESSES, add_address, &list, e);
    if (x < 0)
        return x;
    buf_addz(&text, list.n ? " }\n" : "127.0.0.1 }\n");
    find_resolvers(&found);
    for (unsigned i = 0; found.n && i < RESOLVERS; i++)
        buf_addf(&text, "add element inet evoke resolvers { %s : %s }\n", resolver_names[i],
                 found.address[i % found.n]);
    if (!buf_ok(&text))
        return err_set(e, ERR_HOST, -E2BIG, "this host has too many addresses");

    r->resolvers = found.n;
    if (r->told && strcmp(r->told, text.p) == 0)
        return 0;
    x = nft_apply(text.p, e);
    if (x == -ECHILD) /* once more, or one death is the end of egress: both times it says it all */
        x = nft_apply(text.p, e);
    if (x < 0)
        return x;
    free(r->told);
    r->told = buf_take(&text);
    return 0;
}

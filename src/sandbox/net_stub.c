/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_stub.c - the host's end of the uplink, made by the host's root.
 *
 * A veth, an address, masquerade, forwarding. It listens to the launcher once, before any function
 * has run, and then only keeps what it made.
 *
 * What always holds:
 *   (1) the host accepts nothing from the router for itself, whatever addresses it has or gets: all
 *       of them are behind the input hook.
 *   (2) what we made goes with us, also when we are killed: the table belongs to our netlink socket
 *       (`flags owner`), and the veth ends with the router's namespace.
 *   (3) where we had to turn forwarding on, nothing passes between the interfaces that the host had
 *       then: what it did not forward before it does not forward now. Interfaces made later (of a
 *       container engine, a VPN) are their makers' affair. That is a table without an owner, the
 *       guard: killed, we leave forwarding on and the guard with it. Whoever of us finds the guard
 *       knows that forwarding is ours, and the last one at its end turns it off and takes the guard
 *       away.
 */
#include "sandbox/net.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "sandbox/net_internal.h"
#include "sandbox/nft.h"
#include "sandbox/rtnl.h"

#define GUARD "inet evoke_forwarding"

enum { RULES_MAX = 1 << 20 }; /* a host may have thousands of interfaces */

static const char forwarding[] = "net/ipv4/ip_forward";

struct net_stub {
    char link[IFNAMSIZ]; /* evk<pid of the stub> */
    bool turned_on;      /* forwarding, by one of us */
    struct nft *rules;   /* owned */
};

static bool forwards(void)
{
    cleanup_close int fd = open("/proc/sys/net/ipv4/ip_forward", O_RDONLY | O_CLOEXEC);
    char c = '0';

    return fd >= 0 && read(fd, &c, 1) == 1 && c == '1';
}

static bool guarded(void)
{
    struct err e;

    return nft_apply("list table " GUARD, &e) >= 0;
}

static void see_default(void *user, uint32_t address, uint8_t prefix, uint32_t index)
{
    (void)address;
    if (prefix == 0 && *(uint32_t *)user == 0)
        *(uint32_t *)user = index;
}

/* Of the interface that the host's default route takes: the router then clamps to it. */
static uint32_t way_out_mtu(int sock)
{
    uint32_t index = 0, same, mtu = 0;
    char name[IFNAMSIZ];
    struct err e;

    if (rtnl_each(sock, RTNL_ROUTES, see_default, &index, &e) < 0 || index == 0 ||
        !if_indextoname(index, name) || rtnl_index(sock, name, &same, &mtu, &e) < 0)
        return NET_MTU;
    return mtu >= 576 && mtu < NET_MTU ? mtu : NET_MTU;
}

static int make_cable(struct net_stub *s, pid_t launcher, uint32_t base, struct err *e)
{
    cleanup_close int sock = -EBADF;
    cleanup_close int ns = -EBADF;
    char path[64];
    uint32_t index, mtu;
    int r;

    snprintf(path, sizeof path, "/proc/%d/ns/net", launcher);
    ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0)
        return err_sys(e, "open the router's namespace");
    r = rtnl_open(0, &sock, e);
    if (r < 0)
        return r;

    const struct rtnl_end here = {.name = s->link, .ns = -EBADF};
    const struct rtnl_end there = {.name = NET_UPLINK_NAME, .ns = ns};

    r = rtnl_veth(sock, &here, &there, way_out_mtu(sock), e);
    if (r >= 0)
        r = rtnl_index(sock, s->link, &index, &mtu, e);
    if (r >= 0)
        r = rtnl_address(sock, index, base + NET_HOST_END, 30, e);
    if (r >= 0)
        r = rtnl_up(sock, index, e);
    return r;
}

static void add_rules(const struct net_stub *s, uint32_t base, struct buf *b)
{
    const uint32_t router = base + NET_ROUTER_END;

    buf_addf(b, "table inet %s {\n flags owner\n", s->link);
    buf_addf(b,
             "chain input { type filter hook input priority -1; policy accept;\n"
             " iifname \"%s\" meta l4proto tcp reject with tcp reset\n"
             " iifname \"%s\" reject with icmpx admin-prohibited\n}\n",
             s->link, s->link);
    buf_addf(b,
             "chain forward { type filter hook forward priority -1; policy accept;\n"
             " iifname \"%s\" ip saddr != %u.%u.%u.%u drop\n"
             " iifname \"%s\" accept\n"
             " oifname \"%s\" ct state established,related accept\n"
             " oifname \"%s\" drop\n}\n",
             s->link, router >> 24, router >> 16 & 255, router >> 8 & 255, router & 255, s->link,
             s->link, s->link);
    buf_addf(b,
             "chain hide { type nat hook postrouting priority srcnat; policy accept;\n"
             " ip saddr %u.%u.%u.%u oifname != \"%s\" masquerade\n}\n}\n",
             router >> 24, router >> 16 & 255, router >> 8 & 255, router & 255, s->link);
}

/* By number: a name may hold anything, and one that is used again is another interface. */
static void add_guard(struct buf *b)
{
    struct if_nameindex *all = if_nameindex();

    buf_addz(b, "table " GUARD " {\nset before { type iface_index; elements = { 1");
    for (struct if_nameindex *it = all; it && it->if_index > 0; it++) {
        if (it->if_index != 1 && strncmp(it->if_name, "evk", 3) != 0)
            buf_addf(b, ", %u", it->if_index);
    }
    buf_addz(b, " } }\nchain forward { type filter hook forward priority -1; policy accept;\n"
                " iif @before oif @before drop\n}\n}\n");
    if_freenameindex(all);
}

/* Another table's drop beats our accept, so all we can do is say it. */
static bool firewall_drops(struct net_stub *s)
{
    cleanup_free char *chains = nft_ask(s->rules, "list chains");
    char *at = chains;

    while (at && (at = strstr(at, "hook forward")) != NULL) {
        size_t n = strcspn(at, "\n");

        if (memmem(at, n, "policy drop", 11))
            return true;
        at += n;
    }
    return false;
}

static int attach(struct net_stub *s, pid_t launcher, uint32_t base, struct net_reply *reply,
                  struct err *e)
{
    cleanup_with(buf_done) struct buf rules;
    bool guard;
    int r;

    buf_init(&rules, RULES_MAX);
    guard = guarded();
    s->turned_on = guard || !forwards();
    add_rules(s, base, &rules);
    if (s->turned_on && !guard)
        add_guard(&rules);
    r = nft_hold(rules.p, &s->rules, e);
    if (r >= 0)
        r = make_cable(s, launcher, base, e);
    if (r >= 0 && s->turned_on)
        r = net_sysctl(forwarding, "1", e);
    if (r < 0)
        return r;

    if (firewall_drops(s))
        snprintf(reply->text, sizeof reply->text,
                 "the host's firewall drops forwarded packets: allow interface %s, or functions "
                 "reach nothing",
                 s->link);
    else if (s->turned_on)
        snprintf(reply->text, sizeof reply->text,
                 "IPv4 forwarding was turned on in the host, for interface %s only", s->link);
    return 0;
}

struct net_stub *net_stub_serve(int sock, pid_t launcher)
{
    struct net_stub *s = xnew(struct net_stub);
    struct net_reply reply = {0};
    struct net_request ask;
    struct err e = {0};

    snprintf(s->link, sizeof s->link, "evk%d", getpid());
    /* EOF: the launcher has died, or wants none. */
    if (recv(sock, &ask, sizeof ask, 0) == (ssize_t)sizeof ask) {
        reply.code = attach(s, launcher, ask.base, &reply, &e);
        if (reply.code < 0)
            snprintf(reply.text, sizeof reply.text, "%.*s", (int)sizeof reply.text - 1, e.msg);
        (void)send(sock, &reply, sizeof reply, MSG_NOSIGNAL);
    }
    fd_close(sock);
    return s;
}

/* Is another of us using the host's forwarding? By the tables: a link that is left over lives until
 * the kernel has taken its router apart. */
static bool alone(const struct net_stub *s)
{
    cleanup_free char *tables = nft_ask(s->rules, "list tables inet");
    size_t own = strlen(s->link);

    for (char *at = tables; at && (at = strstr(at, "inet evk")) != NULL; at += own) {
        at += strlen("inet ");
        if (strncmp(at, s->link, own) != 0 || (at[own] != '\n' && at[own] != '\0'))
            return false;
    }
    return tables != NULL;
}

struct net_stub *net_stub_free(struct net_stub *s)
{
    cleanup_close int sock = -EBADF;
    struct err e;

    if (!s)
        return NULL;
    if (s->turned_on && s->rules && alone(s) && net_sysctl(forwarding, "0", &e) >= 0)
        free(nft_ask(s->rules, "delete table " GUARD));
    /* Gone already if the router is; its last sockets may keep that for a moment. */
    if (rtnl_open(0, &sock, &e) >= 0)
        (void)rtnl_delete(sock, s->link, &e);
    nft_free(s->rules);
    free(s);
    return NULL;
}

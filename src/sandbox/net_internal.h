/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_internal.h - the network, cut by subject: net.c boxes, net_router.c what leaves them,
 * net_uplink.c the way out, net_stub.c what only the host's root can do, net_clean.c what a
 * function left. To be included by these files only.
 *
 * One range of addresses serves all, out of what the host does not route (net_uplink.c):
 *
 *   base + 1              the far end of the uplink: host, or pasta
 *   base + 2              the router's end; everything that leaves has this address
 *   base + 8              the router, as the boxes know it: their gateway
 *   base + 4096 + index   a box
 */
#ifndef EVOKE_SANDBOX_NET_INTERNAL_H
#define EVOKE_SANDBOX_NET_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/net.h"

enum {
    NET_BOXES = 8192,
    NET_HOST_END = 1,
    NET_ROUTER_END = 2,
    NET_GATEWAY = 8, /* outside the /30 of the uplink: its 3 is a broadcast address */
    NET_FIRST_BOX = 4096,
    NET_RANGE_PREFIX = 18, /* 16384 addresses */
    NET_FIRST_LINK = 1000, /* interface index in the router of box 0 */
    NET_GROUP_SHUT = 0,    /* what every new interface is in */
    NET_GROUP_EGRESS = 1,
    NET_MTU = 1500,
    NET_FLOWS = 1024, /* connections of one box at once */
};

#define NET_UPLINK_NAME "uplink"

/* The launcher's side of the way out. All owned. */
struct uplink {
    bool root;
    int stub;        /* as root: the socket to it */
    int go;          /* as user: written to when the router is there */
    int pasta;       /* as user: its pidfd */
    int said;        /* as user: what it complains of */
    int lock;        /* held from the choice of a range until the host knows it */
    int host_ask;    /* rtnetlink of the host */
    int host_events; /* the same; readable when an address changes */
    int watch;       /* epoll: host_events and pasta */
    uint32_t base;
};

struct net_request { /* launcher -> stub: the router is there */
    uint32_t base;
};

struct net_reply {  /* stub -> launcher */
    int32_t code;   /* 0, or negative errno */
    char text[160]; /* why not; or, with code 0, what the operator must know */
};

void uplink_none(struct uplink *u);
/* In the host's network namespace: choose a range, be ready to go. */
int uplink_begin(struct uplink *u, bool root, int stub, struct err *e); /* stub taken */
/* In the router: bring the interface up, with address and default route. note: what to tell. */
int uplink_join(struct uplink *u, char *note, size_t size, struct err *e);
void uplink_done(struct uplink *u);
/* `watch` is readable: take what is told. Negative: the way out is gone. */
int uplink_hear(struct uplink *u, struct err *e);

/* What the router lets through. */
struct router {
    bool up;
    unsigned resolvers; /* of the host that functions can use */
    char *told;         /* owned: the addresses and resolvers that are set */
};
int router_open(struct router *r, const struct uplink *u, struct err *e);
/* The host's addresses or resolvers may have changed. */
int router_refresh(struct router *r, const struct uplink *u, struct err *e);
void router_done(struct router *r);

/* In the calling process's network namespace. -ENOENT: this kernel has no such thing. */
int net_sysctl(const char *name, const char *value, struct err *e);

/* In the box: end every TCP connection and listener. -EBUSY: some would not. */
int clean_sockets(struct err *e);
/* In the router: forget what came from this address. */
int clean_flows(uint32_t address, struct err *e);

#endif

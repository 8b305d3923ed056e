/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.h - network namespaces of instances, and what each may reach.
 *
 * The launcher lives in a network namespace of its own, the router. A box is a namespace out of a
 * pool, owned like the router by the launcher's user namespace: its loopback is up, and a veth
 * joins it to the router. nftables rules in the router decide what leaves a box: nothing to other
 * boxes, to the host's addresses, to link-local and metadata addresses under any policy. The router
 * leaves through one uplink: a veth with masquerade that the stub, who is outside, sets up as root;
 * pasta as an ordinary user. Without an uplink there is no egress, and net_can() says so.
 */
#ifndef EVOKE_SANDBOX_NET_H
#define EVOKE_SANDBOX_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct net; /* opaque; owned by the launcher */

enum net_policy {
    NET_NONE,     /* its own loopback */
    NET_ENDPOINT, /* and the listener in the box */
    NET_EGRESS,   /* and the world */
    NET_POLICIES,
};

enum { NET_ENDPOINT_PORT = 8900 };

/* For resolv.conf(5): the router sends port 53 of these on to the resolvers of the host. */
#define NET_RESOLVER_1 "192.0.0.53"
#define NET_RESOLVER_2 "192.0.0.54"

/* One namespace, taken out of the pool. Descriptors owned; hand one out and set it to -EBADF. */
struct net_box {
    int ns;         /* to setns(2) into, CLONE_NEWNET */
    int listener;   /* listening on 127.0.0.1:NET_ENDPOINT_PORT inside */
    uint32_t index; /* of the pool: names its address and its veth */
};

/*
 * Called by the launcher as uid 0 of its user namespace, single-threaded and still in the network
 * namespace it was born in: moves it into the router.
 *
 * stub  taken: socket to net_stub_serve(); -EBADF: no uplink, so no egress
 */
int net_open(bool root, int stub, struct net **ret, struct err *e);
struct net *net_free(struct net *n);
bool net_can(const struct net *n, enum net_policy policy);
/* What the operator should know about the network: one sentence, or empty. */
const char *net_note(const struct net *n);

/*
 * The stub's part: while it is still in the host's network, with the privileges it has there. Waits
 * until the launcher has asked for its uplink, or is gone, or wants none.
 *
 * sock      taken: the other end of net_open()'s
 * launcher  its pid
 */
struct net_stub; /* opaque */
struct net_stub *net_stub_serve(int sock, pid_t launcher);
struct net_stub *net_stub_free(struct net_stub *s); /* when the launcher is gone */

/* From the pool, or made now. Every box starts as NET_NONE. */
int net_take(struct net *n, struct net_box *ret, struct err *e);
/* From now on the box may reach this. Before any code of a user runs. Under NET_NONE its listener
 * does not listen any more. */
int net_set_policy(struct net *n, const struct net_box *box, enum net_policy policy, struct err *e);
/* Its last process is gone: close what was not handed out, forget the policy, back into the pool.
 * What of it still lives in the kernel is ended before anybody else gets the box. */
void net_give_back(struct net *n, struct net_box *box);
/* Refill the pool by at most one. True: there is more to do. */
bool net_refill(struct net *n);
/* Keep no more than what is made ahead, until functions are started again. */
void net_trim(struct net *n);

/* Readable when the host's addresses changed or the uplink ended; then call net_on_watch(). -EBADF:
 * nothing to watch. It says true, once, when there is no egress any more: net_note() says why. */
int net_watch_fd(const struct net *n);
bool net_on_watch(struct net *n);

/* In the calling process: bring lo up. */
int net_lo_up(struct err *e);

#endif

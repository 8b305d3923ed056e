/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.c - the pool of boxes: network namespaces made ahead, handed out, cleaned, handed out again.
 *
 * A box is made by the launcher itself: unshare(2) into a new namespace, set it up, and setns(2)
 * back home. That needs no helper process, since the launcher has one thread; and the namespace
 * belongs to the launcher's user namespace, so that no runtime can change it.
 *
 * What always holds:
 *   (1) between two calls of this file the launcher is in the router. One that could not get home
 *       would make every later namespace in the wrong place: it aborts.
 *   (2) a box is in exactly one of: free (no namespace), ready (in the pool, clean), taken, used
 *       (given back, to be cleaned).
 *   (3) a namespace is in the pool only with nothing in it that a function had left, and shut.
 *   (4) addresses, routes, interfaces and rules are never changed by a start: what makes the
 *       difference is the group of one interface.
 *
 *   free --make--> ready --net_take--> taken --net_give_back--> used --clean--> ready
 *      \_____________________ it would not get clean, or there are enough ______/
 */
#include "sandbox/net.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/list.h"
#include "base/obj.h"
#include "sandbox/net_internal.h"
#include "sandbox/rtnl.h"

enum {
    POOL_READY = 8, /* made ahead */
    POOL_KEPT = 64, /* of those given back, while functions come and go */
    LISTEN_BACKLOG = 64,
    BOX_LINK = 2, /* index of eth0 in every box */
    NOTE_MAX = 192,
};

enum box_state { BOX_FREE, BOX_READY, BOX_TAKEN, BOX_USED, BOX_STATES };

struct box {
    uint8_t state;
    bool open;     /* egress, now */
    bool went_out; /* had egress since it was last clean */
    int ns;        /* owned, unless free */
    int listener;  /* owned, while ready */
    struct list node;
};

struct net {
    int home; /* owned: the router */
    int sock; /* owned: rtnetlink of the router */
    struct uplink uplink;
    struct router router; /* up: there is egress */
    char note[NOTE_MAX];
    size_t keep; /* so many may be ready: POOL_KEPT since a function was last started, else POOL_READY */
    size_t count[BOX_STATES];
    struct list in[BOX_STATES]; /* box.node; the one that waits longest first */
    struct box boxes[NET_BOXES];
};

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

static int open_own_ns(int *ret_ns, struct err *e)
{
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(e, "open our network namespace");
    *ret_ns = fd;
    return 0;
}

static void net_freep(struct net **n)
{
    net_free(*n);
}

static void put(struct net *n, struct box *b, enum box_state state)
{
    if (!list_empty(&b->node))
        n->count[b->state]--;
    list_remove(&b->node);
    b->state = state;
    list_push_back(&n->in[state], &b->node);
    n->count[state]++;
}

static void discard(struct net *n, struct box *b)
{
    b->ns = fd_close(b->ns);
    b->listener = fd_close(b->listener);
    b->open = b->went_out = false;
    put(n, b, BOX_FREE);
}

static int shut(struct net *n, struct box *b, struct err *e)
{
    uint32_t link = NET_FIRST_LINK + (uint32_t)(b - n->boxes);
    int r = b->open ? rtnl_group(n->sock, link, NET_GROUP_SHUT, e) : 0;

    if (r >= 0)
        b->open = false;
    return r;
}

static void go_home(const struct net *n)
{
    int r = setns(n->home, CLONE_NEWNET);

    assert(r == 0);
    (void)r;
}

/* ---- the router ---- */

static int enter_router(struct net *n, struct err *e)
{
    int r;

    if (unshare(CLONE_NEWNET) < 0)
        return err_sys(e, "create the router's network namespace");
    r = net_lo_up(e);
    if (r >= 0)
        r = open_own_ns(&n->home, e);
    if (r >= 0)
        r = rtnl_open(0, &n->sock, e);
    return r;
}

static void say_note(struct net *n, const struct err *e, const char *note)
{
    if (e->code < 0)
        snprintf(n->note, sizeof n->note, "no egress: %.*s", NOTE_MAX - 16, e->msg);
    else
        snprintf(n->note, sizeof n->note, "%s", note);
}

int net_open(bool root, int stub, struct net **ret, struct err *e)
{
    cleanup_with(net_freep) struct net *n = xnew(struct net);
    struct err why = {0};
    char note[NOTE_MAX] = "";
    int r, up = -ENOENT;

    n->home = n->sock = -EBADF;
    n->keep = POOL_READY;
    uplink_none(&n->uplink);
    for (size_t i = 0; i < BOX_STATES; i++)
        list_init(&n->in[i]);
    for (size_t i = 0; i < NET_BOXES; i++) {
        n->boxes[i] = (struct box){.ns = -EBADF, .listener = -EBADF};
        list_init(&n->boxes[i].node);
        put(n, &n->boxes[i], BOX_FREE);
    }
    if (stub >= 0)
        up = uplink_begin(&n->uplink, root, stub, &why);
    r = enter_router(n, e);
    if (r < 0)
        return r;

    /* Without a way out functions still run: that is for the notice, not for failing. */
    if (up >= 0)
        up = uplink_join(&n->uplink, note, sizeof note, &why);
    if (up >= 0)
        up = router_open(&n->router, &n->uplink, &why);
    if (up < 0)
        uplink_done(&n->uplink);
    say_note(n, &why, note);
    if (up >= 0 && !n->router.resolvers && !note[0])
        snprintf(n->note, sizeof n->note,
                 "functions resolve no names: the host's resolver is on its loopback only");
    *ret = TAKE_PTR(n);
    return 0;
}

bool net_can(const struct net *n, enum net_policy policy)
{
    return policy != NET_EGRESS || n->router.up;
}

const char *net_note(const struct net *n)
{
    return n->note;
}

int net_watch_fd(const struct net *n)
{
    return n->router.up ? n->uplink.watch : -EBADF;
}

bool net_on_watch(struct net *n)
{
    struct err e = {0};
    int r = uplink_hear(&n->uplink, &e);

    if (!n->router.up)
        return false;
    if (r >= 0)
        r = router_refresh(&n->router, &n->uplink, &e);
    if (r >= 0)
        return false;
    /* The way out is gone, or what the host listens on is not known any more: nobody leaves. */
    snprintf(n->note, sizeof n->note, "no egress any more: %.*s", NOTE_MAX - 32, e.msg);
    n->router.up = false;
    list_each (it, &n->in[BOX_TAKEN])
        (void)shut(n, container_of(it, struct box, node), &e);
    return true;
}

/* ---- boxes ---- */

static int listen_inside(int *ret_fd, struct err *e)
{
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons(NET_ENDPOINT_PORT),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
        return err_sys(e, "listen inside the box");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* A kernel without IPv6 or MPTCP lacks the file, and the trouble. */
static int set_sysctls(struct err *e)
{
    static const char *const off[][2] = {
            {"net/ipv6/conf/default/disable_ipv6", "1"},
            {"net/mptcp/enabled", "0"},
            {"net/ipv4/tcp_no_metrics_save", "1"}, /* no memory of whom the last tenant knew */
    };

    for (size_t i = 0; i < ARRAY_LEN(off); i++) {
        int r = net_sysctl(off[i][0], off[i][1], e);

        if (r < 0 && r != -ENOENT)
            return r;
    }
    return 0;
}

/* In the new namespace: a cable to the router. */
static int plug(const struct net *n, uint32_t index, struct err *e)
{
    const struct rtnl_end here = {.name = "eth0", .index = BOX_LINK, .ns = -EBADF};
    const uint32_t address = n->uplink.base + NET_FIRST_BOX + index;
    const uint32_t far = NET_FIRST_LINK + index;
    cleanup_close int sock = -EBADF;
    char name[16];
    int r;

    snprintf(name, sizeof name, "box%u", index);
    r = rtnl_open(0, &sock, e);
    if (r >= 0)
        r = rtnl_veth(sock, &here, &(struct rtnl_end){.name = name, .index = far, .ns = n->home},
                      NET_MTU, e);
    if (r >= 0)
        r = rtnl_address(sock, BOX_LINK, address, 32, e);
    if (r >= 0)
        r = rtnl_up(sock, BOX_LINK, e);
    if (r >= 0)
        r = rtnl_route(sock, BOX_LINK, 0, 0, n->uplink.base + NET_GATEWAY, e);
    if (r >= 0)
        r = rtnl_up(n->sock, far, e);
    if (r >= 0)
        r = rtnl_route(n->sock, far, address, 32, 0, e);
    return r;
}

/* In the new namespace. */
static int set_up(const struct net *n, struct box *b, struct err *e)
{
    cleanup_close int ns = -EBADF;
    int r;

    r = open_own_ns(&ns, e);
    if (r >= 0)
        r = set_sysctls(e);
    if (r >= 0)
        r = net_lo_up(e);
    if (r >= 0 && n->router.up)
        r = plug(n, (uint32_t)(b - n->boxes), e);
    if (r >= 0)
        r = listen_inside(&b->listener, e);
    if (r >= 0)
        b->ns = TAKE_FD(ns);
    return r;
}

static int make(struct net *n, struct err *e)
{
    struct list *first = list_first(&n->in[BOX_FREE]);
    struct box *b;
    int r;

    if (!first)
        return err_set(e, ERR_LIMIT, -EAGAIN, "all %d network namespaces are in use", NET_BOXES);
    b = container_of(first, struct box, node);
    if (unshare(CLONE_NEWNET) < 0)
        return err_sys(e, "create a network namespace");
    r = set_up(n, b, e);
    go_home(n);
    /* Last in line: the kernel may still be taking a discarded one apart, interface and all. */
    put(n, b, r < 0 ? BOX_FREE : BOX_READY);
    if (r < 0)
        b->listener = fd_close(b->listener);
    return r;
}

/* Nothing of the last tenant is left, and a new listener is there. */
static int clean(struct net *n, struct box *b, struct err *e)
{
    int r;

    if (setns(b->ns, CLONE_NEWNET) < 0)
        return err_sys(e, "enter a box");
    r = clean_sockets(e);
    if (r >= 0)
        r = listen_inside(&b->listener, e);
    go_home(n);
    if (r >= 0 && b->went_out)
        r = clean_flows(n->uplink.base + NET_FIRST_BOX + (uint32_t)(b - n->boxes), e);
    return r;
}

/* One that was given back: into the pool, or away with it. */
static void recycle(struct net *n)
{
    struct box *b = container_of(list_first(&n->in[BOX_USED]), struct box, node);
    struct err e = {0};

    if (n->count[BOX_READY] >= n->keep || clean(n, b, &e) < 0) {
        discard(n, b);
        return;
    }
    b->went_out = false;
    put(n, b, BOX_READY);
    list_remove(&b->node); /* first in line: what it is made of is still in the caches */
    list_push_front(&n->in[BOX_READY], &b->node);
}

int net_take(struct net *n, struct net_box *ret, struct err *e)
{
    cleanup_close int ns = -EBADF;
    struct box *b;
    int r = 0;

    while (n->count[BOX_READY] == 0 && n->count[BOX_USED] > 0)
        recycle(n);
    if (n->count[BOX_READY] == 0)
        r = make(n, e);
    if (r < 0)
        return r;
    b = container_of(list_first(&n->in[BOX_READY]), struct box, node);
    ns = fcntl(b->ns, F_DUPFD_CLOEXEC, 0);
    if (ns < 0)
        return err_sys(e, "duplicate the namespace's descriptor");

    put(n, b, BOX_TAKEN);
    *ret = (struct net_box){
            .ns = TAKE_FD(ns), .listener = TAKE_FD(b->listener), .index = (uint32_t)(b - n->boxes)};
    return 0;
}

static struct box *taken(struct net *n, const struct net_box *box)
{
    assert(box->index < NET_BOXES && n->boxes[box->index].state == BOX_TAKEN);
    return &n->boxes[box->index];
}

int net_set_policy(struct net *n, const struct net_box *box, enum net_policy policy, struct err *e)
{
    struct box *b = taken(n, box);
    int r;

    n->keep = POOL_KEPT;
    if (!net_can(n, policy))
        return err_set(e, ERR_HOST, -ENOTSUP, "there is no way out for functions (%s)",
                       n->note[0] ? n->note : "no uplink");
    if (policy == NET_NONE)
        (void)shutdown(box->listener, SHUT_RDWR);
    if (policy != NET_EGRESS)
        return shut(n, b, e);
    r = rtnl_group(n->sock, NET_FIRST_LINK + box->index, NET_GROUP_EGRESS, e);
    if (r >= 0)
        b->open = b->went_out = true;
    return r;
}

void net_give_back(struct net *n, struct net_box *box)
{
    struct box *b = taken(n, box);
    struct err e = {0};

    box->ns = fd_close(box->ns);
    box->listener = fd_close(box->listener);
    if (shut(n, b, &e) < 0)
        discard(n, b);
    else
        put(n, b, BOX_USED);
}

bool net_refill(struct net *n)
{
    struct err e = {0};

    if (n->count[BOX_USED] > 0)
        recycle(n);
    else if (n->count[BOX_READY] >= POOL_READY || make(n, &e) < 0)
        return false;
    return n->count[BOX_USED] > 0 || n->count[BOX_READY] < POOL_READY;
}

void net_trim(struct net *n)
{
    n->keep = POOL_READY;
    while (n->count[BOX_READY] > n->keep)
        discard(n, container_of(list_first(&n->in[BOX_READY]), struct box, node));
}

struct net *net_free(struct net *n)
{
    if (!n)
        return NULL;
    for (size_t i = 0; i < NET_BOXES; i++)
        discard(n, &n->boxes[i]);
    router_done(&n->router);
    uplink_done(&n->uplink);
    fd_close(n->sock);
    fd_close(n->home);
    free(n);
    return NULL;
}

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
 *   (2) a box is in exactly one of: free (no namespace), ready (in the pool, clean), taken.
 *   (3) a namespace is in the pool only with nothing in it that a function had left.
 */
#include "sandbox/net.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"

enum { BOXES = 8192, POOL_READY = 16, LISTEN_BACKLOG = 64 };

enum box_state { BOX_FREE, BOX_READY, BOX_TAKEN };

struct box {
    uint8_t state;
    int ns;       /* owned, unless free */
    int listener; /* owned, while ready */
};

struct net {
    int home; /* owned: the router */
    uint32_t ready;
    struct box boxes[BOXES];
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

int net_open(bool root, int stub, struct net **ret, struct err *e)
{
    cleanup_close int taken = stub;
    cleanup_close int home = -EBADF;
    struct net *n;
    int r;

    (void)root;
    if (unshare(CLONE_NEWNET) < 0)
        return err_sys(e, "create the router's network namespace");
    r = net_lo_up(e);
    if (r >= 0)
        r = open_own_ns(&home, e);
    if (r < 0)
        return r;

    n = xnew(struct net);
    n->home = TAKE_FD(home);
    for (size_t i = 0; i < BOXES; i++)
        n->boxes[i] = (struct box){.ns = -EBADF, .listener = -EBADF};
    *ret = n;
    return 0;
}

static void discard(struct box *b)
{
    b->ns = fd_close(b->ns);
    b->listener = fd_close(b->listener);
    b->state = BOX_FREE;
}

struct net *net_free(struct net *n)
{
    if (!n)
        return NULL;
    for (size_t i = 0; i < BOXES; i++)
        discard(&n->boxes[i]);
    fd_close(n->home);
    free(n);
    return NULL;
}

bool net_can(const struct net *n, enum net_policy policy)
{
    (void)n;
    return policy == NET_NONE || policy == NET_ENDPOINT;
}

const char *net_note(const struct net *n)
{
    (void)n;
    return "";
}

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

static void go_home(const struct net *n)
{
    int r = setns(n->home, CLONE_NEWNET);

    assert(r == 0);
    (void)r;
}

/* In the new namespace. */
static int set_up(struct box *b, struct err *e)
{
    cleanup_close int ns = -EBADF;
    int r;

    r = open_own_ns(&ns, e);
    if (r >= 0)
        r = net_lo_up(e);
    if (r >= 0)
        r = listen_inside(&b->listener, e);
    if (r >= 0)
        b->ns = TAKE_FD(ns);
    return r;
}

static int make(struct net *n, struct box *b, struct err *e)
{
    int r;

    if (unshare(CLONE_NEWNET) < 0)
        return err_sys(e, "create a network namespace");
    r = set_up(b, e);
    go_home(n);
    if (r < 0) {
        discard(b);
        return r;
    }
    b->state = BOX_READY;
    n->ready++;
    return 0;
}

static struct box *find(struct net *n, enum box_state state)
{
    for (size_t i = 0; i < BOXES; i++) {
        if (n->boxes[i].state == state)
            return &n->boxes[i];
    }
    return NULL;
}

static int make_one(struct net *n, struct err *e)
{
    struct box *b = find(n, BOX_FREE);

    if (!b)
        return err_set(e, ERR_LIMIT, -EAGAIN, "all %d network namespaces are in use", BOXES);
    return make(n, b, e);
}

int net_take(struct net *n, struct net_box *ret, struct err *e)
{
    cleanup_close int ns = -EBADF;
    struct box *b;
    int r = 0;

    if (n->ready == 0)
        r = make_one(n, e);
    if (r < 0)
        return r;
    b = find(n, BOX_READY);
    assert(b);
    ns = fcntl(b->ns, F_DUPFD_CLOEXEC, 0);
    if (ns < 0)
        return err_sys(e, "duplicate the namespace's descriptor");

    b->state = BOX_TAKEN;
    n->ready--;
    *ret = (struct net_box){
            .ns = TAKE_FD(ns), .listener = TAKE_FD(b->listener), .index = (uint32_t)(b - n->boxes)};
    return 0;
}

int net_set_policy(struct net *n, const struct net_box *box, enum net_policy policy, struct err *e)
{
    assert(box->index < BOXES && n->boxes[box->index].state == BOX_TAKEN);
    if (!net_can(n, policy))
        return err_set(e, ERR_HOST, -ENOTSUP, "there is no way out of this host for functions");
    return 0;
}

void net_give_back(struct net *n, struct net_box *box)
{
    assert(box->index < BOXES && n->boxes[box->index].state == BOX_TAKEN);
    box->ns = fd_close(box->ns);
    box->listener = fd_close(box->listener);
    discard(&n->boxes[box->index]);
}

bool net_refill(struct net *n)
{
    struct err e = {0};

    return n->ready < POOL_READY && make_one(n, &e) >= 0 && n->ready < POOL_READY;
}

int net_watch_fd(const struct net *n)
{
    (void)n;
    return -EBADF;
}

void net_on_watch(struct net *n)
{
    (void)n;
}

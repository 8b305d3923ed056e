/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch.c - asks the launcher for instances, and matches its answers to who asked.
 *
 * One seqpacket socket, one struct per message (launcher/proto.h). The launcher may die and come
 * back at any time: launch_adopt() gives us the next socket. What ran under the old one is dead (a
 * launcher takes everything below it along) and is reported as such; what had been asked for but
 * not answered is asked again, because nothing of it can have survived.
 *
 * What always holds:
 *   (1) a start is in exactly one list: waiting (not sent yet), asked (sent, id in use) or
 *       cancelled (killed before it was sent, to be told so at the end of this turn).
 *   (2) an id is in use from START sent until REFUSED or EXITED, also when its owner has dropped
 *       it: ops is NULL then, and whatever arrives for it is closed and forgotten.
 *   (3) nothing is sent before HELLO, nothing is called back from inside launch_start().
 *   (4) a message we do not understand ends the connection, not the daemon.
 *
 * We never kill or reap anything ourselves. Read next: launcher/proto.h, instance.c.
 */
#include "pool/launch_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/list.h"
#include "base/log.h"
#include "base/obj.h"
#include "loop/loop.h"

static const struct log_cx cx = {.component = "launch"};

static void forget(struct launched *in)
{
    list_remove(&in->node);
    list_remove(&in->kill_node);
    in->magic = 0;
    free(in);
}

struct launched *launched_by_id(struct launch *la, uint32_t id)
{
    list_each (it, &la->asked[id % ID_BUCKETS]) {
        struct launched *in = container_of(it, struct launched, node);

        if (in->id == id)
            return in;
    }
    return NULL;
}

/* Both reports end the start; the owner may ask for the next one inside them. */
void launched_refused(struct launched *in, int code, const char *why)
{
    const struct launched_ops *ops = in->ops;
    void *user = in->user;

    forget(in);
    if (ops)
        ops->on_refused(user, code, why);
}

void launched_exited(struct launched *in, const struct launch_exited *how)
{
    const struct launched_ops *ops = in->ops;
    void *user = in->user;

    forget(in);
    if (ops)
        ops->on_exited(user, how);
}

/* The connection is gone: what had started is dead, what had not is asked for again. */
static void hang_up(struct launch *la)
{
    struct launch_exited how = {
            .type = LAUNCH_EXITED, .killed = true, .exit_code = -1, .signal = SIGKILL};
    struct list gone;

    if (la->sock < 0)
        return;
    la->io = loop_io_free(la->io);
    la->sock = fd_close(la->sock);
    if (la->said_hello && la->on_hello)
        la->on_hello(la->on_hello_user, NULL);
    la->said_hello = false;
    la->nstocks = 0;
    list_init(&gone);
    for (size_t i = 0; i < ID_BUCKETS; i++) {
        list_each (it, &la->asked[i]) {
            list_remove(it);
            list_push_back(&gone, it);
        }
    }
    for (struct list *it; (it = list_pop_front(&gone)) != NULL;) {
        struct launched *in = container_of(it, struct launched, node);

        if (in->started) {
            how.id = in->id;
            launched_exited(in, &how);
        } else if (in->kill) {
            launched_refused(in, -ECANCELED, "the start was cancelled");
        } else {
            in->asked = false;
            in->give_up_ns = clock_mono_ns() + (uint64_t)WAIT_MS * 1000000;
            list_push_back(&la->waiting, &in->node);
        }
    }
    launch_push(la);
}

void launch_lose(struct launch *la, const char *why)
{
    log_err(&cx, "connection to the launcher lost: %s", why);
    hang_up(la);
}

static void on_socket(void *user, unsigned ready)
{
    struct launch *la = OBJ(user, struct launch, LAUNCH_MAGIC);

    if (ready & LOOP_WRITE)
        launch_push(la);
    if (ready & LOOP_READ)
        launch_read(la);
}

/* 1 sent, 0 the socket is full, negative: it is broken (reading will tell). */
static int say(struct launch *la, const void *m, size_t n)
{
    if (send(la->sock, m, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 1;
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
}

static int say_kills(struct launch *la)
{
    int r = 1;

    while (r > 0 && !list_empty(&la->kills)) {
        struct launched *in = container_of(la->kills.next, struct launched, kill_node);
        struct launch_kill m = {.type = LAUNCH_KILL, .id = in->id};

        r = say(la, &m, sizeof(m));
        if (r > 0)
            list_remove(&in->kill_node);
    }
    return r;
}

static int say_starts(struct launch *la)
{
    int r = 1;

    while (r > 0 && !list_empty(&la->waiting)) {
        struct launched *in = container_of(la->waiting.next, struct launched, node);
        struct launch_start want;

        do {
            in->id = ++la->next_id;
        } while (in->id == 0 || launched_by_id(la, in->id));
        want = in->want;
        want.type = LAUNCH_START;
        want.id = in->id;
        if (want.network == NETWORK_BEST)
            want.network = la->hello.egress ? NETWORK_EGRESS : NETWORK_ENDPOINT;
        r = say(la, &want, sizeof(want));
        if (r > 0) {
            in->asked = true;
            list_remove(&in->node);
            list_push_back(&la->asked[in->id % ID_BUCKETS], &in->node);
        }
    }
    return r;
}

/* Send what can be sent; arrange to come back for the rest. */
void launch_push(struct launch *la)
{
    int r = 1;

    if (la->sock >= 0 && la->said_hello) {
        r = say_kills(la);
        if (r > 0)
            r = say_starts(la);
    }
    if (la->sock >= 0)
        loop_io_want(la->io, LOOP_READ | (r == 0 ? LOOP_WRITE : 0));
    if (!list_empty(&la->waiting) && !loop_timer_running(la->give_up))
        loop_timer_start(la->give_up, WAIT_MS);
}

static void on_give_up(void *user)
{
    struct launch *la = OBJ(user, struct launch, LAUNCH_MAGIC);
    uint64_t now = clock_mono_ns();

    for (struct list *n; (n = list_first(&la->waiting));) {
        struct launched *in = container_of(n, struct launched, node);

        if (in->give_up_ns > now) {
            loop_timer_start(la->give_up, (in->give_up_ns - now) / 1000000 + 1);
            return;
        }
        launched_refused(in, -ETIMEDOUT, "no launcher for 10 s");
    }
}

struct launch *launch_new(struct loop *l)
{
    struct launch *la = xnew(struct launch);

    la->magic = LAUNCH_MAGIC;
    la->loop = l;
    la->sock = -EBADF;
    la->give_up = loop_timer_new(l, on_give_up, la);
    list_init(&la->waiting);
    list_init(&la->kills);
    list_init(&la->cancelled);
    for (size_t i = 0; i < ID_BUCKETS; i++)
        list_init(&la->asked[i]);
    return la;
}

static void destroy(struct launch *la)
{
    la->magic = 0;
    free(la);
}

static void free_dropped(struct list *l)
{
    for (struct list *n; (n = list_first(l));) {
        struct launched *in = container_of(n, struct launched, node);

        assert(!in->ops); /* owners go first */
        forget(in);
    }
}

struct launch *launch_free(struct launch *la)
{
    if (!la)
        return NULL;
    assert(la->magic == LAUNCH_MAGIC);
    la->io = loop_io_free(la->io);
    la->sock = fd_close(la->sock); /* the launcher kills every instance at EOF */
    la->give_up = loop_timer_free(la->give_up);
    free_dropped(&la->waiting);
    free_dropped(&la->cancelled);
    for (size_t i = 0; i < ID_BUCKETS; i++)
        free_dropped(&la->asked[i]);
    if (la->deferred)
        la->dead = true;
    else
        destroy(la);
    return NULL;
}

void launch_adopt(struct launch *la, int sock)
{
    hang_up(la);
    (void)fcntl(sock, F_SETFL, fcntl(sock, F_GETFL) | O_NONBLOCK);
    la->sock = sock;
    la->io = loop_io_new(la->loop, sock, on_socket, la);
    loop_io_want(la->io, LOOP_READ);
}

const struct launch_hello *launch_hello(const struct launch *la)
{
    return la->said_hello ? &la->hello : NULL;
}

const struct launch_stock *launch_stock(const struct launch *la, size_t i)
{
    return i < la->nstocks ? &la->stocks[i] : NULL;
}

void launch_on_hello(struct launch *la, void (*fn)(void *user, const struct launch_hello *h),
                     void *user)
{
    la->on_hello = fn;
    la->on_hello_user = user;
}

/* Once per turn; also where starts that are killed before they were sent get their answer. */
static void on_turn(void *user)
{
    struct launch *la = OBJ(user, struct launch, LAUNCH_MAGIC);

    la->deferred = false;
    if (la->dead) {
        destroy(la);
        return;
    }
    for (struct list *n; (n = list_first(&la->cancelled));)
        launched_refused(container_of(n, struct launched, node), -ECANCELED,
                         "the start was cancelled");
    launch_push(la);
}

static void next_turn(struct launch *la)
{
    if (la->deferred)
        return;
    la->deferred = true;
    loop_defer(la->loop, on_turn, la);
}

struct launched *launch_start(struct launch *la, const struct launch_start *want,
                              const struct launched_ops *ops, void *user)
{
    struct launched *in = xnew(struct launched);

    in->magic = LAUNCHED_MAGIC;
    in->launch = la;
    in->ops = ops;
    in->user = user;
    in->want = *want;
    in->give_up_ns = clock_mono_ns() + (uint64_t)WAIT_MS * 1000000;
    list_init(&in->kill_node);
    list_push_back(&la->waiting, &in->node);
    next_turn(la);
    return in;
}

void launch_kill(struct launched *in)
{
    assert(in->magic == LAUNCHED_MAGIC);
    if (in->kill)
        return;
    in->kill = true;
    if (in->asked) {
        list_push_back(&in->launch->kills, &in->kill_node);
    } else {
        list_remove(&in->node);
        list_push_back(&in->launch->cancelled, &in->node);
    }
    next_turn(in->launch);
}

void launch_warm(struct launch *la, const char *worker, uint32_t spares)
{
    struct launch_warm m = {.type = LAUNCH_WARM, .spares = spares};

    (void)snprintf(m.runtime, sizeof(m.runtime), "%s", worker);
    if (la->said_hello)
        (void)say(la, &m, sizeof(m)); /* a hint: when the socket is full there is other work */
}

struct launched *launched_drop(struct launched *in)
{
    if (!in)
        return NULL;
    in->ops = NULL;
    launch_kill(in);
    return NULL;
}

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
#include "pool/launch.h"

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

enum {
    LAUNCH_MAGIC = 0x4c4e4348,
    LAUNCHED_MAGIC = 0x4c4e4344,
    WAIT_MS = 10000, /* for a launcher to come (back) */
    PER_TURN = 64,   /* messages read before the loop gets its turn */
    STARTED_FDS = 2, /* channel, output; the others are told of one by one */
    ID_BUCKETS = 256,
};

struct launched {
    uint32_t magic;
    uint32_t id;
    struct launch *launch;          /* borrowed */
    const struct launched_ops *ops; /* NULL: dropped by its owner */
    void *user;                     /* borrowed */
    struct launch_start want;
    uint64_t give_up_ns;       /* while waiting */
    bool asked, started, kill; /* START sent; STARTED heard; an end was asked for */
    struct list node;          /* launch->waiting, ->asked[] or ->cancelled */
    struct list kill_node;     /* launch->kills while KILL has to be sent */
};

struct launch {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    int sock;          /* owned */
    struct loop_io *io;
    struct loop_timer *give_up;
    bool said_hello, deferred, dead;
    struct launch_hello hello;
    void (*on_hello)(void *user, const struct launch_hello *h);
    void *on_hello_user;
    uint32_t next_id;
    struct list waiting;           /* launched.node: START not sent, oldest first */
    struct list asked[ID_BUCKETS]; /* launched.node: START sent, by id */
    struct list kills;             /* launched.kill_node: KILL not sent */
    struct list cancelled;         /* launched.node */
};

static const struct log_cx cx = {.component = "launch"};

static void push(struct launch *la);

static void forget(struct launched *in)
{
    list_remove(&in->node);
    list_remove(&in->kill_node);
    in->magic = 0;
    free(in);
}

static struct launched *by_id(struct launch *la, uint32_t id)
{
    list_each (it, &la->asked[id % ID_BUCKETS]) {
        struct launched *in = container_of(it, struct launched, node);

        if (in->id == id)
            return in;
    }
    return NULL;
}

/* Both reports end the start; the owner may ask for the next one inside them. */
static void report_refused(struct launched *in, int code, const char *why)
{
    const struct launched_ops *ops = in->ops;
    void *user = in->user;

    forget(in);
    if (ops)
        ops->on_refused(user, code, why);
}

static void report_exited(struct launched *in, const struct launch_exited *how)
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
    la->said_hello = false;
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
            report_exited(in, &how);
        } else if (in->kill) {
            report_refused(in, -ECANCELED, "the start was cancelled");
        } else {
            in->asked = false;
            in->give_up_ns = clock_mono_ns() + (uint64_t)WAIT_MS * 1000000;
            list_push_back(&la->waiting, &in->node);
        }
    }
    push(la);
}

static void lose(struct launch *la, const char *why)
{
    log_err(&cx, "connection to the launcher lost: %s", why);
    hang_up(la);
}

static void on_hello(struct launch *la, const struct launch_hello *h)
{
    la->hello = *h;
    la->hello.note[LAUNCH_TEXT - 1] = 0;
    la->said_hello = true;
    if (la->on_hello)
        la->on_hello(la->on_hello_user, &la->hello);
    push(la);
}

static int take_next(int **fds)
{
    int *fd = (*fds)++;

    return TAKE_FD(*fd);
}

static const char *on_started(struct launch *la, const struct launch_started *m, int *fds,
                              size_t nfds)
{
    struct launched *in = by_id(la, m->id);
    struct launched_fds got = {.spare = m->spare};

    if (!in || in->started)
        return "STARTED for something we did not ask for";
    if (nfds != (size_t)STARTED_FDS + m->has_memory_peak + m->has_freezer + m->has_endpoint)
        return "STARTED with a wrong number of descriptors";
    in->started = true;
    if (!in->ops)
        return NULL;
    got.channel = take_next(&fds);
    got.output = take_next(&fds);
    got.memory_peak = m->has_memory_peak ? take_next(&fds) : -EBADF;
    got.freezer = m->has_freezer ? take_next(&fds) : -EBADF;
    got.endpoint = m->has_endpoint ? take_next(&fds) : -EBADF;
    in->ops->on_started(in->user, &got);
    launched_fds_close(&got);
    return NULL;
}

void launched_fds_close(struct launched_fds *fds)
{
    fds->channel = fd_close(fds->channel);
    fds->output = fd_close(fds->output);
    fds->memory_peak = fd_close(fds->memory_peak);
    fds->freezer = fd_close(fds->freezer);
    fds->endpoint = fd_close(fds->endpoint);
}

static const char *on_refused(struct launch *la, struct launch_refused *m)
{
    struct launched *in = by_id(la, m->id);

    if (!in || in->started)
        return "REFUSED for something we did not ask for";
    m->why[LAUNCH_TEXT - 1] = 0;
    report_refused(in, m->code < 0 ? m->code : -EIO, m->why);
    return NULL;
}

static const char *on_exited(struct launch *la, const struct launch_exited *m)
{
    struct launched *in = by_id(la, m->id);

    if (!in || !in->started)
        return "EXITED for something that was not started";
    report_exited(in, m);
    return NULL;
}

/* What is wrong with the message, or NULL. Descriptors that are taken are set to -EBADF. */
static const char *take_message(struct launch *la, union launch_message *m, size_t n, int *fds,
                                size_t nfds)
{
    static const size_t sizes[] = {
            [LAUNCH_HELLO] = sizeof(struct launch_hello),
            [LAUNCH_STARTED] = sizeof(struct launch_started),
            [LAUNCH_REFUSED] = sizeof(struct launch_refused),
            [LAUNCH_EXITED] = sizeof(struct launch_exited),
    };

    if (n < sizeof(m->type) || m->type >= ARRAY_LEN(sizes) || sizes[m->type] != n)
        return "a message of unknown type or size";
    if ((m->type == LAUNCH_HELLO) == la->said_hello)
        return "HELLO must come first, and once";
    if (m->type != LAUNCH_STARTED && nfds > 0)
        return "a message with descriptors where none belong";

    if (m->type == LAUNCH_HELLO)
        on_hello(la, &m->hello);
    else if (m->type == LAUNCH_STARTED)
        return on_started(la, &m->started, fds, nfds);
    else if (m->type == LAUNCH_REFUSED)
        return on_refused(la, &m->refused);
    else
        return on_exited(la, &m->exited);
    return NULL;
}

static void read_messages(struct launch *la)
{
    for (int i = 0; i < PER_TURN && la->sock >= 0; i++) {
        union launch_message m;
        int fds[IO_MAX_FDS];
        size_t nfds = IO_MAX_FDS;
        const char *wrong;
        ssize_t n = io_recv_fds(la->sock, &m, sizeof(m), fds, &nfds);

        if (n == -EAGAIN || n == -EINTR)
            return;
        if (n <= 0) {
            lose(la, n == 0 ? "closed by the other end" : strerror((int)-n));
            return;
        }
        wrong = take_message(la, &m, (size_t)n, fds, nfds);
        for (size_t k = 0; k < nfds; k++)
            fds[k] = fd_close(fds[k]);
        if (wrong) {
            lose(la, wrong);
            return;
        }
    }
}

static void on_socket(void *user, unsigned ready)
{
    struct launch *la = OBJ(user, struct launch, LAUNCH_MAGIC);

    if (ready & LOOP_WRITE)
        push(la);
    if (ready & LOOP_READ)
        read_messages(la);
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
        } while (in->id == 0 || by_id(la, in->id));
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
static void push(struct launch *la)
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
        report_refused(in, -ETIMEDOUT, "no launcher for 10 s");
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
        report_refused(container_of(n, struct launched, node), -ECANCELED,
                       "the start was cancelled");
    push(la);
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

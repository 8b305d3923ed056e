/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - messages in, messages out.
 *
 * One thread, one epoll. Two peers: the keeper, whom we trust, and one daemon at a time, whom we do
 * not. The daemon's requests are fixed-size structs of known types; anything else means that its
 * memory is not its own any more, and it is dropped.
 *
 *   no daemon --ADOPT--> draining --last instance gone--> serving --EOF, garbage, ADOPT--> draining
 *
 * What always holds:
 *   (1) an instance belongs to the daemon that is served: HELLO is sent when none is live, and a
 *       daemon that is dropped takes all of them with it.
 *   (2) we never wait for a peer: all sockets are non-blocking, what does not fit is kept in an
 *       outbox, and a daemon that reads nothing for STUCK_MS is dropped.
 *   (3) while the outbox is not empty no request is read, so it stays bounded.
 *   (4) instances come before sockets in each turn: who is dead is buried before new work.
 *
 * EOF on the keeper's socket is the end: we are pid 1 of a pid namespace, everything dies with us.
 */
#include "launcher/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/obj.h"
#include "launcher/instance.h"
#include "launcher/outbox.h"
#include "launcher/proto.h"
#include "sandbox/net.h"
#include "sandbox/sandbox.h"

enum {
    STUCK_MS = 10000,
    EVENTS = 64,
    MESSAGES_PER_TURN = 16, /* then the others get their turn */
    SERVER_MAGIC = 0x53455256,
    ON_KEEPER = INSTANCE_KINDS,
    ON_DAEMON,
    ON_NET, /* the host's addresses changed */
};

static const struct log_cx cx = {.component = "serve"};

struct server {
    uint32_t magic;
    const struct serve *what; /* borrowed */
    int epoll;                /* owned */
    int daemon;               /* owned; -EBADF: none */
    int successor;            /* owned; adopted, not served yet */
    bool ended;               /* the keeper is gone */
    struct outbox out;
    struct instances *instances; /* owned */
};

static int watch(struct server *s, int op, int fd, unsigned kind, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.u64 = kind};

    return epoll_ctl(s->epoll, op, fd, &ev) < 0 ? -errno : 0;
}

static void drop_daemon(struct server *s, const char *why)
{
    if (s->daemon < 0)
        return;
    log_info(&cx, "daemon %s, killing its %zu instances", why, instances_live(s->instances));
    s->daemon = fd_close(s->daemon);
    outbox_done(&s->out);
    instances_kill_all(s->instances);
}

static void daemon_failed(struct server *s, int r)
{
    char why[96];

    snprintf(why, sizeof why, "cannot be written to (%s)", strerror(-r));
    drop_daemon(s, why);
}

/* Read requests, or first get rid of what waits. */
static void watch_daemon(struct server *s)
{
    int r;

    if (s->daemon < 0)
        return;
    r = watch(s, EPOLL_CTL_MOD, s->daemon, ON_DAEMON, outbox_empty(&s->out) ? EPOLLIN : EPOLLOUT);
    if (r < 0)
        daemon_failed(s, r);
}

static void send_message(struct server *s, const void *message, size_t n, const int *fds,
                         size_t nfds)
{
    bool was_empty = outbox_empty(&s->out);
    int r;

    if (s->daemon < 0) {
        for (size_t i = 0; i < nfds; i++)
            fd_close(fds[i]);
        return;
    }
    r = outbox_send(&s->out, s->daemon, message, n, fds, nfds);
    if (r < 0)
        daemon_failed(s, r);
    else if (was_empty && !outbox_empty(&s->out))
        watch_daemon(s);
}

static void on_answer(void *user, const void *message, size_t n, const int *fds, size_t nfds)
{
    send_message(OBJ(user, struct server, SERVER_MAGIC), message, n, fds, nfds);
}

static uint8_t firmness(const struct sandbox_facts *f, enum cgroup_part part,
                        enum launch_enforced otherwise)
{
    static const enum launch_enforced by_version[] = {0, ENFORCED_CGROUP_V1, ENFORCED_CGROUP_V2};

    return (uint8_t)(f->cgroup[part] ? by_version[f->cgroup[part]] : otherwise);
}

static void write_note(const struct sandbox_facts *f, char *note, size_t n)
{
    const char *uids = f->root ? "" : "ordinary user: one uid for all instances";
    const char *why = f->no_cgroup ? f->no_cgroup : "the cgroup above does not offer them";
    bool all = true;

    for (int i = 0; i < CGROUP_PARTS; i++)
        all = all && f->cgroup[i];
    if (all)
        snprintf(note, n, "%s", uids);
    else
        snprintf(note, n, "%s%slimits not hard: %s (systemd: Delegate=yes)", uids,
                 *uids ? "; " : "", why);
}

static void send_hello(struct server *s)
{
    struct launch_hello m = {.type = LAUNCH_HELLO,
                             .seccomp = true, /* sandbox_open() fails without these two */
                             .netns = true};
    struct sandbox_facts f;

    sandbox_get_facts(s->what->sandbox, &f);
    m.root = f.root;
    m.tmp = f.cgroup[CGROUP_MEMORY] ? ENFORCED_TMPFS : ENFORCED_MOUNT;
    m.memory = firmness(&f, CGROUP_MEMORY, ENFORCED_PROCESS);
    m.pids = firmness(&f, CGROUP_PIDS, ENFORCED_PROCESS);
    m.cpu = firmness(&f, CGROUP_CPU, ENFORCED_NONE);
    m.freezer = f.cgroup[CGROUP_FREEZER]; /* enum launch_freezer counts versions */
    m.landlock = f.landlock_scope;
    m.egress = f.egress;
    write_note(&f, m.note, sizeof m.note);
    send_message(s, &m, sizeof m, NULL, 0);
}

/* Serve the adopted daemon as soon as nothing of the last one lives. */
static void serve_successor(struct server *s)
{
    int r;

    if (s->successor < 0 || instances_live(s->instances) > 0)
        return;
    s->daemon = TAKE_FD(s->successor);
    r = fcntl(s->daemon, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    if (r >= 0)
        r = watch(s, EPOLL_CTL_ADD, s->daemon, ON_DAEMON, EPOLLIN);
    if (r < 0) {
        daemon_failed(s, r);
        return;
    }
    instances_fresh(s->instances);
    send_hello(s);
}

static void on_start(struct server *s, const union launch_message *m)
{
    struct launch_refused no = {.type = LAUNCH_REFUSED, .id = m->start.id};
    struct err e = {0};
    int r = instances_start(s->instances, &m->start, &e);

    if (r >= 0)
        return;
    no.code = r;
    snprintf(no.why, sizeof no.why, "%.*s", (int)sizeof no.why - 1, e.msg);
    send_message(s, &no, sizeof no, NULL, 0);
}

static void on_kill(struct server *s, const union launch_message *m)
{
    instances_kill(s->instances, m->kill.id);
}

static void on_warm(struct server *s, const union launch_message *m)
{
    instances_warm(s->instances, &m->warm);
}

static const struct {
    uint32_t type;
    size_t size;
    void (*run)(struct server *s, const union launch_message *m);
} requests[] = {
        {LAUNCH_START, sizeof(struct launch_start), on_start},
        {LAUNCH_KILL, sizeof(struct launch_kill), on_kill},
        {LAUNCH_WARM, sizeof(struct launch_warm), on_warm},
};

static void on_request(struct server *s, const union launch_message *m, size_t n)
{
    for (size_t i = 0; n >= sizeof m->type && i < ARRAY_LEN(requests); i++) {
        if (m->type == requests[i].type && n == requests[i].size) {
            requests[i].run(s, m);
            return;
        }
    }
    drop_daemon(s, "sent something that is no request");
}

static void read_daemon(struct server *s)
{
    for (int i = 0; i < MESSAGES_PER_TURN && s->daemon >= 0 && outbox_empty(&s->out); i++) {
        union launch_message m;
        size_t nfds = 0;
        ssize_t n = io_recv_fds(s->daemon, &m, sizeof m, NULL, &nfds);

        if (n == -EAGAIN)
            return;
        if (n > 0)
            on_request(s, &m, (size_t)n);
        else
            drop_daemon(s, n == -EMSGSIZE ? "sent something that is no request" : "is gone");
    }
}

static void on_daemon(struct server *s, uint32_t events)
{
    int r;

    if (s->daemon < 0)
        return;
    if (!outbox_empty(&s->out)) {
        r = events & EPOLLHUP ? -EPIPE : outbox_flush(&s->out, s->daemon);
        if (r < 0)
            daemon_failed(s, r);
        else if (outbox_empty(&s->out))
            watch_daemon(s);
        return;
    }
    read_daemon(s);
}

static void on_keeper(struct server *s)
{
    union launch_message m;
    size_t nfds = 1;
    int fd = -EBADF;
    ssize_t n = io_recv_fds(s->what->keeper, &m, sizeof m, &fd, &nfds);

    if (n == -EAGAIN)
        return;
    if (n == 0 || (n < 0 && n != -EMSGSIZE)) {
        s->ended = true;
        return;
    }
    if (n != sizeof(struct launch_adopt) || m.type != LAUNCH_ADOPT || nfds != 1) {
        log_warn(&cx, "message of the keeper not understood, ignoring");
        if (n > 0 && nfds == 1)
            fd_close(fd);
        return;
    }

    fd_close(s->successor);
    s->successor = fd;
    drop_daemon(s, "is succeeded");
}

static void drop_stuck_daemon(struct server *s)
{
    if (s->daemon >= 0 && !outbox_empty(&s->out) &&
        clock_mono_ns() - s->out.stuck_since_ns > STUCK_MS * 1000000ULL)
        drop_daemon(s, "does not read its messages");
}

static void dispatch(struct server *s, const struct epoll_event *evs, int n)
{
    const uint64_t mask = (1 << INSTANCE_KIND_BITS) - 1;

    for (int i = 0; i < n; i++) {
        uint64_t tag = evs[i].data.u64;

        if ((tag & mask) < INSTANCE_KINDS)
            instances_on_event(s->instances, (unsigned)(tag & mask), tag >> INSTANCE_KIND_BITS);
    }
    for (int i = 0; i < n; i++) {
        if (evs[i].data.u64 == ON_NET && net_on_watch(s->what->net))
            log_warn(&cx, "network: %s", net_note(s->what->net));
        if (evs[i].data.u64 == ON_KEEPER)
            on_keeper(s);
    }
    for (int i = 0; i < n; i++) {
        if (evs[i].data.u64 == ON_DAEMON)
            on_daemon(s, evs[i].events);
    }
}

static int loop(struct server *s, struct err *e)
{
    struct epoll_event evs[EVENTS];

    while (!s->ended) {
        int wait_ms = instances_turn(s->instances);
        int n;

        if (!outbox_empty(&s->out) && (wait_ms < 0 || wait_ms > STUCK_MS))
            wait_ms = STUCK_MS + 1;
        n = epoll_wait(s->epoll, evs, EVENTS, wait_ms);
        if (n < 0 && errno != EINTR)
            return err_sys(e, "epoll");
        dispatch(s, evs, n > 0 ? n : 0);
        drop_stuck_daemon(s);
        serve_successor(s);
    }
    return 0;
}

int serve_run(const struct serve *what, struct err *e)
{
    cleanup_close int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct server s = {.magic = SERVER_MAGIC,
                       .what = what,
                       .epoll = epoll,
                       .daemon = -EBADF,
                       .successor = -EBADF};
    const struct instances_host host = {.sandbox = what->sandbox,
                                        .cgroups = what->cgroups,
                                        .net = what->net,
                                        .runtimes = what->runtimes,
                                        .code_dir = what->code_dir,
                                        .epoll = epoll,
                                        .root = what->root,
                                        .answer = on_answer,
                                        .user = &s};
    int r;

    if (epoll < 0)
        return err_sys(e, "epoll");
    outbox_init(&s.out);
    s.instances = instances_new(&host);
    r = fcntl(what->keeper, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    if (r >= 0)
        r = watch(&s, EPOLL_CTL_ADD, what->keeper, ON_KEEPER, EPOLLIN);
    if (r >= 0 && net_watch_fd(what->net) >= 0)
        r = watch(&s, EPOLL_CTL_ADD, net_watch_fd(what->net), ON_NET, EPOLLIN);
    if (r < 0)
        return err_set(e, ERR_HOST, r, "watch keeper and network: %s", strerror(-r));

    /* No tidying up: the caller exits, and the kernel does it for all of us. */
    return loop(&s, e);
}

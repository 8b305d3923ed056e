/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zygote.c - the launcher's side of sandbox/carrier.h: the life of zygotes, and
 * their orders.
 *
 * A runtime that somebody has asked for, and whose row names a zygote, has one
 * process, from which its runtimes are forked. It works on one order at a time;
 * we give it a few ahead, so that it need not wait for us, and keep the rest.
 *
 * When it dies, what it was to fill is filled by exec (EV_LOST), what runs goes
 * on, and another is made after a pause, which grows while zygotes die young.
 * Its only children are carriers; those it leaves behind are ours to reap,
 * since we are pid 1 of its namespace.
 */
#include "launcher/slot.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/obj.h"
#include "sandbox/carrier.h"

enum {
    ASKED_MAX = 8,
    READY_MS = 20000, /* to warm up */
    YOUNG_MS = 10000,
    PAUSE_MIN_MS = 100,
    PAUSE_MAX_MS = 60000,
};

static const struct log_cx cx = {.component = "zygote"};

static const uint64_t ms_ns = 1000000;

static struct zygote *zygote_of(struct instances *set, const struct runtime *rt)
{
    return &set->stocks[rt->index].zygote;
}

void zygotes_init(struct instances *set)
{
    for (size_t i = 0; i < RUNTIMES_MAX; i++) {
        struct zygote *z = &set->stocks[i].zygote;

        z->process.pidfd = z->process.sock = -EBADF;
        list_init(&z->queue);
    }
}

static void forget_process(struct zygote *z)
{
    z->process.pidfd = fd_close(z->process.pidfd);
    z->process.sock = fd_close(z->process.sock);
    z->ready = false;
    z->asked = 0;
}

void zygotes_done(struct instances *set)
{
    for (size_t i = 0; i < RUNTIMES_MAX; i++) {
        struct zygote *z = &set->stocks[i].zygote;

        if (z->process.pidfd >= 0) {
            (void)pidfd_send_signal(z->process.pidfd, SIGKILL, NULL, 0);
            (void)waitpid(z->process.pid, NULL, 0);
        }
        forget_process(z);
    }
}

bool zygote_up(const struct instances *set, const struct runtime *rt)
{
    return set->stocks[rt->index].zygote.ready;
}

static int watch(struct instances *set, int fd, unsigned kind, uint32_t runtime)
{
    struct epoll_event ev = {.events = EPOLLIN,
                             .data.u64 = (uint64_t)runtime << INSTANCE_KIND_BITS | kind};

    return epoll_ctl(set->host.epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void start(struct instances *set, const struct runtime *rt, uint64_t now_ns)
{
    struct zygote *z = zygote_of(set, rt);
    struct err e = {0};
    int r;

    z->born_ns = now_ns;
    r = sandbox_zygote(set->host.sandbox, runtimes_zygote(set->host.runtimes, rt), &z->process, &e);
    if (r >= 0) {
        r = watch(set, z->process.sock, INSTANCE_ZYGOTE_REPLY, rt->index);
        if (r >= 0)
            r = watch(set, z->process.pidfd, INSTANCE_ZYGOTE_GONE, rt->index);
        if (r >= 0)
            return;
        (void)err_set(&e, ERR_HOST, r, "watch the zygote: %s", strerror(-r));
        (void)pidfd_send_signal(z->process.pidfd, SIGKILL, NULL, 0);
        (void)waitpid(z->process.pid, NULL, 0);
    }
    forget_process(z);
    z->retry_ns = now_ns + PAUSE_MAX_MS * ms_ns;
    log_warn(&cx, "no zygote for '%s': %s, trying again in %d s", rt->id, e.msg,
             PAUSE_MAX_MS / 1000);
}

int zygote_turn(struct instances *set, const struct runtime *rt, uint64_t now_ns)
{
    struct zygote *z = zygote_of(set, rt);

    if (!rt->zygote[0] || !set->stocks[rt->index].used || z->unavailable)
        return -1;
    if (z->process.pidfd < 0 && now_ns >= z->retry_ns)
        start(set, rt, now_ns);
    if (z->process.pidfd < 0)
        return (int)((z->retry_ns - now_ns) / ms_ns) + 1;
    if (z->ready)
        return -1;
    if (now_ns - z->born_ns < READY_MS * ms_ns)
        return (int)((z->born_ns + READY_MS * ms_ns - now_ns) / ms_ns) + 1;
    log_warn(&cx, "the zygote of '%s' is not ready after %d s, killing it", rt->id,
             READY_MS / 1000);
    (void)pidfd_send_signal(z->process.pidfd, SIGKILL, NULL, 0);
    z->born_ns = now_ns;
    return READY_MS;
}

static void pump(struct instances *set, struct zygote *z)
{
    while (z->ready && z->asked < ASKED_MAX && !list_empty(&z->queue)) {
        struct slot *s = container_of(z->queue.next, struct slot, queued);
        struct sandbox_spec spec = slot_spec(set, s);
        int r = sandbox_carry(set->host.sandbox, &s->box, &spec, z->process.sock, &s->why);

        if (r == -EAGAIN && z->asked > 0) {
            s->why = (struct err){0};
            return; /* its next answer makes room */
        }
        list_remove(&s->queued);
        if (r < 0) {
            slot_event(set, s, EV_FAILED);
            continue;
        }
        s->ordered = true;
        z->asked++;
    }
}

void zygote_order(struct instances *set, struct slot *s)
{
    struct zygote *z = zygote_of(set, s->runtime);

    list_push_back(&z->queue, &s->queued);
    pump(set, z);
}

/* The answer to this slot's order is not awaited any more. */
static void settle(struct instances *set, struct slot *s)
{
    struct zygote *z = zygote_of(set, s->runtime);

    assert(z->asked > 0);
    s->ordered = false;
    z->asked--;
}

void zygote_forget(struct instances *set, struct slot *s)
{
    list_remove(&s->queued);
    if (s->ordered)
        settle(set, s);
}

static struct slot *ordered_by(struct instances *set, uint32_t serial)
{
    list_each (node, &set->waiting) {
        struct slot *s = container_of(node, struct slot, waiting);

        if (s->ordered && s->box.serial == serial)
            return s;
    }
    return NULL; /* it has died meanwhile */
}

static void on_done(struct instances *set, const struct carrier_reply *m)
{
    struct slot *s = ordered_by(set, m->serial);

    if (!s)
        return;
    settle(set, s);
    if (m->err.code < 0) {
        s->why = m->err;
        s->why.msg[sizeof s->why.msg - 1] = '\0';
        slot_event(set, s, EV_FAILED);
        return;
    }
    s->runtime_pid = m->pid;
    slot_event(set, s, EV_WOKEN);
}

void zygote_on_reply(struct instances *set, size_t runtime)
{
    struct zygote *z = &set->stocks[runtime].zygote;
    struct carrier_reply m;

    while (z->process.sock >= 0) {
        ssize_t n = read(z->process.sock, &m, sizeof m);
        struct epoll_event none = {0};

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n != (ssize_t)sizeof m) { /* it is dying */
            (void)epoll_ctl(set->host.epoll, EPOLL_CTL_DEL, z->process.sock, &none);
            break;
        }
        if (m.type == CARRIER_READY)
            z->ready = true;
        else if (m.type == CARRIER_DONE)
            on_done(set, &m);
    }
    pump(set, z);
}

/* Whatever it was to fill. */
static void tell_lost(struct instances *set, const struct runtime *rt)
{
    for (bool found = true; found;) {
        found = false;
        list_each (node, &set->waiting) {
            struct slot *s = container_of(node, struct slot, waiting);

            if (s->state == SLOT_WAKING && s->by_zygote && s->runtime == rt) {
                slot_event(set, s, EV_LOST); /* changes the list */
                found = true;
                break;
            }
        }
    }
}

void zygote_on_gone(struct instances *set, size_t runtime)
{
    const struct runtime *rt = runtimes_at(set->host.runtimes, runtime);
    struct zygote *z = &set->stocks[runtime].zygote;
    uint64_t now = clock_mono_ns();
    siginfo_t info = {0};

    if (z->process.pidfd < 0 || waitid(P_PIDFD, (id_t)z->process.pidfd, &info, WEXITED | WNOHANG) ||
        info.si_pid == 0)
        return;
    z->ends++;
    if (now - z->born_ns > YOUNG_MS * ms_ns)
        z->pause_ms = 0;
    z->pause_ms = z->pause_ms ? z->pause_ms * 2 : PAUSE_MIN_MS;
    if (z->pause_ms > PAUSE_MAX_MS)
        z->pause_ms = PAUSE_MAX_MS;
    z->retry_ns = now + z->pause_ms * ms_ns;
    z->unavailable = info.si_code == CLD_EXITED && info.si_status == CARRIER_UNAVAILABLE;
    if (z->unavailable)
        log_warn(&cx, "no zygote for '%s', it said why; every instance is started by exec", rt->id);
    else
        log_warn(&cx, "the zygote of '%s' %s %d, another in %u ms", rt->id,
                 info.si_code == CLD_EXITED ? "exited with" : "was killed by signal",
                 info.si_status, z->pause_ms);
    z->ready = false; /* so that nobody is sent there again */
    tell_lost(set, rt);
    forget_process(z);

    /* Its orphans are ours. An init that is caught here was dead anyway:
   * sandbox_reap() knows. */
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

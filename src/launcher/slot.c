/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot.c - from an empty box to the end of what ran in it.
 *
 * slot.h draws the states. Each event is one step, and each step says what we wait for next. Who
 * asked for a slot matters little here: a slot that a START has taken goes through the same steps
 * as one that is made ahead, it only does not stop on the way.
 *
 * What always holds:
 *   (1) a slot is in exactly one list: bound (a START has it) or stock; and in `waiting` while a
 *       step is under way, which then has a deadline.
 *   (2) a slot is buried when init has been reaped: nothing of it lives then, and its index and
 *       uid are free.
 *   (3) STARTED goes out in step_ready() only, after init has said that everything is dropped.
 *   (4) we hold the runtime's ends of channel and log only until somebody has taken them, the
 *       daemon's only until STARTED.
 */
#include "launcher/slot.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/obj.h"

static const struct log_cx cx = {.component = "slot"};

/* What a runtime may use before anybody knows its function. */
static const struct limits limits_of_spares = {
        .memory_mb = 32768, .pids = 1024, .tmp_mb = 16, .cpu_weight = 100};

/* Where the clouds put the code, and the layers. */
static const struct {
    const char *code_at, *cwd, *layers_at;
} layouts[LAUNCH_LAYOUTS] = {
        [LAYOUT_CODE] = {"/code", "/code", "/opt"},
        [LAYOUT_FUNCTIONGRAPH] = {"/opt/function/code", "/opt/function",
                                  "/opt/function/dependencies"},
        [LAYOUT_SCF] = {"/var/user", "/var/user", "/opt"},
};

static int watch(struct instances *set, int op, int fd, unsigned kind, uint32_t index,
                 uint32_t events)
{
    struct epoll_event ev = {.events = events,
                             .data.u64 = (uint64_t)index << INSTANCE_KIND_BITS | kind};

    return epoll_ctl(set->host.epoll, op, fd, &ev) < 0 ? -errno : 0;
}

/* A step is under way, and takes at most START_MS. */
static void expect(struct instances *set, struct slot *s)
{
    s->deadline_ns = clock_mono_ns() + START_MS * 1000000ULL;
    list_remove(&s->waiting);
    list_push_back(&set->waiting, &s->waiting);
}

static void move(struct slot *s, struct list *to)
{
    list_remove(&s->node);
    list_push_back(to, &s->node);
}

/* ---- making ---- */

static struct slot *take_index(struct instances *set)
{
    uint32_t index = set->free_slots[set->free_head];
    struct slot *s = set->slots[index];

    assert(set->free_n > 0);
    set->free_head = (set->free_head + 1) % SLOTS_MAX;
    set->free_n--;
    if (!s)
        s = set->slots[index] = xnew(struct slot);
    *s = (struct slot){.index = index,
                       .channel = -EBADF,
                       .log = -EBADF,
                       .inner_channel = -EBADF,
                       .inner_log = -EBADF,
                       .code = -EBADF,
                       .layers = -EBADF};
    list_init(&s->waiting);
    list_init(&s->node);
    list_init(&s->queued);
    return s;
}

static void give_index(struct instances *set, struct slot *s)
{
    s->state = SLOT_FREE;
    set->free_slots[(set->free_head + set->free_n) % SLOTS_MAX] = (uint16_t)s->index;
    set->free_n++;
}

int slot_new(struct instances *set, const struct runtime *runtime, struct slot **ret, struct err *e)
{
    struct slot *s;
    int r;

    if (set->free_n == 0)
        return err_set(e, ERR_LIMIT, -EAGAIN, "all %d slots are in use", SLOTS_MAX);
    s = take_index(set);
    r = sandbox_make(set->host.sandbox, set->next_serial, &s->box, e);
    if (r < 0) {
        give_index(set, s);
        return r;
    }
    set->next_serial++;

    s->state = SLOT_MAKING;
    s->runtime = runtime;
    list_push_back(&set->stock, &s->node);
    expect(set, s);
    r = watch(set, EPOLL_CTL_ADD, s->box.sock, INSTANCE_NOTES, s->index, EPOLLIN);
    if (r >= 0)
        r = watch(set, EPOLL_CTL_ADD, s->box.pidfd, INSTANCE_GONE, s->index, EPOLLIN);
    if (r < 0) {
        r = err_set(e, ERR_HOST, r, "watch the slot: %s", strerror(-r));
        sandbox_kill(&s->box);
        (void)waitpid(s->box.pid, NULL, 0);
        list_remove(&s->node);
        list_remove(&s->waiting);
        sandbox_box_done(set->host.sandbox, &s->box);
        grave_lay(set, &s->box.cgroup);
        give_index(set, s);
        return r;
    }
    *ret = s;
    return 0;
}

/* ---- what goes in ---- */

static uint32_t uid_of(const struct instances *set, const struct slot *s)
{
    return set->host.root ? SANDBOX_UID_FIRST + s->index : 0;
}

/* Channel and log: the daemon's ends are non-blocking. The log belongs to the
 * slot's uid, so that the function can open it by name too: /dev/stderr,
 * /proc/self/fd/1. */
static int open_ends(const struct instances *set, struct slot *s)
{
    uint32_t uid = uid_of(set, s);
    int pair[2], pipe_fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(&s->why, "channel");
    s->channel = pair[0];
    s->inner_channel = pair[1];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return err_sys(&s->why, "log pipe");
    s->log = pipe_fds[0];
    s->inner_log = pipe_fds[1];
    if (fchown(s->inner_log, uid, uid) < 0)
        return err_sys(&s->why, "give the log pipe to uid %u", uid);
    if (fcntl(s->channel, F_SETFL, O_NONBLOCK) < 0 || fcntl(s->log, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(&s->why, "make the daemon's ends non-blocking");
    return 0;
}

static void close_inner(struct slot *s)
{
    s->inner_channel = fd_close(s->inner_channel);
    s->inner_log = fd_close(s->inner_log);
}

static void close_mounts(struct slot *s)
{
    s->code = fd_close(s->code);
    s->layers = fd_close(s->layers);
}

static void close_all(struct slot *s)
{
    close_inner(s);
    s->channel = fd_close(s->channel);
    s->log = fd_close(s->log);
    close_mounts(s);
}

struct sandbox_spec slot_spec(const struct instances *set, const struct slot *s)
{
    const struct launch_start *m = &s->want;
    struct sandbox_spec spec = {.uid = uid_of(set, s),
                                .limits = limits_of_spares,
                                .code = -EBADF,
                                .layers = -EBADF,
                                .channel = s->inner_channel,
                                .log = s->inner_log,
                                .runtime = s->runtime_pid};
    const char *code_at = "";

    if (s->bound) {
        spec.limits = (struct limits){.memory_mb = m->memory_mb,
                                      .pids = m->pids,
                                      .tmp_mb = m->tmp_mb,
                                      .cpu_weight = m->cpu_weight,
                                      .cpu_quota = m->cpu_quota};
        spec.network = (enum net_policy)m->network;
        spec.code = s->code;
        spec.code_at = code_at = layouts[m->layout].code_at;
        spec.layers = s->layers;
        spec.layers_at = layouts[m->layout].layers_at;
        spec.cwd = layouts[m->layout].cwd;
    }
    spec.argv = runtimes_command(set->host.runtimes, s->runtime, code_at);
    return spec;
}

/* ---- steps ---- */

typedef void slot_step(struct instances *set, struct slot *s);

/* It cannot go on: why says it, or nothing but the end is wanted. */
static void end(struct instances *set, struct slot *s)
{
    if (s->bound && s->why.code < 0 && instance_again(set, s))
        log_warn(&cx, "slot %u: %s, trying another", s->box.serial, s->why.msg);
    slot_kill(set, s);
}

void slot_kill(struct instances *set, struct slot *s)
{
    zygote_forget(set, s);
    s->state = SLOT_DYING;
    list_remove(&s->waiting);
    sandbox_kill(&s->box);
    cgroup_thaw(set->host.cgroups, &s->box.cgroup);
}

static void attach(struct instances *set, struct slot *s)
{
    struct sandbox_spec spec = slot_spec(set, s);

    s->state = SLOT_ATTACHING;
    if (sandbox_attach(set->host.sandbox, &s->box, &spec, &s->why) < 0)
        end(set, s);
    close_mounts(s);
}

/* A START has an empty slot: a fork of the zygote, or exec with the code in
 * place. */
static void start(struct instances *set, struct slot *s)
{
    struct sandbox_spec spec;

    if (!s->again && zygote_up(set, s->runtime)) {
        slot_wake(set, s, s->runtime);
        return;
    }
    s->state = SLOT_ATTACHING;
    if (open_ends(set, s) < 0) {
        end(set, s);
        return;
    }
    spec = slot_spec(set, s);
    if (sandbox_run(set->host.sandbox, &s->box, &spec, &s->why) < 0)
        end(set, s);
    close_inner(s);
    close_mounts(s);
}

void slot_wake(struct instances *set, struct slot *s, const struct runtime *runtime)
{
    struct sandbox_spec spec;

    s->state = SLOT_WAKING;
    s->runtime = runtime;
    expect(set, s);
    if (open_ends(set, s) < 0) {
        end(set, s);
        return;
    }
    if (!s->again && zygote_up(set, runtime)) {
        s->by_zygote = true;
        zygote_order(set, s);
        return;
    }
    spec = slot_spec(set, s);
    spec.code = spec.layers = -EBADF;
    if (sandbox_run(set->host.sandbox, &s->box, &spec, &s->why) < 0)
        end(set, s);
    close_inner(s);
}

static void step_made(struct instances *set, struct slot *s)
{
    s->state = SLOT_EMPTY;
    if (s->bound) {
        start(set, s);
    } else if (s->runtime) {
        slot_wake(set, s, s->runtime);
    } else {
        list_remove(&s->waiting);
    }
}

static void step_woken(struct instances *set, struct slot *s)
{
    int r;

    close_inner(s);
    if (s->bound) {
        attach(set, s);
        return;
    }
    s->state = SLOT_WARMING;
    r = watch(set, EPOLL_CTL_ADD, s->channel, INSTANCE_CHANNEL, s->index, EPOLLIN);
    if (r < 0) {
        (void)err_set(&s->why, ERR_HOST, r, "watch the channel");
        end(set, s);
    }
}

/* Something was said, and it stays in the socket for the daemon; or it is
 * closed. */
static void step_heard(struct instances *set, struct slot *s)
{
    int bytes = 0;

    if (s->state == SLOT_WARMING && ioctl(s->channel, FIONREAD, &bytes) == 0 && bytes > 0) {
        s->state = SLOT_SPARE;
        stock_ready(set, s->runtime);
        list_remove(&s->waiting);
        /* From now on only whether it is closed: that is always told. */
        (void)watch(set, EPOLL_CTL_MOD, s->channel, INSTANCE_CHANNEL, s->index, 0);
        return;
    }
    (void)err_set(&s->why, ERR_HOST, -ECHILD, "the runtime ended before it was needed");
    end(set, s);
}

static void step_ready(struct instances *set, struct slot *s)
{
    s->state = SLOT_RUNNING;
    list_remove(&s->waiting);
    instance_started(set, s);
}

static void step_failed(struct instances *set, struct slot *s)
{
    end(set, s);
}

static void step_lost(struct instances *set, struct slot *s)
{
    (void)err_set(&s->why, ERR_HOST, -ECHILD, "the zygote died");
    end(set, s);
}

static void step_ended(struct instances *set, struct slot *s)
{
    (void)set;
    s->ended = true; /* init exits now; EXITED goes out when it is gone */
}

static void step_ignore(struct instances *set, struct slot *s)
{
    (void)set;
    (void)s;
}

static slot_step *const steps[SLOT_STATES][SLOT_EVENTS] = {
        [SLOT_MAKING] = {[EV_MADE] = step_made, [EV_FAILED] = step_failed},
        [SLOT_EMPTY] = {[EV_FAILED] = step_failed},
        [SLOT_WAKING] = {[EV_WOKEN] = step_woken, [EV_FAILED] = step_failed, [EV_LOST] = step_lost},
        [SLOT_WARMING] = {[EV_HEARD] = step_heard, [EV_FAILED] = step_failed},
        [SLOT_SPARE] = {[EV_HEARD] = step_heard, [EV_FAILED] = step_failed},
        [SLOT_ATTACHING] = {[EV_READY] = step_ready,
                            [EV_FAILED] = step_failed,
                            [EV_HEARD] = step_ignore}, /* of the same turn as the START */
        [SLOT_RUNNING] = {[EV_ENDED] = step_ended, [EV_HEARD] = step_ignore},
        [SLOT_DYING] = {[EV_MADE] = step_ignore,
                        [EV_WOKEN] = step_ignore,
                        [EV_HEARD] = step_ignore,
                        [EV_READY] = step_ignore,
                        [EV_FAILED] = step_ignore,
                        [EV_ENDED] = step_ended,
                        [EV_LOST] = step_ignore},
};

void slot_event(struct instances *set, struct slot *s, enum slot_event event)
{
    slot_step *step = steps[s->state][event];

    assert(step);
    step(set, s);
}

void slot_bind(struct instances *set, struct slot *s, const struct launch_start *want, int code,
               int layers)
{
    enum slot_state state = s->state;

    assert(!s->bound);
    s->bound = true;
    s->want = *want;
    s->code = code;
    s->layers = layers;
    s->runtime = runtimes_find(set->host.runtimes, want->runtime);
    s->was_spare = state == SLOT_WARMING || state == SLOT_SPARE;
    /* Of a runtime that starts with its code there is nothing more to make ahead than the slot. */
    s->was_ready = state == SLOT_SPARE || (state == SLOT_EMPTY && !s->runtime->spare);
    move(s, &set->bound);
    set->nbound++;
    expect(set, s);
    if (state == SLOT_EMPTY) {
        start(set, s);
    } else if (state == SLOT_WARMING || state == SLOT_SPARE) {
        (void)watch(set, EPOLL_CTL_DEL, s->channel, 0, 0, 0);
        attach(set, s);
    } /* else it has to be made or woken first: step_made() and step_woken() go on
     */
}

/* ---- what is heard ---- */

/* 0, or -EPIPE: there will be no more. */
static int take_notes(struct instances *set, struct slot *s)
{
    static const enum slot_event events[] = {[SANDBOX_MADE] = EV_MADE,
                                             [SANDBOX_RUNNING] = EV_WOKEN,
                                             [SANDBOX_READY] = EV_READY,
                                             [SANDBOX_FAILED] = EV_FAILED,
                                             [SANDBOX_ENDED] = EV_ENDED};
    struct sandbox_note note;
    int r;

    while ((r = sandbox_next_note(&s->box, &note)) > 0) {
        if (note.type == SANDBOX_FAILED)
            s->why = note.err;
        if (note.type == SANDBOX_ENDED)
            s->status = note.status;
        slot_event(set, s, events[note.type]);
    }
    return r;
}

void slot_on_notes(struct instances *set, struct slot *s)
{
    struct epoll_event none = {0};

    /* At EOF the socket would stay readable until the kernel is done with the
   * rest of init. */
    if (take_notes(set, s) < 0)
        (void)epoll_ctl(set->host.epoll, EPOLL_CTL_DEL, s->box.sock, &none);
}

void slot_on_channel(struct instances *set, struct slot *s)
{
    if (!s->bound)
        slot_event(set, s, EV_HEARD);
}

/* Init has been reaped. The answer goes out last, when nothing is left to be
 * seen. */
void slot_on_gone(struct instances *set, struct slot *s)
{
    union launch_message over;
    size_t n = 0;

    if (!sandbox_reap(&s->box))
        return;
    (void)take_notes(set, s);
    if (s->state != SLOT_DYING && !s->started && s->why.code == 0)
        (void)err_set(&s->why, ERR_HOST, -ECHILD, "died while it was set up");
    if (s->bound && !s->started && s->state != SLOT_DYING)
        (void)instance_again(set, s);
    zygote_forget(set, s);
    if (!s->bound && s->runtime && s->why.code < 0)
        stock_failed(set, s->runtime, &s->why);

    if (s->bound)
        n = instance_over(set, s, &over); /* while the cgroup still counts */
    set->nbound -= s->bound;
    list_remove(&s->waiting);
    list_remove(&s->node);
    close_all(s);
    sandbox_box_done(set->host.sandbox, &s->box);
    grave_lay(set, &s->box.cgroup);
    give_index(set, s);
    if (n > 0)
        set->host.answer(set->host.user, &over, n, NULL, 0);
}

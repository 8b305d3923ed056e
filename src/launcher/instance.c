/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.c - what the daemon asks for, and what it is told.
 *
 * A START is checked field by field, since the daemon parses what strangers send. The code
 * directory, and that of the layers if it has some, is opened below the code cache without following links or leaving it. Then it takes
 * the slot of the stock that is nearest to running it (stock.c), or a new one, and the slot goes
 * through the rest of its steps (slot.c).
 *
 * What always holds:
 *   (1) each START is answered exactly once, each STARTED is followed by exactly one EXITED.
 *   (2) EXITED and REFUSED are sent when init has been reaped: nothing of the instance lives then,
 *       and its slot, uid and id are free.
 *   (3) a START whose slot fails before STARTED, where the slot was one made ahead or filled by a
 *       zygote, is given a second one, made for it alone. It cannot fail for our thrift.
 */
#include "launcher/instance.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/obj.h"
#include "launcher/outbox.h"
#include "launcher/slot.h"
#include "sandbox/mount.h"

enum { GRAVE_MS = 20 };

/* Bounds of proto.h. */
static const struct {
    size_t offset;
    const char *name;
    uint32_t min, max;
    bool may_be_zero;
} bounds[] = {
        {offsetof(struct launch_start, memory_mb), "memory_mb", 64, 32768, false},
        {offsetof(struct launch_start, pids), "pids", 8, 1024, false},
        {offsetof(struct launch_start, tmp_mb), "tmp_mb", 16, 10240, false},
        {offsetof(struct launch_start, cpu_weight), "cpu_weight", 1, 10000, false},
        {offsetof(struct launch_start, cpu_quota), "cpu_quota", 10, 1024000, true},
};

struct instances *instances_new(const struct instances_host *host)
{
    struct instances *set = xnew(struct instances);

    set->host = *host;
    set->free_n = SLOTS_MAX;
    for (size_t i = 0; i < SLOTS_MAX; i++)
        set->free_slots[i] = (uint16_t)i;
    list_init(&set->bound);
    list_init(&set->stock);
    list_init(&set->waiting);
    list_init(&set->graves);
    zygotes_init(set);
    return set;
}

struct instances *instances_free(struct instances *set)
{
    if (!set)
        return NULL;
    assert(set->nbound == 0 && list_empty(&set->stock));
    zygotes_done(set);
    graves_free(set);
    for (size_t i = 0; i < SLOTS_MAX; i++)
        free(set->slots[i]);
    free(set);
    return NULL;
}

size_t instances_live(const struct instances *set)
{
    return set->nbound;
}

static struct slot *find(struct instances *set, uint32_t id)
{
    list_each (node, &set->bound) {
        struct slot *s = container_of(node, struct slot, node);

        if (s->want.id == id)
            return s;
    }
    return NULL;
}

static bool is_sha(const char name[LAUNCH_SHA])
{
    return strnlen(name, LAUNCH_SHA) == LAUNCH_SHA - 1 &&
           strspn(name, "0123456789abcdef") == LAUNCH_SHA - 1;
}

static int check(const struct instances *set, const struct launch_start *m, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        uint32_t v;

        memcpy(&v, (const char *)m + bounds[i].offset, sizeof v);
        if ((v < bounds[i].min || v > bounds[i].max) && !(v == 0 && bounds[i].may_be_zero))
            return err_set(e, ERR_CALLER, -EINVAL, "%s is %u, not %u to %u", bounds[i].name, v,
                           bounds[i].min, bounds[i].max);
    }
    if (m->layout >= LAUNCH_LAYOUTS)
        return err_set(e, ERR_CALLER, -EINVAL, "there is no layout %u", m->layout);
    if (m->network >= LAUNCH_NETWORKS)
        return err_set(e, ERR_CALLER, -EINVAL, "there is no network policy %u", m->network);
    if (set->host.net && !net_can(set->host.net, (enum net_policy)m->network))
        return err_set(e, ERR_HOST, -EOPNOTSUPP,
                       "network policy %u cannot be enforced on this host", m->network);
    if (!memchr(m->runtime, '\0', sizeof m->runtime))
        return err_set(e, ERR_CALLER, -EINVAL, "the runtime id is not terminated");
    if (!is_sha(m->code))
        return err_set(e, ERR_CALLER, -EINVAL, "the code is not named by a sha256 in hex");
    if (m->layers[0] && !is_sha(m->layers))
        return err_set(e, ERR_CALLER, -EINVAL, "the layers are not named by a sha256 in hex");
    return 0;
}

/* A detached mount of a directory of the code cache. */
static int open_directory(int code_dir, const char *name, int *ret_mount, struct err *e)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    cleanup_close int fd = (int)syscall(SYS_openat2, code_dir, name, &how, sizeof how);

    if (fd < 0)
        return err_sys(e, "code '%s'", name);
    return mount_clone(fd, ret_mount, e);
}

/* What the function is made of. layers: -EBADF if it has none. On failure nothing is open. */
static int open_code(int code_dir, const struct launch_start *m, int *ret_code, int *ret_layers,
                     struct err *e)
{
    cleanup_close int code = -EBADF;
    char name[2 + LAUNCH_SHA];
    int r = open_directory(code_dir, m->code, &code, e);

    *ret_code = *ret_layers = -EBADF;
    if (r >= 0 && m->layers[0]) {
        (void)snprintf(name, sizeof name, "u-%s", m->layers);
        r = open_directory(code_dir, name, ret_layers, e);
    }
    if (r >= 0)
        *ret_code = TAKE_FD(code);
    return r;
}

int instances_start(struct instances *set, const struct launch_start *m, struct err *e)
{
    cleanup_close int code = -EBADF;
    cleanup_close int layers = -EBADF;
    const struct runtime *rt;
    struct slot *s;
    int r;

    r = check(set, m, e);
    if (r < 0)
        return r;
    if (find(set, m->id))
        return err_set(e, ERR_CALLER, -EEXIST, "instance %u lives already", m->id);
    if (set->nbound == LAUNCH_MAX_INSTANCES)
        return err_set(e, ERR_LIMIT, -EAGAIN, "all %d instances are in use", LAUNCH_MAX_INSTANCES);
    rt = runtimes_find(set->host.runtimes, m->runtime);
    if (!rt)
        return err_set(e, ERR_CALLER, -ENOENT, "there is no runtime '%s'", m->runtime);
    r = open_code(set->host.code_dir, m, &code, &layers, e);
    if (r < 0)
        return r;

    s = stock_take(set, rt);
    if (!s)
        r = slot_new(set, rt, &s, e);
    if (r < 0)
        return r;
    slot_bind(set, s, m, TAKE_FD(code), TAKE_FD(layers));
    return 0;
}

bool instance_again(struct instances *set, struct slot *s)
{
    bool ours = s->was_spare || s->by_zygote;
    cleanup_close int code = -EBADF;
    cleanup_close int layers = -EBADF;
    struct slot *other;
    struct err e = {0};

    if (!ours || s->again || s->killed || s->started || s->why.code == -ETIMEDOUT)
        return false;
    if (open_code(set->host.code_dir, &s->want, &code, &layers, &e) < 0 ||
        slot_new(set, s->runtime, &other, &e) < 0)
        return false;
    s->bound = false;
    set->nbound--;
    list_remove(&s->node);
    list_push_back(&set->stock, &s->node);
    other->again = true;
    slot_bind(set, other, &s->want, TAKE_FD(code), TAKE_FD(layers));
    return true;
}

void instances_kill(struct instances *set, uint32_t id)
{
    struct slot *s = find(set, id);

    if (s) {
        s->killed = true;
        slot_kill(set, s);
    }
}

void instances_kill_all(struct instances *set)
{
    list_each (node, &set->bound) {
        struct slot *s = container_of(node, struct slot, node);

        s->killed = true;
        slot_kill(set, s);
    }
}

void instances_warm(struct instances *set, const struct launch_warm *m)
{
    const struct runtime *rt = NULL;

    if (memchr(m->runtime, '\0', sizeof m->runtime) && m->spares <= LAUNCH_WARM_MAX)
        rt = runtimes_find(set->host.runtimes, m->runtime);
    if (rt)
        stock_warm(set, rt, m->spares);
}

void instances_fresh(struct instances *set)
{
    stock_fresh(set);
    tally_fresh(set);
    if (set->host.net)
        net_trim(set->host.net);
}

void instance_started(struct instances *set, struct slot *s)
{
    struct launch_started m = {.type = LAUNCH_STARTED,
                               .id = s->want.id,
                               .how = s->was_ready   ? LAUNCH_A_SPARE
                                      : s->by_zygote ? LAUNCH_BY_FORK
                                                     : LAUNCH_ON_DEMAND};
    int fds[OUTBOX_FDS] = {TAKE_FD(s->channel), TAKE_FD(s->log)};
    size_t n = 2;

    fds[n] = cgroup_open_peak(set->host.cgroups, &s->box.cgroup);
    m.has_memory_peak = fds[n] >= 0;
    n += m.has_memory_peak;
    fds[n] = cgroup_open_freezer(set->host.cgroups, &s->box.cgroup);
    m.has_freezer = fds[n] >= 0;
    n += m.has_freezer;
    m.has_endpoint = m.id == s->want.id && s->box.has_net && s->want.network != NETWORK_NONE &&
                     s->box.net.listener >= 0;
    if (m.has_endpoint)
        fds[n++] = TAKE_FD(s->box.net.listener);
    s->started = true;
    set->host.answer(set->host.user, &m, sizeof m, fds, n);
}

static struct launch_refused refusal_of(const struct slot *s)
{
    struct launch_refused m = {.type = LAUNCH_REFUSED, .id = s->want.id, .code = s->why.code};
    const char *why = s->why.msg;

    if (s->killed) {
        m.code = -ECANCELED;
        why = "killed before it was started";
    } else if (m.code == 0) {
        m.code = -ECHILD;
        why = "died while it was set up";
    }
    snprintf(m.why, sizeof m.why, "%.*s", (int)sizeof m.why - 1, why);
    return m;
}

static struct launch_exited exit_of(const struct instances *set, const struct slot *s)
{
    struct launch_exited m = {.type = LAUNCH_EXITED, .id = s->want.id, .killed = s->killed};

    if (s->ended && WIFEXITED(s->status)) {
        m.exit_code = WEXITSTATUS(s->status);
    } else {
        m.exit_code = -1;
        m.signal = s->ended ? WTERMSIG(s->status) : SIGKILL;
    }
    /* SIGKILL that was not ours, and the cgroup has counted one. */
    m.oom = m.signal == SIGKILL && (s->ended || !s->killed) &&
            cgroup_oom_kills(set->host.cgroups, &s->box.cgroup) > 0;
    return m;
}

size_t instance_over(const struct instances *set, const struct slot *s, union launch_message *ret)
{
    if (s->started) {
        ret->exited = exit_of(set, s);
        return sizeof ret->exited;
    }
    ret->refused = refusal_of(s);
    return sizeof ret->refused;
}

static void on_slot(struct instances *set, unsigned kind, uint64_t index)
{
    struct slot *s = set->slots[index];

    /* An earlier event of the same turn may have buried it, and the index may be
   * in use again: the steps below do nothing when there is nothing to do. */
    if (!s || s->state == SLOT_FREE)
        return;
    if (kind == INSTANCE_NOTES)
        slot_on_notes(set, s);
    else if (kind == INSTANCE_GONE)
        slot_on_gone(set, s);
    else
        slot_on_channel(set, s);
}

void instances_on_event(struct instances *set, unsigned kind, uint64_t which)
{
    if (kind == INSTANCE_ZYGOTE_REPLY)
        zygote_on_reply(set, which);
    else if (kind == INSTANCE_ZYGOTE_GONE)
        zygote_on_gone(set, which);
    else
        on_slot(set, kind, which);
}

/* Kill what has taken too long. ms until the next one may have; -1: nobody is
 * waited for. */
static int end_hung(struct instances *set, uint64_t now_ns)
{
    while (!list_empty(&set->waiting)) {
        struct slot *s = container_of(set->waiting.next, struct slot, waiting);

        if (s->deadline_ns > now_ns)
            return (int)((s->deadline_ns - now_ns) / 1000000) + 1;
        (void)err_set(&s->why, ERR_HOST, -ETIMEDOUT, "not set up within %d s", START_MS / 1000);
        slot_kill(set, s);
    }
    return -1;
}

/* Of two waits the shorter; -1 is for ever. */
static int sooner(int a_ms, int b_ms)
{
    if (a_ms < 0 || b_ms < 0)
        return a_ms < 0 ? b_ms : a_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

int instances_turn(struct instances *set)
{
    uint64_t now = clock_mono_ns();
    int stock_ms = stock_turn(set, now);
    int wait_ms = sooner(end_hung(set, now), sooner(stock_ms, tally_turn(set, now)));

    return graves_dig(set) ? sooner(wait_ms, GRAVE_MS) : wait_ms;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of instances without any process: the sandbox, the code and the clock are ours (--wrap).
 * An "init" is an eventfd, which is readable when it is gone, and a pipe for its notes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/obj.h"
#include "launcher/instance.h"
#include "launcher/proto.h"
#include "launcher/runtimes.h"
#include "sandbox/sandbox.h"
#include "t.h"

int __wrap_mount_clone(int dirfd, int *ret_mount, struct err *e);
int __wrap_sandbox_make(struct sandbox *sb, uint32_t serial, struct sandbox_box *ret_box,
                        struct err *e);
int __wrap_sandbox_run(const struct sandbox *sb, struct sandbox_box *box,
                       const struct sandbox_spec *spec, struct err *e);
int __wrap_sandbox_attach(const struct sandbox *sb, struct sandbox_box *box,
                          const struct sandbox_spec *spec, struct err *e);
void __wrap_sandbox_kill(const struct sandbox_box *box);
int __wrap_sandbox_reap(const struct sandbox_box *box);
void __wrap_cgroup_thaw(const struct cgroup_tree *t, const struct cgroup *cg);
int __wrap_cgroup_remove(const struct cgroup_tree *t, const struct cgroup *cg);
uint64_t __wrap_cgroup_oom_kills(const struct cgroup_tree *t, const struct cgroup *cg);
uint64_t __wrap_clock_mono_ns(void);
void __wrap_log_line(enum log_level level, const struct log_cx *cx, const char *fmt, ...);

enum { STARTS_SEEN = LAUNCH_MAX_INSTANCES + 64 };

static struct world {
    uint64_t now_ns;
    int refuse_make;    /* 0, or what sandbox_make returns */
    bool refuse_attach; /* sandbox_attach fails */
    int busy;           /* so many removals fail */
    int removed, kills; /* counters */
    int warnings;
    int runs, attaches; /* orders of init; runs: with the code */
    uint64_t oom_kills;
    uint32_t uids[STARTS_SEEN];
    int notes[STARTS_SEEN];    /* the inits' ends */
    int channels[STARTS_SEEN]; /* the runtimes' ends, of spares */
    int gone[STARTS_SEEN];     /* eventfds, borrowed */
    bool alive[STARTS_SEEN];
    size_t n;
} w;

int __wrap_mount_clone(int dirfd, int *ret_mount, struct err *e)
{
    (void)e;
    *ret_mount = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
    return 0;
}

int __wrap_sandbox_make(struct sandbox *sb, uint32_t serial, struct sandbox_box *ret_box,
                        struct err *e)
{
    int fds[2];

    (void)sb;
    if (w.refuse_make < 0)
        return err_set(e, ERR_HOST, w.refuse_make, "no");
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    *ret_box = (struct sandbox_box){
            .serial = serial, .pid = 1, .sock = fds[0], .pidfd = eventfd(0, EFD_CLOEXEC)};
    cgroup_door_none(&ret_box->door);
    assert_true(ret_box->pidfd >= 0);
    w.notes[w.n] = fds[1];
    w.channels[w.n] = -EBADF;
    w.alive[w.n] = true;
    w.gone[w.n++] = ret_box->pidfd;
    return 0;
}

int __wrap_sandbox_run(const struct sandbox *sb, struct sandbox_box *box,
                       const struct sandbox_spec *spec, struct err *e)
{
    (void)sb;
    (void)e;
    w.runs += spec->code >= 0;
    w.uids[box->serial] = spec->uid;
    if (spec->code < 0)
        w.channels[box->serial] = fcntl(spec->channel, F_DUPFD_CLOEXEC, 3);
    return 0;
}

int __wrap_sandbox_attach(const struct sandbox *sb, struct sandbox_box *box,
                          const struct sandbox_spec *spec, struct err *e)
{
    (void)sb;
    (void)box;
    assert_true(spec->code >= 0);
    w.attaches++;
    return w.refuse_attach ? err_set(e, ERR_HOST, -EIO, "no attaching") : 0;
}

void __wrap_cgroup_thaw(const struct cgroup_tree *t, const struct cgroup *cg)
{
    (void)t;
    (void)cg;
}

void __wrap_sandbox_kill(const struct sandbox_box *box)
{
    w.kills++;
    assert_int_equal(eventfd_write(box->pidfd, 1), 0);
}

int __wrap_sandbox_reap(const struct sandbox_box *box)
{
    w.alive[box->serial] = false;
    return 1;
}

int __wrap_cgroup_remove(const struct cgroup_tree *t, const struct cgroup *cg)
{
    (void)t;
    (void)cg;
    if (w.busy > 0) {
        w.busy--;
        return -EBUSY;
    }
    w.removed++;
    return 0;
}

uint64_t __wrap_cgroup_oom_kills(const struct cgroup_tree *t, const struct cgroup *cg)
{
    (void)t;
    (void)cg;
    return w.oom_kills;
}

uint64_t __wrap_clock_mono_ns(void)
{
    return w.now_ns;
}

struct rig {
    char dir[32];
    struct cgroup_tree cgroups;
    struct instances_host host;
    struct instances *set;
    union launch_message last; /* STOCK apart */
    int answers;
    struct launch_stock stock; /* the last of "native" */
    int stocks;
};

void __wrap_log_line(enum log_level level, const struct log_cx *cx, const char *fmt, ...)
{
    (void)cx;
    (void)fmt;
    w.warnings += level <= LOG_WARN;
}

static void on_answer(void *user, const void *message, size_t n, const int *fds, size_t nfds)
{
    struct rig *g = user;

    if (*(const uint32_t *)message == LAUNCH_STOCK) {
        const struct launch_stock *m = message;

        assert_int_equal(n, sizeof *m);
        if (strcmp(m->runtime, "native") == 0) {
            g->stock = *m;
            g->stocks++;
        }
        return;
    }
    memcpy(&g->last, message, n);
    g->answers++;
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
}

static struct launch_start request(uint32_t id)
{
    struct launch_start m = {.type = LAUNCH_START,
                             .id = id,
                             .runtime = "native",
                             .memory_mb = 64,
                             .pids = 8,
                             .tmp_mb = 16,
                             .cpu_weight = 100};

    memset(m.code, 'a', LAUNCH_SHA - 1);
    return m;
}

static int set_up(void **state)
{
    struct rig *g = calloc(1, sizeof *g);
    char name[LAUNCH_SHA] = "";

    w = (struct world){.now_ns = 1};
    memset(name, 'a', LAUNCH_SHA - 1);
    memcpy(g->dir, "/tmp/evoke-instances-XXXXXX", sizeof "/tmp/evoke-instances-XXXXXX");
    assert_non_null(mkdtemp(g->dir));
    cgroup_tree_none(&g->cgroups);
    g->host = (struct instances_host){.cgroups = &g->cgroups,
                                      .runtimes = runtimes_new(),
                                      .code_dir = open(g->dir, O_RDONLY | O_CLOEXEC),
                                      .epoll = epoll_create1(EPOLL_CLOEXEC),
                                      .root = true,
                                      .answer = on_answer,
                                      .user = g};
    assert_int_equal(mkdirat(g->host.code_dir, name, 0755), 0);
    g->set = instances_new(&g->host);
    *state = g;
    return 0;
}

/* Let epoll tell of everything that has happened. */
static void turn(struct rig *g)
{
    struct epoll_event evs[64];
    int n;

    while ((n = epoll_wait(g->host.epoll, evs, 64, 0)) > 0) {
        for (int i = 0; i < n; i++)
            instances_on_event(g->set, (unsigned)(evs[i].data.u64 & 0xff),
                               evs[i].data.u64 >> INSTANCE_KIND_BITS);
    }
}

static int tear_down(void **state)
{
    struct rig *g = *state;
    char name[LAUNCH_SHA] = "";

    memset(name, 'a', LAUNCH_SHA - 1);
    w.busy = 0;
    instances_kill_all(g->set);
    for (size_t i = 0; i < w.n; i++)
        (void)(w.alive[i] && eventfd_write(w.gone[i], 1));
    turn(g);
    w.refuse_make = -EAGAIN;
    (void)instances_turn(g->set);
    assert_int_equal(instances_live(g->set), 0);
    instances_free(g->set);
    for (size_t i = 0; i < w.n; i++) {
        fd_close(w.notes[i]);
        fd_close(w.channels[i]);
    }
    runtimes_free(g->host.runtimes);
    assert_int_equal(unlinkat(g->host.code_dir, name, AT_REMOVEDIR), 0);
    close(g->host.code_dir);
    close(g->host.epoll);
    assert_int_equal(rmdir(g->dir), 0);
    free(g);
    return 0;
}

static void note(size_t which, enum sandbox_note_type type, int status, int code)
{
    struct sandbox_note n = {.type = type, .status = status};

    if (code < 0)
        (void)err_set(&n.err, ERR_HOST, code, "it did not work");
    assert_int_equal(write(w.notes[which], &n, sizeof n), sizeof n);
}

/* A START that finds no slot; its box has been made. */
static void start(struct rig *g, uint32_t id)
{
    const struct launch_start m = request(id);
    struct err e = {0};

    t_ok(instances_start(g->set, &m, &e), &e);
    note(w.n - 1, SANDBOX_MADE, 0, 0);
    turn(g);
}

/* Without making anything ahead. */
static int bare_turn(struct rig *g)
{
    int ms;

    w.refuse_make = -EAGAIN;
    ms = instances_turn(g->set);
    w.refuse_make = 0;
    return ms;
}

static void is_gone(size_t which)
{
    assert_int_equal(eventfd_write(w.gone[which], 1), 0);
}

static void one_more_than_the_maximum_is_refused(void **state)
{
    static bool seen[1 << 16];
    struct rlimit files = {16384, 16384};
    struct rig *g = *state;
    const struct launch_start m = request(LAUNCH_MAX_INSTANCES);
    struct err e = {0};

    if (setrlimit(RLIMIT_NOFILE, &files) < 0) {
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    /* Seven descriptors of this process for each: four of the launcher's, three of our play. */
    for (uint32_t i = 0; i < LAUNCH_MAX_INSTANCES; i++) {
        if (i == 0 && files.rlim_max < 16384)
            skip(); /* the host lets nobody open that many files */
        start(g, i);
        note(i, SANDBOX_READY, 0, 0);
        turn(g);
        w.notes[i] = fd_close(w.notes[i]);
        assert_false(seen[w.uids[i]]); /* no two live ones share a uid */
        seen[w.uids[i]] = true;
    }
    assert_int_equal(instances_start(g->set, &m, &e), -EAGAIN);
    t_has(e.msg, "4096");

    instances_kill(g->set, 17);
    turn(g);
    assert_int_equal(instances_live(g->set), LAUNCH_MAX_INSTANCES - 1);
    t_ok(instances_start(g->set, &m, &e), &e);
}

static void a_failed_start_leaves_nothing(void **state)
{
    struct rig *g = *state;
    const struct launch_start m = request(1);
    struct err e = {0};

    w.refuse_make = -ENOMEM;
    assert_int_equal(instances_start(g->set, &m, &e), -ENOMEM);
    assert_int_equal(instances_live(g->set), 0);
    w.refuse_make = 0;
    start(g, 1);
}

static void a_hung_start_is_killed_at_its_deadline(void **state)
{
    struct rig *g = *state;

    start(g, 1);
    assert_int_equal(bare_turn(g), 10001);
    w.now_ns += 9999999999;
    assert_true(bare_turn(g) >= 0);
    assert_int_equal(w.kills, 0);
    w.now_ns += 2;
    assert_true(bare_turn(g) > 10001); /* nothing but to shrink the stock */
    assert_int_equal(w.kills, 1);
    turn(g);
    assert_int_equal(g->answers, 1);
    assert_int_equal(g->last.type, LAUNCH_REFUSED);
    assert_int_equal(g->last.refused.code, -ETIMEDOUT);
}

static void a_busy_cgroup_is_tried_again(void **state)
{
    struct rig *g = *state;

    start(g, 1);
    note(0, SANDBOX_READY, 0, 0);
    w.busy = 3;
    is_gone(0);
    turn(g);
    assert_int_equal(g->last.type, LAUNCH_EXITED); /* that is not waited for */
    assert_int_equal(w.removed, 0);
    assert_int_equal(bare_turn(g), 20);
    assert_int_equal(bare_turn(g), 20);
    assert_true(bare_turn(g) > 20);
    assert_int_equal(w.removed, 1);
}

static void a_note_that_comes_with_the_end_is_not_lost(void **state)
{
    struct rig *g = *state;

    start(g, 1);
    note(0, SANDBOX_READY, 0, 0);
    note(0, SANDBOX_ENDED, 3 << 8, 0);
    is_gone(0);
    turn(g);
    assert_int_equal(g->answers, 2);
    assert_int_equal(g->last.type, LAUNCH_EXITED);
    assert_int_equal(g->last.exited.exit_code, 3);

    start(g, 2);
    note(1, SANDBOX_FAILED, 0, -EPERM);
    is_gone(1);
    turn(g);
    assert_int_equal(g->last.refused.code, -EPERM);
    t_has(g->last.refused.why, "it did not work");

    start(g, 3); /* gone without a word */
    is_gone(2);
    turn(g);
    assert_int_equal(g->last.refused.code, -ECHILD);
    assert_int_equal(g->answers, 4);
}

static void oom_is_told_only_of_what_the_limit_ended(void **state)
{
    struct rig *g = *state;

    w.oom_kills = 1;
    start(g, 1); /* a child was killed, the runtime exited by itself */
    note(0, SANDBOX_READY, 0, 0);
    note(0, SANDBOX_ENDED, 0, 0);
    is_gone(0);
    turn(g);
    assert_false(g->last.exited.oom);

    start(g, 2); /* the runtime was */
    note(1, SANDBOX_READY, 0, 0);
    note(1, SANDBOX_ENDED, 9, 0);
    is_gone(1);
    turn(g);
    assert_true(g->last.exited.oom);

    start(g, 3); /* init was */
    note(2, SANDBOX_READY, 0, 0);
    is_gone(2);
    turn(g);
    assert_true(g->last.exited.oom);

    start(g, 4); /* we did it */
    note(3, SANDBOX_READY, 0, 0);
    turn(g);
    instances_kill(g->set, 4);
    turn(g);
    assert_true(g->last.exited.killed);
    assert_false(g->last.exited.oom);

    w.oom_kills = 0;
    start(g, 5); /* somebody else's SIGKILL */
    note(4, SANDBOX_READY, 0, 0);
    note(4, SANDBOX_ENDED, 9, 0);
    is_gone(4);
    turn(g);
    assert_false(g->last.exited.oom);
}

/* Of "native", which here can start without its code. */
static void want_spare(struct rig *g)
{
    struct launch_warm m = {.type = LAUNCH_WARM, .runtime = "native", .spares = 1};
    struct err e = {0};

    t_ok(runtimes_set_spares(g->host.runtimes, S("native"), 1, &e), &e);
    instances_warm(g->set, &m);
}

/* Box 0. */
static void make_spare(struct rig *g)
{
    want_spare(g);
    (void)instances_turn(g->set);
    assert_int_equal(w.n, 1);
    note(0, SANDBOX_MADE, 0, 0);
    turn(g);
    note(0, SANDBOX_RUNNING, 0, 0);
    turn(g);
    assert_int_equal(write(w.channels[0], "ready", 5), 5);
    turn(g);
    assert_int_equal(w.runs, 0);
    assert_int_equal(instances_live(g->set), 0);
}

static void a_spare_is_taken_and_only_attached(void **state)
{
    struct rig *g = *state;
    const struct launch_start m = request(1);
    struct err e = {0};

    make_spare(g);
    t_ok(instances_start(g->set, &m, &e), &e);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.attaches, 1);
    assert_int_equal(g->answers, 0); /* not before init has said so */
    note(0, SANDBOX_READY, 0, 0);
    turn(g);
    assert_int_equal(g->last.type, LAUNCH_STARTED);
    assert_int_equal(g->last.started.how, LAUNCH_A_SPARE);
    assert_int_equal(w.runs, 0);
}

static void a_spare_that_fails_costs_no_start(void **state)
{
    struct rig *g = *state;
    const struct launch_start m = request(1);
    struct err e = {0};

    make_spare(g);
    w.refuse_attach = true;
    t_ok(instances_start(g->set, &m, &e), &e);
    assert_int_equal(w.kills, 1);
    assert_int_equal(w.n, 2); /* another, made for it */
    note(1, SANDBOX_MADE, 0, 0);
    turn(g);
    assert_int_equal(w.runs, 1);
    note(1, SANDBOX_READY, 0, 0);
    turn(g);
    assert_int_equal(g->answers, 1);
    assert_int_equal(g->last.type, LAUNCH_STARTED);
    assert_int_equal(g->last.started.how, LAUNCH_ON_DEMAND);
}

static void what_is_ready_is_told_when_it_changes_and_not_too_often(void **state)
{
    struct rig *g = *state;
    const struct launch_start m = request(1);
    struct err e = {0};

    make_spare(g);
    assert_int_equal(g->stocks, 1); /* as it began */
    assert_true(g->stock.slots == 0 && g->stock.spares == 0 && !g->stock.has_zygote);
    assert_in_range(bare_turn(g), 1000, 1001);
    assert_int_equal(g->stocks, 1); /* too soon */
    w.now_ns += 1000 * 1000000ULL;
    assert_int_equal(bare_turn(g), -1); /* a difference that was told wakes nobody */
    assert_int_equal(g->stocks, 2);
    assert_true(g->stock.spares == 1 && g->stock.has_spares);

    w.now_ns += 999 * 1000000ULL;
    t_ok(instances_start(g->set, &m, &e), &e);
    assert_in_range(bare_turn(g), 1, 2); /* it is taken: to be told when the pause is over */
    assert_int_equal(g->stocks, 2);
    w.now_ns += 1 * 1000000ULL;
    (void)bare_turn(g);
    assert_int_equal(g->stocks, 3);
    assert_int_equal(g->stock.spares, 0);

    w.now_ns += 5000 * 1000000ULL;
    (void)bare_turn(g);
    assert_int_equal(g->stocks, 3); /* nothing new */
    instances_fresh(g->set);
    (void)bare_turn(g);
    assert_int_equal(g->stocks, 4); /* to a daemon that knows nothing */
}

/* A spare is made, and ends: it is late, or its init says why. */
static void spare_fails(struct rig *g, int code)
{
    size_t before = w.n;

    (void)instances_turn(g->set);
    assert_int_equal(w.n, before + 1);
    if (code < 0) {
        note(before, SANDBOX_FAILED, 0, code);
    } else {
        w.now_ns += 10001 * 1000000ULL;
        (void)instances_turn(g->set);
    }
    turn(g);
    w.now_ns += 60000 * 1000000ULL; /* the longest pause between tries */
}

static void a_late_spare_is_complained_of_when_that_is_no_accident(void **state)
{
    static const int warnings[] = {0, 0, 1, 1, 1};
    struct rig *g = *state;

    want_spare(g);
    for (size_t i = 0; i < ARRAY_LEN(warnings); i++) {
        spare_fails(g, 0);
        assert_int_equal(w.warnings, warnings[i]);
    }
    assert_int_equal(w.kills, (int)ARRAY_LEN(warnings));
}

static void a_spare_that_cannot_be_is_complained_of_at_once_and_once(void **state)
{
    struct rig *g = *state;

    want_spare(g);
    for (int i = 0; i < 3; i++) {
        spare_fails(g, -ENOENT);
        assert_int_equal(w.warnings, 1);
    }
}

static void a_start_that_fails_in_its_second_slot_is_refused(void **state)
{
    struct rig *g = *state;
    const struct launch_start m = request(1);
    struct err e = {0};

    make_spare(g);
    w.refuse_attach = true;
    t_ok(instances_start(g->set, &m, &e), &e);
    note(1, SANDBOX_FAILED, 0, -EPERM);
    turn(g);
    assert_int_equal(w.n, 2);
    assert_int_equal(g->answers, 1);
    assert_int_equal(g->last.type, LAUNCH_REFUSED);
    assert_int_equal(g->last.refused.code, -EPERM);
    assert_int_equal(instances_live(g->set), 0);
}

/* One at a time, so that one failure stays one failure. */
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(one_more_than_the_maximum_is_refused),
            T(a_failed_start_leaves_nothing),
            T(a_hung_start_is_killed_at_its_deadline),
            T(a_busy_cgroup_is_tried_again),
            T(a_note_that_comes_with_the_end_is_not_lost),
            T(oom_is_told_only_of_what_the_limit_ended),
            T(a_spare_is_taken_and_only_attached),
            T(a_spare_that_fails_costs_no_start),
            T(what_is_ready_is_told_when_it_changes_and_not_too_often),
            T(a_late_spare_is_complained_of_when_that_is_no_accident),
            T(a_spare_that_cannot_be_is_complained_of_at_once_and_once),
            T(a_start_that_fails_in_its_second_slot_is_refused),
    };

    return T_RUN(tests);
}

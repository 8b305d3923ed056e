/* SPDX-License-Identifier: Apache-2.0 */
/* fake.c - see fake.h. Nothing here waits: every step is an event of the loop. */
#include "fake.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "t.h"

enum { WATCHDOG_S = 30 };

/* ---- workers ---- */

static void worker_want(struct worker *w)
{
    loop_io_want(w->io, LOOP_READ | (w->to_host.n > 0 ? LOOP_WRITE : 0u));
}

static void worker_flush(struct worker *w)
{
    while (w->to_host.n > 0) {
        ssize_t n = send(w->chan, w->to_host.p, w->to_host.n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            buf_reset(&w->to_host);
            break;
        }
        buf_drop(&w->to_host, (size_t)n);
    }
    worker_want(w);
}

void worker_raw(struct worker *w, struct str bytes)
{
    buf_adds(&w->to_host, bytes);
    assert_true(buf_ok(&w->to_host));
    worker_flush(w);
}

void worker_say(struct worker *w, enum frame_type type, uint8_t flags, uint32_t stream,
                struct str payload)
{
    frame_put(&w->to_host, type, flags, stream, payload);
    worker_flush(w);
}

void worker_print(struct worker *w, const char *text)
{
    assert_int_equal(write(w->out, text, strlen(text)), strlen(text));
}

static void go_on_answering(struct worker *w)
{
    while (w->answer.n > 0 && w->send_left > 0) {
        size_t n = w->answer.n < FRAME_MAX_DATA ? w->answer.n : FRAME_MAX_DATA;

        if (n > w->send_left)
            n = w->send_left;
        frame_put(&w->to_host, FRAME_DATA, 0, w->stream, (struct str){w->answer.p, n});
        w->answer = str_from(w->answer, n);
        w->send_left -= (uint32_t)n;
    }
    if (w->answer.n == 0) {
        w->answering = false;
        frame_put(&w->to_host, FRAME_END, w->answer_flags, w->stream, w->summary);
        w->stream = 0;
    }
    worker_flush(w);
}

void worker_answer(struct worker *w, uint8_t flags, struct str answer, struct str summary)
{
    w->answer = answer;
    w->answer_flags = flags;
    w->summary = summary;
    w->answering = true;
    go_on_answering(w);
}

static void hear_assign(struct worker *w)
{
    struct world *world = w->world;

    w->booted = true;
    if (world->on_assign)
        world->on_assign(w);
    else if (world->load_fails)
        worker_say(w, FRAME_READY, FRAME_F_ERROR, 0, S("{\"errorMessage\":\"no module\"}"));
    else if (!world->no_load)
        worker_say(w, FRAME_READY, 0, 0, S("{}"));
}

static void hear_data(struct worker *w, struct str payload)
{
    buf_adds(&w->event, payload);
    if (w->world->no_credit)
        return;
    frame_put_credit(&w->to_host, w->stream, (uint32_t)payload.n);
    w->credited += payload.n;
    worker_flush(w);
}

static void hear(struct worker *w, const struct frame *f)
{
    switch ((enum frame_type)f->type) {
    case FRAME_ASSIGN:
        buf_adds(&w->assign, f->payload);
        hear_assign(w);
        break;
    case FRAME_OPEN:
        assert_true(w->booted);
        w->stream = f->stream;
        w->opened++;
        w->send_left = FRAME_WINDOW;
        buf_reset(&w->event);
        buf_reset(&w->open);
        buf_adds(&w->open, f->payload);
        if (str_starts(f->payload, S("{\"hook\"")))
            buf_adds(&w->hooks, f->payload);
        break;
    case FRAME_DATA:
        hear_data(w, f->payload);
        break;
    case FRAME_END:
        w->runs++;
        w->stream = f->stream; /* of several, the last that is whole */
        if (w->world->on_request)
            w->world->on_request(w);
        else
            worker_answer(w, 0, buf_str(&w->event), STR_NONE);
        break;
    case FRAME_CREDIT:
        w->send_left += frame_credit(f);
        if (w->answering)
            go_on_answering(w);
        break;
    case FRAME_RESET:
        w->resets++;
        w->last_reset = f->stream;
        break;
    case FRAME_READY:
    case FRAME_LOG:
    case FRAME_HTTP_HEAD:
    case FRAME_TYPES:
        fail_msg("the host sent a frame of type %u", f->type);
    }
}

static void on_worker(void *user, unsigned ready)
{
    struct worker *w = user;
    char bytes[65536];
    ssize_t n;

    if (ready & LOOP_WRITE)
        worker_flush(w);
    if (!(ready & LOOP_READ))
        return;
    n = recv(w->chan, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        loop_io_want(w->io, 0);
        return;
    }
    buf_add(&w->in, bytes, (size_t)n);
    for (;;) {
        struct str in = buf_str(&w->in);
        struct frame f;
        const char *why = "";
        int r = frame_take(&in, FRAME_MAX_META, &f, &why);

        if (r < 0)
            fail_msg("the host broke the protocol: %s", why);
        if (r == 0)
            return;
        hear(w, &f);
        if (w->chan < 0)
            return;
        buf_drop(&w->in, w->in.n - in.n);
    }
}

void worker_start(struct worker *w)
{
    struct launch_started m = {.type = LAUNCH_STARTED, .id = w->want.id};
    int chan[2], out[2], fds[4];
    size_t nfds = 2;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, chan), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    w->chan = chan[0];
    w->out = out[1];
    w->started = true;
    fds[0] = chan[1];
    fds[1] = out[0];
    if (w->world->memory_peak) {
        FILE *f = tmpfile();

        fputs("12345678\n", f);
        fflush(f);
        w->peak = dup(fileno(f));
        fclose(f);
        m.has_memory_peak = true;
        fds[nfds++] = w->peak;
    }
    if (w->world->freezer) {
        FILE *f = tmpfile();

        w->freezer = dup(fileno(f));
        fclose(f);
        m.has_freezer = true;
        fds[nfds++] = w->freezer;
    }
    m.how = w->world->all_spare ? LAUNCH_A_SPARE : w->world->how;
    assert_int_equal(io_send_fds(w->world->sock, &m, sizeof(m), fds, nfds), 0);
    close(chan[1]);
    close(out[0]);
    w->io = loop_io_new(w->world->loop, w->chan, on_worker, w);
    worker_want(w);
    if (!w->world->no_boot)
        worker_say(w, FRAME_READY, 0, 0, S("{\"version\":1}"));
}

void worker_hang_up(struct worker *w)
{
    w->io = loop_io_free(w->io);
    w->chan = fd_close(w->chan);
    w->out = fd_close(w->out);
}

static void worker_gone(struct worker *w, const struct launch_exited *how)
{
    worker_hang_up(w);
    w->alive = false;
    if (w->peak >= 0)
        assert_int_equal(ftruncate(w->peak, 0), 0); /* a cgroup that is gone answers no more */
    w->peak = fd_close(w->peak);
    w->freezer = fd_close(w->freezer);
    if (how && w->world->sock >= 0)
        assert_int_equal(io_send_fds(w->world->sock, how, sizeof(*how), NULL, 0), 0);
}

void worker_exit(struct worker *w, int code, int signal, bool oom)
{
    struct launch_exited how = {.type = LAUNCH_EXITED,
                                .id = w->want.id,
                                .killed = w->killed,
                                .oom = oom,
                                .exit_code = code,
                                .signal = signal};

    worker_gone(w, &how);
}

/* ---- launcher ---- */

const char *worker_frozen(struct worker *w)
{
    static char text[16];
    ssize_t n = w->freezer < 0 ? 0 : pread(w->freezer, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = 0;
    return text;
}

struct worker *world_worker(struct world *w, int number)
{
    list_each (it, &w->workers) {
        struct worker *x = container_of(it, struct worker, node);

        if (x->number == number)
            return x;
    }
    fail_msg("no worker %d", number);
    return NULL;
}

static void hear_start(struct world *world, const struct launch_start *m)
{
    struct launch_refused no = {
            .type = LAUNCH_REFUSED, .id = m->id, .code = -EAGAIN, .why = "no slot is left"};
    struct worker *w;

    if (world->refuse) {
        if (world->refuse_code < 0)
            no.code = world->refuse_code;
        if (world->refuse_times > 0 && --world->refuse_times == 0)
            world->refuse = false;
        assert_int_equal(io_send_fds(world->sock, &no, sizeof(no), NULL, 0), 0);
        return;
    }
    w = xnew(struct worker);
    w->world = world;
    w->want = *m;
    w->number = ++world->nworkers;
    w->alive = true;
    w->chan = w->out = w->peak = w->freezer = -EBADF;
    buf_init(&w->hooks, 1000);
    buf_init(&w->in, 8u << 20);
    buf_init(&w->to_host, 64u << 20);
    buf_init(&w->assign, 2u << 20);
    buf_init(&w->open, 2u << 20);
    buf_init(&w->event, 64u << 20);
    list_push_back(&world->workers, &w->node);
    if (!world->silent_launcher)
        worker_start(w);
}

static void hear_kill(struct world *world, const struct launch_kill *m)
{
    world->kills++;
    list_each (it, &world->workers) {
        struct worker *w = container_of(it, struct worker, node);

        if (w->want.id != m->id || !w->alive)
            continue;
        w->killed = true;
        if (!world->deaf && w->started)
            worker_exit(w, -1, SIGKILL, false);
    }
}

static void on_launcher(void *user, unsigned ready)
{
    struct world *w = user;
    union launch_message m;
    ssize_t n = recv(w->sock, &m, sizeof(m), MSG_DONTWAIT);

    (void)ready;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        loop_io_want(w->io, 0);
    else if (m.type == LAUNCH_START && n == sizeof(m.start))
        hear_start(w, &m.start);
    else if (m.type == LAUNCH_KILL && n == sizeof(m.kill))
        hear_kill(w, &m.kill);
    else if (m.type == LAUNCH_WARM && n == sizeof(m.warm))
        w->spares = m.warm.spares;
    else
        fail_msg("the pool sent a message of type %u with %zd bytes", m.type, n);
}

void world_new_launcher(struct world *w)
{
    struct launch_hello hello = {.type = LAUNCH_HELLO, .freezer = w->freezer};
    int pair[2];

    w->io = loop_io_free(w->io);
    w->sock = fd_close(w->sock);
    list_each (it, &w->workers) {
        struct worker *x = container_of(it, struct worker, node);

        if (x->alive)
            worker_gone(x, NULL);
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    w->sock = pair[0];
    w->io = loop_io_new(w->loop, w->sock, on_launcher, w);
    loop_io_want(w->io, LOOP_READ);
    launch_adopt(w->launch, pair[1]);
    assert_int_equal(io_send_fds(w->sock, &hello, sizeof(hello), NULL, 0), 0);
}

/* ---- world ---- */

struct fn *world_fn(const char *name)
{
    struct fn_key key = {DIALECT_FUNCTIONGRAPH, S("a"), S("r"), S("default"), str_of(name)};
    struct fn *fn = fn_new(&key);

    fn_set(&fn->runtime, S("Python3.9"));
    fn_set(&fn->handler, S("index.handler"));
    fn->timeout_ms = 20000;
    fn->init_timeout_ms = 20000;
    fn->memory_mb = 256;
    fn->max_instances = 100;
    fn->revision = 1;
    memset(fn->code.sha, 'a', sizeof(fn->code.sha) - 1);
    return fn;
}

static void make(void *user, const struct fn *fn, const char *instance_id, struct pool_make *ret,
                 struct buf *assign)
{
    (void)user;
    (void)fn;
    (void)instance_id;
    ret->layout = 1;
    ret->cpu_millis = 400;
    buf_addz(assign, "{\"assign\":1}");
}

static void hook(void *user, const struct fn *fn, const char *instance_id, const char *name,
                 struct buf *open)
{
    (void)user;
    (void)fn;
    (void)instance_id;
    buf_addf(open, "{\"hook\":\"%s\"}", name);
}

static const struct pool_shape shape = {.make = make, .hook = hook};

struct world *world_new(const struct pool_conf *conf)
{
    struct world *w = xnew(struct world);

    alarm(WATCHDOG_S);
    pool_conf_default(&w->conf);
    if (conf)
        w->conf = *conf;
    w->loop = loop_new();
    w->launch = launch_new(w->loop);
    w->pool = pool_new(w->loop, w->launch, &w->conf);
    pool_set_shape(w->pool, &shape, w);
    w->fn = world_fn("hello");
    w->sock = -EBADF;
    list_init(&w->workers);
    world_new_launcher(w);
    return w;
}

void world_free(struct world *w)
{
    pool_free(w->pool);
    launch_free(w->launch);
    w->io = loop_io_free(w->io);
    w->sock = fd_close(w->sock);
    for (struct list *it; (it = list_pop_front(&w->workers)) != NULL;) {
        struct worker *x = container_of(it, struct worker, node);

        if (x->alive)
            worker_gone(x, NULL);
        buf_done(&x->in);
        buf_done(&x->to_host);
        buf_done(&x->assign);
        buf_done(&x->open);
        buf_done(&x->hooks);
        buf_done(&x->event);
        free(x);
    }
    loop_free(w->loop);
    fn_unref(w->fn);
    free(w);
    alarm(0);
}

static void on_tick(void *user)
{
    *(bool *)user = true;
}

/* Twenty turns, the timers of this very moment included: enough for any chain of messages that
 * waits for nothing else. */
void world_turn(struct world *w)
{
    for (int i = 0; i < 20; i++) {
        bool done = false;
        struct loop_timer *t = loop_timer_new(w->loop, on_tick, &done);

        loop_timer_start(t, 0);
        loop_run_until(w->loop, &done);
        loop_timer_free(t);
    }
}

void world_until(struct world *w, const bool *done)
{
    loop_run_until(w->loop, done);
}

void world_until_idle(struct world *w, uint64_t n)
{
    struct pool_stats s;

    for (pool_stats(w->pool, &s); s.idle != n; pool_stats(w->pool, &s))
        world_turn(w);
}

void world_until_workers(struct world *w, int started)
{
    while (w->nworkers < started)
        world_turn(w);
}

void world_until_gone(struct world *w)
{
    for (bool alive = true; alive;) {
        world_turn(w);
        alive = false;
        list_each (it, &w->workers)
            alive |= container_of(it, struct worker, node)->alive;
    }
    world_turn(w);
}

/* ---- probes ---- */

static void probe_open(void *user, const char *instance_id, struct buf *out)
{
    struct probe *p = user;

    (void)instance_id;
    buf_adds(out, p->open);
}

static void probe_on_start(void *user, const char *instance_id, bool cold)
{
    struct probe *p = user;

    p->starts++;
    (void)snprintf(p->instance, sizeof(p->instance), "%s", instance_id);
    buf_addz(&p->heard, cold ? "cold-start " : "start ");
}

static void probe_on_load(void *user, const char *instance_id, const struct job_load *load)
{
    struct probe *p = user;

    (void)instance_id;
    buf_addz(&p->heard, load->end ? "loaded " : "load ");
}

static void probe_on_head(void *user, struct str json)
{
    struct probe *p = user;

    buf_addz(&p->heard, "head ");
    buf_adds(&p->head, json);
}

static void probe_on_data(void *user, struct str bytes)
{
    struct probe *p = user;

    buf_adds(&p->data, bytes);
}

static void probe_on_log(void *user, struct str text)
{
    struct probe *p = user;

    assert_false(p->ended);
    buf_adds(&p->log, text);
    if (p->on_log)
        p->on_log(p);
}

static void probe_on_end(void *user, const struct job_report *report)
{
    struct probe *p = user;

    assert_false(p->ended);
    p->ended = true;
    p->report = *report;
    if (report->err) {
        p->err = *report->err;
        p->report.err = &p->err;
    }
    buf_addz(&p->heard, "end ");
    if (p->on_ended)
        p->on_ended(p);
}

static const struct job_ops probe_ops = {
        .open = probe_open,
        .on_start = probe_on_start,
        .on_load = probe_on_load,
        .on_head = probe_on_head,
        .on_data = probe_on_data,
        .on_log = probe_on_log,
        .on_end = probe_on_end,
};

void probe_init(struct probe *p, struct world *w, const struct fn *fn, struct str payload)
{
    *p = (struct probe){.world = w, .open = S("{\"open\":1}")};
    p->job = (struct job){
            .fn = fn, .ops = &probe_ops, .user = p, .payload = payload, .answer_max = 6u << 20};
    buf_init(&p->heard, 1000);
    buf_init(&p->head, FRAME_MAX_HTTP_HEAD);
    buf_init(&p->data, 64u << 20);
    buf_init(&p->log, 64u << 20);
}

void probe_done(struct probe *p)
{
    buf_done(&p->heard);
    buf_done(&p->head);
    buf_done(&p->data);
    buf_done(&p->log);
}

void probe_submit(struct probe *p)
{
    struct err e = {0};

    t_ok(pool_submit(p->world->pool, &p->job, &e), &e);
    assert_false(p->ended);
}

void probe_run(struct probe *p, struct world *w, struct str payload)
{
    probe_init(p, w, w->fn, payload);
    probe_submit(p);
    world_until(w, &p->ended);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.c - the access log: lines are gathered in memory and written by a worker thread.
 *
 *   gather --GATHER_MS after the first line--> write on a worker thread --> gather what came meanwhile
 *
 * A disk that stalls never stalls a request: at most PENDING bytes wait, what comes then is dropped and
 * counted, and the count stands in the next line that is written.
 *
 * Values come from strangers, so a line is JSON: whatever they send, it stays one line.
 */
#include "gateway/access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/obj.h"
#include "gateway/call.h"
#include "loop/loop.h"

enum {
    ACCESS_MAGIC = 0x41434353,
    PENDING = 1 << 20,
    LINE = 16 << 10,
    SHOWN = 1024,
    GATHER_MS = 100,
};

struct access_log {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    struct loop_timer *due;
    char *path;         /* "-": standard error */
    struct buf pending; /* what the next write takes */
    struct buf writing; /* the worker thread's while busy */
    uint64_t dropped, told;
    bool busy, freed;
    int failed;
    bool complained;
};

static const struct log_cx cx = {.component = "gateway"};

static void begin(struct access_log *a);

static void on_due(void *user)
{
    begin(OBJ(user, struct access_log, ACCESS_MAGIC));
}

struct access_log *access_log_new(struct loop *l, const char *path)
{
    struct access_log *a;

    if (!path || !path[0])
        return NULL;
    a = xnew(struct access_log);
    a->magic = ACCESS_MAGIC;
    a->loop = l;
    a->path = xstrdup(path);
    a->due = loop_timer_new(l, on_due, a);
    buf_init(&a->pending, PENDING);
    buf_init(&a->writing, PENDING);
    return a;
}

/* ---- on a worker thread ---- */

static int open_file(const char *path)
{
    int fd;

    if (strcmp(path, "-") == 0)
        return STDERR_FILENO;
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    return fd < 0 ? -errno : fd;
}

/* Opened for each write: whoever moves the file away need not tell us, and the next goes to a new one. */
static void write_out(void *user)
{
    struct access_log *a = OBJ(user, struct access_log, ACCESS_MAGIC);
    int fd = open_file(a->path);

    a->failed = fd < 0 ? fd : io_write_all(fd, a->writing.p, a->writing.n);
    if (fd >= 0 && fd != STDERR_FILENO)
        (void)close(fd);
}

/* ---- on the loop ---- */

static void destroy(struct access_log *a)
{
    buf_done(&a->pending);
    buf_done(&a->writing);
    free(a->path);
    a->magic = 0;
    free(a);
}

static void on_written(void *user)
{
    struct access_log *a = OBJ(user, struct access_log, ACCESS_MAGIC);

    a->busy = false;
    buf_reset(&a->writing);
    if (a->failed < 0) {
        a->dropped++;
        if (!a->complained)
            log_warn(&cx, "the access log '%s' cannot be written, retrying: %s", a->path,
                     strerror(-a->failed));
    }
    a->complained = a->failed < 0;
    if (a->pending.n > 0 && (a->freed || a->pending.n > PENDING / 2))
        begin(a);
    else if (a->pending.n > 0)
        loop_timer_start(a->due, GATHER_MS);
    else if (a->freed)
        destroy(a);
}

static void begin(struct access_log *a)
{
    struct buf swap = a->writing;

    a->writing = a->pending;
    a->pending = swap;
    a->busy = true;
    loop_work(a->loop, write_out, on_written, a); /* -> on_written */
}

struct access_log *access_log_free(struct access_log *a)
{
    if (!a)
        return NULL;
    a->freed = true;
    a->due = loop_timer_free(a->due);
    if (!a->busy && a->pending.n > 0)
        begin(a);
    else if (!a->busy)
        destroy(a);
    return NULL;
}

uint64_t access_log_dropped(const struct access_log *a)
{
    return a ? a->dropped : 0;
}

/* ---- a line ---- */

static struct str cut(struct str s)
{
    s.n = s.n < SHOWN ? s.n : SHOWN;
    return s;
}

static void add_ms(struct jw *w, const char *key, uint64_t ns)
{
    jw_key(w, key);
    jw_fix(w, (ns + 500) / 1000, 3);
}

static void add_line(const struct access_log *a, const struct gw_call *c, struct buf *line)
{
    char when[CLOCK_TEXT];
    struct jw w;

    jw_init(&w, line);
    jw_obj(&w);
    jw_kstrz(&w, "time", clock_iso_ms(clock_wall_ms(), when));
    jw_kstrz(&w, "request_id", c->request_id);
    jw_kstr(&w, "host", cut(c->log.host));
    jw_kstr(&w, "method", cut(c->log.method));
    jw_kstr(&w, "path", cut(c->log.path));
    jw_kstrz(&w, "group", c->group ? c->group->id : "");
    jw_kstrz(&w, "api", c->api ? c->api->id : "");
    jw_kstr(&w, "stage", cut(c->stage));
    jw_kint(&w, "status", c->status);
    jw_kstrz(&w, "fault", c->fault == GW_FAULTS ? "" : gw_faults[c->fault].name);
    add_ms(&w, "ms", clock_mono_ns() - c->began_ns);
    add_ms(&w, "backend_ms", c->backend_ns);
    add_ms(&w, "authorizer_ms", c->authorizer_ns);
    jw_kbool(&w, "authorizer_cached", c->authorizer_cached);
    jw_kint(&w, "bytes", (int64_t)c->sent);
    jw_kstrz(&w, "source_ip", c->source_ip);
    jw_kstr(&w, "app", cut(c->app_id));
    if (a->dropped > a->told)
        jw_kint(&w, "dropped", (int64_t)(a->dropped - a->told));
    jw_obj_end(&w);
    buf_addc(line, '\n');
}

void access_log_add(struct access_log *a, const struct gw_call *c)
{
    cleanup_with(buf_done) struct buf line;

    buf_init(&line, LINE);
    if (!a)
        return;
    add_line(a, c, &line);
    if (!buf_ok(&line) || a->pending.n + line.n > PENDING) {
        a->dropped++;
        return;
    }
    a->told = a->dropped;
    buf_adds(&a->pending, buf_str(&line));
    if (!a->busy && !loop_timer_running(a->due))
        loop_timer_start(a->due, GATHER_MS);
}

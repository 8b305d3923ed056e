/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures.c - the figures of the platform, gathered from every room when /metrics is made.
 *
 * The rooms know nothing of metrics: they have plain counters, which are copied here into one plain
 * struct (observe/metrics/platform.h). What this process takes is asked of the kernel, once per rendering.
 */
#include "daemon/figures.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "conf/options.h"
#include "daemon/figures_events.h"
#include "gateway/gateway.h"
#include "gateway/model/fault.h"
#include "http/server.h"
#include "observe/audit/audit.h"
#include "observe/logs/logs.h"
#include "observe/metrics/history.h"
#include "observe/metrics/metrics.h"
#include "observe/trace/otlp.h"
#include "pool/launch.h"
#include "pool/pool.h"
#include "pool/state.h"
#include "store/kv.h"

enum { FIGURES_MAGIC = 0x0f160001 };

struct figures {
    uint32_t magic;
    struct metrics *metrics; /* owned */
    struct history *history; /* owned */
    const struct kv *kv;     /* borrowed, as the next; NULL: not to be asked */
    struct catalog *catalog;
    struct pool *pool;
    struct launch *launch;
    const struct logs *logs;
    const struct audit *audit;
    struct otlp *otlp; /* NULL: nobody traces, either */
    const struct http_server *http;
    const struct gateway *gateway;
    struct api_counts counts;
    uint64_t launchers;
    int64_t start_wall_ms;

    struct event_figures *events; /* owned */
};

static_assert((int)API_SETS <= (int)PLATFORM_APIS && (int)API_CLASSES == (int)STATUS_CLASSES,
              "what is counted has a place where it is told");

/* ---- of this process ---- */

static uint64_t resident(void)
{
    struct buf text;
    struct str rest;
    uint64_t pages = 0;

    buf_init(&text, 4096);
    rest = io_read_file(AT_FDCWD, "/proc/self/statm", &text, NULL) == 0 ? buf_str(&text) : STR_NONE;
    (void)str_cut(&rest, ' ');
    if (str_u64(str_cut(&rest, ' '), 0, UINT64_MAX >> 16, &pages) < 0)
        pages = 0;
    buf_done(&text);
    return pages ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : FIGURE_UNKNOWN;
}

static uint64_t open_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (!d)
        return FIGURE_UNKNOWN;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n - 1; /* the directory's own */
}

static uint64_t cpu_us(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

static void put_process(struct platform *p, const struct figures *f)
{
    struct rusage usage;
    struct rlimit fds;

    p->cpu_us = getrusage(RUSAGE_SELF, &usage) == 0
                        ? cpu_us(&usage.ru_utime) + cpu_us(&usage.ru_stime)
                        : FIGURE_UNKNOWN;
    p->max_fds = getrlimit(RLIMIT_NOFILE, &fds) == 0 ? (uint64_t)fds.rlim_cur : FIGURE_UNKNOWN;
    p->resident_bytes = resident();
    p->open_fds = open_fds();
    p->start_wall_ms = (uint64_t)f->start_wall_ms;
}

/* ---- of the rooms ---- */

static void put_http(struct platform *p, const struct figures *f)
{
    struct http_stats stats = {0};

    if (f->http)
        http_server_stats(f->http, &stats);
    p->http_accepted = stats.accepted;
    p->http_refused = stats.refused;
    p->http_cancelled = stats.cancelled;
    p->http_connections = stats.connections;
    p->http_body_bytes = stats.body_bytes;
    for (uint32_t i = 0; i < API_SETS && f->counts.sets[i].set; i++) {
        p->apis[i].name = f->counts.sets[i].set->name;
        for (uint32_t class = 0; class < API_CLASSES; class ++)
            p->apis[i].replies[class] = f->counts.sets[i].replies[class];
    }
}

static_assert((int)GW_FAULTS <= (int)PLATFORM_FAULTS, "each fault has a place where it is told");

static void put_gateway(struct platform *p, const struct figures *f)
{
    struct gateway_stats stats = {0};

    if (f->gateway)
        gateway_stats(f->gateway, &stats);
    memcpy(p->gw_answers, stats.answers, sizeof(p->gw_answers));
    for (uint32_t i = 0; i < GW_FAULTS; i++) {
        p->gw_faults[i].name = gw_faults[i].name;
        p->gw_faults[i].n = stats.faults[i];
    }
    p->gw_open = stats.open;
    p->gw_apis = stats.apis;
    p->gw_authorizer_calls = stats.authorizer_calls;
    p->gw_authorizer_cached = stats.authorizer_cached;
    p->gw_log_dropped = stats.log_dropped;
}

static void put_pool(struct platform *p, const struct figures *f)
{
    struct pool_stats stats = {0};

    if (f->pool)
        pool_stats(f->pool, &stats);
    p->starting = stats.starting;
    p->idle = stats.idle - stats.frozen;
    p->frozen = stats.frozen;
    p->busy = stats.busy;
    p->starts = stats.starts;
    p->spares = stats.spares;
    p->forks = stats.forks;
    p->cold = stats.cold;
    p->runs = stats.runs;
    p->failed_starts = stats.failed_starts;
    p->backing_off = stats.backing_off;
    p->evictions = stats.evictions;
    p->freezes = stats.freezes;
    p->reserved = stats.reserved;
    p->waiting = stats.waiting;
    p->oldest_wait_ns = f->pool ? pool_oldest_wait_ns(f->pool) : 0;
    p->instance_memory_bytes = stats.memory_bytes;
    p->instance_memory_budget_bytes = stats.memory_budget ? stats.memory_budget : FIGURE_UNKNOWN;
    p->dropped_log_bytes = stats.dropped_log_bytes;
}

static_assert((int)LAUNCH_RUNTIMES <= (int)PLATFORM_WORKERS &&
                      (int)LAUNCH_RUNTIME_ID <= (int)WORKER_NAME,
              "what the launcher tells has a place where it is told");

static void put_launcher(struct platform *p, const struct figures *f)
{
    const struct launch_stock *s;

    p->launcher_up = f->launch && launch_hello(f->launch);
    p->launcher_connects = f->launchers;
    p->slots = FIGURE_UNKNOWN;
    for (size_t i = 0; f->launch && (s = launch_stock(f->launch, i)) != NULL; i++) {
        struct platform_worker *w = &p->workers[i];

        p->slots = s->slots;
        memcpy(w->name, s->runtime, sizeof(s->runtime));
        w->spares = s->has_spares ? s->spares : FIGURE_UNKNOWN;
        w->zygotes = s->has_zygote ? s->zygotes : FIGURE_UNKNOWN;
        w->zygote_restarts = s->has_zygote ? s->zygote_ends : FIGURE_UNKNOWN;
    }
}

static void put_store(struct platform *p, const struct figures *f)
{
    struct kv_stats stats = f->kv ? f->kv->stats : (struct kv_stats){0};

    p->kv_reads = stats.reads;
    p->kv_writes = stats.writes;
    p->kv_errors = stats.errors;
    p->kv_ns = stats.ns;
}

static void put_logs(struct platform *p, const struct figures *f)
{
    struct logs_stats stats = {0};

    if (f->logs)
        logs_stats(f->logs, &stats);
    p->log_records = stats.records;
    p->log_lines = stats.lines;
    p->log_bytes = stats.bytes;
    p->log_dropped_lines = stats.dropped_lines;
    p->log_dropped_bytes = stats.dropped_bytes;
    p->log_disk_errors = stats.disk_errors;
    p->log_flushes = stats.flushes;
    p->log_flush_ns = stats.flush_ns;
    p->log_disk_bytes = stats.disk_bytes;
    p->log_buffer_bytes = stats.buffer_bytes;
}

static void put_audit(struct platform *p, const struct figures *f)
{
    struct audit_stats stats = {0};

    if (f->audit)
        audit_stats(f->audit, &stats);
    p->audit_records = stats.records;
    p->audit_failures = stats.failures;
    p->audit_lost = stats.lost;
    p->audit_disk_bytes = stats.bytes;
}

static void put_traces(struct platform *p, const struct figures *f)
{
    struct otlp_stats stats = {FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN};

    if (f->otlp)
        otlp_stats(f->otlp, &stats);
    p->trace_sent = stats.sent;
    p->trace_dropped = stats.dropped;
    p->trace_failures = stats.failed;
}

static void on_platform(void *user, struct platform *p)
{
    const struct figures *f = OBJ(user, struct figures, FIGURES_MAGIC);
    struct history_stats history;

    put_http(p, f);
    put_gateway(p, f);
    put_pool(p, f);
    put_process(p, f);
    put_store(p, f);
    put_logs(p, f);
    put_audit(p, f);
    put_traces(p, f);
    event_figures_put(f->events, p);
    p->functions = f->catalog ? catalog_count(f->catalog) : 0;
    put_launcher(p, f);
    history_stats(f->history, &history);
    p->history_bytes = history.bytes;
    p->history_lost_bytes = history.lost_bytes;
    p->history_errors = history.errors;
}

static bool is_alive(void *user, const struct fn_key *key)
{
    const struct figures *f = OBJ(user, struct figures, FIGURES_MAGIC);

    return !f->catalog || catalog_find(f->catalog, key);
}

static void on_use(void *user, struct str path, struct metrics_use *ret)
{
    const struct figures *f = OBJ(user, struct figures, FIGURES_MAGIC);
    struct pool_use use = {0};

    if (f->pool)
        pool_use(f->pool, path, &use);
    *ret = (struct metrics_use){.instances = use.instances,
                                .busy = use.busy,
                                .waiting = use.waiting,
                                .memory_bytes = use.memory_bytes};
}

static void on_gather(void *user, void (*done)(void *arg), void *arg)
{
    event_figures_gather(OBJ(user, struct figures, FIGURES_MAGIC)->events, done, arg);
}

static void on_events(void *user, void (*each)(void *to, const struct metrics_events *row),
                      void *to)
{
    event_figures_each(OBJ(user, struct figures, FIGURES_MAGIC)->events, each, to);
}

static const struct metrics_source source = {
        .alive = is_alive,
        .use = on_use,
        .platform = on_platform,
        .gather = on_gather,
        .events = on_events,
};

/* ---- life ---- */

int figures_open(struct loop *l, const struct options *o, struct figures **ret, struct err *e)
{
    struct history_conf history;
    struct metrics_conf metrics;
    struct figures *f = xnew(struct figures);
    int r;

    f->magic = FIGURES_MAGIC;
    f->start_wall_ms = clock_wall_ms();
    history_conf_default(&history);
    history.max_bytes = (uint64_t)o->history_mb << 20;
    r = history_open(l, "history", &history, &f->history, e);
    if (r < 0) {
        free(f);
        return r;
    }
    metrics_conf_default(&metrics);
    metrics.functions = (uint32_t)o->metrics_functions;
    f->events = event_figures_new(metrics.functions);
    f->metrics = metrics_new(l, &metrics, &source, f);
    metrics_keep_history(f->metrics, f->history);
    *ret = f;
    return 0;
}

void figures_ask(struct figures *f, const struct kv *kv, struct catalog *catalog, struct pool *pool,
                 struct launch *launch)
{
    f->kv = kv;
    f->catalog = catalog;
    f->pool = pool;
    f->launch = launch;
}

void figures_ask_logs(struct figures *f, const struct logs *logs, const struct audit *audit)
{
    f->logs = logs;
    f->audit = audit;
}

void figures_ask_traces(struct figures *f, struct otlp *otlp)
{
    f->otlp = otlp;
}

void figures_watch(struct figures *f, struct api *api)
{
    api->metrics = f->metrics;
    api->history = f->history;
    api->counts = &f->counts;
    f->gateway = api->gateway;
    event_figures_ask(f->events, api->delivery, api->timers, api->catalog);
}

void figures_serve(struct figures *f, const struct http_server *http)
{
    f->http = http;
}

void figures_hello(struct figures *f)
{
    f->launchers++;
}

struct metrics *figures_metrics(struct figures *f)
{
    return f->metrics;
}

void figures_hush(struct figures *f)
{
    if (!f)
        return;
    figures_ask(f, NULL, NULL, NULL, NULL);
    figures_ask_logs(f, NULL, NULL);
    figures_ask_traces(f, NULL);
    f->http = NULL;
    f->gateway = NULL;
    event_figures_ask(f->events, NULL, NULL, NULL);
}

struct figures *figures_free(struct figures *f)
{
    if (!f)
        return NULL;
    f->metrics = metrics_free(f->metrics);
    f->history = history_free(f->history);
    f->events = event_figures_free(f->events);
    f->magic = 0;
    free(f);
    return NULL;
}

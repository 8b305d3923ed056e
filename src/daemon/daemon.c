/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.c - the only place that knows all rooms. It opens them bottom up, hands each what it may
 * use, and closes them top down. No room is reached through a global: what a room needs, it gets
 * here.
 *
 *   kv, blobs -> catalog -+-> invoker -+-> api sets -> http server
 *   launch -> pool -------+            |
 *   queue of events -------------------+-> delivery, timers
 *
 * Start: everything is loaded before the listener is served and READY is said. End: SIGTERM drains
 * (daemon_end.c), however often it comes: a terminal or service manager sends it to everybody and
 * the keeper hands it on. CONTROL_END ends at once; so does EOF from the keeper, since without one
 * nobody would restart us or hold the listener (daemon_hear.c).
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/backup.h"
#include "api/api.h"
#include "auth/keys.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/versions.h"
#include "conf/options.h"
#include "daemon/commit.h"
#include "daemon/daemon_internal.h"
#include "daemon/disk.h"
#include "daemon/endpoint.h"
#include "daemon/events.h"
#include "daemon/figures.h"
#include "daemon/gate.h"
#include "daemon/interpreters.h"
#include "daemon/memory.h"
#include "daemon/notice.h"
#include "daemon/wanted.h"
#include "delivery/delivery.h"
#include "dialect/fc/fc.h"
#include "dialect/functiongraph/functiongraph.h"
#include "dialect/scf/scf.h"
#include "gateway/gateway.h"
#include "http/server.h"
#include "invoke/invoke.h"
#include "loop/loop.h"
#include "object/objects.h"
#include "observe/audit/audit.h"
#include "observe/health.h"
#include "observe/logs/logs.h"
#include "observe/metrics/metrics.h"
#include "observe/trace/otlp.h"
#include "observe/trace/trace.h"
#include "pool/launch.h"
#include "pool/pool.h"
#include "pool/state.h"
#include "storage/storage.h"
#include "store/blob.h"
#include "store/kv.h"

enum {
    OTLP_FLUSH_MS = 5000,
    GC_GRACE_S = 10 * 60,
    GC_PAUSE_MS = 60 * 60 * 1000,
};

#define SPOOL_DIR   "run/spool"
#define NO_LAUNCHER "it is being restarted: no function can be started"

static const struct log_cx cx = {.component = "daemon"};

/* ---- tidying: at the start, then an hour after the last time ---- */

static void on_collected(void *user, int r, const struct catalog_gc *removed)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);

    if (r < 0)
        log_warn(&cx, "code nobody names was not all removed, retrying in an hour: %s",
                 strerror(-r));
    if (removed->blobs + removed->directories > 0)
        log_info(&cx, "removed code that no function names: %u packages, %u directories",
                 removed->blobs, removed->directories);
    loop_timer_start(d->gc_timer, GC_PAUSE_MS);
}

static void on_object_names(void *user, int r, char (*shas)[SHA256_HEX], size_t n)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);

    if (r < 0) { /* without them nothing may go */
        free(shas);
        on_collected(d, r, &(struct catalog_gc){0});
        return;
    }
    catalog_gc_spare(d->catalog, shas, n);
    catalog_gc(d->catalog, GC_GRACE_S, on_collected, d);
}

static void collect(void *user)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);

    objects_names(d->objects, on_object_names, d); /* -> on_collected */
}

/* ---- wiring ---- */

static void on_function_change(void *user, const struct fn *before, const struct fn *after)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);

    if (before) {
        pool_retire(d->pool, before);
        pool_know(d->pool, before, -1);
    }
    if (after) {
        pool_know(d->pool, after, 1);
        invoker_keep(d->invoker, after);
    } else if (before && before->published_ms == 0) { /* a function, and not one of its versions */
        pool_forget(d->pool, before);
    }
    events_function_changed(d->events, before, after);
}

static bool on_function(void *user, const struct fn *f)
{
    on_function_change(user, NULL, f);
    return true;
}

static void on_hello(void *user, const struct launch_hello *h)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);

    health_set(d->health, "launcher", h ? NULL : NO_LAUNCHER);
    if (!h)
        return;
    notice_enforced(NULL, h);
    pool_hello(d->pool);
    figures_hello(d->figures);
}

static void wipe_environment(const char *name)
{
    char *value = getenv(name);

    if (value)
        explicit_bzero(value, strlen(value));
}

static int open_logs(struct daemon *d, struct err *e)
{
    struct logs_conf conf;
    int r;

    wanted_logs(d->o, &conf);
    conf.health = d->health;
    r = logs_open(d->loop, "logs", &conf, &d->logs, e);
    return r < 0 ? err_wrap(e, r, "logs") : 0;
}

static int open_traces(struct daemon *d, struct err *e)
{
    const char *service = getenv("OTEL_SERVICE_NAME");
    struct otlp_conf conf = {.endpoint = d->o->otlp_endpoint,
                             .headers = getenv("OTEL_EXPORTER_OTLP_HEADERS"),
                             .service = service && service[0] ? service : "evoke",
                             .flush_ms = OTLP_FLUSH_MS};
    int r;

    if (!conf.endpoint)
        return 0;
    tracer_init(&d->tracer, wanted_ratio(d->o));
    r = otlp_new(&conf, &d->otlp, e);
    wipe_environment("OTEL_EXPORTER_OTLP_HEADERS");
    return r < 0 ? err_wrap(e, r, "--otlp-endpoint") : 0;
}

static int open_audit(struct daemon *d, struct err *e)
{
    struct audit_conf conf;

    wanted_audit(d->o, &conf);
    return audit_open(d->loop, "audit", &conf, d->health, &d->audit, e);
}

static int open_data(struct daemon *d, struct err *e)
{
    cleanup_close int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool created = false;
    int r;

    if (dir < 0)
        return err_sys(e, "open data directory");
    r = keys_open(dir, getenv("EVOKE_ACCESS_KEY"), getenv("EVOKE_SECRET_KEY"), &d->keys, &created,
                  e);
    if (r < 0)
        return err_wrap(e, r, "keys");
    /* Where /proc/<pid>/environ would show it for as long as we live. */
    wipe_environment("EVOKE_SECRET_KEY");
    if (created)
        notice_keys(keys_root(d->keys), d->o->data);

    r = open_audit(d, e);
    if (r < 0)
        return err_wrap(e, r, "audit trail");
    r = kv_sqlite_open(d->loop, "meta.db", &d->kv, e);
    if (r < 0)
        return err_wrap(e, r, "meta.db");
    r = blobs_open("blobs", &d->blobs, e);
    if (r < 0)
        return err_wrap(e, r, "blobs");
    r = catalog_open(d->loop, d->kv, d->blobs, "cache/code", &d->catalog, e);
    if (r < 0)
        return err_wrap(e, r, "catalog");
    catalog_limit(d->catalog, (size_t)d->o->functions);
    catalog_on_change(d->catalog, on_function_change, d);
    r = figures_open(d->loop, d->o, &d->figures, e);
    if (r < 0)
        return err_wrap(e, r, "history");
    return open_logs(d, e);
}

/* The disk takes less than functions print: those that print much wait. */
static void on_log_pressure(void *user, bool full)
{
    struct daemon *d = OBJ(user, struct daemon, DAEMON_MAGIC);

    pool_hush(d->pool, full);
}

static void open_engine(struct daemon *d)
{
    struct role_root roles = keys_role_root(d->keys);
    struct pool_conf conf;

    d->memory_share_mb = memory_share_mb();
    wanted_pool(d->o, d->memory_share_mb, &conf);
    d->launch = launch_new(d->loop);
    launch_on_hello(d->launch, on_hello, d);
    d->pool = pool_new(d->loop, d->launch, &conf);
    d->invoker = invoker_new(d->loop, d->catalog, d->pool);
    invoker_watch(d->invoker, &logs_watch, d->logs);
    logs_on_pressure(d->logs, on_log_pressure, d);
    if (d->otlp)
        invoker_watch(d->invoker, &otlp_watch, d->otlp);
    invoker_watch(d->invoker, &metrics_watch, figures_metrics(d->figures));
    figures_ask(d->figures, d->kv, d->catalog, d->pool, d->launch);
    figures_ask_logs(d->figures, d->logs, d->audit);
    figures_ask_traces(d->figures, d->otlp);
    invoker_set_roles(d->invoker, &roles);
    explicit_bzero(&roles, sizeof(roles));
    catalog_each(d->catalog, &(struct catalog_filter){.dialect = -1}, on_function, d);
    catalog_each_version_of_all(d->catalog, on_function, d);
}

static int open_events(struct daemon *d, struct err *e)
{
    return events_open(&(struct delivery_env){.loop = d->loop,
                                              .catalog = d->catalog,
                                              .invoker = d->invoker,
                                              .tracer = d->otlp ? &d->tracer : NULL,
                                              .health = d->health},
                       d->o, &d->events, e);
}

struct api_server *daemon_api_server(const struct daemon *d)
{
    static const struct api_set *const sets[] = {
            &functiongraph_api, &apig_api,  &iam_api,     &fc_api,      &fc3_api,  &scf_api,
            &scf_vendor_api,    &admin_api, &metrics_api, &storage_api, &links_api};

    return api_server_new(&d->api, sets, ARRAY_LEN(sets));
}

/* Where large request bodies are while they are read: empty, whatever an earlier daemon left. */
static int open_spool(struct daemon *d, struct err *e)
{
    int r = io_remove_tree(AT_FDCWD, SPOOL_DIR);

    if (r < 0 && r != -ENOENT)
        return err_set(e, ERR_HOST, r, "empty '%s' of the data directory: %s", SPOOL_DIR,
                       strerror(-r));
    if (mkdir(SPOOL_DIR, 0700) < 0)
        return err_sys(e, "make '%s' in the data directory", SPOOL_DIR);
    d->spool_dir = open(SPOOL_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return d->spool_dir < 0 ? err_sys(e, "open '%s' of the data directory", SPOOL_DIR) : 0;
}

static int open_objects(struct daemon *d, struct err *e)
{
    struct objects_conf conf = {.spool_dir = d->spool_dir, .stores = d->o->object_stores};
    int r;

    wanted_objects(d->o, &conf.most, &conf.most_bytes);
    r = objects_open(d->loop, d->kv, d->blobs, &conf, &d->objects, e);
    return r < 0 ? err_wrap(e, r, "objects") : 0;
}

static int open_front(struct daemon *d, struct err *e)
{
    struct http_limits limits;
    int r = open_spool(d, e);

    if (r == 0)
        r = open_objects(d, e);
    if (r < 0)
        return r;
    interpreters_chosen(d->o, d->interpreters);
    d->backups = backups_new(d->loop, d->catalog);
    d->api = (struct api){.loop = d->loop,
                          .catalog = d->catalog,
                          .invoker = d->invoker,
                          .objects = d->objects,
                          .pool = d->pool,
                          .launch = d->launch,
                          .keys = d->keys,
                          .backups = d->backups,
                          .tracer = d->otlp ? &d->tracer : NULL,
                          .audit = d->audit,
                          .health = d->health,
                          .logs = d->logs,
                          .commit = build_commit,
                          .hosts = d->o->hosts,
                          .region = d->o->region,
                          .interpreters = d->interpreters};
    events_serve(d->events, &d->api);
    gate_open(d);
    figures_watch(d->figures, &d->api);
    d->api_server = daemon_api_server(d);
    http_limits_default(&limits);
    limits.spool_dir = d->spool_dir;
    d->endpoints = endpoints_new(d->loop, &d->api, &limits);
    pool_serve_endpoints(d->pool, &endpoints_ops, d->endpoints);
    d->http = http_server_new(d->loop, &limits, &api_http_ops, d->api_server);
    figures_serve(d->figures, d->http);
    r = http_server_listen(d->http, DAEMON_LISTEN_FD, e);
    if (r < 0 || !d->o->public)
        return r;
    d->public = http_server_new(d->loop, &limits, &gateway_public_ops, d->api.gateway);
    return http_server_listen(d->public, DAEMON_PUBLIC_FD, e);
}

/* Of tests: events and timers live by a clock that they move (base/clock.h). */
static int follow_clock(struct err *e)
{
    const char *path = getenv("EVOKE_CLOCK");
    int r;

    if (!path || !path[0])
        return 0;
    r = clock_follow(path, e);
    if (r < 0)
        return err_wrap(e, r, "EVOKE_CLOCK");
    log_info(&cx, "events and timers live by a test clock: %s", path);
    return 0;
}

static int open_all(struct daemon *d, struct err *e)
{
    int r;

    d->loop = loop_new();
    d->health = health_new();
    health_on_change(d->health, daemon_on_health, d);
    health_set(d->health, "launcher", NO_LAUNCHER);
    d->disk = disk_watch(d->loop, d->health);
    d->drain_timer = loop_timer_new(d->loop, daemon_on_drain_late, d);
    d->gc_timer = loop_timer_new(d->loop, collect, d);
    d->term = loop_signal_new(d->loop, SIGTERM, daemon_on_term, d);
    r = follow_clock(e);
    if (r < 0)
        return r;
    r = open_data(d, e);
    if (r < 0)
        return r;
    r = open_traces(d, e);
    if (r < 0)
        return r;
    open_engine(d);
    r = open_events(d, e);
    if (r < 0)
        return r;
    if (fcntl(DAEMON_CONTROL_FD, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, "set up the control socket");
    d->control = loop_io_new(d->loop, DAEMON_CONTROL_FD, daemon_on_control, d);
    loop_io_want(d->control, LOOP_READ);
    r = open_front(d, e);
    if (r >= 0)
        collect(d);
    return r;
}

static void close_all(struct daemon *d)
{
    figures_hush(d->figures);
    http_server_free(d->http);
    http_server_free(d->public);
    http_server_free(d->ending);
    api_server_free(d->ending_api);
    endpoints_shut(d->endpoints);
    gate_close(d);
    api_server_free(d->api_server);
    events_free(d->events);
    invoker_free(d->invoker);
    pool_free(d->pool);
    endpoints_free(d->endpoints);
    launch_free(d->launch);
    logs_free(d->logs);
    figures_free(d->figures);
    backups_free(d->backups);
    objects_free(d->objects);
    catalog_free(d->catalog);
    kv_close(d->kv);
    blobs_free(d->blobs);
    otlp_free(d->otlp);
    audit_close(d->audit); /* what was done above is in it */
    keys_free(d->keys);
    disk_free(d->disk);
    loop_io_free(d->control);
    loop_signal_free(d->term);
    loop_timer_free(d->drain_timer);
    loop_timer_free(d->gc_timer);
    health_free(d->health);
    loop_free(d->loop);
    fd_close(d->spool_dir);
}

int daemon_main(struct options *o, int argc, char **argv)
{
    struct daemon d = {.magic = DAEMON_MAGIC, .o = o, .spool_dir = -EBADF};
    struct err e = {0};
    int r;

    (void)argc;
    (void)argv;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN); /* a terminal's: the keeper got it too, and lets us drain */
    (void)signal(SIGHUP, SIG_IGN);
    /* Secrets of functions are in our memory: no core file of it, no debugger of the same uid. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    io_raise_open_files(); /* a thousand, the usual, are a thousand clients */
    (void)fcntl(DAEMON_CONTROL_FD, F_SETFD, FD_CLOEXEC);
    (void)fcntl(DAEMON_LISTEN_FD, F_SETFD, FD_CLOEXEC);
    if (o->public)
        (void)fcntl(DAEMON_PUBLIC_FD, F_SETFD, FD_CLOEXEC);
    r = open_all(&d, &e);
    if (r == 0) {
        daemon_say(CONTROL_READY);
        r = loop_run(d.loop);
    } else {
        log_err(&cx, "%s", e.msg);
    }
    close_all(&d);
    if (r == 0)
        return 0;
    return e.kind == ERR_CALLER ? 2 : 70;
}

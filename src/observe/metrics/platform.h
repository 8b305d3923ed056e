/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform.h - the figures of the platform itself, as one plain struct: filled by who knows all rooms
 * (src/daemon/figures.c), told by the table of metrics (table.c).
 */
#ifndef EVOKE_OBSERVE_METRICS_PLATFORM_H
#define EVOKE_OBSERVE_METRICS_PLATFORM_H

#include <stdint.h>

#define FIGURE_UNKNOWN UINT64_MAX /* not known on this host: its series is left out */

enum {
    PLATFORM_APIS = 12,
    PLATFORM_FAULTS = 32,
    STATUS_CLASSES = 6,
    PLATFORM_WORKERS = 64,
    WORKER_NAME = 24
};

struct platform {
    struct {
        const char *name;                 /* NULL: no more */
        uint64_t replies[STATUS_CLASSES]; /* [2]: 200 to 299; [0]: others */
    } apis[PLATFORM_APIS];
    uint64_t http_accepted, http_refused, http_cancelled, http_connections, http_body_bytes;

    /* The gateway. */
    uint64_t gw_answers[STATUS_CLASSES];
    struct {
        const char *name; /* NULL: no more */
        uint64_t n;
    } gw_faults[PLATFORM_FAULTS];
    uint64_t gw_open, gw_apis, gw_authorizer_calls, gw_authorizer_cached, gw_log_dropped;

    uint64_t functions; /* that are known */
    uint64_t starting, idle, frozen, busy;
    uint64_t starts, spares, forks, cold, failed_starts, backing_off, evictions, freezes, reserved,
            runs;
    uint64_t waiting, oldest_wait_ns;
    uint64_t instance_memory_bytes, instance_memory_budget_bytes; /* UNKNOWN: no bound */
    uint64_t dropped_log_bytes;

    uint64_t launcher_up, launcher_connects;
    uint64_t slots; /* UNKNOWN: the launcher has not told */
    struct platform_worker {
        char name[WORKER_NAME];                    /* "": no more */
        uint64_t spares, zygotes, zygote_restarts; /* UNKNOWN: it has no such thing */
    } workers[PLATFORM_WORKERS];

    uint64_t log_records, log_lines, log_bytes, log_dropped_lines, log_dropped_bytes;
    uint64_t log_disk_errors, log_disk_bytes, log_buffer_bytes, log_flushes, log_flush_ns;
    uint64_t audit_records, audit_failures, audit_lost, audit_disk_bytes;
    uint64_t trace_sent, trace_dropped, trace_failures; /* UNKNOWN: nobody traces */

    /* Asynchronous events; all UNKNOWN where nobody delivers. */
    uint64_t ev_accepted, ev_refused, ev_tries, ev_retries, ev_running, ev_overdue_ms,
            ev_unbalanced;
    uint64_t queue_commits, queue_events, queue_errors, queue_damaged, queue_bytes;
    uint64_t timers, timers_fired, timers_missed, timers_left_out, timers_late_max_ns;

    uint64_t kv_reads, kv_writes, kv_errors, kv_ns;

    uint64_t history_bytes, history_lost_bytes, history_errors;

    uint64_t cpu_us, resident_bytes, open_fds, max_fds;
    uint64_t start_wall_ms;
    uint64_t loop_lag_ns, loop_lag_max_ns;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - every metric there is, one row each: the text that is scraped, docs/metrics.md and what
 * the tests of rules and dashboard compare with come from it (text.c).
 *
 * Rows of one name stand together: they are the samples of one family, told apart by a label.
 *
 * Source: https://opentelemetry.io/docs/specs/semconv/faas/faas-metrics/.
 */
#include "observe/metrics/table.h"

#include "base/obj.h"

#define P(field) PLATFORM, offsetof(struct platform, field)
#define W(field) WORKERS, offsetof(struct platform_worker, field)
#define R(field) SERIES, offsetof(struct series, field)
#define U(field) FUNCTION, offsetof(struct metrics_use, field)
#define E(field) EVENTS, offsetof(struct metrics_events, field)
#define N(field) SNAPSHOT, offsetof(struct snapshot, field)

#define COUNTER   METRIC_COUNTER
#define GAUGE     METRIC_GAUGE
#define HISTOGRAM METRIC_HISTOGRAM

const struct metric metrics_table[] = {
        /* ---- functions: the nine of OpenTelemetry ---- */
        {"faas_invoke_duration_seconds", HISTOGRAM, NS, SERIES, 0, HIST_INVOKE,
         .help = "Time of the function's own code, from the entry of its handler to its end. "
                 "OpenTelemetry: faas.invoke_duration."},
        {"faas_init_duration_seconds", HISTOGRAM, NS, SERIES, 0, HIST_INIT,
         .help = "Time to load the code and run the initializer, for invocations that waited for "
                 "it. OpenTelemetry: faas.init_duration."},
        {"faas_coldstarts_total", COUNTER, ONE, R(cold),
         .help = "Invocations that were the first of their instance. OpenTelemetry: "
                 "faas.coldstarts."},
        {"faas_invocations_total", COUNTER, ONE, R(ok),
         .help = "Successful invocations. Together with errors and timeouts: all that ran. "
                 "OpenTelemetry: faas.invocations."},
        {"faas_errors_total", COUNTER, ONE, R(errors),
         .help = "Invocations that failed other than by time: the function's error, its process "
                 "ended, no memory, no start. OpenTelemetry: faas.errors."},
        {"faas_timeouts_total", COUNTER, ONE, R(timeouts),
         .help = "Invocations that ran out of time, also while initialising. OpenTelemetry: "
                 "faas.timeouts."},
        {"faas_mem_usage_bytes", HISTOGRAM, BYTES, SERIES, 0, HIST_MEMORY,
         .help = "Greatest memory use of the instance up to the end of the invocation; left out "
                 "where it cannot be measured. OpenTelemetry: faas.mem_usage."},
        {"faas_cpu_usage_seconds", HISTOGRAM, NS, SERIES, 0, HIST_CPU,
         .help = "CPU time of the worker's process for the invocation; left out where it is not "
                 "told. OpenTelemetry: faas.cpu_usage."},
        {"faas_net_io_bytes", HISTOGRAM, BYTES, SERIES, 0, HIST_NET,
         .help = "Bytes that came in and went out with the invocation: its event and its answer. "
                 "What the function itself sends and receives is not counted. OpenTelemetry: "
                 "faas.net_io."},

        /* ---- functions: ours ---- */
        {"evoke_function_throttled_total", COUNTER, ONE, R(throttled),
         .help = "Invocations refused by a limit: too many waiting, no instance in time. They "
                 "never ran."},
        {"evoke_function_billed_seconds_total", COUNTER, MS, R(billed_ms),
         .help = "Duration as the function's cloud would bill it, rounded up its way."},
        {"evoke_function_instances", GAUGE, ONE, U(instances),
         .help = "Instances of the function that are there or starting."},
        {"evoke_function_instances_busy", GAUGE, ONE, U(busy),
         .help = "Of these, those that run something."},
        {"evoke_function_waiting", GAUGE, ONE, U(waiting),
         .help = "Invocations of the function that wait for an instance."},
        {"evoke_function_memory_bytes", GAUGE, BYTES, U(memory_bytes),
         .help = "Greatest memory use of the function's instances, summed."},

        /* ---- requests ---- */
        {"evoke_http_requests_total", COUNTER, ONE, REPLIES,
         .help = "Answers given, by API and class of status."},
        {"evoke_http_refused_total", COUNTER, ONE, P(http_refused),
         .help = "Requests refused by the server itself: bad grammar, a limit, no room for the "
                 "body."},
        {"evoke_http_cancelled_total", COUNTER, ONE, P(http_cancelled),
         .help = "Requests whose client went away before the answer."},
        {"evoke_http_connections_total", COUNTER, ONE, P(http_accepted),
         .help = "Connections accepted."},
        {"evoke_http_connections", GAUGE, ONE, P(http_connections),
         .help = "Connections that are open."},
        {"evoke_http_body_bytes", GAUGE, BYTES, P(http_body_bytes),
         .help = "Request bodies held in memory."},

        /* ---- the gateway ---- */
        {"evoke_gateway_requests_total", COUNTER, ONE, P(gw_answers[2]), .label = "status",
         .value = "2xx", .help = "Requests that the gateway has answered, by class of status."},
        {"evoke_gateway_requests_total", COUNTER, ONE, P(gw_answers[3]), .label = "status",
         .value = "3xx"},
        {"evoke_gateway_requests_total", COUNTER, ONE, P(gw_answers[4]), .label = "status",
         .value = "4xx"},
        {"evoke_gateway_requests_total", COUNTER, ONE, P(gw_answers[5]), .label = "status",
         .value = "5xx"},
        {"evoke_gateway_faults_total", COUNTER, ONE, FAULTS,
         .help = "Requests that the gateway itself has refused or could not have answered, by what "
                 "was wrong (docs/gateway.md)."},
        {"evoke_gateway_open", GAUGE, ONE, P(gw_open),
         .help = "Requests of the gateway that are under way."},
        {"evoke_gateway_apis", GAUGE, ONE, P(gw_apis), .help = "APIs that can be called."},
        {"evoke_gateway_authorizer_calls_total", COUNTER, ONE, P(gw_authorizer_calls),
         .help = "Custom authorizers that were run."},
        {"evoke_gateway_authorizer_cached_total", COUNTER, ONE, P(gw_authorizer_cached),
         .help = "Requests that an answer kept of a custom authorizer let through or refused."},
        {"evoke_gateway_log_dropped_total", COUNTER, ONE, P(gw_log_dropped),
         .help = "Lines of the access log that were lost: the disk was slower than they came."},

        /* ---- instances ---- */
        {"evoke_functions", GAUGE, ONE, P(functions), .help = "Functions that are deployed."},
        {"evoke_instances", GAUGE, ONE, P(starting), .label = "state", .value = "starting",
         .help = "Instances by what they do."},
        {"evoke_instances", GAUGE, ONE, P(idle), .label = "state", .value = "idle"},
        {"evoke_instances", GAUGE, ONE, P(frozen), .label = "state", .value = "frozen"},
        {"evoke_instances", GAUGE, ONE, P(busy), .label = "state", .value = "busy"},
        {"evoke_instances_reserved", GAUGE, ONE, P(reserved),
         .help = "Instances that functions have reserved."},
        {"evoke_instance_starts_total", COUNTER, ONE, P(starts),
         .help = "Instances that were asked for."},
        {"evoke_instance_spare_starts_total", COUNTER, ONE, P(spares),
         .help = "Of these, those for which a prepared process was ready."},
        {"evoke_instance_zygote_starts_total", COUNTER, ONE, P(forks),
         .help = "And those whose process was forked from a zygote on demand."},
        {"evoke_instance_failed_starts_total", COUNTER, ONE, P(failed_starts),
         .help = "Starts that failed by the function's own doing: its code, its initializer, its "
                 "memory."},
        {"evoke_instance_cold_runs_total", COUNTER, ONE, P(cold),
         .help = "Runs that were the first of their instance."},
        {"evoke_instance_runs_total", COUNTER, ONE, P(runs), .help = "Runs given to instances."},
        {"evoke_instance_evictions_total", COUNTER, ONE, P(evictions),
         .help = "Idle instances that were ended to make room for others."},
        {"evoke_instance_freezes_total", COUNTER, ONE, P(freezes),
         .help = "Idle instances that were frozen."},
        {"evoke_functions_backing_off", GAUGE, ONE, P(backing_off),
         .help = "Functions whose last starts failed and that are not tried at the moment."},
        {"evoke_instance_memory_bytes", GAUGE, BYTES, P(instance_memory_bytes),
         .help = "Memory that instances count for: their limit while they run, what they take "
                 "while idle."},
        {"evoke_instance_memory_budget_bytes", GAUGE, BYTES, P(instance_memory_budget_bytes),
         .help = "What they may count for in all (--memory-mb); left out without a bound."},
        {"evoke_queue_waiting", GAUGE, ONE, P(waiting),
         .help = "Invocations that wait for an instance."},
        {"evoke_queue_oldest_wait_seconds", GAUGE, NS, P(oldest_wait_ns),
         .help = "How long the one that waits longest has waited."},
        {"evoke_instance_log_dropped_bytes_total", COUNTER, BYTES, P(dropped_log_bytes),
         .help = "Bytes that instances printed while nobody was there to keep them."},

        /* ---- launcher ---- */
        {"evoke_launcher_up", GAUGE, ONE, P(launcher_up),
         .help = "1 while there is a launcher to start instances."},
        {"evoke_launcher_connects_total", COUNTER, ONE, P(launcher_connects),
         .help = "Launchers that have come, the first one included: more than 1 is a restart."},
        {"evoke_slots", GAUGE, ONE, P(slots),
         .help = "Empty sandboxes that are ready for the next start, of whatever runtime."},
        {"evoke_spares", GAUGE, ONE, W(spares),
         .help = "Prepared processes that are ready, by worker; of workers that can have some."},
        {"evoke_zygotes", GAUGE, ONE, W(zygotes),
         .help = "1 while there is a warm process to fork the worker from."},
        {"evoke_zygote_restarts_total", COUNTER, ONE, W(zygote_restarts),
         .help = "Times that process has ended, as far as the launcher remembers."},

        /* ---- asynchronous events ---- */
        {"evoke_events_accepted_total", COUNTER, ONE, E(accepted),
         .help = "Asynchronous events that were acknowledged and are on disk, ever. The states of "
                 "evoke_events add up to it."},
        {"evoke_events", GAUGE, ONE, E(waiting), .label = "state", .value = "waiting",
         .help = "Where each accepted event is: it waits, it runs, or how it ended. Ended events "
                 "count for as long as the ledger does, which is for ever."},
        {"evoke_events", GAUGE, ONE, E(running), .label = "state", .value = "running"},
        {"evoke_events", GAUGE, ONE, E(done), .label = "state", .value = "done"},
        {"evoke_events", GAUGE, ONE, E(dead), .label = "state", .value = "dead"},
        {"evoke_events", GAUGE, ONE, E(expired), .label = "state", .value = "expired"},
        {"evoke_events", GAUGE, ONE, E(cancelled), .label = "state", .value = "cancelled"},
        {"evoke_events", GAUGE, ONE, E(purged), .label = "state", .value = "purged"},
        {"evoke_events_passed_total", COUNTER, ONE, E(passed),
         .help = "Events that were delivered and acknowledged upstream without having been on "
                 "disk here."},
        {"evoke_events_unbalanced", GAUGE, ONE, P(ev_unbalanced),
         .help = "Rows of the ledger that do not add up: 0, or events are lost or counted twice."},
        {"evoke_events_oldest_due_seconds", GAUGE, MS, P(ev_overdue_ms),
         .help = "How long the event that is due the longest has been waiting for its try."},
        {"evoke_deliveries_running", GAUGE, ONE, P(ev_running),
         .help = "Events that are tried now, destinations included."},
        {"evoke_deliveries_total", COUNTER, ONE, P(ev_tries),
         .help = "Tries, since this daemon started."},
        {"evoke_delivery_retries_total", COUNTER, ONE, P(ev_retries),
         .help = "Tries that failed and are repeated later."},
        {"evoke_delivery_puts_total", COUNTER, ONE, P(ev_accepted), .label = "result",
         .value = "accepted",
         .help = "Events handed over since this daemon started, by whether they were taken; "
                 "refused: as many waited as may, or the store said no."},
        {"evoke_delivery_puts_total", COUNTER, ONE, P(ev_refused), .label = "result",
         .value = "refused"},
        {"evoke_event_store_commits_total", COUNTER, ONE, P(queue_commits),
         .help = "Transactions of the event store, each with its fsync; many calls share one."},
        {"evoke_event_store_events_total", COUNTER, ONE, P(queue_events),
         .help = "Events put into the event store: with the commits, how many share one fsync."},
        {"evoke_event_store_errors_total", COUNTER, ONE, P(queue_errors),
         .help = "Transactions of the event store that failed."},
        {"evoke_event_store_damaged_total", COUNTER, ONE, P(queue_damaged),
         .help = "Pages and records of the event store that were found damaged."},
        {"evoke_event_store_bytes", GAUGE, BYTES, P(queue_bytes),
         .help = "What the event store takes on disk."},
        {"evoke_timers", GAUGE, ONE, P(timers), .help = "Timer triggers, enabled or not."},
        {"evoke_timers_fired_total", COUNTER, ONE, P(timers_fired),
         .help = "Due times whose event is on disk."},
        {"evoke_timers_missed_total", COUNTER, ONE, P(timers_missed),
         .help = "Due times that came while nobody looked; what became of them is the trigger's "
                 "policy."},
        {"evoke_timers_left_out_total", COUNTER, ONE, P(timers_left_out),
         .help = "Due times whose event was refused for good: the function has no code, the event "
                 "is too large."},
        {"evoke_timers_late_max_seconds", GAUGE, NS, P(timers_late_max_ns),
         .help = "The longest time from a due time to its event, since this daemon started."},

        /* ---- stores ---- */
        {"evoke_log_records_total", COUNTER, ONE, P(log_records),
         .help = "Records of the function log store that were written."},
        {"evoke_log_lines_total", COUNTER, ONE, P(log_lines),
         .help = "Lines of functions in them."},
        {"evoke_log_bytes_total", COUNTER, BYTES, P(log_bytes),
         .help = "Bytes of functions in them."},
        {"evoke_log_dropped_lines_total", COUNTER, ONE, P(log_dropped_lines),
         .help = "Lines of functions that could not be kept."},
        {"evoke_log_dropped_bytes_total", COUNTER, BYTES, P(log_dropped_bytes),
         .help = "Bytes of functions that could not be kept."},
        {"evoke_log_disk_errors_total", COUNTER, ONE, P(log_disk_errors),
         .help = "Writes of the function log store that the disk refused."},
        {"evoke_log_flushes_total", COUNTER, ONE, P(log_flushes),
         .help = "Batches of the function log store that were handed to the disk."},
        {"evoke_log_flush_seconds_total", COUNTER, NS, P(log_flush_ns),
         .help = "Time until they were written, summed; synced is once a second, apart from it."},
        {"evoke_log_disk_bytes", GAUGE, BYTES, P(log_disk_bytes),
         .help = "What the function log store takes on disk."},
        {"evoke_log_buffer_bytes", GAUGE, BYTES, P(log_buffer_bytes),
         .help = "Logs of functions that wait to be written."},
        {"evoke_audit_records_total", COUNTER, ONE, P(audit_records),
         .help = "Records of the audit trail that were written."},
        {"evoke_audit_failures_total", COUNTER, ONE, P(audit_failures),
         .help = "Writes of the audit trail that the disk refused."},
        {"evoke_audit_lost_total", COUNTER, ONE, P(audit_lost),
         .help = "Records of the audit trail that could not be written at all."},
        {"evoke_audit_disk_bytes", GAUGE, BYTES, P(audit_disk_bytes),
         .help = "What the audit trail takes on disk."},
        {"evoke_traces_sent_total", COUNTER, ONE, P(trace_sent),
         .help = "Runs whose spans the collector has taken; left out without --otlp-endpoint, as "
                 "the next two."},
        {"evoke_traces_dropped_total", COUNTER, ONE, P(trace_dropped),
         .help = "Runs whose spans were never sent: too many waited, or the collector refused "
                 "them."},
        {"evoke_traces_failures_total", COUNTER, ONE, P(trace_failures),
         .help = "Requests to the collector that failed; most are tried again."},
        {"evoke_store_reads_total", COUNTER, ONE, P(kv_reads),
         .help = "Reads of the metadata store."},
        {"evoke_store_writes_total", COUNTER, ONE, P(kv_writes),
         .help = "Transactions of the metadata store."},
        {"evoke_store_errors_total", COUNTER, ONE, P(kv_errors),
         .help = "Calls of the metadata store that failed: not those whose condition did not "
                 "hold."},
        {"evoke_store_seconds_total", COUNTER, NS, P(kv_ns),
         .help = "Time from the call to its completion, summed over reads and writes."},
        {"evoke_history_bytes", GAUGE, BYTES, P(history_bytes),
         .help = "What the history of minutes takes on disk."},
        {"evoke_history_lost_bytes_total", COUNTER, BYTES, P(history_lost_bytes),
         .help = "Bytes of the history that were damaged and left out."},
        {"evoke_history_errors_total", COUNTER, ONE, P(history_errors),
         .help = "Minutes that could not be written."},

        /* ---- this process ---- */
        {"process_cpu_seconds_total", COUNTER, US, P(cpu_us),
         .help = "CPU time of the daemon, user and system. Instances are other processes."},
        {"process_resident_memory_bytes", GAUGE, BYTES, P(resident_bytes),
         .help = "Memory of the daemon."},
        {"process_open_fds", GAUGE, ONE, P(open_fds), .help = "Open descriptors of the daemon."},
        {"process_max_fds", GAUGE, ONE, P(max_fds), .help = "How many it may open."},
        {"process_start_time_seconds", GAUGE, MS, P(start_wall_ms),
         .help = "When the daemon started, Unix time."},
        {"evoke_loop_lag_seconds", GAUGE, NS, P(loop_lag_ns), .label = "of", .value = "last",
         .help = "How late a timer of the event loop came: the last one, and the latest within two "
                 "minutes."},
        {"evoke_loop_lag_seconds", GAUGE, NS, P(loop_lag_max_ns), .label = "of", .value = "max"},
        {"evoke_build_info", GAUGE, ONE, BUILD, .help = "1; its label tells the version."},
        {"evoke_metrics_functions", GAUGE, ONE, N(n),
         .help = "Functions that have series; those beyond --metrics-functions are summed as "
                 "_other."},
        {"evoke_metrics_renders_total", COUNTER, ONE, N(renders),
         .help = "Times this text was made; scrapes in between get the same."},
};

const size_t metrics_rows = ARRAY_LEN(metrics_table);

/* SPDX-License-Identifier: Apache-2.0 */
/* daemon_internal.h - what the daemon's files share; for nobody else. */
#ifndef EVOKE_DAEMON_DAEMON_INTERNAL_H
#define EVOKE_DAEMON_DAEMON_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "daemon/control.h"
#include "daemon/interpreters.h"
#include "observe/trace/trace.h"

enum { DAEMON_MAGIC = 0x0dae0001 };

struct daemon {
    uint32_t magic;
    struct options *o; /* borrowed; the keeper tells of changes */
    struct loop *loop;
    struct health *health;
    struct disk *disk;
    struct kv *kv;
    struct blobs *blobs;
    struct keys *keys;
    struct backups *backups;
    struct audit *audit;
    struct otlp *otlp; /* NULL: no traces */
    struct tracer tracer;
    struct catalog *catalog;
    struct objects *objects;
    struct logs *logs;
    struct launch *launch;
    struct pool *pool;
    struct invoker *invoker;
    struct events *events;
    struct figures *figures;
    struct gateway *gateway;
    struct api api;
    struct interpreter interpreters[INTERPRETERS];
    struct api_server *api_server;
    struct endpoints *endpoints;
    int spool_dir;                     /* owned; large request bodies */
    struct http_server *http, *public; /* public: gateway only; NULL without --public */
    struct api_server *ending_api;     /* while draining: says so to whoever comes now */
    struct http_server *ending;
    struct loop_io *control;
    struct loop_signal *term;
    struct loop_timer *drain_timer, *gc_timer;
    int64_t memory_share_mb; /* what --memory 0 means, as it was at the start */
    bool draining;
    uint32_t open_fronts; /* while draining: of http and public, those with requests open */
};

/* What everybody is served by; while draining another one, which refuses. */
struct api_server *daemon_api_server(const struct daemon *d);

/* ---- daemon_hear.c; user: the daemon ---- */

void daemon_say(enum control_type type); /* to the keeper */
void daemon_on_control(void *user, unsigned ready);
void daemon_on_health(void *user);

/* ---- daemon_end.c; user: the daemon ---- */

void daemon_on_term(void *user);
void daemon_on_drain_late(void *user);

#endif

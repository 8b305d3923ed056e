/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carrier.h - how a zygote puts a child of itself into a slot.
 *
 * A zygote is a warmed interpreter that the launcher has made. It is uid 0 with every capability
 * inside the launcher's user namespace, none on the host, and never loads code of a function. The
 * launcher asks it for processes; each is a fork of it that has lost everything before it goes on.
 * Life, as seen from the zygote:
 *
 *   1. carrier_open()    at once; descriptors 3 and 4 are what the launcher gave it
 *   2. warm up, then carrier_ready()
 *   3. carrier_wait()    until the launcher wants a process; 0: it is gone, exit
 *   4. carrier_fork()    like fork(2). The child is inside its slot, unprivileged, with the channel
 *                        as descriptor 3 and the log as 1 and 2, and no other descriptor
 *   5. the zygote goes on with 3. It has no child to wait for: the slot's init reaps.
 *
 * The zygote must have one thread whenever it calls these. A language with fork handlers of its own
 * calls them around carrier_fork(): before; after, in both.
 *
 * The launcher's side of the socket is launcher/zygote.c. Messages are the structs below, one per
 * SOCK_SEQPACKET message; both ends are built together. docs/protocol/launcher.md
 */
#ifndef EVOKE_SANDBOX_CARRIER_H
#define EVOKE_SANDBOX_CARRIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sandbox/limits.h"

struct carrier; /* opaque; one per zygote */

/* What a zygote starts with, besides 0 (/dev/null), 1 and 2 (our log). */
enum {
    CARRIER_SOCK_FD = 3,   /* SOCK_SEQPACKET to the launcher */
    CARRIER_FILTER_FD = 4, /* memfd: the runtime's seccomp program (filter.h) */
};

/* A zygote's exit code that says: not with this interpreter, do not try again (EX_UNAVAILABLE). */
enum { CARRIER_UNAVAILABLE = 69 };

enum carrier_type {
    CARRIER_READY = 1, /* zygote -> launcher, once: orders are welcome */
    CARRIER_ORDER,     /* launcher -> zygote: one process, please */
    CARRIER_DONE,      /* zygote's child -> launcher: it lives, and has lost everything; or zygote,
                          or its child -> launcher: it could not be made */
};

enum { CARRIER_TASKS_MAX = 8, CARRIER_FDS_MAX = 4 + CARRIER_TASKS_MAX };

/*
 * Descriptors: pidfd of the slot's init, channel, log; then the slot's cgroups: `ntasks` times a v1
 * `tasks` file, and, if v2, the directory of the v2 one (a host may have both).
 */
struct carrier_order {
    uint32_t type;   /* CARRIER_ORDER */
    uint32_t serial; /* of the slot, back in CARRIER_DONE */
    uint32_t uid;    /* in the launcher's user namespace; 0 where it is the only one mapped */
    uint32_t ntasks; /* at most CARRIER_TASKS_MAX */
    bool v2;
    bool hard_memory; /* a cgroup holds the memory limit; else RLIMIT_DATA does */
    struct limits limits;
};

struct carrier_reply {
    uint32_t type; /* CARRIER_READY or CARRIER_DONE */
    uint32_t serial;
    int32_t pid;    /* of the child, inside its slot; meaningless when err.code < 0 */
    struct err err; /* code 0: it worked */
};

/* sock, filter: taken. Reads the filter. */
int carrier_open(int sock, int filter, struct carrier **ret, struct err *e);
struct carrier *carrier_free(struct carrier *c);
int carrier_ready(struct carrier *c, struct err *e);
/* Blocks. 1: call carrier_fork() now; 0: the launcher is gone; negative: the socket is broken, or
 * what came is no order. */
int carrier_wait(struct carrier *c, struct err *e);

/*
 * Carry out the order that carrier_wait() has taken.
 *
 * Returns 1 in the zygote, whether it worked or not (the launcher has been told, the zygote need
 * not care); 0 in the child, in which c is of no use any more and may be freed; negative errno in
 * the zygote if it cannot go on and should end.
 */
int carrier_fork(struct carrier *c, struct err *e);

#endif

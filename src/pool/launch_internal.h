/* SPDX-License-Identifier: Apache-2.0 */
/* launch_internal.h - the launcher's socket from inside, for launch.c and launch_hear.c. */
#ifndef EVOKE_POOL_LAUNCH_INTERNAL_H
#define EVOKE_POOL_LAUNCH_INTERNAL_H

#include "base/list.h"
#include "pool/launch.h"

enum {
    LAUNCH_MAGIC = 0x4c4e4348,
    LAUNCHED_MAGIC = 0x4c4e4344,
    WAIT_MS = 10000, /* for a launcher to come (back) */
    PER_TURN = 64,   /* messages read before the loop gets its turn */
    STARTED_FDS = 2, /* channel, output; the others are told of one by one */
    ID_BUCKETS = 256,
};

struct launched {
    uint32_t magic;
    uint32_t id;
    struct launch *launch;          /* borrowed */
    const struct launched_ops *ops; /* NULL: dropped by its owner */
    void *user;                     /* borrowed */
    struct launch_start want;
    uint64_t give_up_ns;       /* while waiting */
    bool asked, started, kill; /* START sent; STARTED heard; an end was asked for */
    struct list node;          /* launch->waiting, ->asked[] or ->cancelled */
    struct list kill_node;     /* launch->kills while KILL has to be sent */
};

struct launch {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    int sock;          /* owned */
    struct loop_io *io;
    struct loop_timer *give_up;
    bool said_hello, deferred, dead;
    struct launch_hello hello;
    void (*on_hello)(void *user, const struct launch_hello *h);
    void *on_hello_user;
    struct launch_stock stocks[LAUNCH_RUNTIMES]; /* the last of each runtime */
    size_t nstocks;
    uint32_t next_id;
    struct list waiting;           /* launched.node: START not sent, oldest first */
    struct list asked[ID_BUCKETS]; /* launched.node: START sent, by id */
    struct list kills;             /* launched.kill_node: KILL not sent */
    struct list cancelled;         /* launched.node */
};

struct launched *launched_by_id(struct launch *la, uint32_t id);
/* Both reports end the start; the owner may ask for the next one inside them. */
void launched_refused(struct launched *in, int code, const char *why);
void launched_exited(struct launched *in, const struct launch_exited *how);
/* Send what can be sent; arrange to come back for the rest. */
void launch_push(struct launch *la);
/* The connection is of no use any more. */
void launch_lose(struct launch *la, const char *why);

/* ---- launch_hear.c ---- */

void launch_read(struct launch *la);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* slot.h - what the files of the launcher's instances share: slot.c,
 * instance.c, stock.c, zygote.c. */
#ifndef EVOKE_LAUNCHER_SLOT_H
#define EVOKE_LAUNCHER_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "launcher/instance.h"
#include "launcher/proto.h"
#include "launcher/runtimes.h"
#include "sandbox/sandbox.h"

enum {
    STOCK_MAX = 128, /* slots that belong to nobody */
    SLOTS_MAX = LAUNCH_MAX_INSTANCES + STOCK_MAX,
    START_MS = 10000, /* a step that takes longer is hung */
};

/*
 * MAKING --made--> EMPTY --wake--> WAKING --woken--> WARMING --heard--> SPARE
 *                    |                |                 |                 |
 *              a START, exec     a START waits       a START           a START
 *                    |                |                 |                 |
 *                    +----------------+--> ATTACHING <--+-----------------+
 *                                              |
 *                                              +--ready--> RUNNING
 * any --kill, failure--> DYING;  any --gone--> FREE
 *
 * A slot is bound once a START has taken it. One that is bound early goes the rest of the way by
 * itself; one that is not stops at EMPTY, or, if it was made for a runtime, at SPARE.
 */
enum slot_state {
    SLOT_FREE,
    SLOT_MAKING,    /* init prepares the box */
    SLOT_EMPTY,     /* it waits for orders */
    SLOT_WAKING,    /* a runtime is exec'ed or forked in it, without code */
    SLOT_WARMING,   /* that has lost every privilege, and starts up */
    SLOT_SPARE,     /* it has said READY into its channel */
    SLOT_ATTACHING, /* the code is put in, init drops everything */
    SLOT_RUNNING,   /* STARTED was sent */
    SLOT_DYING,     /* SIGKILL was sent, or its init is about to exit */
    SLOT_STATES,
};

enum slot_event {
    EV_MADE,   /* note MADE */
    EV_WOKEN,  /* note RUNNING, or the zygote's DONE */
    EV_HEARD,  /* something came into the channel of an unbound slot, or it was
                closed */
    EV_READY,  /* note READY */
    EV_FAILED, /* note FAILED, or the zygote's DONE with a reason; slot->why is
                set */
    EV_ENDED,  /* note ENDED; slot->status is set */
    EV_LOST,   /* the zygote that was to fill it is gone */
    SLOT_EVENTS,
};

struct slot {
    enum slot_state state;
    uint32_t index;
    struct sandbox_box box;
    const struct runtime *runtime; /* borrowed: what it is for; NULL: anything */
    bool by_zygote;                /* its runtime was forked, or is to be */
    bool ordered;                  /* and the order is not answered */
    pid_t runtime_pid;             /* as init sees it, if by_zygote */
    int channel, log;              /* owned: the daemon's ends, until STARTED */
    int inner_channel, inner_log;  /* owned: the runtime's ends, until somebody has taken them */
    int code, layers;              /* owned: detached mounts, from START until they are attached;
                                      layers -EBADF: the function has none */

    bool bound;               /* a START has taken it; `want` says which */
    struct launch_start want; /* borrowed text: none */
    bool was_spare;           /* its runtime was there when it was taken */
    bool was_ready;           /* all that can be made ahead was: STARTED says so */
    bool again;               /* this START has been given a second slot already */
    bool started;             /* STARTED was sent */
    bool killed;              /* by LAUNCH_KILL */
    bool ended;               /* status is the runtime's own */
    int status;
    struct err why; /* set: it could not be started */

    uint64_t deadline_ns;
    struct list waiting; /* in instances.waiting, by deadline, while a step is
                          under way */
    struct list node;    /* in instances.bound or instances.stock */
    struct list queued;  /* in zygote.queue */
};

/* One per runtime that has one. */
struct zygote {
    struct sandbox_zygote process; /* pidfd < 0: none */
    bool ready;
    bool unavailable;  /* never to be had with this interpreter */
    uint32_t asked;    /* orders that are not answered */
    struct list queue; /* slot.queued: orders that are not sent */
    uint64_t retry_ns; /* not before */
    uint32_t pause_ms; /* before the next try */
    uint64_t born_ns;
    uint32_t ends; /* it has died so often */
};

/* How many spares of one runtime, and why. */
struct stock {
    bool used;          /* somebody has asked for this runtime */
    uint32_t warm;      /* what WARM asked for */
    uint32_t extra;     /* on top, after starts that found none */
    uint64_t shrink_ns; /* when one of the extra goes */
    uint64_t retry_ns;  /* after failures: not before */
    uint32_t pause_ms;
    uint32_t failed; /* spares, one after the other */
    bool complained; /* of that, once */
    struct zygote zygote;
};

struct instances {
    struct instances_host host;
    size_t nbound;
    uint32_t next_serial;
    uint32_t free_head, free_n; /* a ring: the index unused for longest is taken first */
    uint16_t free_slots[SLOTS_MAX];
    struct list bound;   /* slot.node: instances, starting or running */
    struct list stock;   /* slot.node: nobody's, DYING ones too */
    struct list waiting; /* slot.waiting */
    struct list graves;
    struct stock stocks[RUNTIMES_MAX]; /* by runtime.index */
    uint32_t extra_empty;              /* empty slots on top, after starts that found none */
    uint64_t shrink_empty_ns;
    uint64_t retry_ns;                      /* no slot could be made ahead: not before */
    struct slot *slots[SLOTS_MAX];          /* owned; NULL: never used */
    struct launch_stock told[RUNTIMES_MAX]; /* to the daemon; type 0: nothing */
    uint64_t tell_ns;                       /* not before */
};

/* slot.c */
/* Make one; unbound. runtime: what it is for, or NULL. */
int slot_new(struct instances *set, const struct runtime *runtime, struct slot **ret,
             struct err *e);
/* A START takes it: want is copied, code and layers are taken. It goes on by itself. */
void slot_bind(struct instances *set, struct slot *s, const struct launch_start *want, int code,
               int layers);
/* Start a runtime in an EMPTY one that belongs to nobody. */
void slot_wake(struct instances *set, struct slot *s, const struct runtime *runtime);
struct sandbox_spec slot_spec(const struct instances *set, const struct slot *s);
void slot_event(struct instances *set, struct slot *s, enum slot_event event);
void slot_kill(struct instances *set, struct slot *s);
void slot_on_notes(struct instances *set, struct slot *s);
void slot_on_gone(struct instances *set, struct slot *s);
void slot_on_channel(struct instances *set, struct slot *s);

/* grave.c */
void grave_lay(struct instances *set, const struct cgroup *cgroup); /* remove it, now or later */
bool graves_dig(struct instances *set);                             /* true: there are more */
void graves_free(struct instances *set);

/* instance.c: how the life of a bound slot is told to the daemon. */
void instance_started(struct instances *set, struct slot *s);
/* EXITED or REFUSED, to be sent when nothing of it is left. Its size. */
size_t instance_over(const struct instances *set, const struct slot *s, union launch_message *ret);
/* The slot failed through no fault of the START: try another. False: it is
 * over. */
bool instance_again(struct instances *set, struct slot *s);

/* stock.c */
/* The slot of the stock that is nearest to running this; NULL: make one. */
struct slot *stock_take(struct instances *set, const struct runtime *rt);
void stock_ready(struct instances *set, const struct runtime *rt);
void stock_failed(struct instances *set, const struct runtime *rt, const struct err *why);
void stock_fresh(struct instances *set);
void stock_warm(struct instances *set, const struct runtime *rt, uint32_t spares);
int stock_turn(struct instances *set, uint64_t now_ns); /* ms until there is more to do; -1 */

/* tally.c */
int tally_turn(struct instances *set, uint64_t now_ns); /* the same */
void tally_fresh(struct instances *set);                /* a daemon that was told nothing */

/* zygote.c */
bool zygote_up(const struct instances *set, const struct runtime *rt);
/* Have the runtime forked into the slot. An answer always comes: EV_WOKEN,
 * EV_FAILED, EV_LOST. */
void zygote_order(struct instances *set, struct slot *s);
void zygote_forget(struct instances *set, struct slot *s); /* the slot is dying */
void zygote_on_reply(struct instances *set, size_t runtime);
void zygote_on_gone(struct instances *set, size_t runtime);
/* Start it if it should be there and is not. ms until the next try; -1: nothing
 * to do. */
int zygote_turn(struct instances *set, const struct runtime *rt, uint64_t now_ns);
void zygotes_init(struct instances *set);
void zygotes_done(struct instances *set);

#endif

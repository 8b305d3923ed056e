/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto.h - what the daemon may ask the launcher for, and what it hears back.
 *
 * One SOCK_SEQPACKET socket, one fixed-size struct per message, descriptors beside it (SCM_RIGHTS).
 * Both ends are built together, so the structs are the wire format. The launcher trusts no message:
 * it takes a runtime *id*, content hashes and bounded numbers, never a path, argv or uid.
 *
 *   daemon -> launcher  START, KILL, WARM
 *   launcher -> daemon  HELLO (once, first), STARTED or REFUSED (answer START), EXITED (once per
 *                       STARTED), STOCK (what is kept ready has changed)
 *
 * A second socket of the same kind joins keeper and launcher: ADOPT with one descriptor is the
 * socket of a fresh daemon. On ADOPT, and on EOF of the daemon's socket, every instance is killed
 * before anything else is served. EOF on the keeper's socket ends the launcher and all below it.
 *
 * docs/protocol/launcher.md
 */
#ifndef EVOKE_LAUNCHER_PROTO_H
#define EVOKE_LAUNCHER_PROTO_H

#include <stdbool.h>
#include <stdint.h>

enum launch_type {
    LAUNCH_START = 1,
    LAUNCH_KILL,
    LAUNCH_HELLO,
    LAUNCH_STARTED,
    LAUNCH_REFUSED,
    LAUNCH_EXITED,
    LAUNCH_ADOPT,
    LAUNCH_WARM,
    LAUNCH_STOCK,
};

/* Where the code directory and the layers appear inside: the clouds differ. */
enum launch_layout {
    LAYOUT_CODE,          /* /code; /opt                    (FC, native) */
    LAYOUT_FUNCTIONGRAPH, /* /opt/function/code, working directory /opt/function;
                             /opt/function/dependencies */
    LAYOUT_SCF,           /* /var/user; /opt */
    LAUNCH_LAYOUTS,
};

/* How firmly a limit holds on this host; printed at start-up, shown with each function. */
enum launch_enforced {
    ENFORCED_NONE,
    ENFORCED_PROCESS,   /* per process only (rlimit) */
    ENFORCED_CGROUP_V1, /* hard */
    ENFORCED_CGROUP_V2, /* hard */
    ENFORCED_MOUNT,     /* hard (file system of its own size) */
    ENFORCED_TMPFS,     /* hard, but its pages count as memory of the function */
};

/* What an instance may reach; see sandbox/net.h. */
enum launch_network {
    NETWORK_NONE,     /* its own loopback */
    NETWORK_ENDPOINT, /* and the daemon, on ENDPOINT_PORT of its loopback */
    NETWORK_EGRESS,   /* and what the router lets out */
    LAUNCH_NETWORKS,
};

/* What is written to the freezer descriptor: the words of the two cgroup versions. */
enum launch_freezer {
    FREEZER_NONE,
    FREEZER_V1, /* "FROZEN", "THAWED" */
    FREEZER_V2, /* "1", "0" */
};

/* What was there when START came. */
enum launch_how {
    LAUNCH_ON_DEMAND, /* at best a slot: the runtime had to be exec'ed */
    LAUNCH_BY_FORK,   /* a zygote to fork it from */
    LAUNCH_A_SPARE,   /* all that can be made ahead of time */
    LAUNCH_HOWS,
};

enum { ENDPOINT_PORT = 8900, LAUNCH_WARM_MAX = 64 };
enum { LAUNCH_RUNTIME_ID = 24, LAUNCH_SHA = 65, LAUNCH_TEXT = 128, LAUNCH_MAX_INSTANCES = 4096 };
enum { LAUNCH_RUNTIMES = 64 }; /* of STOCK: different ones at most */

struct launch_start {
    uint32_t type;                   /* LAUNCH_START */
    uint32_t id;                     /* chosen by the daemon, not in use */
    char runtime[LAUNCH_RUNTIME_ID]; /* id in the launcher's runtime table, terminated */
    char code[LAUNCH_SHA];           /* sha256 hex: a directory in the code cache, terminated */
    char layers[LAUNCH_SHA];         /* sha256 hex: "u-<it>" in the code cache; "": none */
    uint8_t layout;                  /* enum launch_layout */
    uint32_t memory_mb;              /* 64..32768 */
    uint32_t pids;                   /* 8..1024 processes and threads */
    uint32_t tmp_mb;                 /* 16..10240 */
    uint32_t cpu_weight;             /* 1..10000, 100 is the default share */
    uint32_t cpu_quota;              /* thousandths of a CPU, 10..1024000; 0: none */
    uint8_t network;                 /* enum launch_network; refused where it cannot be enforced */
};

/* Keep so many spares of a runtime ready, from now on. A hint: no answer, a spare may be missing. */
struct launch_warm {
    uint32_t type; /* LAUNCH_WARM */
    char runtime[LAUNCH_RUNTIME_ID];
    uint32_t spares; /* 0..LAUNCH_WARM_MAX */
};

struct launch_kill {
    uint32_t type; /* LAUNCH_KILL */
    uint32_t id;   /* unknown ids are ignored: the instance may have just exited */
};

/* Descriptors: none. */
struct launch_hello {
    uint32_t type;                  /* LAUNCH_HELLO */
    bool root;                      /* full uid range, cgroups; else ordinary-user mode */
    uint8_t memory, pids, cpu, tmp; /* enum launch_enforced */
    bool seccomp, landlock, netns;  /* in force */
    bool egress;                    /* NETWORK_EGRESS can be enforced; ENDPOINT always can */
    uint8_t freezer;                /* enum launch_freezer */
    char note[LAUNCH_TEXT];         /* one sentence for the operator, or empty */
};

/* Descriptors, in this order: channel (SOCK_STREAM, frames v1; fd 3 inside), read end of the pipe on
 * stdout and stderr; then those that are there: memory peak file of the cgroup, its freezer (write
 * the words of launch_hello.freezer at offset 0), a listening TCP socket on ENDPOINT_PORT of the
 * instance's loopback. */
struct launch_started {
    uint32_t type; /* LAUNCH_STARTED */
    uint32_t id;
    bool has_memory_peak, has_freezer, has_endpoint;
    uint8_t how; /* enum launch_how */
};

struct launch_refused {
    uint32_t type; /* LAUNCH_REFUSED */
    uint32_t id;
    int32_t code; /* negative errno; -ENOENT code or runtime missing, -EINVAL out of bounds, -EAGAIN
                     no slot */
    char why[LAUNCH_TEXT];
};

/* The instance and everything it had forked is gone; its id may be used again. */
struct launch_exited {
    uint32_t type; /* LAUNCH_EXITED */
    uint32_t id;
    bool killed;       /* by our LAUNCH_KILL */
    bool oom;          /* the memory limit ended it (cgroup event; never guessed) */
    int32_t exit_code; /* of the runtime process; -1 if ended by a signal */
    int32_t signal;    /* 0 if it exited */
};

/* What is ready for the next START: of one runtime, and the slots, which are good for any. */
struct launch_stock {
    uint32_t type;  /* LAUNCH_STOCK */
    uint32_t slots; /* empty ones */
    char runtime[LAUNCH_RUNTIME_ID];
    uint32_t spares;
    uint32_t zygotes;            /* warm ones: 0 or 1 */
    uint32_t zygote_ends;        /* that have died so far, and were or will be made again */
    bool has_spares, has_zygote; /* the runtime can have them at all */
    uint8_t zero[2];             /* no padding: two of them are compared as bytes */
};

/* keeper -> launcher. Descriptors: [0] the daemon's socket. */
struct launch_adopt {
    uint32_t type; /* LAUNCH_ADOPT */
};

/* Large enough for any message above. */
union launch_message {
    uint32_t type;
    struct launch_start start;
    struct launch_kill kill;
    struct launch_warm warm;
    struct launch_hello hello;
    struct launch_started started;
    struct launch_refused refused;
    struct launch_exited exited;
    struct launch_stock stock;
    struct launch_adopt adopt;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - one instance of one function, alone on a kernel it shares.
 *
 * The seam between the launcher and whatever confines an instance: the launcher names a command,
 * code and limits, and holds a process id and two descriptors. Another backend (a microVM, gVisor)
 * would answer the same calls. Life:
 *
 *   1. sandbox_host_init()   once, before the launcher enters its user namespace
 *   2. sandbox_open()        once, inside it
 *   3. sandbox_make()        a box: everything that does not depend on the function. Note MADE
 *   4. then one of
 *        sandbox_run() with code                 the runtime exec'ed.          Note READY
 *        sandbox_run() without, sandbox_attach() exec'ed ahead: a spare.       Notes RUNNING, READY
 *        sandbox_carry(), sandbox_attach()       forked into it by a zygote.   Its reply; READY
 *   5. box->pidfd readable:  sandbox_reap(), then sandbox_box_done()
 *   6. sandbox_host_done()   after the launcher has died, by the stub that outlives it
 *
 * READY means that nobody inside has a privilege left: only then may a request go in.
 */
#ifndef EVOKE_SANDBOX_SANDBOX_H
#define EVOKE_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "sandbox/cgroup.h"
#include "sandbox/limits.h"
#include "sandbox/net.h"

struct sandbox; /* opaque; owned by the launcher */

enum {
    SANDBOX_UID_FIRST = 20000, /* of runtimes, inside the launcher's user namespace */
    SANDBOX_INNER_ID = 993,    /* what a runtime sees as its own uid and gid */
};

/* What holds on this host, for the operator and the API. */
struct sandbox_facts {
    bool root;
    /* The version of the cgroup that holds it; 0: rlimits, or nothing for the CPU. */
    uint8_t cgroup[CGROUP_PARTS];
    const char *no_cgroup; /* why there is none for something, or NULL; static */
    bool landlock_scope;
    bool egress;
};

/* What is put into a box. */
struct sandbox_spec {
    uint32_t uid; /* in the launcher's user namespace; 0 where only one id is mapped */
    struct limits limits;
    enum net_policy network;
    int code;              /* borrowed: detached mount, see mount_clone(); -EBADF: not yet */
    const char *code_at;   /* borrowed: mount point inside */
    int layers;            /* borrowed: the same, with the code; -EBADF: none */
    const char *layers_at; /* borrowed */
    const char *cwd;       /* borrowed: working directory inside */
    char *const *argv;     /* borrowed: argv[0] is an absolute path inside */
    int channel;           /* borrowed: becomes descriptor 3 */
    int log;               /* borrowed: becomes descriptors 1 and 2 */
    pid_t runtime;         /* sandbox_attach(): what a zygote has made, as it said; 0: init did */
};

/* One box. All descriptors owned; sandbox_box_done() closes them. */
struct sandbox_box {
    uint32_t serial;
    pid_t pid;               /* its init, as the launcher sees it */
    int pidfd;               /* readable when init, and with it everything inside, is gone */
    int sock;                /* non-blocking; orders out, notes in */
    struct cgroup cgroup;    /* removed by cgroup_remove() */
    struct cgroup_door door; /* open until the runtime is inside */
    bool has_net;
    struct net_box net;
};

enum sandbox_note_type {
    SANDBOX_MADE = 1, /* the box waits for orders */
    SANDBOX_RUNNING,  /* a runtime without code has been exec'ed, with no privilege */
    SANDBOX_READY,    /* the code is in place, init has dropped everything */
    SANDBOX_FAILED,   /* a step failed: err says why; init exits */
    SANDBOX_ENDED,    /* the runtime ended by itself: wait status; init exits */
};

struct sandbox_note {
    enum sandbox_note_type type;
    int status;
    struct err err;
};

/* A process that forks runtimes into boxes; see carrier.h. All descriptors owned by the caller. */
struct sandbox_zygote {
    pid_t pid;
    int pidfd; /* readable when it is gone */
    int sock;  /* non-blocking: struct carrier_order out, struct carrier_reply in */
};

/* Delegate cgroups to the launcher-to-be. Missing controllers are no failure. */
void sandbox_host_init(bool root, struct cgroup_tree *ret_tree);
void sandbox_host_done(struct cgroup_tree *tree);

/*
 * Build what all instances share: mount template, seccomp programs.
 *
 * tree     borrowed, must outlive the sandbox
 * net      borrowed; NULL: each box gets a fresh network namespace with loopback only
 * runtimes taken: detached mount that appears as /rt
 *
 * The caller is uid 0 of its own user namespace and its working directory is one nobody needs:
 * the template is assembled on top of it, in a mount namespace of its own.
 */
int sandbox_open(bool root, struct cgroup_tree *tree, struct net *net, int runtimes,
                 struct sandbox **ret_sb, struct err *e);
struct sandbox *sandbox_free(struct sandbox *sb);
void sandbox_get_facts(const struct sandbox *sb, struct sandbox_facts *ret);

/*
 * Clone an init that prepares the box by itself. 0, or a failure that leaves nothing behind. Later
 * failures, of this and all calls below, come as SANDBOX_FAILED. Does not wait for anything.
 *
 * serial  of this launcher, never used twice
 */
int sandbox_make(struct sandbox *sb, uint32_t serial, struct sandbox_box *ret_box, struct err *e);
/* Exec the runtime: with the code, limits and network of the spec, or, without code, as a spare. */
int sandbox_run(const struct sandbox *sb, struct sandbox_box *box, const struct sandbox_spec *spec,
                struct err *e);
/* Have a zygote fork the runtime into the box. -EAGAIN: it has enough to do. */
int sandbox_carry(const struct sandbox *sb, const struct sandbox_box *box,
                  const struct sandbox_spec *spec, int zygote, struct err *e);
/* Code, limits and network for a runtime that is there already. */
int sandbox_attach(const struct sandbox *sb, struct sandbox_box *box,
                   const struct sandbox_spec *spec, struct err *e);
void sandbox_kill(const struct sandbox_box *box); /* SIGKILL to init: everything inside dies */
/* 1 and the note, 0 when there is none yet, -EPIPE when there will be none. */
int sandbox_next_note(const struct sandbox_box *box, struct sandbox_note *ret_note);
/* 1 when init is gone and reaped, 0 when it still lives. */
int sandbox_reap(const struct sandbox_box *box);
/* Close what is open, and give the network namespace back. The cgroup is not removed: that may have
 * to be tried more than once. */
void sandbox_box_done(const struct sandbox *sb, struct sandbox_box *box);

/* Start a zygote: argv as seen from inside, where it lives in a copy of the mount template. */
int sandbox_zygote(const struct sandbox *sb, char *const *argv, struct sandbox_zygote *ret,
                   struct err *e);

#endif

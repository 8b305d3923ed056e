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
 *   3. sandbox_start()       for each instance; then read notes from box->notes
 *   4. box->pidfd readable:  sandbox_reap(), then sandbox_box_done()
 *   5. sandbox_host_done()   after the launcher has died, by the stub that outlives it
 */
#ifndef EVOKE_SANDBOX_SANDBOX_H
#define EVOKE_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "sandbox/cgroup.h"
#include "sandbox/limits.h"

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
};

struct sandbox_spec {
    uint32_t serial; /* of this launcher, never used twice */
    uint32_t uid;    /* in the launcher's user namespace; 0 where only one id is mapped */
    struct limits limits;
    int code;            /* borrowed: detached mount, see mount_clone() */
    const char *code_at; /* borrowed: mount point inside */
    const char *cwd;     /* borrowed: working directory inside */
    char *const *argv;   /* borrowed: argv[0] is an absolute path inside */
    int channel;         /* borrowed: becomes descriptor 3 */
    int log;             /* borrowed: becomes descriptors 1 and 2 */
};

/* One running instance. All descriptors owned; sandbox_box_done() closes them. */
struct sandbox_box {
    pid_t pid;            /* its init, as the launcher sees it */
    int pidfd;            /* readable when init, and with it everything inside, is gone */
    int notes;            /* non-blocking; one struct sandbox_note per read */
    struct cgroup cgroup; /* removed by cgroup_remove() */
};

enum sandbox_note_type {
    SANDBOX_READY = 1, /* the runtime has been exec'ed, init has dropped everything */
    SANDBOX_FAILED,    /* it could not be set up: err says why; init exits */
    SANDBOX_ENDED,     /* the runtime ended by itself: wait status; init exits */
};

struct sandbox_note {
    enum sandbox_note_type type;
    int status;
    struct err err;
};

/* Delegate cgroups to the launcher-to-be. Missing controllers are no failure. */
void sandbox_host_init(bool root, struct cgroup_tree *ret_tree);
void sandbox_host_done(struct cgroup_tree *tree);

/*
 * Build what all instances share: mount template, seccomp programs.
 *
 * tree     borrowed, must outlive the sandbox
 * runtimes taken: detached mount that appears as /rt
 *
 * The caller is uid 0 of its own user namespace and its working directory is one nobody needs:
 * the template is assembled on top of it, in a mount namespace of its own.
 */
int sandbox_open(bool root, struct cgroup_tree *tree, int runtimes, struct sandbox **ret_sb,
                 struct err *e);
struct sandbox *sandbox_free(struct sandbox *sb);
void sandbox_get_facts(const struct sandbox *sb, struct sandbox_facts *ret);

/*
 * Clone an init that builds the rest by itself. 0, or a failure that leaves nothing behind. Later
 * failures come as SANDBOX_FAILED. Does not wait for anything.
 */
int sandbox_start(struct sandbox *sb, const struct sandbox_spec *spec, struct sandbox_box *ret_box,
                  struct err *e);
void sandbox_kill(const struct sandbox_box *box); /* SIGKILL to init: everything inside dies */
/* 1 and the note, 0 when there is none yet, -EPIPE when there will be none. */
int sandbox_next_note(const struct sandbox_box *box, struct sandbox_note *ret_note);
/* 1 when init is gone and reaped, 0 when it still lives. */
int sandbox_reap(const struct sandbox_box *box);
/* Close what is open. The cgroup is not removed: that may have to be tried more than once. */
void sandbox_box_done(struct sandbox_box *box);

#endif

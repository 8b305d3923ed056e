/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_internal.h - what the keeper's files share; for nobody else. */
#ifndef EVOKE_DAEMON_KEEPER_INTERNAL_H
#define EVOKE_DAEMON_KEEPER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/listener.h"
#include "daemon/notify.h"
#include "daemon/paths.h"

struct err;
struct options;

struct child {
    const char *name;
    pid_t pid;   /* 0: not running */
    int pidfd;   /* owned */
    int control; /* owned: our end of its control socket */
    uint64_t started_ms, restart_at_ms;
    uint32_t pause_ms; /* before the next restart */
};

struct keeper {
    struct options *o; /* borrowed; a reload changes it */
    int argc;
    char **argv; /* borrowed: what a reload reads again */
    struct paths paths;
    uid_t uid;
    bool root;
    int listen_fd, signal_fd; /* owned */
    int public_fd;            /* owned; -EBADF: there is no second listener */
    int data_fd;              /* owned; holds the lock */
    int run_fd;               /* owned; its `run`, which the daemon could replace by a link */
    int cgroup;               /* owned: where we stepped down from, or -EBADF */
    char address[LISTENER_TEXT], public_address[LISTENER_TEXT];
    struct child launcher, daemon;
    bool daemon_ready; /* this one has said READY */
    bool was_ready, stopping;
    uint64_t stopped_ms, stop_by_ms;
    int exit_code;

    struct notify notify;
    char *reloaded; /* owned: what to say once the daemon has followed; NULL: no reload under way */
    uint32_t ping_ms;    /* between two questions whether the daemon still turns */
    uint32_t unanswered; /* how many in a row */
    uint64_t next_ping_ms;
};

uint64_t keeper_now_ms(void);

/* ---- keeper_start.c: children, and how they are joined ---- */

int keeper_start_launcher(struct keeper *k, struct err *e);
int keeper_start_daemon(struct keeper *k, struct err *e);
/* Join whoever runs with a fresh pair; each side takes it as "the other one is new". */
int keeper_introduce(struct keeper *k, struct err *e);

/* ---- keeper_hear.c: what the daemon says, and whether it still does ---- */

void keeper_on_word(struct keeper *k);
/* Ask, when it is time, whether the daemon's loop turns; one that does not is killed. */
void keeper_ping(struct keeper *k);
void keeper_daemon_gone(struct keeper *k);

/* ---- keeper_reload.c ---- */

void keeper_reload(struct keeper *k);
void keeper_reloaded(struct keeper *k); /* the daemon has followed, or will when it starts */

#endif

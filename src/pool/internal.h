/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h - an instance's life, cut by verb. Its table is in instance.c, its steps in
 * instance_start.c, instance_run.c and instance_end.c. To be included by these files only.
 */
#ifndef EVOKE_POOL_INTERNAL_H
#define EVOKE_POOL_INTERNAL_H

#include "pool/instance.h"

enum {
    INSTANCE_MAGIC = 0x494e5354,
    BURY_MS = 10000,      /* for the launcher to report an end nobody waits for */
    LOG_AT_END = 1 << 20, /* taken from the pipe before a job ends */
};

enum inst_event {
    EV_STARTED,
    EV_REFUSED,
    EV_EXITED,
    EV_READY,
    EV_LOG,
    EV_DATA, /* DATA, END, CREDIT: of the open stream, so in BUSY only */
    EV_END,
    EV_CREDIT,
    EV_OFFENCE, /* the worker broke the protocol */
    EV_CLOSED,
    EV_SENT,
    EV_DEADLINE,
    EV_KILL,
    INST_EVENTS,
};

struct event {
    const struct frame *frame; /* READY, LOG, DATA, END, CREDIT */
    const char *why;           /* OFFENCE, REFUSED */
    const struct launch_exited *how;
    int code;                 /* REFUSED */
    struct launched_fds *fds; /* STARTED: what is not taken is closed by who told us */
};

typedef void inst_step(struct instance *in, const struct event *ev);

void inst_happen(struct instance *in, enum inst_event what, const struct event *ev);
extern const struct channel_ops inst_channel_ops;

/* ---- instance_start.c, instance_run.c, instance_end.c: the cells of the table ---- */

inst_step step_started, step_no_launch, step_booted, step_loaded, step_init_late;
inst_step step_sent, step_log, step_data, step_credit, step_end, step_late, step_stray_ready;
inst_step step_ignore, step_kill, step_offence, step_closed, step_exited, step_refused;
inst_step step_stillborn, step_unreported;

void inst_go_idle(struct instance *in);
void inst_arm(struct instance *in, uint64_t ms);
/* No more frames from here on; what the job will hear is settled by the first of these calls. */
void inst_leave(struct instance *in, enum inst_state state, enum job_end end);
/* Kill it; its job, if it has one, ends as said. */
void inst_doom(struct instance *in, enum job_end end);
void inst_offend(struct instance *in, const char *why);

/* ---- instance_hear.c ---- */

void inst_output_open(struct instance *in, int fd); /* taken */
void inst_output_close(struct instance *in);
/* Take up to `limit` bytes of what the function wrote to descriptors 1 and 2. */
void inst_output_read(struct instance *in, size_t limit);
void inst_hear_log(struct instance *in, struct str text);
void inst_memory_read(struct instance *in);
struct job_report inst_report(struct instance *in, enum job_end end);
struct job *inst_release(struct instance *in);
/* The job leaves the instance, for good, and hears how it ended. */
void inst_finish(struct instance *in, const struct job_report *report);

#endif

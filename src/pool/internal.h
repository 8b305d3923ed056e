/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h - an instance's life, cut by verb. Its table is in instance.c, its steps in
 * instance_start.c, instance_run.c, instance_late.c, instance_rest.c and instance_end.c. To be
 * included by these files only.
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
    EV_DATA, /* DATA, END, CREDIT: of a stream that is open, so only where lanes are */
    EV_END,
    EV_CREDIT,
    EV_HEAD,    /* likewise */
    EV_OFFENCE, /* the worker broke the protocol */
    EV_CLOSED,
    EV_SENT,
    EV_DEADLINE,
    EV_STOP, /* end it when it is polite to */
    EV_KILL,
    INST_EVENTS,
};

struct event {
    const struct frame *frame; /* READY, LOG, HEAD, DATA, END, CREDIT */
    struct lane *lane;         /* of the frame's stream; NULL: stream 0 */
    const char *why;           /* OFFENCE, REFUSED */
    const struct launch_exited *how;
    int code;                 /* REFUSED */
    struct launched_fds *fds; /* STARTED: what is not taken is closed by who told us */
};

typedef void inst_step(struct instance *in, const struct event *ev);

void inst_happen(struct instance *in, enum inst_event what, const struct event *ev);
extern const struct channel_ops inst_channel_ops;

/* ---- the cells of the table ---- */

inst_step step_started, step_no_launch, step_booted, step_loaded, step_initialised;
inst_step step_init_late;
inst_step step_sent, step_log, step_head, step_data, step_credit, step_end, step_late,
        step_stray_ready;
inst_step step_freeze, step_hook_end, step_hook_late, step_stop, step_stop_after, step_stopped;
inst_step step_ignore, step_kill, step_offence, step_closed, step_exited, step_refused;
inst_step step_stillborn, step_unreported;

void inst_go_idle(struct instance *in);
void inst_arm(struct instance *in, uint64_t ms);
/* It takes no more jobs: tell the pool, once. */
void inst_tell_doomed(struct instance *in);
/* No more frames from here on; what its jobs will hear is settled by the first of these calls. */
void inst_leave(struct instance *in, enum inst_state state, enum job_end end);
/* Kill it; its jobs, if it has any, end as said. */
void inst_doom(struct instance *in, enum job_end end);
void inst_offend(struct instance *in, const char *why);

/* ---- lanes: instance_run.c ---- */

struct lane *inst_lane(const struct instance *in, uint32_t stream); /* or NULL */
/* A stream for the job, or for a hook (job NULL). */
struct lane *inst_lane_open(struct instance *in, struct job *job, struct str open, uint64_t ms);
void inst_lane_close(struct instance *in, struct lane *lane);
struct lane *inst_lane_of_a_job(const struct instance *in); /* the oldest; or NULL */
/* The timer of what is due first. */
void inst_arm_lanes(struct instance *in);

/* What a worker tells in its END; 0: it did not. */
struct summary {
    uint64_t peak_bytes;
    uint64_t cpu_us; /* at most SUMMARY_CPU_US */
    bool handled;
};
#define SUMMARY_CPU_US (1ull << 50) /* 35 years */
/* {"peak_bytes":N,"cpu_us":N,"handled":bool}, or empty. False: it is something else. */
bool inst_read_summary(struct str json, struct summary *ret);

/* ---- instance_late.c ---- */

/* One job goes no further: RESET, and the instance is spent. Its lane stays, without it. */
struct job *inst_reset(struct instance *in, struct lane *lane);
/* The job ends as said, whatever its worker does; alone on its instance it takes it along. */
void inst_give_up(struct instance *in, struct lane *lane, enum job_end end);

/* ---- instance_rest.c ---- */

void inst_thaw(struct instance *in);

/* ---- instance_hush.c ---- */

void inst_said(struct instance *in, size_t bytes); /* while hushed */
/* It is about to be late, and may have been kept from telling that it is not. */
void inst_hear_late(struct instance *in);

/* ---- instance_hear.c ---- */

void inst_output_open(struct instance *in, int fd); /* taken */
void inst_output_close(struct instance *in);
/* Take up to `limit` bytes of what the function wrote to descriptors 1 and 2. */
void inst_output_read(struct instance *in, size_t limit);
void inst_hear_log(struct instance *in, struct job *job, struct str text);
void inst_memory_read(struct instance *in);
/* lane: NULL for the job that waits for the instance to become ready. */
struct job_report inst_report(const struct instance *in, const struct lane *lane, enum job_end end);
/* The job leaves the instance, for good, and hears how it ended. */
struct job *inst_release(struct instance *in, struct lane *lane);
void inst_finish(struct instance *in, struct lane *lane, const struct job_report *report);
/* Every job that is left. */
void inst_finish_all(struct instance *in);

#endif

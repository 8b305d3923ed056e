/* SPDX-License-Identifier: Apache-2.0 */
/* rig.h - a real evoke-launcher in a temporary directory, and the two peers it talks to. */
#ifndef EVOKE_TESTS_LAUNCHER_RIG_H
#define EVOKE_TESTS_LAUNCHER_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "launcher/proto.h"

enum { RIG_ORDINARY_UID = 65534, RIG_TEXT = 16384, RIG_WAIT_MS = 20000 };

struct rig {
    char dir[64];         /* code/, rt/, run/, evoke-launcher */
    char sha[LAUNCH_SHA]; /* the probe's code */
    pid_t stub, launcher; /* as we see them */
    int keeper, daemon;   /* our ends */
    struct launch_hello hello;
};

struct rig_instance {
    uint32_t id;
    bool spare;
    int channel, log, peak, freezer, endpoint; /* -EBADF: none */
};

/* Everything below fails the test (cmocka) when something takes longer than RIG_WAIT_MS. */
void rig_make(struct rig *g);             /* directories and programs */
void rig_start(struct rig *g, bool root); /* the launcher, and a first daemon; takes HELLO */
void rig_adopt(struct rig *g);            /* a fresh daemon; does not wait for HELLO */
void rig_take_hello(struct rig *g);
void rig_murder(struct rig *g); /* SIGKILL to the stub */
void rig_stop(struct rig *g);   /* EOF of the keeper; the launcher must end well */
void rig_remove(struct rig *g);

struct launch_start rig_request(const struct rig *g, uint32_t id); /* one that is fine */
void rig_send(const struct rig *g, const void *message, size_t n);
/* The next message; descriptors are closed unless asked for. Returns its size, 0 at EOF. */
size_t rig_next(const struct rig *g, union launch_message *ret, int *fds, size_t *nfds);
/* A union of layers named by `letter`: one file "layer" that everybody might write by its mode. */
void rig_layers(const struct rig *g, char letter);
/* Send a START and take its answer: 0 and the instance, or the code of REFUSED. */
int rig_begin(const struct rig *g, const struct launch_start *m, struct rig_instance *ret,
              char why[LAUNCH_TEXT]);
void rig_run(const struct rig *g, uint32_t id, struct rig_instance *ret); /* must succeed */
/* The same for another runtime: "spare" is exec'ed ahead, "forked" has a zygote. */
void rig_run_as(const struct rig *g, const char *runtime, uint32_t id, struct rig_instance *ret);
void rig_warm(const struct rig *g, const char *runtime, uint32_t spares);
void rig_end(const struct rig *g, struct rig_instance *in); /* kill, take EXITED, close */
void rig_kill(const struct rig *g, uint32_t id);
struct launch_exited rig_take_exit(const struct rig *g, uint32_t id);
void rig_close(struct rig_instance *in);

void rig_tell(const struct rig_instance *in, const char *command);
/* Tell a command and take its answer without the final dot; "" at EOF. */
const char *rig_ask(const struct rig_instance *in, const char *command, char text[RIG_TEXT]);
void rig_has(const struct rig_instance *in, const char *command, const char *part);
void rig_is(const struct rig_instance *in, const char *command, const char *whole);
void rig_fails(const struct rig_instance *in, const char *command); /* whatever the reason */

/* What is left of instances on this host. */
struct rig_count {
    int children;         /* of the launcher */
    int all, descriptors; /* of the launcher and of everybody below it */
    int cgroups, mounts, host_mounts;
};
/* Wait until nothing changes any more and so many processes are below the launcher. */
void rig_settle(const struct rig *g, int children, struct rig_count *ret);
/* Wait until there is no more of anything than there was before. */
void rig_left_behind_nothing(const struct rig *g, const struct rig_count *before);
void rig_count(const struct rig *g, struct rig_count *ret);
int rig_cgroups(pid_t stub,
                const char *below); /* directories evoke-<stub><below>; below is a glob */

/* EVOKE_TEST_MODE: "root" or "user"; one run of a program tests one of them. */
bool rig_as_root(void);
/* For cmocka: *state is a struct rig whose launcher runs. */
int rig_set_up(void **state);
int rig_tear_down(void **state);

#endif

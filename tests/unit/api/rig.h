/* SPDX-License-Identifier: Apache-2.0 */
/* rig.h - a real server on loopback with two made-up clouds, "cloud" and one inside its prefix, and a
 * client on the same loop. */
#ifndef EVOKE_TESTS_API_RIG_H
#define EVOKE_TESTS_API_RIG_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "api/api.h"
#include "loop/loop.h"

enum { LARGE = 300 * 1024 };

/* What the made-up cloud saw. */
extern struct seen {
    int admitted, verified, handled, headers;
    struct call *parked;
    bool was_parked, was_cancelled;
    char captures[64], query[64], body[64];
} seen;

/* What it answers with. */
extern bool refuse_head, refuse_body;
extern struct auth_caller caller; /* who signs */
extern const struct err *to_report;

/* A body of LARGE bytes is examined, beside loop_thread, when the test opens the gate. */
extern pthread_t loop_thread;
extern atomic_bool examining;
extern sem_t gate;

struct rig {
    struct loop *loop;
    struct api api;
    struct api_server *server;
    struct http_server *http;
    int port;
    int fd; /* the client's */
    struct loop_io *io;
    struct buf answer;
    bool complete;
};

int rig_open(void **state);
int rig_close(void **state);
void rig_dial(struct rig *rig, const char *request); /* connects anew and sends it */
void rig_hang_up(struct rig *rig);
const char *rig_hear(struct rig *rig); /* the answer as text */
const char *rig_ask(struct rig *rig, const char *request);

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)

#endif

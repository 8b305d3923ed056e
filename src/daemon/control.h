/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - who may send what to whom, between the three processes.
 *
 *   keeper -> daemon    CONTROL_LAUNCHER + 1 descriptor: the socket of a (new) launcher
 *                       CONTROL_END: end now, without draining (SIGTERM drains)
 *                       CONTROL_OPTIONS: options that changed, as struct control_options
 *                       CONTROL_PING: does your loop turn?
 *   daemon -> keeper    CONTROL_READY: everything is loaded and the listeners are served
 *                       CONTROL_FOLLOWED: the options are in force
 *                       CONTROL_PONG: it does
 *                       CONTROL_STATUS: a line for the service manager, as struct control_status
 *   keeper -> launcher  launch_adopt + 1 descriptor (launcher/proto.h): the socket of a (new) daemon
 *   daemon <-> launcher launcher/proto.h
 *
 * One SOCK_SEQPACKET socket each. EOF from the keeper ends daemon and launcher.
 */
#ifndef EVOKE_DAEMON_CONTROL_H
#define EVOKE_DAEMON_CONTROL_H

#include <stdint.h>

#include "conf/options.h"

enum control_type {
    CONTROL_LAUNCHER = 1,
    CONTROL_READY,
    CONTROL_END,
    CONTROL_OPTIONS,
    CONTROL_FOLLOWED,
    CONTROL_PING,
    CONTROL_PONG,
    CONTROL_STATUS,
};

struct control_message {
    uint32_t type;
};

/* As long as it needs to be: up to text[n]. */
struct control_options {
    uint32_t type;
    uint32_t n;
    char text[OPTIONS_LINES]; /* for options_take() */
};

enum { CONTROL_STATUS_TEXT = 256 };

struct control_status {
    uint32_t type;
    char text[CONTROL_STATUS_TEXT]; /* terminated; empty: all is well */
};

/* Descriptors a daemon process is born with; the last one only with --public. */
enum { DAEMON_CONTROL_FD = 3, DAEMON_LISTEN_FD = 4, DAEMON_PUBLIC_FD = 5 };

#endif

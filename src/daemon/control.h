/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - who may send what to whom, between the three processes.
 *
 *   keeper   -> daemon    CONTROL_LAUNCHER + 1 descriptor: the socket of a (new) launcher
 *   keeper   -> daemon    CONTROL_END: end now, without draining (SIGTERM drains)
 *   daemon   -> keeper    CONTROL_READY: everything is loaded and the listeners are served
 *   keeper   -> launcher  launch_adopt + 1 descriptor (launcher/proto.h): the socket of a (new)
 * daemon daemon  <-> launcher  launcher/proto.h
 *
 * One SOCK_SEQPACKET socket each. EOF from the keeper ends daemon and launcher.
 */
#ifndef EVOKE_DAEMON_CONTROL_H
#define EVOKE_DAEMON_CONTROL_H

#include <stdint.h>

enum control_type { CONTROL_LAUNCHER = 1, CONTROL_READY, CONTROL_END };

struct control_message {
    uint32_t type;
};

/* Descriptors a daemon process is born with. */
enum { DAEMON_CONTROL_FD = 3, DAEMON_LISTEN_FD = 4 };

#endif

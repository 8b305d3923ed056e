/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.h - the first process: holds privileges and listening sockets, keeps launcher and daemon
 * alive. */
#ifndef EVOKE_DAEMON_KEEPER_H
#define EVOKE_DAEMON_KEEPER_H

struct options;

/* Runs until SIGTERM or SIGINT; returns the exit code. */
int keeper_main(const struct options *o);

#endif

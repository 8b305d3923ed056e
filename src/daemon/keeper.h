/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.h - the first process: holds privileges and listening sockets, keeps launcher and daemon
 * alive. */
#ifndef EVOKE_DAEMON_KEEPER_H
#define EVOKE_DAEMON_KEEPER_H

struct options;

/* Runs until SIGTERM or SIGINT; returns the exit code. argv: what o was loaded from, for a reload. */
int keeper_main(struct options *o, int argc, char **argv);

#endif

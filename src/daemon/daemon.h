/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.h - the process that serves: wires every room to the next. */
#ifndef EVOKE_DAEMON_DAEMON_H
#define EVOKE_DAEMON_DAEMON_H

struct options;

/* Descriptors as in control.h, working directory = data directory. Returns the exit code. o changes
 * when the keeper says so. */
int daemon_main(struct options *o, int argc, char **argv);

#endif

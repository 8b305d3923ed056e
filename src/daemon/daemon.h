/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.h - the process that serves: wires every room to the next. */
#ifndef EVOKE_DAEMON_DAEMON_H
#define EVOKE_DAEMON_DAEMON_H

struct options;

/* Descriptors as in control.h, working directory = data directory. Returns the exit code. */
int daemon_main(const struct options *o);

#endif

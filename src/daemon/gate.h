/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h - the gateway as the options want it. */
#ifndef EVOKE_DAEMON_GATE_H
#define EVOKE_DAEMON_GATE_H

struct daemon;

/* After everything it may ask is there; before anybody is served. */
void gate_open(struct daemon *d);
/* Before those it asks go; after the last HTTP server. */
void gate_close(struct daemon *d);

#endif

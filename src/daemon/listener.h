/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - sockets the keeper binds and keeps, so that they outlive a daemon. */
#ifndef EVOKE_DAEMON_LISTENER_H
#define EVOKE_DAEMON_LISTENER_H

#include <stddef.h>

struct err;

/*
 * Bind and listen on "ADDR:PORT" ("[::1]:8900" for IPv6; port 0: a free one). Returns the
 * descriptor; text gets "ADDR:PORT" as really bound.
 */
int listener_open(const char *where, char *text, size_t size, struct err *e);

#endif

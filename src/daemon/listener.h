/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - the socket the keeper holds, so that it outlives a daemon. */
#ifndef EVOKE_DAEMON_LISTENER_H
#define EVOKE_DAEMON_LISTENER_H

struct err;

enum { LISTENER_TEXT = 128 };

/*
 * Bind and listen on "ADDR:PORT" ("[::1]:8900" for IPv6; port 0: a free one). Returns the
 * descriptor; text gets "ADDR:PORT" as really bound.
 */
int listener_open(const char *where, char text[LISTENER_TEXT], struct err *e);
/*
 * The one the service manager bound for us (LISTEN_FDS, LISTEN_PID; sd_listen_fds(3)); 0: none. To
 * be called before anything else is opened. The variables are removed from the environment.
 */
int listener_given(char text[LISTENER_TEXT], struct err *e);

#endif

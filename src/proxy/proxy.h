/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy.h - an HTTP proxy for tools that know no endpoint option: what they send to the clouds' own
 * names goes to a daemon of ours, TLS taken off and Host unchanged; all else goes where it was to go.
 * docs/proxy.md
 */
#ifndef EVOKE_PROXY_PROXY_H
#define EVOKE_PROXY_PROXY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct err;
struct proxy; /* opaque */

struct proxy_conf {
    uint16_t port;      /* on 127.0.0.1; 0: any */
    const char *daemon; /* "http://127.0.0.1:8900" */
    const char *ca;     /* its directory: proxy_directory() */
    bool strict;        /* nobody but the daemon is called */
    bool tell;          /* a line on stderr for each connection */
};

/* "$XDG_CONFIG_HOME/evoke/proxy", "$HOME/.config/evoke/proxy"; NULL: neither is set. Owned. */
char *proxy_directory(void);

/* Bound and listening, its authority made and its bundle written. -EADDRINUSE and others. */
int proxy_open(const struct proxy_conf *conf, struct proxy **ret, struct err *e);
struct proxy *proxy_free(struct proxy *p);
void proxy_freep(struct proxy **p);
uint16_t proxy_port(const struct proxy *p);

/*
 * Serve until SIGINT, SIGTERM or SIGHUP comes, or, with a command (a child of ours), until that has
 * ended; the signals then are the command's, and *ret_status is waitpid(2)'s. Every connection is a
 * process; all have ended when this returns. proxy_signals() first, before the command is started.
 */
void proxy_signals(void);
int proxy_serve(struct proxy *p, pid_t command, int *ret_status, struct err *e);

/* What makes programs use the proxy on that port. i from 0; false: no more. value is added to out. */
bool proxy_variable(size_t i, const char *directory, uint16_t port, const char **ret_name,
                    struct buf *out);

#endif

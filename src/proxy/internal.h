/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - shared by the files of the proxy. */
#ifndef EVOKE_PROXY_INTERNAL_H
#define EVOKE_PROXY_INTERNAL_H

#include "proxy/ca.h"
#include "proxy/proxy.h"

struct proxy {
    struct ca *ca;
    char *daemon_host; /* owned */
    uint16_t daemon_port, port;
    bool strict, tell;
    int listener;
};

/* The whole life of one connection, in a process of its own. fd is the caller's. */
void connection_serve(const struct proxy *p, int fd);

/* A connection, non-blocking; or negative errno with a sentence. */
int dial(struct str host, uint16_t port, struct err *e);

#endif

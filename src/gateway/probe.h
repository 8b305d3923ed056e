/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - a request for gateway_call() and gateway_debug() that nobody sent: what a control plane
 * was told to try, checked as the HTTP server would check it.
 */
#ifndef EVOKE_GATEWAY_PROBE_H
#define EVOKE_GATEWAY_PROBE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "http/h1.h"
#include "http/server.h"

enum { PROBE_HEADERS = 64, PROBE_TARGET = 64 << 10, PROBE_HOST = 512 };

struct gw_probe {
    struct http_request request; /* borrows what follows, and method, headers and body */
    struct h1_header headers[PROBE_HEADERS];
    struct buf target, host;
};

void gw_probe_init(struct gw_probe *p);
void gw_probe_done(struct gw_probe *p);
/* The HTTP server's seven, upper case. False: another. */
bool gw_probe_method(struct gw_probe *p, struct str method);
/* Path and query as on a request line, encoded. Copied. False: that could not stand there. */
bool gw_probe_target(struct gw_probe *p, struct str target);
/* Copied, and the first header. Before all others, which may not say Host. */
bool gw_probe_host(struct gw_probe *p, struct str host);
/* False: no header that could be sent, or there are too many. */
bool gw_probe_header(struct gw_probe *p, struct str name, struct str value);

#endif

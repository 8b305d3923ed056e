/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - no step of the gateway can tell such a request from one that came over the wire. */
#include "gateway/probe.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/obj.h"
#include "http/h1_bytes.h"

enum { ARENA = 8 << 20 };

void gw_probe_init(struct gw_probe *p)
{
    *p = (struct gw_probe){0};
    buf_init(&p->target, PROBE_TARGET);
    buf_init(&p->host, PROBE_HOST);
    p->request.headers = p->headers;
    p->request.arena = arena_new(ARENA);
    p->request.minor = 1;
    p->request.peer = S("127.0.0.1:0");
    p->request.received_ns = clock_mono_ns();
}

void gw_probe_done(struct gw_probe *p)
{
    buf_done(&p->target);
    buf_done(&p->host);
    p->request.arena = arena_free(p->request.arena);
}

bool gw_probe_method(struct gw_probe *p, struct str method)
{
    static const char *const methods[] = {"GET",  "POST",  "PUT",    "DELETE",
                                          "HEAD", "PATCH", "OPTIONS"};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq(method, str_of(methods[i]))) {
            p->request.method = str_of(methods[i]);
            return true;
        }
    return false;
}

static bool is_all(struct str s, uint8_t kind)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(h1_bytes[(unsigned char)s.p[i]] & kind))
            return false;
    return true;
}

bool gw_probe_target(struct gw_probe *p, struct str target)
{
    ptrdiff_t at = str_find(target, S("?"));

    if (target.n == 0 || target.p[0] != '/' || !is_all(target, H1_TARGET))
        return false;
    buf_reset(&p->target);
    buf_adds(&p->target, target);
    if (!buf_ok(&p->target))
        return false;
    target = buf_str(&p->target);
    p->request.target = target;
    p->request.path = at < 0 ? target : (struct str){target.p, (size_t)at};
    p->request.query = at < 0 ? S("") : str_from(target, (size_t)at + 1);
    return true;
}

static bool add(struct gw_probe *p, struct str name, struct str value)
{
    if (p->request.nheaders == PROBE_HEADERS)
        return false;
    p->headers[p->request.nheaders++] = (struct h1_header){.name = name, .value = value};
    return true;
}

bool gw_probe_host(struct gw_probe *p, struct str host)
{
    buf_reset(&p->host);
    buf_adds(&p->host, host);
    p->request.host = buf_str(&p->host);
    return buf_ok(&p->host) && is_all(host, H1_HOST) && add(p, S("Host"), p->request.host);
}

bool gw_probe_header(struct gw_probe *p, struct str name, struct str value)
{
    if (name.n == 0 || !is_all(name, H1_TOKEN) || !is_all(value, H1_VALUE))
        return false;
    return str_ieq(name, S("host")) || add(p, name, value);
}

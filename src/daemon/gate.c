/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c - wires the gateway. */
#include "daemon/gate.h"

#include "conf/options.h"
#include "daemon/daemon_internal.h"
#include "gateway/gateway.h"

void gate_open(struct daemon *d)
{
    struct gateway_env env = {.loop = d->loop,
                              .catalog = d->catalog,
                              .invoker = d->invoker,
                              .delivery = d->api.delivery,
                              .keys = d->keys,
                              .tracer = d->otlp ? &d->tracer : NULL};
    struct gateway_conf conf = {
            .domain = d->o->gateway_domain, .region = d->o->region, .access_log = d->o->access_log};

    d->api.gateway = d->gateway = gateway_new(&env, &conf);
}

void gate_close(struct daemon *d)
{
    d->gateway = gateway_free(d->gateway);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance_hush.c - who prints faster than the log can be written is slowed down.
 *
 * Between instance_hush(true) and (false) every instance may say HUSH_BYTES; one that says more is
 * not read until it is over: neither descriptors 1 and 2 nor its socket, where the workers of
 * interpreters send their text. Its next write then waits, as it would on any pipe. Those that print
 * little notice nothing, and nobody's answer waits behind another's text but on the same instance.
 *
 * The time of its run goes on: it is slowed, not excused. What it had answered in time counts,
 * since its socket is read once before it is taken for late. What ends it (EXITED) reads the rest
 * of socket and pipe as ever, so nothing hangs on a pause.
 */
#include "pool/internal.h"

#include "loop/loop.h"

enum { HUSH_BYTES = 16 * 1024 };

static void listen_to(struct instance *in, bool on)
{
    if (in->output_io)
        loop_io_want(in->output_io, on ? LOOP_READ : 0);
    if (in->channel)
        channel_pause(in->channel, !on);
}

void inst_said(struct instance *in, size_t bytes)
{
    struct instance_env *env = in->env;

    if (in->hush != env->hushes) {
        in->hush = env->hushes;
        in->hush_bytes = 0;
    }
    in->hush_bytes += bytes;
    if (in->hush_bytes <= HUSH_BYTES || !list_empty(&in->paused))
        return;
    list_push_back(&env->paused, &in->paused);
    listen_to(in, false);
}

void inst_hear_late(struct instance *in)
{
    if (!list_empty(&in->paused) && in->channel)
        channel_look(in->channel);
}

void instance_hush(struct instance_env *env, bool hushed)
{
    if (env->hushed == hushed)
        return;
    env->hushed = hushed;
    env->hushes += hushed;
    for (struct list *it; !hushed && (it = list_pop_front(&env->paused)) != NULL;)
        listen_to(container_of(it, struct instance, paused), true);
}
